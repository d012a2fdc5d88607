"""A TCP proxy with toxics: what a bad network does to a connection, at any moment, on either way.

`up` is the way to the server, `down` the way back. `poison` says what lies on them from now on, for
every connection; `drop`, `reset` and `half_open` strike the connections that are there; `refuse`
and `accept` close and open the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

ANSWER_S: Final = 5.0
PIECE: Final = 16_384
WAITING: Final = 64
"""Pieces on a way at once; what more there is waits at its sender: so a stall is felt in TCP."""
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, 0 s."""

Way = Literal["up", "down"]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Toxics:
    """What lies on one way. `stall` holds everything back, `blackhole` swallows it for good."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    """Up to so much more latency; the order stays."""
    bytes_per_s: float = math.inf
    slice_bytes: int = PIECE
    slice_gap_s: float = 0.0
    """Between the slices of what came in one piece."""
    flow: Literal["on", "stall", "blackhole"] = "on"


CLEAN: Final = Toxics()


class Proxy:
    """Listens on `host` and forwards to the port `target` of this machine; a context manager.

    With `tls` the front is `wss`; the back is plain.
    """

    def __init__(
        self, target: int, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.accepted: list[float] = []
        """When each connection came, monotonic."""
        self.ways: dict[Way, Toxics] = {"up": CLEAN, "down": CLEAN}
        self.changed = asyncio.Event()
        self.random = random.Random(0)
        self._target = target
        self._tls = tls
        self._socket = _bound(host, 0)
        self._address = self._socket.getsockname()[:2]
        self._server: asyncio.Server | None = None
        self._wires: set[_Wire] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, timeout: float = ANSWER_S) -> None:
        """End every connection and the thread. RuntimeError when that takes longer."""
        self.refuse()
        self._do(_ended(asyncio.all_tasks(self._loop)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)
        self._socket.close()
        if self._thread.is_alive():
            raise RuntimeError(f"the proxy's thread did not end within {timeout} s")

    @property
    def connections(self) -> int:
        """How many it carries now."""
        return len(self._wires)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._address[1]
        return port

    def through(self, url: str, *, name: str = "", scheme: str = "ws") -> str:
        """The same address by way of this proxy, which may be called by another name."""
        place = f"{name or self._address[0]}:{self.port}"
        return urlsplit(url)._replace(scheme=scheme, netloc=place).geturl()

    def poison(self, *, up: Toxics = CLEAN, down: Toxics = CLEAN) -> None:
        """From now on this lies on the ways, also of connections that are there; nothing cures."""
        self._do(self._set(up, down))

    def drop(self) -> None:
        """Close the connections towards both sides."""
        self._do(self._each(_Wire.close))

    def reset(self) -> None:
        """Reset them towards both sides; in mid-frame when one is just being sliced."""
        self._do(self._each(_Wire.reset))

    def half_open(self) -> None:
        """The server is gone and the client is not told: nothing answers it any more."""
        self._do(self._each(_Wire.half_open))

    def refuse(self) -> None:
        """Listen no more; connections that are there go on."""
        self._do(self._stop_listening())

    def accept(self) -> float:
        """Listen (again) on the same port; returns since when."""
        since = time.monotonic()
        self._do(self._listen())
        return since

    # In the thread.

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _set(self, up: Toxics, down: Toxics) -> None:
        self.ways = {"up": up, "down": down}
        self.changed.set()
        self.changed = asyncio.Event()

    async def _each(self, deed: Callable[[_Wire], None]) -> None:
        for wire in self._wires:
            deed(wire)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, sock=self._socket, ssl=self._tls)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            # What is just being accepted would be left hanging by the close.
            await asyncio.sleep(0.005)
            self._server.close()
            self._server = None
            # Bound and not listening: refused, and no other socket is given the port.
            self._socket.close()
            self._socket = _bound(*self._address)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.append(time.monotonic())
        try:
            server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        wire = _Wire(self, (reader, writer), server)
        self._wires.add(wire)
        try:
            await wire.run()
        finally:
            self._wires.discard(wire)


class _Wire:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: Stream, server: Stream) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._halved = False

    async def run(self) -> None:
        """Carry until one side ends; then end the other."""
        (reader, writer), (from_server, to_server) = self._client, self._server
        up, down = self._pipe("up", reader, to_server), self._pipe("down", from_server, writer)
        pipes = {asyncio.create_task(up), asyncio.create_task(down)}
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            if self._halved:
                await _ended(pipes)
                while await _read(reader):
                    pass
        finally:
            await _ended(pipes)
            self.close()

    def close(self) -> None:
        for _, writer in (self._client, self._server):
            writer.close()

    def reset(self) -> None:
        for _, writer in (self._client, self._server):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    def half_open(self) -> None:
        self._halved = True
        self._server[1].transport.abort()

    async def _pipe(
        self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Carry one way until its source ends or its sink breaks."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING)

        async def take_in() -> None:
            piece = b"-"
            while piece:
                piece = await _read(source)
                await waiting.put((time.monotonic(), piece))

        sink.transport.set_write_buffer_limits(high=1)  # 0 blocks a TLS transport
        reading, due = asyncio.create_task(take_in()), 0.0
        try:
            while (arrival := await waiting.get())[1]:
                came, piece = arrival
                late = self._proxy.random.uniform(0, self._proxy.ways[way].jitter_s)
                due = max(due, came + self._proxy.ways[way].latency_s + late)
                await asyncio.sleep(due - time.monotonic())
                while piece:
                    piece = piece[await self._slice(piece, way, sink) :]
        except OSError:
            pass
        finally:
            await _ended({reading})

    async def _slice(self, piece: bytes, way: Way, sink: asyncio.StreamWriter) -> int:
        """Let the first part of it pass; returns how much that was."""
        while (toxics := self._proxy.ways[way]).flow == "stall":
            await self._proxy.changed.wait()
        if toxics.flow == "blackhole":
            # These bytes will be missing: so nothing after them may arrive, ever.
            await asyncio.Event().wait()
        size = int(min(len(piece), toxics.slice_bytes, max(1.0, toxics.bytes_per_s / 50)))
        sink.write(piece[:size])
        await sink.drain()
        gap = toxics.slice_gap_s if size < len(piece) else 0.0
        await asyncio.sleep(size / toxics.bytes_per_s + gap)
        return size


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


async def _read(source: asyncio.StreamReader) -> bytes:
    """What is there; b'' at the end, however that came."""
    with contextlib.suppress(OSError):
        return await source.read(PIECE)
    return b""


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel them and see their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
