"""What goes wrong, and at which moment: the failures a client of the real service meets.

A fault names a *moment*, the type of an event of either side, and a *deed*. It strikes when that
event is about to be sent, or has just been received; `connect` is the moment before the upgrade.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from .dialect import CLIENT_EVENTS, SERVER_EVENTS

CONNECT: Final = "connect"
MOMENTS: Final = (CONNECT, *CLIENT_EVENTS, *SERVER_EVENTS)
"""Every moment a fault can name."""

# What happens to the connection.


@dataclass(frozen=True, slots=True)
class Drop:
    """The TCP connection ends; no close frame."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The TCP connection is reset; no close frame."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """The connection stays, and nothing is read or sent any more: no pong, no event."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing is sent for a while; then everything that waited."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """A close frame."""

    code: int = 1011
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a code that may not stand in a frame."""
        if not 1000 <= self.code <= 4999 or self.code in (1004, 1005, 1006, 1015):
            raise ValueError(f"close code {self.code} cannot be sent; use 1000-1014 or 3000-4999")
        if len(self.reason.encode()) > 123:
            raise ValueError("a close reason has at most 123 bytes")


@dataclass(frozen=True, slots=True)
class Http:
    """The upgrade is answered with this HTTP status instead."""

    status: int
    retry_after_s: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a refusal."""
        if not 300 <= self.status <= 599:
            raise ValueError(f"status {self.status} refuses nothing; use 300-599")


@dataclass(frozen=True, slots=True)
class Expire:
    """The session ends as it does after an hour: `session_expired`, then close 1001."""


# What happens to the event of the moment.


@dataclass(frozen=True, slots=True)
class Lose:
    """The event is not sent; one of the client's is not acted upon."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The event is sent this many times."""

    times: int = 9

    def __post_init__(self) -> None:
        """Keep it finite."""
        if not 2 <= self.times <= 1000:
            raise ValueError(f"times is 2 to 1000, not {self.times}")


@dataclass(frozen=True, slots=True)
class Postpone:
    """The event is sent after this many of its successors."""

    events: int = 1

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if not 1 <= self.events <= 1000:
            raise ValueError(f"events is 1 to 1000, not {self.events}")


@dataclass(frozen=True, slots=True)
class Without:
    """The event lacks these fields, each given as a path: `response.id`."""

    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Change:
    """Fields of the event, by path, have these values instead."""

    fields: Mapping[str, Any]


# What else is sent, before the event of the moment.


@dataclass(frozen=True, slots=True)
class Send:
    """An event, whether the dialect knows it or not; `event_id` is added."""

    event: Mapping[str, Any]

    def __post_init__(self) -> None:
        """An event has a type."""
        if not isinstance(self.event.get("type"), str):
            raise ValueError("the event needs a type")


@dataclass(frozen=True, slots=True)
class Garbage:
    """A text frame that need not be JSON."""

    text: str


@dataclass(frozen=True, slots=True)
class Complain:
    """An `error` event; with `close`, the connection is closed after it."""

    code: str
    message: str = "The server had an error while processing your request."
    kind: str = "server_error"
    close: int | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The response in progress ends as `failed` with this error."""

    code: str = "server_error"
    message: str = "The server had an error while processing your request."
    kind: str = "server_error"


Deed = (
    Drop | Reset | HalfOpen | Stall | Close | Http | Expire
    | Lose | Duplicate | Postpone | Without | Change
    | Send | Garbage | Complain | Fail
)  # fmt: skip
_OF_SERVER_EVENTS: Final = (Duplicate, Postpone, Without, Change)


@dataclass(frozen=True, slots=True)
class Fault:
    """One deed at one moment. Raises ValueError for a moment that is none or does not fit it."""

    at: str
    """The type of an event of either side, or `connect`."""
    do: Deed
    nth: int | Literal["every"] = 1
    """Which of a session's events of this type is struck."""
    session: int | None = None
    """Which connection is struck, from 1; None: each of them."""

    def __post_init__(self) -> None:
        """Refuse what could never happen."""
        name = type(self.do).__name__
        if self.at not in MOMENTS:
            raise ValueError(f"there is no moment {self.at!r}")
        if (self.at == CONNECT) != isinstance(self.do, Http):
            raise ValueError(f"{name} cannot happen at {self.at}: connect and Http go together")
        if isinstance(self.do, _OF_SERVER_EVENTS) and self.at not in SERVER_EVENTS:
            raise ValueError(
                f"{name} cannot happen at {self.at}: only an event of the server has it"
            )
        if self.nth != "every" and self.nth < 1:
            raise ValueError(f"nth counts from 1, not from {self.nth}")
        if self.session is not None and self.session < 1:
            raise ValueError(f"session counts from 1, not from {self.session}")


@dataclass(slots=True)
class Fate:
    """The faults of one connection, and how often each of its moments has come."""

    faults: Iterable[Fault]
    session: int
    """The connection's number, from 1."""
    _came: Counter[str] = field(default_factory=Counter)

    def at(self, moment: str) -> list[Deed]:
        """What happens now; each call is the moment's next time."""
        self._came[moment] += 1
        return [
            fault.do
            for fault in self.faults
            if fault.at == moment
            and fault.session in (None, self.session)
            and fault.nth in ("every", self._came[moment])
        ]
