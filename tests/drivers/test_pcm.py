"""Opening PCMs: what is granted is what was asked, or there is a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from device.core.audio import PERIOD, Format, Frames
from device.drivers.pcm import CAPTURE, PLAYBACK, Pcm, open_pcm
from device.errors import AudioDeviceError
from virtual_card import VirtualCard

MakeCard = Callable[..., VirtualCard]
WISH = Format()


def opened(device: str, *, kind: int = CAPTURE, wish: Format = WISH) -> tuple[Pcm, Format]:
    return open_pcm(kind, device, wish, period=PERIOD, periods=8)


def refusal(device: str, *, kind: int = CAPTURE, wish: Format = WISH) -> AudioDeviceError:
    with pytest.raises(AudioDeviceError) as caught:
        opened(device, kind=kind, wish=wish)
    return caught.value


def test_what_is_granted_as_asked_is_handed_over(make_card: MakeCard) -> None:
    make_card()
    for kind, device in ((CAPTURE, "microphone"), (PLAYBACK, "speaker")):
        pcm, granted = opened(device, kind=kind)
        pcm.drop()
        pcm.close()
        assert granted == WISH


def test_a_wider_sample_is_granted_for_the_caller_to_convert(make_card: MakeCard) -> None:
    make_card(sample="S32_LE", microphone_channels=6)
    pcm, granted = opened("microphone", wish=Format(channels=6))
    pcm.close()
    assert granted == Format(channels=6, sample="S32_LE")


def test_plug_makes_any_card_grant_the_wish(make_card: MakeCard) -> None:
    make_card(rate=48000, sample="S32_LE", microphone_channels=2, speaker_channels=2)
    for kind, device in ((CAPTURE, "plugmicrophone"), (PLAYBACK, "plugspeaker")):
        pcm, granted = opened(device, kind=kind)
        pcm.drop()
        pcm.close()
        assert granted == WISH


@pytest.mark.parametrize(
    ("card", "wish", "grant"),
    [
        ({"rate": 48000}, WISH, "48000 Hz, 1 ch, S16_LE"),
        ({"rate": 16000}, WISH, "16000 Hz, 1 ch, S16_LE"),
        ({"microphone_channels": 2}, WISH, "24000 Hz, 2 ch, S16_LE"),
        ({"microphone_channels": 2}, Format(channels=6), "24000 Hz, 2 ch, S16_LE"),
    ],
)
def test_other_terms_are_refused_and_the_pcm_is_given_back(
    make_card: MakeCard, card: dict[str, Any], wish: Format, grant: str
) -> None:
    virtual = make_card(**card)
    problem = refusal("microphone", wish=wish)
    assert problem.code == "microphone-terms"
    assert f"microphone 'microphone' grants {grant}" in problem.what
    assert f"instead of {wish}, period 480" in problem.what
    assert "plughw:" in problem.cure
    assert [event.what for event in virtual.events()] == ["open", "close"]


def test_another_period_is_refused(make_card: MakeCard) -> None:
    make_card()
    with pytest.raises(AudioDeviceError, match=r"period 2400 instead of .*, period 9000") as caught:
        open_pcm(PLAYBACK, "speaker", WISH, period=Frames(9000), periods=2)
    assert caught.value.code == "speaker-terms"


def test_a_hw_name_is_told_its_plughw_name(make_card: MakeCard) -> None:
    from device.drivers.pcm import _other_terms

    problem = _other_terms("speaker", "hw:CARD=Box", WISH, "48000 Hz", PERIOD)
    assert "set speaker.device to 'plughw:CARD=Box'" in problem.cure


@pytest.mark.parametrize(
    ("kind", "part", "direction"),
    [(CAPTURE, "microphone", "capture"), (PLAYBACK, "speaker", "playback")],
)
def test_a_busy_device_is_told_from_an_absent_one(
    make_card: MakeCard, kind: int, part: str, direction: Any
) -> None:
    card = make_card()
    with card.busy(direction):
        busy = refusal(part, kind=kind)
    assert busy.code == f"{part}-busy"
    assert f"cannot open {part} '{part}' (" in busy.what
    assert "another program uses it" in busy.cure
    card.unplug()
    absent = refusal(part, kind=kind)
    assert absent.code == f"{part}-absent"
    assert "No such device" in absent.what
    assert f"{part}.device" in absent.cure
    card.plug()
    opened(part, kind=kind)[0].close()


@pytest.mark.parametrize("name", ["plughw:CARD=NoSuchCard", "nonsense", "hw:99", "a:b:c=,,"])
def test_a_name_that_is_not_there_is_absent(make_card: MakeCard, name: str) -> None:
    make_card()
    problem = refusal(name)
    assert problem.code == "microphone-absent"
    assert repr(name) in problem.what
    assert "pressel devices" in problem.cure


def test_alsa_lib_writes_nothing_of_its_own(make_card: MakeCard) -> None:
    card = make_card()
    program = (
        "from device.drivers.pcm import *\n"
        "from device.core.audio import Format\n"
        "quieten_alsa()\n"
        "try: open_pcm(CAPTURE, 'nonsense', Format(), period=480, periods=4)\n"
        "except Exception as problem: print(type(problem).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **card.environment},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("AudioDeviceError\n", "")
