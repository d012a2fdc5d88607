"""The demo on this machine's own sound card: Enter is the button."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from device.demo.answers import Cast
from device.demo.narrator import Narrator
from device.demo.play import LINK_S
from device.demo.stage import News, Props, Stage
from device.demo.timeline import Timeline

OPENING: Final = """\
Pressel, live: the real daemon on this machine's sound card. No key, no network.
{server}
While an answer plays nothing is sent; press to interrupt it. The devices are ALSA's `default`;
PRESSEL_DEMO_MICROPHONE and PRESSEL_DEMO_SPEAKER name others.

  Enter  the button: press, speak, wait for the answer
  q      the end
"""
LINGER_S: Final = 8.0
_BYTES: Final = 1024


def play_live(cast: Cast) -> None:
    """Play until the person says q or leaves.

    The devices are ALSA's `default`, or PRESSEL_DEMO_MICROPHONE and PRESSEL_DEMO_SPEAKER. Raises
    `DemoFailed` when the daemon does not start, connect or stay.
    """
    props = Props(
        microphone=os.environ.get("PRESSEL_DEMO_MICROPHONE") or "default",
        speaker=os.environ.get("PRESSEL_DEMO_SPEAKER") or "default",
        echo="half_duplex",
        linger_s=LINGER_S,
    )
    timeline = Timeline(sys.stdout, start=time.monotonic())
    timeline.say(OPENING.format(server=cast.server))
    with (
        tempfile.TemporaryDirectory(prefix="pressel-demo-") as scratch,
        Stage(Path(scratch), props, script=cast.script) as stage,
    ):
        narrator = Narrator(stage, timeline)
        narrator.until(
            lambda news: news.tells("device", "link", state="up"),
            within_s=LINK_S,
            failing="the daemon did not connect to the server",
        )
        _converse(stage, narrator)
        ending = stage.stop()
        narrator.finish()
        if ending is None or ending.status != 0:
            raise stage.failure(f"the daemon did not end as it should: {ending}")


def _converse(stage: Stage, narrator: Narrator) -> None:
    """Until the person ends it, which may be never: it is theirs to end."""
    while True:
        narrator.rest(0.05)
        for key in _typed():
            if key != "\n":
                return
            narrator.note(News(stage.tap(), "you", {"type": "tap"}))


def _typed() -> str:
    """One character for each line typed since: a newline for Enter, q for the end."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    text = os.read(sys.stdin.fileno(), _BYTES).decode(errors="replace")
    if not text:
        return "q"
    return "".join("q" if line.strip().lower() == "q" else "\n" for line in text.splitlines())
