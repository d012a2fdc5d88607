"""The line to one client: everything sent passes here, is recorded, and suffers its faults."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import random
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from websockets.asyncio.server import ServerConnection

from . import faults
from .dialect import Json, new_id
from .faults import Fate
from .record import Record
from .refusal import Refusal

EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."

_MOST_UNSENT: Final = 64
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Act = Callable[[], Awaitable[object]]


class Outbox:
    """Texts, and acts between them, on their way to one client, in order."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._unsent: deque[str | Act] = deque()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, entry: str | Act) -> None:
        """Send this text, or do this, after all before it."""
        self._unsent.append(entry)
        self._filled.set()
        if len(self._unsent) >= _MOST_UNSENT:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the client has taken enough for more to be made."""
        await self._room.wait()

    async def halt(self) -> None:
        """Send nothing more, and make no more room: an act that does not end."""
        self._room.clear()
        await asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Send until the connection is closed; from then on everything is dropped."""
        try:
            while await self._filled.wait():
                await self._send_all()
        finally:
            # Nobody will make room any more, so nobody may wait for it.
            self._unsent = deque(maxlen=1)
            self._room.set()

    async def _send_all(self) -> None:
        while self._unsent:
            entry = self._unsent.popleft()
            if isinstance(entry, str):
                await self._connection.send(entry)
            else:
                await entry()
            if len(self._unsent) < _MOST_UNSENT:
                self._room.set()
        self._filled.clear()


class Line:
    """Sends events to one client, and does to it what the script's faults say.

    Args:
        connection: the client's socket.
        fate: the faults of this connection.
        record: takes every event as it is handed to the socket.
        number: the session's number in the record.
        fail: ends the response in progress as failed.
        obfuscate: put random letters of random length beside every delta, as the service does.
    """

    def __init__(
        self,
        connection: ServerConnection,
        *,
        fate: Fate,
        record: Record,
        number: int,
        fail: Callable[[faults.Fail], None],
        obfuscate: bool,
    ) -> None:
        self.outbox = Outbox(connection)
        self.halted = False
        self._connection = connection
        self._fate = fate
        self._record = record
        self._number = number
        self._fail = fail
        self._obfuscate = obfuscate
        self._waiting: list[tuple[int, Json, bytes]] = []

    def came(self, kind: str) -> bool:
        """A client's event is here, about to be acted upon; False when it must be lost."""
        deeds = self._fate.at(kind)
        for deed in deeds:
            self._strike(deed)
        return not any(isinstance(deed, faults.Lose) for deed in deeds)

    def emit(self, event: Json, *, audio: bytes = b"") -> None:
        """Send an event, or what its faults make of it; `audio` becomes its `delta`."""
        event = {"type": event["type"], "event_id": new_id("event"), **event}
        if self._obfuscate and event["type"].endswith(".delta"):
            event["obfuscation"] = "".join(random.choices(_LETTERS, k=random.randint(8, 16)))
        times, places = 1, 0
        for deed in self._fate.at(event["type"]):
            match deed:
                case faults.Lose():
                    times = 0
                case faults.Duplicate():
                    times = deed.times
                case faults.Postpone():
                    places = deed.events
                case faults.Without():
                    event = _without(event, deed.fields)
                case faults.Change():
                    event = _changed(event, deed.fields)
                case _:
                    self._strike(deed)
        for _ in range(times):
            if places:
                # One more than asked: this event itself is counted first.
                self._waiting.append((places + 1, event, audio))
            else:
                self._send(event, audio)
        self._send_postponed()

    def inject(self, text: str) -> None:
        """Send any text at all, for tests of what a client makes of it."""
        self._note({"raw": text[:1000]}, length=1000)
        self.outbox.put(text)

    def expire(self) -> None:
        """End the session as after an hour."""
        self._send(
            {"event_id": new_id("event"), **Refusal(EXPIRED, code="session_expired").event()}
        )
        self.outbox.put(lambda: self._connection.close(1001, EXPIRED))

    def _send_postponed(self) -> None:
        due = [entry for entry in self._waiting if entry[0] == 1]
        self._waiting = [
            (left - 1, event, audio) for left, event, audio in self._waiting if left > 1
        ]
        for _, event, audio in due:
            self._send(event, audio)

    def _send(self, event: Json, audio: bytes = b"") -> None:
        encoded = base64.b64encode(audio).decode()
        text = json.dumps({**event, "delta": encoded} if audio else event)
        noted = {**event, "delta": len(audio)} if audio else event
        self._note(noted, length=len(text) - len(encoded), audio=audio)
        self.outbox.put(text)

    def _note(self, event: Json, *, length: int, audio: bytes = b"") -> None:
        self._record.note(
            event, session=self._number, direction="server", length=length, audio=audio
        )

    def _strike(self, deed: faults.Deed) -> None:
        """Do what does not concern the event of the moment."""
        outbox, connection = self.outbox, self._connection
        match deed:
            case faults.Drop():
                outbox.put(lambda: _abort(connection))
            case faults.Reset():
                outbox.put(lambda: _reset(connection))
            case faults.HalfOpen():
                outbox.put(self._half_open)
            case faults.Stall():
                outbox.put(lambda: asyncio.sleep(deed.seconds))
            case faults.Close():
                outbox.put(lambda: connection.close(deed.code, deed.reason))
            case faults.Expire():
                self.expire()
            case faults.Send():
                self._send({"event_id": new_id("event"), **deed.event})
            case faults.Garbage():
                self.inject(deed.text)
            case faults.Complain():
                error = Refusal(deed.message, code=deed.code, kind=deed.kind)
                self._send({"event_id": new_id("event"), **error.event()})
                if deed.close is not None:
                    code, reason = deed.close, f"{deed.kind}.{deed.code}"
                    outbox.put(lambda: connection.close(code, reason))
            case faults.Fail():
                # Later: this very event may be one that the response is just making.
                asyncio.get_running_loop().call_soon(self._fail, deed)

    async def _half_open(self) -> None:
        self.halted = True
        self._connection.transport.pause_reading()
        if self._connection.keepalive_task is not None:
            self._connection.keepalive_task.cancel()
        await self.outbox.halt()


async def _abort(connection: ServerConnection) -> None:
    connection.transport.abort()


async def _reset(connection: ServerConnection) -> None:
    tcp = connection.transport.get_extra_info("socket")
    # A close that lingers for no time at all is a reset.
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def _without(event: Json, paths: Any) -> Json:
    event = copy.deepcopy(event)
    for path in paths:
        *way, name = path.split(".")
        held = _walk(event, way)
        if held is not None:
            held.pop(name, None)
    return event


def _changed(event: Json, fields: Any) -> Json:
    event = copy.deepcopy(event)
    for path, value in fields.items():
        *way, name = path.split(".")
        held = _walk(event, way)
        if held is not None:
            held[name] = copy.deepcopy(value)
    return event


def _walk(event: Json, way: list[str]) -> Json | None:
    """The object at the end of a path; None where the path leads nowhere."""
    held: Any = event
    for name in way:
        if isinstance(held, list) and name.isdigit() and int(name) < len(held):
            held = held[int(name)]
        else:
            held = held.get(name) if isinstance(held, dict) else None
    return held if isinstance(held, dict) else None
