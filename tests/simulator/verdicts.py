"""Judges what passed through every simulator of the test run, whichever test started it.

A verdict is kept by the event's shape: its fields with their types, and the text of all that is a
choice and no name. So an hour of deltas costs little more than its first.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from device.simulator.record import Entry, Record
from simulator.judge import check_client, check_server

Json = dict[str, Any]

_FREE: Final = {
    "arguments", "call_id", "conversation_id", "delta", "event_id", "expires_at", "id",
    "instructions", "item_id", "message", "output", "previous_item_id", "response_id", "text",
    "transcript",
}  # fmt: skip
"""Fields that hold names and words: any string is as good as another."""

_verdicts: dict[object, list[str]] = {}


class Records:
    """All records that simulators of this process made, and how much of each is judged."""

    def __init__(self) -> None:
        self._upto: WeakKeyDictionary[Record, float] = WeakKeyDictionary()
        # A test's own simulator is gone before the test is judged.
        self._held: list[Record] = []

    def attach(self) -> None:
        """Learn of every record from now on."""
        make = Record.__init__

        def made(record: Record, watch: Callable[[Entry], None] | None) -> None:
            make(record, watch)
            self._upto[record] = 0.0
            self._held.append(record)

        Record.__init__ = made  # type: ignore[method-assign, assignment]

    def complaints(self, *, unjudged: Collection[str]) -> list[str]:
        """What is wrong with the events that passed since the last call.

        `unjudged` are sides (`client`, `server`) that may say anything; `refused` means a client
        that may say anything as long as the server refuses it.
        """
        found: list[str] = []
        for record in list(self._upto):
            entries = [entry for entry in record.log if entry.at > self._upto[record]]
            for entry, answer in _answered(entries):
                excused = entry.direction in unjudged
                if not excused and entry.direction == "client" and "refused" in unjudged:
                    excused = answer.get("type") == "error"
                if not excused:
                    found += complaints(entry)
            if entries:
                self._upto[record] = entries[-1].at
        self._held.clear()
        return found


def _answered(entries: list[Entry]) -> Iterator[tuple[Entry, Json]]:
    """Each entry with the event that passed next in its session: for nonsense, the refusal."""
    following: dict[int, Json] = {}
    paired: list[tuple[Entry, Json]] = []
    for entry in reversed(entries):
        paired.append((entry, following.get(entry.session, {})))
        following[entry.session] = entry.event
    return reversed(paired)


def complaints(entry: Entry) -> Iterator[str]:
    """Complaints about one event, each with the event's type in front."""
    key = (entry.direction, shape(entry.event))
    if key not in _verdicts:
        check = check_client if entry.direction == "client" else check_server
        _verdicts[key] = check(_whole(entry.event))
    kind = entry.event.get("type", "(no event)")
    for one in _verdicts[key]:
        yield f"{entry.direction} {kind}: {one}: {str(entry.event)[:300]}"


def shape(value: Any, name: str = "") -> object:
    """What of a value decides whether it is right; hashable."""
    if isinstance(value, dict):
        return tuple((field, shape(held, field)) for field, held in value.items())
    if isinstance(value, list):
        return tuple(shape(held, name) for held in value)
    if isinstance(value, str) and name in _FREE:
        return str
    if isinstance(value, int) and name in ("audio", "delta"):
        return ("bytes", value % 2)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (type(value), value < 0) if name.endswith(("_ms", "_index", "tokens")) else value
    return (type(value), value)


def _whole(event: Json) -> Json:
    """The event with silence in place of the count of its audio bytes."""
    return {
        name: base64.b64encode(bytes(held)).decode()
        if name in ("audio", "delta") and isinstance(held, int)
        else held
        for name, held in event.items()
    }
