"""The link against real servers: up, kept up, and given up when a server misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from device.core import events as ev
from device.core import wire
from device.drivers import dial, session
from device.drivers.session import UNSENT_BYTES
from drivers.line import CREATED, dialling, failure, forever, greet, server

CLEAR = wire.encode(wire.Clear())
BLOCK = wire.Message(b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 60_000 + b'"}')


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real deadlines are five and ten seconds."""
    monkeypatch.setattr(dial, "OPEN_S", 0.3)
    for name in ("CONFIRM_S", "SEND_S"):
        monkeypatch.setattr(session, name, 0.3)


def test_up_means_created_configured_and_confirmed() -> None:
    async def main() -> None:
        asked: list[dict[str, Any]] = []
        told = asyncio.Event()

        async def serving(connection: ServerConnection) -> None:
            asked.append(await greet(connection))
            asked.append(json.loads(await connection.recv()))
            told.set()
            await forever(connection)

        async with server(serving) as url, dialling(url) as line:
            line.link.send(CLEAR)  # before it is up: dropped
            up = await line.until(ev.LinkUp)
            assert up.differences == ()
            line.link.send(wire.encode(wire.Commit()))
            async with asyncio.timeout(5):
                await told.wait()
        assert asked[0]["type"] == "session.update"
        assert asked[0]["session"]["instructions"] == "Be brief."
        assert asked[1] == {"type": "input_audio_buffer.commit"}
        assert [type(event) for event in line.posted[:2]] == [ev.Dialing, ev.LinkUp]

    asyncio.run(main())


def test_an_echo_that_differs_is_told_and_not_fatal() -> None:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection, instructions="Be long.", output_modalities=["text"])
        await forever(connection)

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            up = await line.until(ev.LinkUp)
            assert len(up.differences) == 2
            assert any("instructions" in sentence for sentence in up.differences)

    asyncio.run(main())


def test_a_server_that_accepts_and_never_answers_has_a_deadline(short_deadlines: None) -> None:
    async def main() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()

        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            async with dialling(f"ws://127.0.0.1:{port}/") as line:
                down = await line.until(ev.LinkDown)
        assert (down.code, down.reason) == ("network", "127.0.0.1 does not answer")

    asyncio.run(main())


def test_a_server_without_session_created_has_a_deadline(short_deadlines: None) -> None:
    down = asyncio.run(failure(forever))
    assert down.code == "server"
    assert "did not send session.created" in down.reason
    assert "server.url" in down.cure


def test_a_server_that_does_not_confirm_has_a_deadline(short_deadlines: None) -> None:
    async def serving(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        await forever(connection)

    down = asyncio.run(failure(serving))
    assert "did not send session.updated" in down.reason


def test_refused_settings_are_told_in_the_servers_words() -> None:
    async def serving(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.recv()
        error = {"type": "invalid_request_error", "message": "Unknown voice: marin."}
        await connection.send(json.dumps({"type": "error", "error": error}))
        await forever(connection)

    down = asyncio.run(failure(serving))
    assert down.code == "settings"
    assert "Unknown voice: marin." in down.reason


def test_garbage_is_posted_and_the_link_stays_up() -> None:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        await connection.send("not json")
        await connection.send(b"\x00\xff")
        await connection.send(json.dumps({"type": "brand.new"}))
        await forever(connection)

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            await line.until(ev.Garbled, count=2)
            received = await line.until(ev.Received)
            assert received.message == wire.Unknown("brand.new")
            assert not [event for event in line.posted if isinstance(event, ev.LinkDown)]

    asyncio.run(main())


def test_a_server_that_stops_reading_is_given_up_within_the_send_deadline(
    short_deadlines: None,
) -> None:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        connection.transport.pause_reading()
        await asyncio.sleep(2)

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            await line.until(ev.LinkUp)
            begun = time.monotonic()
            for _ in range(UNSENT_BYTES // len(BLOCK) - 1):
                line.link.send(BLOCK)
            down = await line.until(ev.LinkDown)
            assert (down.code, down.reason) == ("network", "the server stopped reading")
            assert time.monotonic() - begun < 5.0

    asyncio.run(main())


def test_too_much_unsent_ends_the_connection_and_nothing_of_it_is_sent_to_the_next() -> None:
    heard: list[list[str]] = []

    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        mine: list[str] = []
        heard.append(mine)
        if len(heard) == 1:
            connection.transport.pause_reading()
            await asyncio.sleep(1)
            return
        async for message in connection:
            mine.append(str(message)[:50])

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            await line.until(ev.LinkUp)
            for _ in range(500):
                line.link.send(BLOCK)
                await asyncio.sleep(0)
            down = await line.until(ev.LinkDown)
            assert (down.code, down.reason) == ("network", "the server takes nothing any more")
            await line.until(ev.LinkUp, count=2)
            await asyncio.sleep(0.2)
        assert heard[1] == []

    asyncio.run(main())


def test_a_press_cuts_the_wait_for_the_next_try_short() -> None:
    tries: list[float] = []

    async def serving(connection: ServerConnection) -> None:
        tries.append(time.monotonic())
        await connection.close(3000, "key")  # waits a minute

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            await line.until(ev.LinkDown)
            await asyncio.sleep(0.1)
            assert len(tries) == 1
            line.link.dial_now()
            await line.until(ev.LinkDown, count=2)
            assert 0.9 < tries[1] - tries[0] < 3.0, "not more often than once a second"

    asyncio.run(main())


def test_a_lost_connection_is_dialled_again_and_again() -> None:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        connection.transport.abort()

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            down = await line.until(ev.LinkDown, count=3, within_s=20.0)
            assert (down.code, down.reason) == ("network", "the connection broke")
        kinds = [type(event).__name__ for event in line.posted]
        assert kinds[:6] == ["Dialing", "LinkUp", "LinkDown"] * 2

    asyncio.run(main())


def test_the_key_stands_in_the_header_and_in_no_event() -> None:
    shown: list[str] = []

    async def serving(connection: ServerConnection) -> None:
        assert connection.request is not None
        shown.append(connection.request.headers["Authorization"])
        await connection.close(1011, "no")

    async def main() -> None:
        async with server(serving) as url, dialling(url) as line:
            await line.until(ev.LinkDown)
        assert shown == ["Bearer sk-x"]
        assert "sk-x" not in repr(line.posted)

    asyncio.run(main())
