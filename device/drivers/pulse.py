"""The pulse of a session: does the other side still answer?

An idle line is pinged every 10 s. While messages go out, and for as long after them as a reply may
take, every 1.5 s: nobody should speak into a line that is dead for longer than five seconds. A pong
is expected only of a line that has taken what was sent: a slow one is not dead (the library's own
keepalive, whose pings queue behind half a minute of speech, would end it), and what a line does not
take at all ends by `TCP_USER_TIMEOUT`.
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
IDLE_S: Final = 10.0
IDLE_PONG_S: Final = 5.0
USED_S: Final = 20.0
"""After the last message a session counts as idle."""
TAKEN_BYTES: Final = 16 * 1024
"""A quarter of a second of speech under way is a line that takes what it gets."""


class Pulse:
    """Pings for as long as the session lives. `silent` is called once, when a pong is overdue.

    `pong_s` is what the server may take for it while the session is used.
    """

    def __init__(
        self, socket_: ClientConnection, *, pong_s: float, silent: Callable[[], None]
    ) -> None:
        self._socket = socket_
        self._pong_s = pong_s
        self._silent = silent
        self._loop = asyncio.get_running_loop()
        self._used_until = 0.0
        self._timer = self._loop.call_later(IDLE_S, self._beat)
        self._asking: asyncio.Task[None] | None = None

    def used(self) -> None:
        """A message went out."""
        now = self._loop.time()
        self._used_until = now + USED_S
        if self._timer.when() > now + EVERY_S:
            self._timer.cancel()
            self._timer = self._loop.call_later(EVERY_S, self._beat)

    def stop(self) -> None:
        """The session is over."""
        self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def _beat(self) -> None:
        used = self._loop.time() < self._used_until
        self._timer = self._loop.call_later(EVERY_S if used else IDLE_S, self._beat)
        asking = self._asking is not None and not self._asking.done()
        if not asking and self._under_way() <= TAKEN_BYTES:
            pong_s = self._pong_s if used else IDLE_PONG_S
            self._asking = asyncio.create_task(self._ask(pong_s), name="link-pulse")

    async def _ask(self, pong_s: float) -> None:
        try:
            async with asyncio.timeout(pong_s):
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
        if raw is not None and raw.fileno() >= 0:  # it is closed before the session knows
            fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, unsent)
        return waiting + unsent[0]
