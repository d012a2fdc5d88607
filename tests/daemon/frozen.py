"""One thread of another process stands still, as if it hung in the kernel; the rest runs on.

ptrace(2) stops a single thread. All is said by one thread of ours, the tracer, which also buries
the frozen one when its process is killed: until then the process could not end.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
LOOK_S = 0.01
PATIENCE_S = 10.0

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
    """It stands still inside this block, or until its process is killed."""
    stands, over = threading.Event(), threading.Event()
    tracer = threading.Thread(target=_trace, args=(thread, stands, over), name="tracer")
    tracer.start()
    try:
        assert stands.wait(PATIENCE_S), f"thread {thread} cannot be stopped"
        yield
    finally:
        over.set()
        tracer.join(PATIENCE_S)
        assert not tracer.is_alive()


def _trace(thread: int, stands: threading.Event, over: threading.Event) -> None:
    _say(SEIZE, thread)
    _say(INTERRUPT, thread)
    os.waitpid(thread, WALL)
    stands.set()
    while not over.wait(LOOK_S):
        buried, _ = os.waitpid(thread, WALL | os.WNOHANG)
        if buried:
            return
    _say(DETACH, thread)


def _say(request: int, thread: int) -> None:
    if _ptrace(request, thread, None, None) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")
