"""Boots the kernel of `appliance.kernel` on the bookworm system and waits for what it found.

One run plays a whole scene (a module, in the guest); the tests read the record of it. The root is
the directory of `appliance.roots`, seen through hostfs under a layer in memory: nothing is built,
nothing is left.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from appliance.kernel import kernel
from appliance.roots import CACHE, ROOT, root

INIT: Final = Path(__file__).parent / "init"
LIBRARIES: Final = ROOT / ".venv/lib/python3.11/site-packages"
GUEST_S: Final = 240
MEMORY: Final = "700M"


@functools.cache
def unfit() -> str:
    """Why no guest runs on this processor; '' where one does.

    This kernel keeps 832 bytes of a process's floating point registers. Where the processor has
    more (AMX), the host refuses to set so few, and the guest's first process dies at once.
    """
    command = [
        str(kernel()), "mem=64M", "root=/dev/root", "rootfstype=hostfs",
        f"rootflags={root('bookworm')}", "ro", "init=/bin/true", "con0=null,fd:1", "con=null",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="guest", dir="/dev/shm") as place:
        done = subprocess.run(
            [*command, f"uml_dir={place}/"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": "/dev/shm"}, timeout=GUEST_S,
        )  # fmt: skip
    if b"ptrace set fp regs failed" not in done.stdout:
        return ""
    return "User Mode Linux 6.1 cannot keep the registers of this processor: try another machine"


@contextlib.contextmanager
def muster_place() -> Iterator[Path]:
    """A directory in memory; the guest sees what is in its folder `muster` as /host."""
    with tempfile.TemporaryDirectory(prefix="guest", dir="/dev/shm") as place:
        muster = Path(place) / "muster"
        muster.mkdir()
        yield muster


def played(muster: Path, scene: str, disks: Sequence[Path] = ()) -> dict[str, Any]:
    """The record of one run. Raises RuntimeError, with the guest's last words, without one."""
    shutil.copytree(_pins_library(), muster / "lgpio")
    guest = started(muster, INIT, [f"scene={scene}"], disks)
    try:
        guest.wait(GUEST_S)
    except subprocess.TimeoutExpired:
        cut(guest)
    record = muster / "record.json"
    if not record.exists():
        said = muster / "said"
        last = said if said.exists() else muster / "console"
        words = last.read_text(errors="replace")
        raise RuntimeError(f"the guest left no record; it said:\n{words[-4000:]}")
    found: dict[str, Any] = json.loads(record.read_text())
    return found


def started(
    muster: Path, init: Path, words: Sequence[str] = (), disks: Sequence[Path] = ()
) -> subprocess.Popen[bytes]:
    """A guest whose first process is `init`, with disks as /dev/ubda, /dev/ubdb, ..."""
    linux, system = kernel(), root("bookworm")
    # The guest's first process must lie on its root, which is read-only in there.
    shutil.copy(init, system / "usr/local/sbin/guest-init")
    command = [
        str(linux), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs",
        f"rootflags={system}", "ro", "init=/usr/local/sbin/guest-init", f"muster={muster}",
        f"checkout={ROOT}", f"libraries={LIBRARIES.resolve()}", "con0=null,fd:1",
        "con=null", "quiet", "systemd.show_status=0",
        f"umid=guest{os.getpid()}", f"uml_dir={muster.parent}/",
        *(f"ubd{number}={disk}" for number, disk in enumerate(disks)), *words,
    ]  # fmt: skip
    with (muster / "console").open("ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, "TMPDIR": "/dev/shm"}, start_new_session=True,
        )  # fmt: skip


def cut(guest: subprocess.Popen[bytes]) -> None:
    """Pull the plug: each of its processes is one of ours, and ends now."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(guest.pid, signal.SIGKILL)
    guest.wait()


def _pins_library() -> Path:
    """lgpio, unpacked once."""
    lock = Path(__file__).parent / "lgpio.lock"
    place = CACHE / f"lgpio-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not place.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
             "--only-binary=:all:", "--python-version", "3.11", "--target", str(place),
             "-r", str(lock)],
            check=True, timeout=300,
        )  # fmt: skip
    return place
