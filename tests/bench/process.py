"""A client's process from its spawn to its end, and what it uses up, as the kernel counts it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.stage import Stage

PATIENCE_S: Final = 10.0
POLL_S: Final = 0.05
BYTECODE: Final = Path(__file__).parents[2] / ".cache" / "bytecode"
"""Installed programs are compiled once: so are the clients here, whatever the caller's habit."""
PRESSURE: Final = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Usage:
    """A process at one instant. Sizes in kB (1024 bytes)."""

    at: float
    cpu_s: float
    switches: int
    """Context switches of all threads so far: each wake-up is one."""
    peak_kb: int
    rss_kb: int
    pss_kb: int
    threads: int
    fds: int


@dataclass(frozen=True, slots=True)
class Process:
    """A running client."""

    popen: subprocess.Popen[bytes]
    spawned: float
    stderr: Path

    def check(self) -> None:
        """Raise RuntimeError with its last words if it has ended."""
        if self.popen.poll() is not None:
            said = self.stderr.read_text()[-1000:]
            raise RuntimeError(f"the client ended with {self.popen.returncode}; it said: {said}")

    def configured(self, stage: Stage) -> float:
        """Wait for its `session.update`: seconds from the spawn to the arrival."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(POLL_S)
            at = stage.arrived("session.update")
            if at is not None:
                return at - self.spawned
            self.check()
        raise RuntimeError(f"the client sent no session.update within {PATIENCE_S:.0f} s")

    def usage(self) -> Usage:
        """What it has used so far. RuntimeError if it has ended."""
        self.check()
        return usage_of(self.popen.pid)


def usage_of(pid: int) -> Usage:
    """What a process has used so far."""
    proc = Path(f"/proc/{pid}")
    status = _fields(proc / "status")
    tasks = [_fields(task / "status") for task in (proc / "task").iterdir()]
    return Usage(
        time.monotonic(),
        cpu_s(pid),
        sum(task["voluntary_ctxt_switches"] + task["nonvoluntary_ctxt_switches"] for task in tasks),
        status["VmHWM"],
        status["VmRSS"],
        _fields(proc / "smaps_rollup").get("Pss", 0),
        status["Threads"],
        len(list((proc / "fd").iterdir())),
    )


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stderr: Path,
    stdout: int | None = None,
) -> Iterator[Process]:
    """The process of a client, ended at the end of the block."""
    surroundings = {**os.environ, **environment, "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    with stderr.open("wb") as log:
        spawned = time.monotonic()
        popen = subprocess.Popen(command, stdout=stdout, stderr=log, env=surroundings)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, popen.pid, -10)
        try:
            yield Process(popen, spawned, stderr)
        finally:
            popen.terminate()
            try:
                popen.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                popen.kill()
                raise


def cpu_s(pid: int) -> float:
    """What a process and its threads have computed: finer than the ticks of /proc."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)


def waited_s() -> float:
    """How long something on this machine has waited for a CPU since boot; NaN if not told."""
    try:
        return int(PRESSURE.read_text().split("total=")[1].split()[0]) / 1e6
    except OSError:
        return float("nan")


def _fields(path: Path) -> dict[str, int]:
    """The numbers of a status file of the kernel, by name."""
    pairs = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    words = {name: rest.split() for name, rest in pairs}
    return {name: int(rest[0]) for name, rest in words.items() if rest and rest[0].isdecimal()}
