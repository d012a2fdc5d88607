"""What is known of the wall clock: a board without a battery starts in the past.

Only certificates and `Retry-After` dates need it; all our own times are monotonic.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from msgspec import Struct

SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd when it has set the clock."""
UNSYNCHRONIZED: Final = (-1, 5)
"""What adjtimex(2) returns when it may not be asked, and when nobody steers the clock."""


class Clock(Struct, frozen=True):
    """The clock at one moment: Unix seconds, and whether to believe them."""

    now: float
    synced: bool
    built: float
    """When this program was made: no clock that is right shows less."""

    @property
    def doubtful(self) -> bool:
        """Nobody has set it, or it stands before what must be past."""
        return not self.synced or self.now < self.built


def read_clock() -> Clock:
    """The clock now."""
    built = Path(__file__).stat().st_mtime
    return Clock(time.time(), SYNCHRONIZED.exists() or _steered(), built)


def _steered() -> bool:
    """What the kernel knows. In the unit's sandbox it does not answer: then the file counts."""
    import ctypes  # 1 MB that most devices never need

    # Larger than `struct timex` on any platform; all zeros ask and change nothing.
    timex = ctypes.create_string_buffer(512)
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    return adjtimex is not None and adjtimex(timex) not in UNSYNCHRONIZED
