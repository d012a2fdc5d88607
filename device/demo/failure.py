"""How the demo fails."""

from __future__ import annotations

from collections.abc import Sequence

from device.errors import EXIT_UNAVAILABLE, PresselError


class DemoFailed(PresselError):
    """A part of the demo did not do its work; `last_lines` are the daemon's, oldest first."""

    code = "demo"
    exit_status = EXIT_UNAVAILABLE

    def __init__(self, what: str, *, cure: str = "", last_lines: Sequence[str] = ()) -> None:
        super().__init__(what, cure=cure)
        self.last_lines = tuple(last_lines)
