"""One connection to the server, from its upgrade to its end. The link has one, for a moment two.

Up means: connected, `session.created` seen, our settings sent, `session.updated` seen and its
echo compared. Nothing else is sent before that.

What is sent goes straight into the transport: its buffer is the outbox, bounded, and gone with
the connection, so stale speech is never replayed into a new one. The library's keepalive does not
notice a peer that stops reading while we send (measured: still open after 25 s), hence a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar

from msgspec import Struct
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from device.core import events as ev
from device.core import terms, wire
from device.core.events import Event
from device.drivers.dial import Dialler
from device.drivers.failure import FAULTS, Failure, Refused, ends_session
from device.drivers.pulse import Pulse
from device.errors import LinkError

CONFIRM_S: Final = 5.0
"""From the upgrade to `session.created`, and from our settings to `session.updated`."""
SEND_S: Final = 5.0
"""Nothing of what waits has left for so long: the server does not read any more."""
REFUSAL_S: Final = 0.5
UNSENT_BYTES: Final = 4 * 1024 * 1024
"""60 s of microphone audio: all words that are kept, sent at once, and as much again."""
LASTS_S: Final = 3600.0
PLAUSIBLE_S: Final = (60.0, 86_400.0)

Decode = Callable[[bytes], wire.ServerEvent | wire.Unknown]
Expected = TypeVar("Expected", wire.SessionCreated, wire.SessionUpdated)


class Endpoint(Struct, frozen=True):
    """Where to, as whom, and with which settings. `headers` holds the key: never logged."""

    url: str
    headers: Mapping[str, str]
    session: terms.Session
    pong_s: float = 3.0
    """How long the server may take to answer a ping in the middle of a turn."""


class Session:
    """One connection that is up. Made by `open`; `over` is done when it has ended, and says why."""

    def __init__(
        self,
        socket_: ClientConnection,
        *,
        differences: tuple[str, ...],
        lasts_s: float,
        pong_s: float,
        name: str,
    ) -> None:
        self.differences = differences
        self.name = name
        """The server's id of it: what its owner's support will ask for."""
        self.lasts_s = lasts_s
        self.since = time.monotonic()
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[Failure | Exception] = loop.create_future()
        self._socket = socket_
        self._receiving: asyncio.Task[None] | None = None
        self._written = 0
        self._pulse = Pulse(socket_, pong_s=pong_s, silent=self._fell_silent)
        self._deadline: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, endpoint: Endpoint, *, dialler: Dialler) -> Self:
        """Dial and configure one. Raises what `failure_of` knows."""
        socket_ = await dialler.connect(endpoint.url, headers=endpoint.headers)
        try:
            created = await _expect(socket_, wire.SessionCreated)
            update = wire.encode(wire.SessionUpdate(endpoint.session))
            async with asyncio.timeout(SEND_S):
                await socket_.send(update, text=True)
            updated = await _expect(socket_, wire.SessionUpdated)
        except BaseException:
            socket_.transport.abort()
            raise
        differences = terms.differences(endpoint.session, updated.session)
        return cls(
            socket_,
            differences=tuple(differences),
            lasts_s=_lasts_s(created.session),
            pong_s=endpoint.pong_s,
            name=str(created.session.get("id", ""))[:64],
        )

    def begin(self, deliver: Callable[[Event], None], *, decode: Decode) -> None:
        """Deliver what the server says, from the first message after the settings on."""
        receiving = self._receive(deliver, decode)
        self._receiving = asyncio.create_task(receiving, name="link-receive")

    def send(self, message: wire.Message) -> None:
        """Send one message, or queue it in the transport. Too much queued ends the connection."""
        if self._socket.state is not State.OPEN:
            return
        # The library's sans-I/O half and the transport are enough: its coroutine, a task of ours
        # and a timer for each message would be a tenth of the daemon's CPU time (measured).
        self._socket.protocol.send_text(message)
        for data in self._socket.protocol.data_to_send():
            self._written += len(data)
            self._socket.transport.write(data)
        self._pulse.used()
        waiting = self._socket.transport.get_write_buffer_size()
        if waiting > UNSENT_BYTES:
            self.end(Failure("network", "the server takes nothing any more"))
        elif waiting and self._deadline is None:
            self._watch(waiting)

    def end(self, why: Failure | Exception) -> None:
        """It is over; the first reason given is the one that counts."""
        if not self.over.done():
            self.over.set_result(why)

    async def close(self, *, within_s: float) -> None:
        """When it is over: send what still waits, say goodbye, be gone in time whatever happens."""
        self._socket.close_timeout = within_s
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._socket.close()
        finally:
            self._socket.transport.abort()
            self._pulse.stop()
            if self._deadline is not None:
                self._deadline.cancel()
            if self._receiving is not None:
                self._receiving.cancel()

    async def _receive(self, deliver: Callable[[Event], None], decode: Decode) -> None:
        """Deliver every message while this is the session; then read on, that the close gets by."""
        try:
            while True:
                text = await self._socket.recv(decode=False)
                if not self.over.done():
                    self._deliver(text, deliver, decode)
        except Exception as problem:  # the edge of the driver: the link classes it
            self.end(problem)

    def _deliver(self, text: bytes, deliver: Callable[[Event], None], decode: Decode) -> None:
        at = time.monotonic()
        try:
            message = decode(text)
        except wire.WireError as problem:
            deliver(ev.Garbled(at, str(problem)))
            return
        if isinstance(message, wire.ServerError) and ends_session(message.error):
            self.end(Refused(message.error))
        else:
            deliver(ev.Received(at, message))

    def _fell_silent(self) -> None:
        self.end(Failure("network", "the server fell silent"))

    def _watch(self, waiting: int) -> None:
        """See that some of what waits leaves in time."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(SEND_S, self._look, self._written - waiting)

    def _look(self, sent: int) -> None:
        self._deadline = None
        waiting = self._socket.transport.get_write_buffer_size()
        if not waiting:
            return
        if self._written - waiting > sent:
            self._watch(waiting)
        else:
            self.end(Failure("network", "the server stopped reading"))


async def _expect(socket_: ClientConnection, kind: type[Expected]) -> Expected:
    """The next message of this kind; others are passed over, an error is raised."""
    try:
        async with asyncio.timeout(CONFIRM_S):
            while True:
                message = wire.decode(await socket_.recv(decode=False))
                if isinstance(message, wire.ServerError):
                    raise await _refusal(socket_, message.error)
                if isinstance(message, kind):
                    return message
    except TimeoutError:
        raise LinkError(
            f"the server did not send {kind.__struct_config__.tag} within {CONFIRM_S:.0f} s",
            cure="check server.url: does it speak the Realtime dialect?",
            code="server",
        ) from None


async def _refusal(socket_: ClientConnection, fault: wire.Fault) -> Exception:
    """An error before we are up. Without a code that is known, the close frame may tell more."""
    if fault.code not in FAULTS:
        try:
            async with asyncio.timeout(REFUSAL_S):
                while True:
                    await socket_.recv(decode=False)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code >= 3000:
                return closed
        except TimeoutError:
            pass
    return Refused(fault)


def _lasts_s(created: Mapping[str, Any]) -> float:
    """Seconds until the server ends the session. A clock that is wrong makes it implausible."""
    told = created.get("expires_at")
    left = told - time.time() if isinstance(told, int | float) else 0.0
    least, most = PLAUSIBLE_S
    return left if least <= left <= most else LASTS_S
