"""The quiet after which a hands-free conversation closes."""

from __future__ import annotations

from device.core import events as ev
from device.core.events import Timer
from device.core.habits import ALONE_S, Habits
from device.core.outlet import Outlet


class Linger:
    """The clock of a quiet spell: it runs from the last sign of anybody to `Habits.quiet_s`."""

    def __init__(self, habits: Habits, outlet: Outlet) -> None:
        self._habits = habits
        self._outlet = outlet
        self._since = self._sure = 0.0

    def noticed(self, at: float) -> None:
        """The server hears somebody, or the assistant has just ended: the spell begins anew."""
        self._since = self._sure = at

    def heard(self, at: float, *, confirmed: bool) -> bool:
        """We hear something. That counts, unless the server has heard nobody for too long."""
        believed = confirmed or at - self._sure < ALONE_S
        if believed:
            self._since = at
        return believed

    def begin(self, at: float, *, up: bool) -> None:
        """The gate opens hands-free."""
        self.noticed(at)
        self.wait(up=up)

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
