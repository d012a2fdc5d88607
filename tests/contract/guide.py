"""What people are told of each board, from its profile: tables to choose by, and a page on each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from contract import wiring
from device import boards
from device.boards import Board, Sound
from device.config.boards import FOLDER

ECHO: Final = {
    "hardware": "removed on the board: you can interrupt it by voice",
    "software": "not removed on the board; both directions have one clock, so software can do it",
    "two_clocks": "not removed on the board, and the speaker is another card: only WebRTC's "
    "canceller follows two clocks; without it what is heard while it speaks is dropped",
}
CHOICE: Final = {
    "hardware": "removed on the board",
    "software": "a canceller, once it has proved itself",
    "two_clocks": "WebRTC's canceller, once it has proved itself: two clocks",
}
PRICE: Final = {
    "low": "cheap", "middle": "moderate", "high": "dear", "second hand": "second hand only",
}  # fmt: skip
PAGES: Final = "provisioning/boards.md"
INTRODUCTION: Final = """# The boards, one by one

Written by `make docs` from `device/boards/*.yaml`; `hardware.md` helps to choose. **None of them
has been tested with Pressel yet.** Each fact names its source; `memory` is what nobody has
checked."""
ORDER: Final = (
    "usb-speakerphone", "respeaker-xvf3800", "respeaker-usb-4mic", "respeaker-2mic-v2",
    "respeaker-2mic-v1", "adafruit-voice-bonnet", "codec-zero", "inmp441-max98357a",
    "respeaker-6mic-kit", "aiy-voice-hat", "respeaker-4mic-hat", "playstation-eye",
)  # fmt: skip
"""As a buyer asks: what works best first, what nobody sells any more last."""


def profiles() -> dict[str, Board]:
    """All of them in the order of the guide."""
    assert set(ORDER) == set(boards.NAMES)
    return {name: boards.load(name) for name in ORDER}


def drawings(folder: Path) -> dict[Path, str]:
    """A drawing for each board that sits on the header, and that of the mute switch."""
    found = {}
    for name, profile in profiles().items():
        if profile.wires:
            found[folder / f"wiring-{name}.svg"] = wiring.by_hand(profile)
            found[folder / "wiring-mute.svg"] = wiring.mute(profile)
        elif profile.pins:
            found[folder / f"wiring-{name}.svg"] = wiring.pin_map(profile)
    return found


def chooser() -> Iterator[tuple[str, ...]]:
    """The table to choose by."""
    yield ("board", "for whom", "what works", "its echo", "price", "what nobody knows yet")
    for profile in profiles().values():
        yield (
            f"[{profile.name}]({PAGES}#{anchor(profile.name)})", profile.whom, profile.works,
            CHOICE[profile.echo], PRICE[profile.price], profile.unknown[0],
        )  # fmt: skip


def anchor(heading: str) -> str:
    """The address of a heading as GitHub makes it."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def overlays() -> Iterator[tuple[str, ...]]:
    """What makes each board on the header known."""
    yield ("board", "in `config.txt`", "its driver")
    for profile in profiles().values():
        if profile.attached == "header":
            built = f"[to be built]({PAGES}#{anchor(profile.name)})"
            yield (
                profile.name, ", ".join(f"`{line}`" for line in profile.config_txt),
                built if profile.driver else "comes with Raspberry Pi OS",
            )  # fmt: skip


def pages() -> str:
    """A page on each board: the document."""
    told = ("\n\n".join(_page(name, profile)) for name, profile in profiles().items())
    return "\n\n".join((INTRODUCTION, *told)) + "\n"


def _page(name: str, profile: Board) -> Iterator[str]:
    yield f"## {profile.name}"
    yield f"Sold as: {'; '.join(profile.sold_as)}. Tested with Pressel: {profile.tested}."
    if profile.pins:
        yield f"![{profile.name}, pin by pin](wiring-{name}.svg)"
    yield "\n".join(
        (
            "| | |",
            "| --- | --- |",
            f"| microphone | {_sound(profile.microphone)} |",
            f"| speaker | {'none' if profile.speaker == 'none' else _sound(profile.speaker)} |",
            f"| echo | {ECHO[profile.echo]} |",
            f"| mute | {profile.mute} |",
        )
    )
    if profile.driver:
        yield _block("Once, before anything else:", "sh", profile.driver)
    if profile.config_txt:
        yield _block("In `/boot/firmware/config.txt`, then restart:", "ini", profile.config_txt)
    if profile.mixer:
        store = () if profile.mixer[-1].startswith("sudo alsactl") else ("sudo alsactl store",)
        yield _block("The mixer, once:", "sh", (*profile.mixer, *store))
    yield _block(f"`board: {name}` sets:", "yaml", _settings(name))
    for title, lines in (("To know", profile.notes), ("Unknown", profile.unknown)):
        if lines:
            yield f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines)
    told = (f"*{', '.join(source.of)}*: {source.where}" for source in profile.sources)
    yield (
        "<details><summary>Sources</summary>\n\n"
        + "\n".join(f"- {line}" for line in told)
        + "\n\n</details>"
    )


def _sound(sound: Sound) -> str:
    return f"{sound.rate}; {sound.sample}; {sound.what}"


def _block(title: str, language: str, lines: Iterable[str]) -> str:
    return "\n".join((title, "", f"```{language}", *lines, "```"))


def _settings(name: str) -> list[str]:
    """The settings of a profile as its file has them."""
    _, _, rest = (FOLDER / f"{name}.yaml").read_text().partition("settings:\n")
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines)).strip().splitlines()
