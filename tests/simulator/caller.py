"""A strict client for the tests: every event in either direction is judged as it passes."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, ParamSpec, Self

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator.judge import check_client, check_server

Json = dict[str, Any]
P = ParamSpec("P")

RATE = 24_000
PATIENCE_S = 20.0
SEMANTIC = {"type": "semantic_vad", "eagerness": "auto"}


def live(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """A test that is a coroutine, with a deadline."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE_S):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


def speech(seconds: float) -> bytes:
    """Something a VAD takes for speech: noise whose loudness sways like syllables."""
    at = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(7).normal(0.0, 3_000.0, len(at))
    return (noise * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at))).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


class Caller:
    """One connection. `until` waits for an event and returns it with all that came before."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._url = f"{url}?model=gpt-realtime-2.1"
        self.ws: ClientConnection
        self.session: Json = {}
        self.events: list[Json] = []

    async def __aenter__(self) -> Self:
        self.ws = await connect(
            self._url, compression=None, proxy=None, max_size=None, close_timeout=1, ssl=self._tls
        )
        self.session = (await self.until("session.created"))[-1]["session"]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.ws.close()

    async def send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, **fields}
        assert check_client(event) == []
        await self.ws.send(json.dumps(event))

    async def raw(self, message: str | bytes) -> None:
        await self.ws.send(message)

    async def next(self) -> Json:
        event: Json = json.loads(await self.ws.recv())
        assert check_server(event) == [], event
        self.events.append(event)
        return event

    async def until(self, kind: str) -> list[Json]:
        came = [await self.next()]
        while came[-1]["type"] != kind:
            came.append(await self.next())
        return came

    async def last(self, kind: str) -> Json:
        return (await self.until(kind))[-1]

    async def ended(self) -> tuple[int, str] | None:
        """Read to the end of the connection: its close frame, if there was one."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)

    async def quiet(self) -> list[Json]:
        """All events until the server has answered everything sent so far."""
        mark = f"mark {len(self.events)}"
        await self.send("conversation.item.delete", event_id=mark, item_id="nobody")
        came = [await self.next()]
        while came[-1].get("error", {}).get("event_id") != mark:
            came.append(await self.next())
        return came[:-1]

    async def configure(self, **session: Any) -> Json:
        await self.send("session.update", session={"type": "realtime", **session})
        updated: Json = (await self.last("session.updated"))["session"]
        return updated

    async def detect(self, detection: Json | None) -> Json:
        return await self.configure(audio={"input": {"turn_detection": detection}})

    async def append(self, pcm: bytes, *, step_ms: int = 40) -> None:
        step = step_ms * RATE // 1000 * 2
        for at in range(0, len(pcm), step):
            audio = base64.b64encode(pcm[at : at + step]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def ask(self) -> None:
        """Speak for a second, then be silent for as long as the default script waits."""
        await self.append(speech(1.0) + silence(0.7))

    async def refused(self, event: Json) -> Json:
        """Send an event that need not be valid; the error it gets."""
        await self.raw(json.dumps(event))
        error: Json = (await self.last("error"))["error"]
        return error


def kinds(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


def spoken(events: list[Json]) -> bytes:
    """The audio of all deltas, in order."""
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return b"".join(map(base64.b64decode, deltas))
