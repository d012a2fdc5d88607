"""The link: one WebSocket at a time to the server, from dialling to its end, over and over.

Up means: connected, `session.created` seen, our settings sent, `session.updated` seen and its
echo compared. Nothing else is sent before that. Each connection has an outbox of its own, bounded
and gone with it, so stale speech is never replayed into a new session.

The library's keepalive does not notice a peer that stops reading while we send (measured: still
open after 25 s), hence a deadline on every send and `TCP_USER_TIMEOUT` on the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Never, TypeVar

from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from device.core import events as ev
from device.core import wire
from device.core.events import Event
from device.drivers.failure import Failure, failure_of
from device.errors import LinkError

OPEN_S: Final = 10.0
CONFIRM_S: Final = 5.0
"""From the upgrade to `session.created`, and from our settings to `session.updated`."""
SEND_S: Final = 5.0
STALLED_MS: Final = 10_000
"""TCP_USER_TIMEOUT: unacknowledged data older than this ends the connection."""
PING_S: Final = 10.0
PONG_S: Final = 5.0
CLOSE_S: Final = 0.5
OUTBOX: Final = 1024
"""Messages; 40 s of microphone audio, 2.7 MB. Full means a stalled link."""
BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 60.0
STEADY_S: Final = 30.0
"""A connection this old has earned a quick first retry."""
IMPATIENT_S: Final = 1.0
"""A press cuts the wait short, but not below this since the last try."""

Expected = TypeVar("Expected", wire.SessionCreated, wire.SessionUpdated)


class Endpoint(Struct, frozen=True):
    """Where to, as whom, and with which settings. `headers` holds the key: never logged."""

    url: str
    headers: Mapping[str, str]
    session: wire.Session


class Link:
    """The connection, kept up. Lives in the loop; what happens is posted there as events.

    `send` and `append` return at once; what is sent while the link is not up is dropped: the
    core sends nothing then.
    """

    def __init__(
        self,
        endpoint: Callable[[], Awaitable[Endpoint]],
        *,
        post: Callable[[Event], None],
        decode: Callable[[bytes], wire.ServerEvent | wire.Unknown] = wire.decode,
    ) -> None:
        """`endpoint` is asked before each dial and may raise `LinkError`; `decode` reads a text."""
        self._where = endpoint
        self._decode = decode
        self._endpoint: Endpoint
        self._post = post
        self._outbox: asyncio.Queue[wire.Message] | None = None
        self._socket: ClientConnection | None = None
        self._dropped: asyncio.Future[Failure] | None = None
        self._hurry = asyncio.Event()
        self._tries = 0

    def send(self, message: wire.Message) -> None:
        """Send one message, or queue it behind others. A full outbox ends the connection."""
        if self._outbox is None or self._socket is None:
            return
        if self._outbox.empty() and _takes_all(self._socket):
            # While nothing waits, the library's sans-I/O half and the transport are enough: its
            # coroutine, our task and a timer would be a tenth of the daemon's CPU time (measured).
            self._socket.protocol.send_text(message)
            for data in self._socket.protocol.data_to_send():
                self._socket.transport.write(data)
            return
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self.drop("network", "the server takes nothing any more")

    def dial_now(self) -> None:
        """A person waits: cut the wait for the next try short."""
        self._hurry.set()

    def drop(self, code: str, reason: str) -> None:
        """Give this connection up and dial anew."""
        if self._dropped is not None and not self._dropped.done():
            self._dropped.set_result(Failure(code, reason, "it is dialled again"))

    async def run(self) -> None:
        """Dial, stay, dial again, until cancelled. Never raises for anything a network can do."""
        while True:
            dialled = time.monotonic()
            self._post(ev.Dialing(dialled))
            try:
                self._endpoint = await self._where()
                failure = await self._connection()
            except LinkError as problem:
                failure = Failure(problem.code, problem.what, problem.cure)
            except Exception as problem:  # the edge of the driver: whatever it is becomes an event
                known = failure_of(problem, self._endpoint.url)
                if known is None:
                    raise
                failure = known
            if time.monotonic() - dialled > STEADY_S:
                self._tries = 0
            self._post(ev.LinkDown(time.monotonic(), failure.code, failure.reason, failure.cure))
            await self._wait(failure, dialled)

    async def _wait(self, failure: Failure, dialled: float) -> None:
        """Full jitter, so that a thousand devices do not dial in step; a press ends it."""
        longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2**self._tries)
        self._tries = min(self._tries + 1, 16)
        wait = failure.retry_s if failure.retry_s is not None else random.uniform(0, longest)
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), wait)
        await asyncio.sleep(max(0.0, dialled + min(wait, IMPATIENT_S) - time.monotonic()))

    async def _connection(self) -> Failure:
        """One connection, from dialling to its end; returns why it ended, or raises it."""
        async with connect(
            self._endpoint.url,
            additional_headers=self._endpoint.headers,
            compression=None,
            proxy=None,
            open_timeout=OPEN_S,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=CLOSE_S,
            max_size=wire.MAX_MESSAGE_BYTES,
            max_queue=64,
            happy_eyeballs_delay=0.25,
        ) as socket_:
            _bound_unacknowledged(socket_)
            differences = await self._configure(socket_)
            self._outbox, self._socket = asyncio.Queue(OUTBOX), socket_
            self._dropped = asyncio.get_running_loop().create_future()
            self._post(ev.LinkUp(time.monotonic(), differences))
            tasks = {
                asyncio.create_task(self._send_all(socket_, self._outbox), name="link-send"),
                asyncio.create_task(self._receive_all(socket_), name="link-receive"),
                self._dropped,
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                # Our own reason to end it says more than the break that comes of it.
                return min(done, key=lambda ended: ended.exception() is not None).result()
            finally:
                self._outbox = self._dropped = self._socket = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _configure(self, socket_: ClientConnection) -> tuple[str, ...]:
        """Wait for the server, send our settings, see them confirmed; returns the differences."""
        await self._expect(socket_, wire.SessionCreated)
        update = wire.encode(wire.SessionUpdate(self._endpoint.session))
        async with asyncio.timeout(SEND_S):
            await socket_.send(update, text=True)
        updated = await self._expect(socket_, wire.SessionUpdated)
        return tuple(wire.differences(self._endpoint.session, updated.session))

    async def _expect(self, socket_: ClientConnection, kind: type[Expected]) -> Expected:
        """The next message of this kind; others are passed over, an error is raised."""
        try:
            async with asyncio.timeout(CONFIRM_S):
                while True:
                    message = self._decoded(await socket_.recv(decode=False))
                    if isinstance(message, wire.ServerError):
                        raise await self._refusal(socket_, message.error)
                    if isinstance(message, kind):
                        return message
        except TimeoutError:
            raise LinkError(
                f"the server did not send {kind.__struct_config__.tag} within {CONFIRM_S:.0f} s",
                cure="check server.url: does it speak the Realtime dialect?",
                code="server",
            ) from None

    async def _refusal(self, socket_: ClientConnection, fault: wire.Fault) -> Exception:
        """An error before we are up: the close frame that may follow says how grave it is."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while True:
                    await socket_.recv(decode=False)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code >= 3000:
                return closed
        except TimeoutError:
            pass
        return LinkError(
            f"the server refuses our settings: {fault.message[:200]}",
            cure="check the configuration against what this server and model offer",
            code="settings",
        )

    async def _send_all(
        self, socket_: ClientConnection, outbox: asyncio.Queue[wire.Message]
    ) -> Never:
        """Send what is queued, each within its deadline; ends only by an exception."""
        loop = asyncio.get_running_loop()
        while True:
            message = await outbox.get()
            # A bare timer: asyncio.timeout costs as much as the sending itself (measured).
            deadline = loop.call_later(SEND_S, self._stalled, socket_)
            await socket_.send(message, text=True)
            deadline.cancel()

    def _stalled(self, socket_: ClientConnection) -> None:
        self.drop("network", "the server stopped reading")
        socket_.transport.abort()

    async def _receive_all(self, socket_: ClientConnection) -> Failure:
        """Post every message; ends only by an exception."""
        while True:
            text = await socket_.recv(decode=False)
            at = time.monotonic()
            try:
                self._post(ev.Received(at, self._decoded(text)))
            except wire.WireError as problem:
                self._post(ev.Garbled(at, str(problem)))

    def _decoded(self, text: bytes | str) -> wire.ServerEvent | wire.Unknown:
        return self._decode(text if isinstance(text, bytes) else text.encode())


def _takes_all(socket_: ClientConnection) -> bool:
    """The connection is open, and nothing sent before still waits in it."""
    return socket_.state is State.OPEN and not socket_.transport.get_write_buffer_size()


def _bound_unacknowledged(socket_: ClientConnection) -> None:
    raw = socket_.transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT") and raw.family != socket.AF_UNIX:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
