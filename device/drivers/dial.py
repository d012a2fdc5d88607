"""From a URL to an open WebSocket: the name, the race of its addresses, TLS, the upgrade.

The sockets are our own, because each step needs a deadline of its own: a slow name server must
hold up nothing, a broken IPv6 must cost a quarter of a second, and data that nobody acknowledges
must end the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain, zip_longest
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.uri import parse_uri

from device.core import wire
from device.errors import LinkError

OPEN_S: Final = 10.0
"""From the first packet to the upgrade."""
LOOKUP_S: Final = 3.0
STAGGER_S: Final = 0.25
"""The next address is tried as well when this one has not answered by then (RFC 8305)."""
STALLED_MS: Final = 4_000
"""TCP_USER_TIMEOUT: unacknowledged data older than this ends the connection."""
CLOSE_S: Final = 0.5

Address = tuple[socket.AddressFamily, Any]
Lookup = Callable[[str, int], Sequence[tuple[Any, ...]]]


class Dialler:
    """Opens connections. It keeps the trusted authorities, and lookups that are under way."""

    def __init__(self, *, lookup: Lookup | None = None) -> None:
        self._lookup = lookup or _system_lookup
        self._asked: dict[tuple[str, int], asyncio.Future[list[Address] | Exception]] = {}

    async def connect(self, url: str, *, headers: Mapping[str, str]) -> ClientConnection:
        """Open one; raises what `failure_of` knows. The caller closes it."""
        uri = parse_uri(url)
        addresses = await self._addresses(uri.host, uri.port)
        async with asyncio.timeout(OPEN_S):
            raw = await _race(addresses)
            return await _Upgrade(
                url,
                sock=raw,
                ssl=self._tls if uri.secure else None,
                server_hostname=uri.host if uri.secure else None,
                additional_headers=headers,
                compression=None,
                proxy=None,
                open_timeout=None,
                ping_interval=None,  # `pulse` does that
                close_timeout=CLOSE_S,
                max_size=wire.MAX_MESSAGE_BYTES,
                max_queue=64,
            )

    async def reach(self, host: str, port: int) -> socket.socket:
        """A connected socket alone, within the caller's deadline. The caller closes it."""
        return await _race(await self._addresses(host, port))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """Where `host` is. A lookup cannot be stopped: a later call waits for the same one."""
        with contextlib.suppress(socket.gaierror):  # it is an address
            return _interleaved(
                socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            )
        asked = self._asked.get((host, port)) or self._ask(host, port)
        await asyncio.wait({asked}, timeout=LOOKUP_S)
        if not asked.done():
            raise LinkError(
                f"no name server tells the address of {host} within {LOOKUP_S:.0f} s",
                cure="check the network",
                code="dns",
            )
        found = asked.result()
        if isinstance(found, Exception):
            raise found
        return found

    def _ask(self, host: str, port: int) -> asyncio.Future[list[Address] | Exception]:
        loop = asyncio.get_running_loop()
        answer = self._asked[host, port] = loop.create_future()

        def tell(found: list[Address] | Exception) -> None:
            del self._asked[host, port]
            answer.set_result(found)

        def ask() -> None:
            found: list[Address] | Exception
            try:
                found = _interleaved(self._lookup(host, port))
            except Exception as problem:  # whatever it is, it is told in the loop
                found = problem
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, found)

        # A daemon thread: at the end of the process nobody waits for a name server.
        threading.Thread(target=ask, name="link-lookup", daemon=True).start()
        return answer


class _Upgrade(connect):
    """The library's, but a redirection is an answer: no other host may get the key."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _system_lookup(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _interleaved(found: Sequence[tuple[Any, ...]]) -> list[Address]:
    """The addresses in the system's order, but the families take turns."""
    by_family: dict[socket.AddressFamily, list[Address]] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, []).append((family, address))
    return [one for one in chain(*zip_longest(*by_family.values())) if one is not None]


async def _race(addresses: Sequence[Address]) -> socket.socket:
    """The first that connects. All failed: raises what the first of them met."""
    waiting = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    met: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_reach(waiting.pop(0)), name="link-dial"))
            patience = STAGGER_S if waiting else None
            done, running = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            connected = [task.result() for task in done if task.exception() is None]
            if connected:
                _close_all(connected[1:])
                return connected[0]
            met += [problem for task in done if (problem := task.exception()) is not None]
    finally:
        for task in running:
            task.cancel()
        late = await asyncio.gather(*running, return_exceptions=True)
        _close_all([one for one in late if isinstance(one, socket.socket)])
    raise met[0] if met else OSError(f"no address in {addresses}")


async def _reach(address: Address) -> socket.socket:
    family, place = address
    raw = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        await asyncio.get_running_loop().sock_connect(raw, place)
    except BaseException:
        raw.close()
        raise
    return raw


def _close_all(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()
