"""The Link region: is there a server, and if not, why; and for how long it will be there."""

from __future__ import annotations

import math

from device.core.habits import RENEW_BY, RENEW_FROM, RENEW_RETRY_S
from device.core.tables import LINK, Link, LinkSignal


class Connection:
    """What the conversation knows of its link. The socket itself is the link driver's."""

    def __init__(self) -> None:
        self.state = Link.DOWN
        self.trouble = ""
        """The code of the last failure; '' while up, and before the first one."""
        self._renew_from = math.inf
        self._renew_by = math.inf

    @property
    def up(self) -> bool:
        """Connected, configured and confirmed."""
        return self.state is Link.UP

    def signal(self, signal: LinkSignal) -> None:
        """Move the region by one signal."""
        row = LINK.get((self.state, signal))
        if row is not None:
            self.state = row.to
        if self.state in (Link.UP, Link.RESTING):
            self.trouble = ""

    def lasts(self, now: float, seconds: float) -> float:
        """The session ends in `seconds`; returns after how many a new one should be taken."""
        self._renew_from, self._renew_by = now + RENEW_FROM * seconds, now + RENEW_BY * seconds
        return RENEW_FROM * seconds

    def renewal_due(self, now: float, *, idle: bool) -> bool:
        """Take a new session now? `idle`: nobody talks. True once, until told otherwise."""
        due = self.up and now >= (self._renew_from if idle else self._renew_by)
        if due:
            self._renew_from = self._renew_by = math.inf
        return due

    def renewal_failed(self, now: float) -> float:
        """It could not be had; returns after how many seconds to try again."""
        self._renew_from = self._renew_by = now + RENEW_RETRY_S
        return RENEW_RETRY_S
