"""A link under test, and servers for it to call."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from device.core import events as ev
from device.core import wire
from device.core.events import Event
from device.drivers.link import Endpoint, Link

SESSION = wire.Session(
    instructions="Be brief.",
    audio=wire.SessionAudio(
        input=wire.AudioInput(turn_detection=wire.SemanticVad(), noise_reduction=None),
        output=wire.AudioOutput(voice="marin"),
    ),
)
CREATED = json.dumps({"type": "session.created", "session": {}})
Serving = Callable[[ServerConnection], Awaitable[None]]


class Line:
    """A link and what it has posted."""

    def __init__(self, url: str, **terms: Any) -> None:
        self.posted: list[Event] = []
        self._news = asyncio.Event()
        self._endpoint = Endpoint(url, {"Authorization": "Bearer sk-x"}, SESSION)
        self.trouble: Exception | None = None
        self.link = Link(self.where, post=self._post, **terms)

    async def where(self) -> Endpoint:
        if self.trouble is not None:
            raise self.trouble
        return self._endpoint

    def narrow(self) -> None:
        """Let the kernel take little of what is sent: the rest waits in the connection."""
        assert self.link._session is not None
        raw = self.link._session._socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def unsent(self) -> int:
        assert self.link._session is not None
        return self.link._session._socket.transport.get_write_buffer_size()

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.posted if isinstance(event, kind)]

    def _post(self, event: Event) -> None:
        self.posted.append(event)
        self._news.set()

    async def until(self, kind: type[Any], *, count: int = 1, within_s: float = 10.0) -> Any:
        async with asyncio.timeout(within_s):
            while True:
                found = self.all(kind)
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def dialling(url: str, **terms: Any) -> AsyncIterator[Line]:
    line = Line(url, **terms)
    running = asyncio.create_task(line.link.run())
    try:
        yield line
        assert not running.done(), "the link ends only when it is told to"
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=2.0)
        assert running.cancelled()


@asynccontextmanager
async def server(serving: Serving, **terms: Any) -> AsyncIterator[str]:
    async with serve(
        serving, "127.0.0.1", 0, compression=None, close_timeout=0.2, **terms
    ) as open_:
        port = open_.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/realtime?model=m"


async def greet(connection: ServerConnection, **echo: Any) -> dict[str, Any]:
    """The whole opening; returns the settings the client asked for."""
    await connection.send(CREATED)
    update: dict[str, Any] = json.loads(await connection.recv())
    session = {**update["session"], **echo}
    await connection.send(json.dumps({"type": "session.updated", "session": session}))
    return update


async def forever(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def failure(serving: Serving, **terms: Any) -> ev.LinkDown:
    """How the first connection to this server ends."""
    async with server(serving, **terms) as url, dialling(url) as line:
        down: ev.LinkDown = await line.until(ev.LinkDown)
        return down
