"""The service manager's ear: ready, what we are doing, still alive, stopping (sd_notify(3)).

Without a manager (`NOTIFY_SOCKET` not set) everything here does nothing and systemd-python is not
even loaded.
"""

from __future__ import annotations

import os
from typing import Final

_STATUS_CHARACTERS: Final = 200


class Service:
    """What this process tells the manager that started it; reads the environment once, when made.

    `watchdog_every_s` is how often `watchdog` should be called, a quarter of what the manager
    allows (sd_watchdog_enabled(3) advises half): that leaves three steps to heal a part that is
    late. `None` if it does not watch us.

    A message that cannot be delivered is dropped: the manager's own timeout is the answer to that.
    """

    def __init__(self) -> None:
        self._managed = bool(os.environ.get("NOTIFY_SOCKET"))
        self.watchdog_every_s = _watchdog_every_s() if self._managed else None

    def ready(self) -> None:
        """The devices are open and the button answers. To be said once, whatever the link does."""
        self._notify("READY=1")

    def status(self, sentence: str) -> None:
        """One sentence for `systemctl status`; cut to one line of 200 characters."""
        self._notify("STATUS=" + " ".join(sentence.split())[:_STATUS_CHARACTERS])

    def watchdog(self) -> None:
        """Every loop of ours has shown a sign of life. Not for a mere timer to say."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._notify("STOPPING=1")

    def _notify(self, message: str) -> None:
        if not self._managed:
            return
        from systemd.daemon import notify

        try:
            notify(message)
        except OSError:
            return


def _watchdog_every_s() -> float | None:
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        allowed_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return allowed_us / 4_000_000 if allowed_us > 0 else None
