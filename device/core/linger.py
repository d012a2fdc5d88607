"""The quiet after which a hands-free conversation closes."""

from __future__ import annotations

from device.core import events as ev
from device.core.events import Timer
from device.core.habits import Habits
from device.core.outlet import Outlet


class Linger:
    """The clock of a quiet spell: it runs from the last sign of anybody to `Habits.quiet_s`."""

    def __init__(self, habits: Habits, outlet: Outlet) -> None:
        self._habits = habits
        self._outlet = outlet
        self._since = 0.0

    def noticed(self, at: float) -> None:
        """Somebody was heard, or the assistant has just ended: the spell begins anew."""
        self._since = at

    def wait(self, *, up: bool) -> None:
        """Look again after a whole spell."""
        self._outlet.do(ev.SetTimer(Timer.LINGER, self._habits.quiet_s(up=up)))

    def over(self, at: float, *, busy: bool, up: bool) -> bool:
        """Whether it has been quiet for long enough; if not, wait for the rest of it."""
        quiet = 0.0 if busy else at - self._since
        left = round(self._habits.quiet_s(up=up) - quiet, 3)  # a clock may be a hair early
        if left > 0:
            self._outlet.do(ev.SetTimer(Timer.LINGER, left))
        return left <= 0
