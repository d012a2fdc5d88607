"""What went over the wire, kept for tests and for the eye. Everything in here is bounded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from .dialect import Json
from .history import Item
from .script import RATE

_MOST_ENTRIES: Final = 50_000
_MOST_PAYLOAD: Final = 64 * 1024 * 1024
_MOST_UPLINK: Final = 600 * RATE * 2
_MOST_APPENDS: Final = 60_000
_MOST_SESSIONS: Final = 64

Direction = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, as it was received or handed to the socket."""

    at: float
    """Monotonic seconds."""
    session: int
    """0 for the first session of this simulator, then counting up."""
    direction: Direction
    """Who sent it."""
    event: Json
    """The event; an audio payload is replaced by its count of bytes."""
    audio: bytes = field(default=b"", repr=False)
    """The payload itself, while all those kept stay under 64 MiB."""


class Append(NamedTuple):
    """One `input_audio_buffer.append`: when it came, and which frames of the session it held."""

    at: float
    first_frame: int
    frames: int


class SessionRecord:
    """One session: its audio in order (the first ten minutes) and its items, also deleted ones."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.uplink = bytearray()
        self.appends: list[Append] = []
        self.items: dict[str, Item] = {}

    def heard(self, pcm: bytes, *, first_frame: int) -> None:
        """Keep what one append carried."""
        if len(self.appends) < _MOST_APPENDS:
            self.appends.append(Append(time.monotonic(), first_frame, len(pcm) // 2))
        self.uplink += pcm[: max(0, _MOST_UPLINK - len(self.uplink))]


class Record:
    """All sessions of one simulator: the newest 64, and the newest 50 000 events."""

    def __init__(self, watch: Callable[[Entry], None] | None) -> None:
        self._watch = watch
        self._entries: deque[Entry] = deque()
        self._payload = 0
        self._sessions: dict[int, SessionRecord] = {}
        self._opened = 0

    @property
    def log(self) -> list[Entry]:
        """All kept events in the order in which they passed; a copy."""
        return list(self._entries)

    def open(self) -> SessionRecord:
        """A new session's record."""
        record = SessionRecord(self._opened)
        self._opened += 1
        self._sessions[record.number] = record
        if len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[min(self._sessions)]
        return record

    def session(self, number: int) -> SessionRecord:
        """The session with this number; negative counts from the newest. LookupError if none."""
        wanted = number if number >= 0 else self._opened + number
        if wanted not in self._sessions:
            raise LookupError(f"no session {number}: {self._opened} were opened so far")
        return self._sessions[wanted]

    def note(self, event: Json, *, session: int, direction: Direction, audio: bytes = b"") -> None:
        """Keep one event."""
        kept = audio if self._payload + len(audio) <= _MOST_PAYLOAD else b""
        entry = Entry(time.monotonic(), session, direction, event, kept)
        self._payload += len(kept)
        self._entries.append(entry)
        if len(self._entries) > _MOST_ENTRIES:
            self._payload -= len(self._entries.popleft().audio)
        if self._watch is not None:
            self._watch(entry)
