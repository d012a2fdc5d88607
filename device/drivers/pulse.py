"""The pulse of a session in use: does the other side still answer?

The library pings an idle line every 10 s. That is too slow for somebody who is speaking into a
line that is dead. While messages go out, and for as long after them as a reply may take, the server
is pinged every 1.5 s. A pong is expected only of a line that has taken what was sent: a slow one is
not dead, and what it does not take at all ends by `TCP_USER_TIMEOUT`.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import termios
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

EVERY_S: Final = 1.5
USED_S: Final = 20.0
"""After the last message; then the library's own pings are enough."""
TAKEN_BYTES: Final = 16 * 1024
"""A quarter of a second of speech under way is a line that takes what it gets."""


class Pulse:
    """Pings while the session is used. `silent` is called once, when no pong came in `pong_s`."""

    def __init__(
        self, socket_: ClientConnection, *, pong_s: float, silent: Callable[[], None]
    ) -> None:
        self._socket = socket_
        self._pong_s = pong_s
        self._silent = silent
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def used(self) -> None:
        """A message went out."""
        self._until = self._loop.time() + USED_S
        if self._timer is None:
            self._timer = self._loop.call_later(EVERY_S, self._beat)

    def stop(self) -> None:
        """The session is over."""
        for handle in (self._timer, self._asking):
            if handle is not None:
                handle.cancel()

    def _beat(self) -> None:
        self._timer = None
        if self._loop.time() >= self._until:
            return
        self._timer = self._loop.call_later(EVERY_S, self._beat)
        asking = self._asking is not None and not self._asking.done()
        if not asking and self._under_way() <= TAKEN_BYTES:
            self._asking = asyncio.create_task(self._ask(), name="link-pulse")

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._pong_s):
                await (await self._socket.ping())
        except TimeoutError:
            self._silent()
        except ConnectionClosed:
            pass  # whoever receives says why

    def _under_way(self) -> int:
        """Bytes in our buffer and the kernel's that the other side has not acknowledged."""
        waiting = self._socket.transport.get_write_buffer_size()
        raw = self._socket.transport.get_extra_info("socket")
        unsent = array.array("i", [0])
        if raw is not None:
            fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, unsent)
        return waiting + unsent[0]
