"""Why a connection ended: each way has its class, its sentence and its cure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from device.core import events as ev
from device.core import wire
from drivers.line import dialling, failure, forever, greet


@pytest.mark.parametrize(
    ("close", "code"),
    [(1000, "session-over"), (1001, "session-over"), (1011, "server"), (3000, "key"),
     (4000, "model"), (4999, "server")],
)  # fmt: skip
@pytest.mark.parametrize("when", ["at once", "when up"])
def test_each_close_code_has_its_class(close: int, code: str, when: str) -> None:
    async def serving(connection: ServerConnection) -> None:
        if when == "when up":
            await greet(connection)
        await connection.close(close, "because")

    down = asyncio.run(failure(serving))
    assert down.code == code
    assert f"{close} because" in down.reason


def test_an_error_before_a_close_is_classed_by_the_close() -> None:
    async def serving(connection: ServerConnection) -> None:
        error = {"type": "invalid_request_error", "message": "Incorrect API key provided"}
        await connection.send(json.dumps({"type": "error", "error": error}))
        await connection.close(3000, "invalid_request_error.invalid_api_key")

    down = asyncio.run(failure(serving))
    assert down.code == "key"
    assert "server.api_key" in down.cure


@pytest.mark.parametrize(
    ("status", "code"), [(401, "key"), (403, "key"), (404, "model"), (429, "rate"), (500, "server"),
                         (502, "server")],
)  # fmt: skip
def test_each_http_status_has_its_class(status: int, code: str) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(HTTPStatus(status), "no\n")

    down = asyncio.run(failure(forever, process_request=refuse))
    assert down.code == code
    assert f"HTTP {status}" in down.reason
    assert "127.0.0.1" in down.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_listening_is_a_network_failure_in_plain_words(host: str) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"ws://{host}:{taken.getsockname()[1]}/"
            async with dialling(url) as line:
                down = await line.until(ev.LinkDown)
        assert (down.code, down.reason) == (
            "network",
            f"no connection to {host}: Connection refused",
        )

    asyncio.run(main())


def test_a_name_that_is_not_there_is_a_dns_failure() -> None:
    async def main() -> None:
        async with dialling("ws://no-such-host.invalid/v1/realtime") as line:
            down = await line.until(ev.LinkDown, within_s=20.0)
        assert down.code == "dns"
        assert "no-such-host.invalid" in down.reason

    asyncio.run(main())


@pytest.mark.parametrize(
    ("scheme", "answer", "code"),
    [
        ("wss", b"HTTP/1.1 200 OK\r\n\r\n", "tls"),
        ("wss", b"", "network"),
        ("ws", b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
        ("ws", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "protocol"),
        ("ws", b"\x00" * 50_000, "protocol"),
    ],
)
def test_something_else_on_the_port_is_told_as_such(scheme: str, answer: bytes, code: str) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(4096)
            writer.write(answer)
            await writer.drain()
            writer.close()

    async def main() -> None:
        listening = await asyncio.start_server(other, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            async with dialling(f"{scheme}://127.0.0.1:{port}/") as line:
                down = await line.until(ev.LinkDown)
        assert down.code == code, down
        assert down.reason

    asyncio.run(main())


@pytest.mark.parametrize("first", ["not json", '{"type": 5}', '["a"]'])
def test_garbage_instead_of_a_greeting_is_a_protocol_failure(first: str) -> None:
    async def serving(connection: ServerConnection) -> None:
        await connection.send(first)
        await forever(connection)

    assert asyncio.run(failure(serving)).code == "protocol"


def test_a_message_beyond_the_limit_ends_the_connection() -> None:
    async def serving(connection: ServerConnection) -> None:
        await greet(connection)
        await connection.send("x" * (wire.MAX_MESSAGE_BYTES + 1))
        await forever(connection)

    down = asyncio.run(failure(serving))
    assert down.code == "too-big"
