"""Boots the kernel of `appliance.kernel` on the bookworm system and waits for what it found.

One run plays everything (`inside.py`, in the guest); the tests read the record of it. The root is
the directory of `appliance.roots`, seen through hostfs under a layer in memory: nothing is built,
nothing is left.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from appliance.kernel import kernel
from appliance.roots import CACHE, ROOT, root

HERE: Final = Path(__file__).parent
GUEST_S: Final = 240
MEMORY: Final = "700M"


def played() -> dict[str, Any]:
    """The record of one run. Raises RuntimeError, with the guest's last words, without one."""
    linux, system, pins = kernel(), root("bookworm"), _pins_library()
    with tempfile.TemporaryDirectory(prefix="guest", dir="/dev/shm") as place:
        muster = Path(place) / "muster"
        muster.mkdir()
        shutil.copytree(pins, muster / "lgpio")
        # The guest's first process must lie on its root, which is read-only in there.
        shutil.copy(HERE / "init", system / "usr/local/sbin/guest-init")
        words = [
            str(linux), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs",
            f"rootflags={system}", "ro", "init=/usr/local/sbin/guest-init",
            f"muster={muster}", f"checkout={ROOT}", "con0=null,fd:1", "con=null", "quiet",
            "systemd.show_status=0", f"umid=guest{os.getpid()}", f"uml_dir={place}/",
        ]  # fmt: skip
        console = muster / "console"
        with console.open("wb") as out:
            linux_runs = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, "TMPDIR": "/dev/shm"}, start_new_session=True,
            )  # fmt: skip
            try:
                linux_runs.wait(GUEST_S)
            except subprocess.TimeoutExpired:
                os.killpg(linux_runs.pid, signal.SIGKILL)  # each of its processes is one of ours
                linux_runs.wait()
        record = muster / "record.json"
        if not record.exists():
            said = muster / "said"
            words_ = said.read_text() if said.exists() else console.read_text(errors="replace")
            raise RuntimeError(f"the guest left no record; it said:\n{words_[-4000:]}")
        found: dict[str, Any] = json.loads(record.read_text())
        return found


def _pins_library() -> Path:
    """lgpio, unpacked once."""
    lock = HERE / "lgpio.lock"
    place = CACHE / f"lgpio-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not place.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
             "--only-binary=:all:", "--python-version", "3.11", "--target", str(place),
             "-r", str(lock)],
            check=True, timeout=300,
        )  # fmt: skip
    return place
