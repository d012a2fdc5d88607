"""How long to wait before the next try: the retry rules of `failure.KINDS`, and what ends a wait.

Full jitter: a thousand devices that lost one server must not dial in step. The penalty of a
server that flaps is kept until a connection has held for 30 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable
from typing import Final

from device.drivers.clock import Clock, read_clock
from device.drivers.failure import Failure, Retry

BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 60.0
LONGEST_TOLD_S: Final = 900.0
STEADY_S: Final = 30.0
IMPATIENT_S: Final = 1.0
"""A press ends the wait, but tries come no closer than this."""
LOOK_S: Final = 5.0
"""How often the configuration and the clock are looked at."""
FIXED_S: Final = {
    Retry.MINUTE: 60.0, Retry.QUARTER: 900.0, Retry.CLOCK: 300.0,
    Retry.CHANGE: math.inf, Retry.PRESS: math.inf,
}  # fmt: skip
HOPELESS: Final = frozenset(FIXED_S) - {Retry.PRESS}
"""Another try meets the same: who waited for the last one does not make the next; a press does."""

Draw = Callable[[float, float], float]
"""A random number between two; `random.uniform`, except in tests."""


class Patience:
    """The waits between tries. One owner, in the loop.

    `changed` says, cheaply, whether the configuration is another than at the last try.
    """

    def __init__(
        self,
        *,
        changed: Callable[[], bool] = lambda: False,
        clock: Callable[[], Clock] = read_clock,
        draw: Draw = random.uniform,
    ) -> None:
        self._changed = changed
        self._clock = clock
        self._draw = draw
        self._hurry = asyncio.Event()
        self._penalty = 0
        self._tried = -math.inf
        self._apart_s = IMPATIENT_S

    def tries(self) -> None:
        """A try begins. From now on a press counts for the wait after it."""
        self._tried = time.monotonic()
        self._hurry.clear()

    def answered(self) -> None:
        """The try went through: nobody waits any more."""
        self._hurry.clear()

    def hurry(self, apart_s: float = IMPATIENT_S) -> None:
        """A person waits; tries come no closer together than `apart_s`."""
        self._apart_s = apart_s
        self._hurry.set()

    def earned(self) -> None:
        """The connection has proved itself: the next failure is a first one again."""
        self._penalty = 0

    async def wait(self, failure: Failure, *, up_s: float) -> None:
        """Wait as this failure of a connection that was up for `up_s` asks for."""
        if up_s >= STEADY_S:
            self.earned()
        if failure.kind.retry in HOPELESS:
            self._hurry.clear()
        until = time.monotonic() + self._seconds(failure, up_s)
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_S)):
                    await self._hurry.wait()
            if self._hurry.is_set():
                await asyncio.sleep(self._tried + self._apart_s - time.monotonic())
                return
            if self._cured(failure):
                return

    def _seconds(self, failure: Failure, up_s: float) -> float:
        retry = failure.kind.retry
        if retry is Retry.AT_ONCE and up_s >= STEADY_S:
            return 0.0
        if retry in FIXED_S:
            return FIXED_S[retry]
        longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2**self._penalty)
        self._penalty = min(self._penalty + 1, 16)
        told = min(failure.after_s or 0.0, LONGEST_TOLD_S)
        return told + self._draw(0.0, longest)

    def _cured(self, failure: Failure) -> bool:
        """What was waited for has come."""
        clock = failure.kind.retry is Retry.CLOCK
        return self._changed() or (clock and not self._clock().doubtful)
