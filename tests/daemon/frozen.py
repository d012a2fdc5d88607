"""One thread of another process stands still, as if it hung in the kernel; the rest runs on.

ptrace(2) stops a single thread. Everything must be said by the same thread of ours.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def thread_of(pid: int, name: str) -> int:
    """The kernel's number of the thread that has this name; the main thread's is `pid`."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise LookupError(f"process {pid} has no thread {name!r}")


@contextmanager
def frozen(thread: int) -> Iterator[None]:
    """It stands still inside this block."""
    _say(SEIZE, thread)
    _say(INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        _say(DETACH, thread)


def _say(request: int, thread: int) -> None:
    if _ptrace(request, thread, None, None) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")
