"""The link: the connection to the server, kept up. Dialled, used, renewed, dialled again.

dial       how to get an open WebSocket
session    one connection, up
pulse      does the other side still answer?
failure    why it ended, as a class
patience   how long to wait then
link       all of it over and over; and beside a session that lives, its successor
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

from device.core import events as ev
from device.core import wire
from device.core.events import Event
from device.drivers.clock import Clock, read_clock
from device.drivers.dial import CLOSE_S, Dialler
from device.drivers.failure import Failure, failure_of
from device.drivers.patience import IMPATIENT_S, Draw, Patience
from device.drivers.session import Decode, Endpoint, Session
from device.errors import LinkError

__all__ = ["Endpoint", "Link", "Where", "always"]

WHERE_S: Final = 12.0
"""For the endpoint to be told: a broker may have to mint a key first."""
SWAP_LOOK_S: Final = 0.1
"""So often a session that is ready looks whether it may take over."""
RETIRE_S: Final = 3.0
"""For a session that was replaced: what it was given still leaves."""

Where = Callable[[], Awaitable[Endpoint]]
"""Where to dial, asked before each try. May raise `LinkError`."""


def always(endpoint: Endpoint) -> Where:
    """The same endpoint for every try."""

    async def where() -> Endpoint:
        return endpoint

    return where


class Link:
    """The connection, kept up. Lives in the loop; what happens is posted there as events.

    `send` returns at once; what is sent while the link is not up is dropped: the core sends
    nothing then. `decode` reads what a session that is up says. `changed` says, cheaply, whether
    `endpoint` would tell another than the last time: a wait is cut short by it. While `busy`, no
    session is replaced: a reply is being made in it.
    """

    def __init__(
        self,
        endpoint: Where,
        *,
        post: Callable[[Event], None],
        decode: Decode = wire.decode,
        changed: Callable[[], bool] = lambda: False,
        busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], Clock] = read_clock,
        draw: Draw = random.uniform,
    ) -> None:
        self._where = endpoint
        self._post = post
        self._decode = decode
        self._busy = busy
        self._clock = clock
        self._patience = Patience(changed=changed, clock=clock, draw=draw)
        self._dialler = Dialler()
        self._url = ""
        self._session: Session | None = None
        self._opening: asyncio.Task[Session] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    # What the daemon asks for.

    def send(self, message: wire.Message) -> None:
        """Send one message. Too many that wait end the connection."""
        if self._session is not None:
            self._session.send(message)

    def dial_now(self, apart_s: float = IMPATIENT_S) -> None:
        """A person waits: cut the wait for the next try short, to `apart_s` after the last one."""
        self._patience.hurry(apart_s)

    def drop(self, code: str, reason: str) -> None:
        """Give this connection up and dial anew."""
        if self._session is not None:
            self._session.end(Failure(code, reason, "it is dialled again"))

    def rest(self) -> None:
        """Close the connection and dial no more until `dial_now`."""
        if self._session is not None:
            self._abandon()
            self._session.end(Failure("resting", "nobody needs it now"))

    def renew(self) -> None:
        """Open a second session beside this one, and let it take over when it is configured."""
        if self._session is not None and self._opening is None:
            self._opening = self._open()
            self._opening.add_done_callback(self._renewed)

    # The connection, over and over.

    async def run(self) -> None:
        """Dial, stay, dial again, until cancelled. Never raises for anything a network can do."""
        try:
            while True:
                failure, up_s = await self._try()
                now = time.monotonic()
                self._post(ev.LinkDown(now, failure.code, failure.reason, failure.cure))
                if self._opening is None:
                    await self._patience.wait(failure, up_s=up_s)
        finally:
            await self._end()

    async def _try(self) -> tuple[Failure, float]:
        """One session from dialling to its end: why it ended, and how long it was up.

        A renewal that was under way when the last session ended goes on as this dial.
        """
        self._patience.tries()
        self._post(ev.Dialing(time.monotonic()))
        if self._opening is None:
            self._opening = self._open()
        try:
            session = await self._opening
        except Exception as problem:
            return self._class(problem), 0.0
        finally:
            self._opening = None
        self._patience.answered()
        self._use(session, renewed=False)
        return await self._stay()

    async def _stay(self) -> tuple[Failure, float]:
        """Until the session, or what took its place, is over."""
        while True:
            session = self._session
            assert session is not None
            await asyncio.wait({session.over})
            if session is self._session:
                break
        self._session = None
        self._part(session, within_s=CLOSE_S)
        why = session.over.result()
        failure = why if isinstance(why, Failure) else self._class(why)
        return failure, time.monotonic() - session.since

    def _open(self) -> asyncio.Task[Session]:
        opening = asyncio.create_task(self._opened(), name="link-open")
        # Whoever gives it up asks no more why it failed.
        opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return opening

    async def _opened(self) -> Session:
        try:
            async with asyncio.timeout(WHERE_S):
                endpoint = await self._where()
        except TimeoutError:
            raise LinkError(
                f"where to dial was not told within {WHERE_S:.0f} s", cure="check the network"
            ) from None
        self._url = endpoint.url
        return await Session.open(endpoint, dialler=self._dialler)

    def _use(self, session: Session, *, renewed: bool) -> None:
        """From here on everything goes to this session."""
        self._session = session
        session.begin(self._post, decode=self._decode)
        now = time.monotonic()
        left = session.lasts_s - (now - session.since)  # it may have waited for a reply
        told = ev.LinkUp(now, session.differences, left, renewed=renewed, session=session.name)
        self._post(told)

    def _renewed(self, opening: asyncio.Task[Session]) -> None:
        """A second session is there, or could not be had."""
        old = self._session
        if opening is not self._opening or old is None or old.over.done():
            return  # given up; or the first has ended meanwhile, and this is the next dial
        problem = opening.exception()
        if problem is None and self._busy():
            asyncio.get_running_loop().call_later(SWAP_LOOK_S, self._renewed, opening)
            return
        self._opening = None
        if problem is None:
            self._use(opening.result(), renewed=True)
            self._part(old, within_s=RETIRE_S)
        else:
            assert isinstance(problem, Exception)
            failure = self._class(problem)
            self._post(ev.RenewFailed(time.monotonic(), failure.code, failure.reason))

    def _abandon(self) -> None:
        """Give up what is being opened."""
        opening, self._opening = self._opening, None
        if opening is not None and not opening.cancel() and opening.exception() is None:
            self._part(opening.result(), within_s=CLOSE_S)

    def _class(self, problem: Exception) -> Failure:
        failure = failure_of(problem, url=self._url, clock=self._clock())
        if failure is None:
            raise problem
        return failure

    def _part(self, session: Session, *, within_s: float) -> None:
        """Close it in the background: nobody waits for the end of what is over."""
        session.end(Failure("session-over", "another took its place"))
        closing = asyncio.create_task(session.close(within_s=within_s), name="link-close")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _end(self) -> None:
        self._abandon()
        if self._session is not None:
            self._part(self._session, within_s=CLOSE_S)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)
