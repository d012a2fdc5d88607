"""The session's sign of life, where the connection ends under it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from device.drivers import pulse
from device.drivers.pulse import Pulse


def test_a_connection_that_has_just_been_closed_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "IDLE_S", 0.01)
    bugs: list[Any] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: bugs.append(context))

        async def stay(connection: ServerConnection) -> None:
            await connection.wait_closed()

        async with serve(stay, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}") as connection:
                beating = Pulse(connection, pong_s=1.0, silent=lambda: bugs.append("silent"))
                connection.transport.abort()
                await asyncio.sleep(0.1)
                beating.stop()

    asyncio.run(run())
    assert bugs == []
