"""The way to the server, step by step: name, connection, certificate, key, session."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from device import wishes
from device.check.finding import Finding
from device.config import Config, profile_of
from device.core import events as ev
from device.core.events import Event
from device.destination import Destination
from device.drivers.clock import read_clock
from device.drivers.dial import Dialler
from device.drivers.failure import failure_of
from device.drivers.link import Link
from device.errors import LinkError, Secret

SERVER_S: Final = 12.0
"""A session that takes longer to begin is of no use to somebody who speaks."""
REACH_S: Final = 5.0
STOP_S: Final = 1.0
PORTS: Final = {"ws": 80, "wss": 443}


def try_key(config: Config, found: Secret | None) -> Finding:
    """Where the key comes from; never the key."""
    broker = config.server.key_url
    if broker is not None:
        shown = f", which is shown {found}" if found is not None else ""
        return Finding("key", "ok", f"minted by {urlsplit(broker).hostname}{shown}")
    if found is not None:
        return Finding("key", "ok", str(found))
    if not profile_of(config.server.profile).needs_key:
        return Finding("key", "skip", "none; a local server may need none")
    cure = "put server.api_key into the configuration; one that is stored here shows with sudo only"
    return Finding("key", "FAIL", "there is none", cure)


async def try_network(config: Config, where: Destination) -> AsyncIterator[Finding]:
    """Each step in turn; after one that fails, the next cannot be tried."""
    way = _Way(wishes.address(config))
    reached = await way.reach()
    named = way.name(reached)
    yield named
    if named.verdict == "FAIL":
        yield Finding("connection", "skip", "needs the name")
        yield Finding("server", "skip", "needs the name")
        return
    connected = await way.connection(reached)
    yield connected
    if connected.verdict == "FAIL":
        yield Finding("server", "skip", "needs the connection")
        return
    yield await _server(config, where)


class _Way:
    """From the address to a connection, by the daemon's own dialler, with a watch in hand."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._url = address
        self._secure = parts.scheme == "wss"
        self._host = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._found: Sequence[tuple[Any, ...]] = ()
        self._lookup_ms = 0.0
        self._reach_ms = 0.0

    async def reach(self) -> socket.socket | Exception:
        """A connected socket, or why there is none; the name is asked for on the way."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(REACH_S):
                return await Dialler(lookup=self._lookup).reach(self._host, self._port)
        except (OSError, LinkError) as problem:
            return problem
        finally:
            self._reach_ms = (time.monotonic() - begun) * 1000

    def _lookup(self, host: str, port: int) -> Sequence[tuple[Any, ...]]:
        """The system's answer, and how long it took; the dialler calls it on a thread."""
        begun = time.monotonic()
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._lookup_ms = (time.monotonic() - begun) * 1000
        self._found = found
        return found

    def name(self, reached: socket.socket | Exception) -> Finding:
        """The addresses of the host, and how long it took to learn them."""
        if self._found:
            places = list(dict.fromkeys(str(entry[4][0]) for entry in self._found))
            more = f" and {len(places) - 3} more" if places[3:] else ""
            shown = f"{', '.join(places[:3])}{more}, told in {self._lookup_ms:.0f} ms"
            return Finding("name", "ok", f"{self._host} is {shown}")
        if isinstance(reached, Exception) and not _is_address(self._host):
            return self._failed("name", reached)
        return Finding("name", "skip", f"{self._host} is an address")

    async def connection(self, reached: socket.socket | Exception) -> Finding:
        """TCP, then TLS with the certificate held against the system's authorities."""
        if isinstance(reached, Exception):
            return self._failed("connection", reached)
        took = f"TCP in {self._reach_ms - self._lookup_ms:.0f} ms"
        if not self._secure:
            reached.close()
            return Finding("connection", "ok", f"{took}; not encrypted (ws:)")
        try:
            return Finding("connection", "ok", f"{took}, {await self._greet(reached)}")
        except OSError as problem:  # a certificate that does not hold is one, too
            return self._failed("connection", problem)

    async def _greet(self, raw: socket.socket) -> str:
        begun = time.monotonic()
        try:
            _, writer = await asyncio.open_connection(
                sock=raw,
                ssl=ssl.create_default_context(),
                server_hostname=self._host,
                ssl_handshake_timeout=REACH_S,
            )
        except BaseException:
            raw.close()
            raise
        took = (time.monotonic() - begun) * 1000
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        ends = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
        writer.transport.abort()
        days = int((ends - time.time()) // 86400)
        return f"{tls.version()} in {took:.0f} ms; certificate ok, for {days} days more"

    def _failed(self, part: str, problem: Exception) -> Finding:
        failure = failure_of(problem, url=self._url, clock=read_clock())
        if failure is None:
            raise problem
        return Finding(part, "FAIL", f"{failure.reason} ({failure.code})", failure.cure)


def _is_address(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return False
    return True


async def _server(config: Config, where: Destination) -> Finding:
    """Dial once, as the daemon does, up to the settings that the server confirms."""
    over: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def post(event: Event) -> None:
        if isinstance(event, ev.LinkUp | ev.LinkDown) and not over.done():
            over.set_result(event)

    begun = time.monotonic()
    dialling = asyncio.create_task(Link(where.endpoint, post=post).run(), name="link")
    await asyncio.wait([over], timeout=SERVER_S)
    dialling.cancel()
    await asyncio.wait([dialling], timeout=STOP_S)
    place = wishes.address(config).partition("?")[0]
    if not over.done():
        return Finding("server", "FAIL", f"{place} did not answer within {SERVER_S:.0f} s",
                       "check the network")  # fmt: skip
    match over.result():
        case ev.LinkUp(at, differences):
            took = (
                f"{place} confirmed our settings in {(at - begun) * 1000:.0f} ms, "
                f"model {config.server.model}"
            )
            but = "".join(f"; but {difference}" for difference in differences)
            return Finding("server", "ok", took + but)
        case ev.LinkDown(_, code, reason, cure):
            return Finding("server", "FAIL", f"{reason} ({code})", cure or "try again later")
        case other:
            raise AssertionError(f"the link ended a try with {other}")
