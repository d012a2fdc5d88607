"""A Debian system booted by systemd-nspawn: its start, the way in, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final, Self

BOOT_S: Final = 60.0
END_S: Final = 20
LOOK_S: Final = 0.1


class Container:
    """A context, in which the system below `root` is up. `options` are further words of nspawn's.

    What it says while it boots is kept in the file `console`. Commands find programs in `path`.
    """

    def __init__(self, root: Path, *options: str, console: Path, path: str) -> None:
        self._command = [
            "systemd-nspawn", "--quiet", "--directory", str(root), "--register=no", "--keep-unit",
            "--capability=all", "--console=pipe", *options, "--boot", "systemd.show_status=0",
        ]  # fmt: skip
        self._console = console
        self._path = path
        self._leader = 0
        """Its first process, by its number out here."""

    def __enter__(self) -> Self:
        self._nspawn = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._console.open("wb"),
            stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline and self._nspawn.poll() is None:
            if self._up():
                return self
            time.sleep(LOOK_S)
        self.__exit__()
        raise AssertionError(f"no boot:\n{self._console.read_text()[-3000:]}")

    def __exit__(self, *_: object) -> None:
        if self._nspawn.poll() is None and self._leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, signal.SIGRTMIN + 4)  # power off
        try:
            self._nspawn.wait(END_S)
        except subprocess.TimeoutExpired:
            self._nspawn.terminate()
            self._nspawn.wait(END_S)

    def run(self, command: str, *, within_s: float) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root."""
        return subprocess.run(
            [*self._enter(), "env", "-i", f"PATH={self._path}", "HOME=/root", "LANG=C.UTF-8",
             "SYSTEMD_PAGER=", "bash", "-c", command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=within_s,
        )  # fmt: skip

    def holds(self, process: Path) -> bool:
        """Whether this process, below /proc out here, runs inside."""
        ours = Path(f"/proc/{self._leader}/ns/pid").readlink()
        return (process / "ns/pid").readlink() == ours

    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-p", "-C", "--"]

    def _up(self) -> bool:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        for child in children.split():
            self._leader = int(child)
            with contextlib.suppress(OSError):
                asked = [*self._enter(), "systemctl", "is-system-running"]
                said = subprocess.run(asked, capture_output=True).stdout
                if said.strip() in (b"running", b"degraded"):
                    return True
        return False
