"""Why what is on the card is not what the device knows of it, as the person is told."""

from __future__ import annotations

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


def unreadable(name: str, error: OSError) -> Unread:
    """The card does not give its file, or not even its names."""
    return Unread(
        "NOT READ",
        f"{f'the file {name}' if name else 'the card'} cannot be read: {error.strerror or error}",
        "write it anew, or use another card, and start the device again",
    )
