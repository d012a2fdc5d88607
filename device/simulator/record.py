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
_MOST_TEXT: Final = 32 * 1024 * 1024
_MOST_PAYLOAD: Final = 64 * 1024 * 1024
_MOST_UPLINK: Final = 600 * RATE * 2
_MOST_SESSIONS: Final = 64
_MOST_HELD: Final = 192 * 1024 * 1024
_AN_APPEND: Final = 150
"""Bytes that noting one takes."""

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
    """One session: its audio in order (the first ten minutes) and its items, also deleted ones.

    `room` is asked before so many bytes more are kept; without it they are not.
    """

    def __init__(self, number: int, *, room: Callable[[int], bool]) -> None:
        self.number = number
        self.uplink = bytearray()
        self.appends: list[Append] = []
        self.items: dict[str, Item] = {}
        self.size = 0
        """Bytes kept."""
        self._room = room

    def heard(self, pcm: bytes, *, first_frame: int) -> None:
        """Keep what one append carried."""
        if self._fits(_AN_APPEND):
            self.appends.append(Append(time.monotonic(), first_frame, len(pcm) // 2))
        kept = pcm[: max(0, _MOST_UPLINK - len(self.uplink))]
        # After one that did not fit there is no right place for the next.
        if len(self.uplink) == 2 * first_frame and self._fits(len(kept)):
            self.uplink += kept

    def made(self, item: Item) -> None:
        """Keep an item of the conversation."""
        if self._fits(len(item.source) + len(repr(item.content)) + len(repr(item.body))):
            self.items[item.id] = item

    def _fits(self, size: int) -> bool:
        fits = self._room(size)
        self.size += size * fits
        return fits


class Record:
    """All sessions of one simulator, and the newest events.

    In all: 50 000 events of 32 MiB as JSON, with 64 MiB of audio; 192 MiB of audio and items of
    the sessions. Sessions that are over make room, the oldest first, and are 64 at most.
    """

    def __init__(self, watch: Callable[[Entry], None] | None) -> None:
        self._watch = watch
        self._entries: deque[tuple[Entry, int]] = deque()
        self._text = 0
        self._payload = 0
        self._held = 0
        self._sessions: dict[int, SessionRecord] = {}
        self._open: set[int] = set()
        self._opened = 0

    @property
    def log(self) -> list[Entry]:
        """All kept events in the order in which they passed; a copy."""
        return [entry for entry, _ in self._entries]

    def open(self) -> SessionRecord:
        """A new session's record."""
        record = SessionRecord(self._opened, room=self._make_room)
        self._opened += 1
        self._sessions[record.number] = record
        self._open.add(record.number)
        if len(self._sessions) > _MOST_SESSIONS:
            self._forget_oldest()
        return record

    def close(self, record: SessionRecord) -> None:
        """A session is over: it may be forgotten when room is short."""
        self._open.discard(record.number)

    def session(self, number: int) -> SessionRecord:
        """The session with this number; negative counts from the newest. LookupError if none."""
        wanted = number if number >= 0 else self._opened + number
        if wanted not in self._sessions:
            raise LookupError(f"no session {number}: {self._opened} were opened so far")
        return self._sessions[wanted]

    def note(
        self,
        event: Json,
        *,
        session: int,
        direction: Direction,
        length: int,
        audio: bytes = b"",
    ) -> None:
        """Keep one event; `length` is that of its JSON without the audio."""
        kept = audio if self._payload + len(audio) <= _MOST_PAYLOAD else b""
        entry = Entry(time.monotonic(), session, direction, event, kept)
        self._entries.append((entry, length))
        self._payload += len(kept)
        self._text += length
        while len(self._entries) > _MOST_ENTRIES or self._text > _MOST_TEXT:
            gone, gone_length = self._entries.popleft()
            self._payload -= len(gone.audio)
            self._text -= gone_length
        if self._watch is not None:
            self._watch(entry)

    def _make_room(self, size: int) -> bool:
        """Whether so much more may be kept, if need be in place of sessions that are over."""
        while self._held + size > _MOST_HELD:
            if not self._forget_oldest():
                return False
        self._held += size
        return True

    def _forget_oldest(self) -> bool:
        """Forget the oldest session that is over; False when none is."""
        over = next((number for number in self._sessions if number not in self._open), None)
        if over is None:
            return False
        self._held -= self._sessions.pop(over).size
        return True
