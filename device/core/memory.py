"""What was said so far, as text: for a server that never heard it.

A session that is lost takes the conversation along. Kept here is what may be told to the next one:
the person's words as the server wrote them down (when `assistant.transcription` is on), and of each
answer as much as was *heard*. In RAM only, gone with the process; in the journal only where the
owner has asked for that (`log.transcripts`).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from device.core.ledger import Heard
from device.core.wire import CreateItem, Saying

REMEMBERED: Final = 40
"""Sayings kept: twenty turns."""
BUDGET: Final = 8_000
"""Letters told to a new server, the newest first: about 2000 tokens."""
LONGEST: Final = 4_000
"""Letters kept of one saying."""


class _Saying(Struct):
    """One side's part of a turn. `told`: the present server knows it."""

    role: Literal["user", "assistant"]
    text: str = ""
    heard: int = 0
    received: int = 0
    told: bool = True

    def words(self) -> str:
        """The text, of an answer only what was heard: in proportion, whole words, rounded down."""
        if self.role == "user" or self.heard >= self.received > 0:
            return self.text
        shown = self.text[: len(self.text) * self.heard // max(1, self.received)]
        return shown if shown == self.text else shown.rpartition(" ")[0]


class Memory:
    """The conversation as text. Bounded; one owner, no lock."""

    def __init__(self) -> None:
        self._sayings: dict[str, _Saying] = {}

    def asked(self, item: str) -> None:
        """The server has taken a turn of the person."""
        self._add(item, _Saying("user"))

    def announced(self, item: str) -> None:
        """The server begins an answer."""
        self._add(item, _Saying("assistant"))

    def wrote(self, item: str, text: str) -> None:
        """The server wrote down what was said, or a further piece of what it says."""
        saying = self._sayings.get(item)
        if saying is not None:
            saying.text = (saying.text + text)[:LONGEST]

    def heard(self, account: Heard) -> None:
        """So much of an answer was heard."""
        saying = self._sayings.get(account.item)
        if saying is not None:
            saying.heard += account.heard
            saying.received += account.received

    def words(self, item: str) -> str:
        """What was said in it, of an answer what was heard; '' where nothing is known."""
        saying = self._sayings.get(item)
        return "" if saying is None else saying.words().strip()

    def unanswered(self) -> None:
        """The last turn will be told with the person's own voice again."""
        for saying in reversed(self._sayings.values()):
            if saying.role == "assistant" and saying.heard:
                break
            saying.text = ""

    def link_lost(self) -> None:
        """The next server knows nothing."""
        for saying in self._sayings.values():
            saying.told = False

    def untold(self) -> list[CreateItem]:
        """What the present server must still be told, in order; it counts as told then."""
        sayings, letters = [], 0
        for saying in reversed(self._sayings.values()):
            text = saying.words().strip()
            letters += len(text)
            if letters > BUDGET:
                break
            if text and not saying.told:
                sayings.append(CreateItem(Saying.of(saying.role, text)))
                saying.told = True
        return sayings[::-1]

    def _add(self, item: str, saying: _Saying) -> None:
        if item not in self._sayings:
            self._sayings[item] = saying
            if len(self._sayings) > REMEMBERED:
                del self._sayings[next(iter(self._sayings))]
