"""A link that lives for years: nothing grows, and no dead line is taken for a quiet one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from device.core import events as ev
from device.core import wire
from device.core.events import Event
from device.drivers import pulse, session
from device.drivers.link import Endpoint, Link, always
from drivers.line import SESSION, dialling, forever, greet, server

BLOCK = wire.Message(b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 2560 + b'"}')


class Wire:
    """A TCP relay that can stop forwarding: the line stays, and nothing comes any more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._relays: set[asyncio.Task[None]] = set()
        self.url = ""

    def cut(self) -> None:
        self._open.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, drain in ((reader, far_writer), (far_reader, writer)):
            self._relays.add(asyncio.create_task(self._relay(source, drain)))

    async def _relay(self, source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    await self._open.wait()
                    drain.write(data)
                    await drain.drain()
        finally:
            drain.close()

    def close(self) -> None:
        for relay in self._relays:
            relay.cancel()


@asynccontextmanager
async def relayed() -> AsyncIterator[Wire]:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        await forever(connection)

    async with server(serving, ping_interval=None) as url:
        relay = Wire(int(url.partition("127.0.0.1:")[2].partition("/")[0]))
        listening = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
        relay.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        async with listening:
            yield relay
            relay.close()


@pytest.mark.slow
def test_a_line_that_is_half_open_is_noticed_within_sixteen_seconds() -> None:
    async def main() -> float:
        async with relayed() as relay, dialling(relay.url) as line:
            await line.until(ev.LinkUp)
            relay.cut()
            begun = time.monotonic()
            down = await line.until(ev.LinkDown, within_s=30.0)
            assert (down.code, down.reason) == ("network", "the server fell silent")
            return time.monotonic() - begun

    # 15.5 s by the constants; the rest is for a machine that has other things to do.
    assert asyncio.run(main()) < 16.5


def test_a_live_line_that_is_quiet_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "IDLE_S", 0.1)

    async def main() -> None:
        async with relayed() as relay, dialling(relay.url) as line:
            await line.until(ev.LinkUp)
            await asyncio.sleep(1.0)
            assert not line.all(ev.LinkDown)

    asyncio.run(main())


def test_a_line_that_dies_while_it_is_used_is_noticed_within_five_seconds() -> None:
    async def main() -> float:
        async with relayed() as relay, dialling(relay.url) as line:
            await line.until(ev.LinkUp)
            line.link.send(wire.encode(wire.Clear()))
            await asyncio.sleep(0.2)
            relay.cut()
            begun = time.monotonic()
            await line.until(ev.LinkDown, within_s=15.0)
            return time.monotonic() - begun

    # 4.5 s by the constants.
    assert asyncio.run(main()) < 5.5


def test_a_pong_is_not_expected_of_a_line_that_has_not_taken_what_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "EVERY_S", 0.1)
    monkeypatch.setattr(pulse, "TAKEN_BYTES", -1)

    async def main() -> None:
        async with relayed() as relay, dialling(relay.url) as line:
            await line.until(ev.LinkUp)
            line.link.send(wire.encode(wire.Clear()))
            relay.cut()
            await asyncio.sleep(4.0)
            assert not line.all(ev.LinkDown)

    asyncio.run(main())


def test_a_dead_line_is_given_up_at_once_when_it_is_asked_for() -> None:
    async def main() -> None:
        async with relayed() as relay, dialling(relay.url) as line:
            await line.until(ev.LinkUp)
            relay.cut()
            begun = time.monotonic()
            line.link.drop("server", "no reply came")
            down = await line.until(ev.LinkDown)
            assert down.code == "server"
            assert time.monotonic() - begun < 0.4, "the goodbye is not waited for"

    asyncio.run(main())


def test_a_slow_line_that_still_moves_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SEND_S", 0.5)
    got = 0

    async def serving(connection: ServerConnection) -> None:
        nonlocal got
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        await greet(connection)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(0.01)
                await connection.recv()
                got += 1

    async def main() -> None:
        async with server(serving, ping_interval=None) as url, dialling(url) as line:
            await line.until(ev.LinkUp)
            line.narrow()
            for _ in range(session.UNSENT_BYTES // len(BLOCK) - 10):
                line.link.send(BLOCK)
            await asyncio.sleep(2.0)
            assert not line.all(ev.LinkDown)
            assert got
            assert line.unsent(), "all this time something waited"

    asyncio.run(main())


def fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_two_thousand_reconnects_leave_nothing_behind() -> None:
    """The server is in this process as well: what it leaves behind would count too."""
    ups = 0

    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        connection.transport.abort()

    async def main() -> None:
        news = asyncio.Event()

        def post(event: Event) -> None:
            nonlocal ups
            ups += isinstance(event, ev.LinkUp)
            news.set()

        async def after(count: int) -> tuple[int, int, int, int]:
            while ups < count:
                news.clear()
                await news.wait()
            gc.collect()
            return fds(), len(asyncio.all_tasks()), threading.active_count(), rss()

        async with server(serving, ping_interval=None) as url:
            where = always(Endpoint(url, {}, SESSION))
            link = Link(where, post=post, draw=lambda _, __: 0.0)
            running = asyncio.create_task(link.run())
            first = await after(500)
            last = await after(2000)
            assert len(link._closing) < 8
            running.cancel()
            await asyncio.wait([running], timeout=2.0)
        # A connection or two are always being opened or closed at such a moment.
        for before, then in zip(first[:3], last[:3], strict=True):
            assert then <= before + 8, (first, last)
        assert last[3] - first[3] < 4_000_000, (first, last)

    asyncio.run(main())
