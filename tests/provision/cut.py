"""What a power cut would leave: the directory as it is before and after each system call.

ptrace(2) stops a child before and after each of its calls. What the kernel has been told by then is
what a kill at that moment leaves; whether a disk keeps it is for fsync, and for a real kernel. And
whatever else can happen at any moment can be made to happen at each.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

TRACE_ME, SYSCALL = 0, 24

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def moments(work: Callable[[], object], place: Path, *, into: Path) -> tuple[int, list[Path]]:
    """Let a child do this work on `place`; returns how often it was stopped, and copies.

    Each different state of the place is copied once, into a directory of its own.
    """
    count = 0
    seen = set()
    copies: list[Path] = []
    for _ in stops(work):
        count += 1
        state = _state(place)
        if state not in seen:
            seen.add(state)
            copies.append(Path(shutil.copytree(place, into / str(len(copies)))))
    return count, copies


def stops(work: Callable[[], object]) -> Iterator[int]:
    """Let a child do this work; counts, from 1, the moments in which it stands still."""
    child = os.fork()
    if child == 0:
        _traced(work)
    for count in itertools.count(1):
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the work itself failed"
            return
        yield count
        _ptrace(SYSCALL, child, None, None)


def _state(place: Path) -> frozenset[tuple[str, bytes]]:
    """The names and contents of all files."""
    files = (path for path in place.rglob("*") if path.is_file())
    return frozenset((str(path), path.read_bytes()) for path in files)


def _traced(work: Callable[[], object]) -> None:
    code = 1
    try:
        _ptrace(TRACE_ME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        code = 0
    finally:
        os._exit(code)
