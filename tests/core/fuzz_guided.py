"""The same siege, led by coverage: `PYTHONPATH=tests python -m core.fuzz_guided [CORPUS]`.

Options are libFuzzer's, as `-max_total_time=60`. Each input is a sequence of steps: a letter of
`STEPS` is something that a person, time or the network does; anything else starts a message, which
ends with its line. Inputs that found a new path are kept in CORPUS, if it is given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

try:
    import atheris  # type: ignore[import-untyped]
except ImportError:
    sys.exit("core.fuzz_guided needs a tool of its own; type: pip install atheris")

with atheris.instrument_imports(include=["device.core"]):
    from core.fuzz import VALID
    from core.fuzz_watch import Besieged
    from device.core import tables
    from device.core.events import Dialing, LinkUp, Tapped

MOST_STEPS: Final = 60
Step = Callable[[Besieged], object]


def _network(stage: Besieged) -> None:
    match stage.talk.link:
        case tables.Link.UP:
            stage.lose()
        case tables.Link.OPENING:
            stage.post(LinkUp(stage.now))
        case _:
            stage.post(Dialing(stage.now))


def _renew(stage: Besieged) -> None:
    if stage.talk.link is tables.Link.UP:
        stage.renew()


STEPS: Final[dict[int, Step]] = {
    ord("P"): Besieged.press,
    ord("R"): Besieged.release,
    ord("T"): lambda stage: stage.post(Tapped(stage.now)),
    ord("V"): lambda stage: setattr(stage, "voice", not stage.voice),
    ord("m"): lambda stage: stage.wait(0.06),
    ord("s"): lambda stage: stage.wait(0.7),
    ord("l"): lambda stage: stage.wait(13.0),
    ord("M"): lambda stage: stage.mute(on=True),
    ord("U"): lambda stage: stage.mute(on=False),
    ord("N"): _network,
    ord("2"): _renew,
}
"""What happens besides the server, by its letter."""


def besiege(siege: bytes) -> None:
    """One input: its first letter chooses the device, the rest is what befalls it."""
    way = siege[0] if siege else 0
    release = "server" if way & 2 else "commit"
    stage = Besieged(duplex="half" if way & 1 else "full", release=release, linger_s=2.0)
    stage.connect()
    rest = siege[1:]
    for _ in range(MOST_STEPS):
        if not rest:
            break
        if rest[0] in STEPS:
            STEPS[rest[0]](stage)
            rest = rest[1:]
        else:
            message, _, rest = rest.partition(b"\n")
            if stage.talk.link is tables.Link.UP:
                stage.comes(message)
    stage.check_size()


def seeds() -> list[bytes]:
    """A whole spoken turn, and each event by itself in the midst of one."""
    lines = [json.dumps(event).encode() + b"\n" for event in VALID]
    by_type = {str(event["type"]): line for event, line in zip(VALID, lines, strict=True)}
    heard = b"TVs" + by_type["input_audio_buffer.speech_started"]
    asked = heard + by_type["input_audio_buffer.committed"] + by_type["response.created"]
    spoken = asked + by_type["response.output_item.added"] + by_type["response.audio.delta"]
    whole = spoken + by_type["response.done"] + b"l"
    return [b"0" + start + line + b"ms" for line in lines for start in (heard, spoken)] + [
        way + before + whole for way in (b"0", b"1", b"2", b"3") for before in (b"", b"PVsR", b"NP")
    ]


def main() -> None:
    with TemporaryDirectory() as place:
        for number, seed in enumerate(seeds()):
            Path(place, str(number)).write_bytes(seed)
        words = Path(place, "words")
        tokens = {word for event in VALID for word in json.dumps(event).split('"') if word.strip()}
        words.write_text("".join(f'"{word}"\n' for word in sorted(tokens) if word.isascii()))
        options = ["-max_len=4096", f"-dict={words}", "-print_final_stats=1"]
        corpus = [word for word in sys.argv[1:] if not word.startswith("-")]
        given = [word for word in sys.argv[1:] if word.startswith("-")]
        atheris.Setup([sys.argv[0], *options, *given, *corpus, place], besiege)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
