"""Run in the daemon's place, in its sandbox: tries what must be impossible, prints one object."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path


def tried(action: Callable[[], object]) -> str:
    """'done', or the name of the error that forbade it."""
    try:
        action()
    except OSError as problem:
        return type(problem).__name__
    return "done"


def listen() -> None:
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen(1)


def run_dropped() -> None:
    dropped = Path("/tmp/dropped")
    dropped.write_text("#!/bin/sh\n")
    dropped.chmod(0o700)
    os.execv(dropped, [str(dropped)])


def unshare() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) < 0:
        raise OSError(ctypes.get_errno(), "unshare")


def writable_and_executable() -> None:
    import mmap

    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC | mmap.PROT_READ)


FOUND = {
    "listen": tried(listen),
    "raw socket": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "boot": tried(lambda: list(Path("/boot").iterdir())),
    "key at its source": tried(lambda: Path("/etc/pressel/credentials.d/api_key").read_text()),
    "write to /etc": tried(lambda: Path("/etc/pressel/x").write_text("")),
    "write to /opt": tried(lambda: Path("/opt/pressel/x").write_text("")),
    "write to state": tried(lambda: Path(os.environ["STATE_DIRECTORY"], "x").write_text("")),
    "write to runtime": tried(lambda: Path(os.environ["RUNTIME_DIRECTORY"], "x").write_text("")),
    "root's home": tried(lambda: list(Path("/root").iterdir())),
    "new namespace": tried(unshare),
    "real time by itself": tried(
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    ),
    "run what was dropped": tried(run_dropped),
    "writable code": tried(writable_and_executable),
    "set the clock": tried(lambda: __import__("time").clock_settime(0, 0)),
    "setuid bit": tried(lambda: Path(os.environ["STATE_DIRECTORY"]).chmod(0o4700)),
    "policy": os.sched_getscheduler(0),
    "priority": os.sched_getparam(0).sched_priority,
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "uid": os.geteuid(),
    "credential": Path(os.environ["CREDENTIALS_DIRECTORY"], "pressel_api_key").exists(),
    "devices": sorted(
        path.name for path in Path("/dev").iterdir() if stat.S_ISCHR(path.stat().st_mode)
    ),
    "other processes": [path.name for path in Path("/proc").iterdir() if path.name == "1"],
}
sys.stdout.write("PROBE " + json.dumps(FOUND) + "\n")
