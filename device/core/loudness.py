"""How loud which sound is, and when: answers, what is told besides them, and quiet hours."""

from __future__ import annotations

from msgspec import Struct

from device.core.ledger import CUE, ItemId


class Quiet(Struct, frozen=True):
    """From one minute of the day to another, past midnight if need be, nothing is louder."""

    start: int
    end: int
    most: float

    def holds(self, minute: int) -> bool:
        """Whether this minute of the day is one of them."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class Loudness(Struct, frozen=True):
    """Factors, 0 to 1, by which samples are multiplied."""

    answers: float
    tells: float
    quiet: Quiet | None = None

    def of(self, item: ItemId, *, minute: int) -> float:
        """The factor for a sound of this item at this minute of the day."""
        wanted = self.tells if item == CUE else self.answers
        if self.quiet is not None and self.quiet.holds(minute):
            return min(wanted, self.quiet.most)
        return wanted
