"""What the daemon says of itself when it is asked."""

from __future__ import annotations

from device.account import Account
from device.core.events import Report
from device.core.light import Light, LightState

CLIPS = "microphone channel 0 clips; lower its gain"
DEAD = "microphone channel 2 is dead (nothing but zeros) and is left out; unmute it"


def noted(account: Account, channel: int, said: str) -> None:
    what, _, cure = said.partition("; ")
    line = {"channel": channel, "what": what, "cure": cure}
    account.note(Report("channel", line, said, "warning"), 1.0)


def said(account: Account) -> list[str]:
    """What is said besides the light, the link and the turns."""
    return list(account.sentences(Light(LightState.IDLE), up=True, now=5.0))[3:]


def test_an_ill_channel_is_named_with_its_cure_until_it_is_well() -> None:
    account = Account(0.0)
    noted(account, 2, DEAD)
    noted(account, 0, CLIPS)
    assert said(account) == [f"M{CLIPS[1:]}.", f"M{DEAD[1:]}."]
    assert account.figures(5.0)["ill_channels"] == {"0": CLIPS, "2": DEAD}
    account.note(Report("channel", {"channel": 2}, "it is as it should be again"), 3.0)
    assert said(account) == [f"M{CLIPS[1:]}."]
    account.note(Report("channel", {"channel": 0}, "it is as it should be again"), 3.0)
    assert said(account) == []
    assert account.figures(5.0)["ill_channels"] == {}
