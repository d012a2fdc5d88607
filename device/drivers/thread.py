"""A thread of ours, whose name the kernel knows too: for `top -H`, debuggers, and our tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct


class Ask(Struct, frozen=True):
    """Are you there? An order that a thread answers from wherever its loop is."""

    answer: Callable[[], None]


class NamedThread(threading.Thread):
    """Runs `target` under `name` (15 characters at most). It does not keep the process alive."""

    def __init__(self, name: str, target: Callable[[], None]) -> None:
        super().__init__(name=name, target=target, daemon=True)

    def run(self) -> None:
        """Tell the kernel, as Python does by itself from 3.14 on; then work."""
        with contextlib.suppress(OSError):
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name)
        super().run()
