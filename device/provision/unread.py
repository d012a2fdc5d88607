"""Why what is on the card is not what the device knows of it, as the person is told."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from device.errors import Problem


class Unread(Struct, frozen=True):
    """The verdict in two or three words, what happened, and what to do."""

    verdict: str
    what: str
    cure: str

    @property
    def problem(self) -> Problem:
        """The same, of the whole file."""
        return Problem(1, 1, self.what, self.cure)


NOT_YET: Final = Unread(
    "NOT READ YET",
    "what is on this card now is not what the device last read",
    "start the device again: it reads the card at its start",
)


def unreadable(name: str, error: OSError) -> Unread:
    """The card does not give its file, or not even its names."""
    return Unread(
        "NOT READ",
        f"{f'the file {name}' if name else 'the card'} cannot be read: {error.strerror or error}",
        "write it anew, or use another card, and start the device again",
    )


def not_stored(why: str) -> Unread:
    """The device's own disk did not take what the card says, or not all of it."""
    return Unread(
        "NOT STORED",
        f"the device's disk is full or read-only ({why}): what is on this card was not stored, "
        "or not all of it",
        "make room over SSH (df -h; sudo apt clean; sudo journalctl --vacuum-size=20M), or use "
        "another SD card if this one has become read-only; then start the device again",
    )
