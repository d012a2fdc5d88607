"""A real Linux as an ordinary process: User Mode Linux from Debian's own source, built once.

No modules, no emulation: the sound card (snd-aloop), the pins (gpio-sim) and the watchdog
(softdog) are drivers of the kernel itself. 7 MB, kept under a key of its source and configuration.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from appliance.roots import CACHE

SOURCE: Final = Path("/usr/src/linux-source-6.1.tar.xz")
CONFIG: Final = Path(__file__).parent / "kernel.config"
BUILD_S: Final = 1800


def kernel() -> Path:
    """The program; built now, in five minutes on two cores, if it is not there yet.

    Raises RuntimeError where the source is missing, or the build fails.
    """
    place = CACHE / f"linux-{_key()}"
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _build(Path(scratch)).rename(place)
        for old in CACHE.glob("linux-*"):
            if old != place:
                old.unlink()
    return place


def is_built() -> bool:
    """Nothing is left to do."""
    return SOURCE.exists() and (CACHE / f"linux-{_key()}").exists()


def _key() -> str:
    if not SOURCE.exists():
        raise RuntimeError(f"{SOURCE} is missing: apt install linux-source-6.1 (Debian bookworm)")
    version = _run("dpkg-query", "-W", "-f", "${Version}", "linux-source-6.1")
    return hashlib.sha256(f"{version} {CONFIG.read_text()}".encode()).hexdigest()[:12]


def _build(scratch: Path) -> Path:
    _run("tar", "-xf", str(SOURCE), "-C", str(scratch), "--strip-components=1")
    # 6.1 hides ALSA from User Mode Linux; the drivers used here build and run there.
    menu = scratch / "sound" / "Kconfig"
    menu.write_text(re.sub(r"^(if !UML|endif # !UML)$", "", menu.read_text(), flags=re.MULTILINE))
    make = ("nice", "make", "-s", "-C", str(scratch), "ARCH=um")
    _run(*make, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig")
    settled = (scratch / ".config").read_text().splitlines()
    wanted = [line for line in CONFIG.read_text().splitlines() if line.startswith("CONFIG_")]
    missing = [line for line in wanted if line not in settled]
    if missing:
        raise RuntimeError(f"the kernel does not take {', '.join(missing)}")
    _run(*make, f"-j{os.cpu_count() or 1}", "linux")
    _run("strip", str(scratch / "linux"))
    built = scratch.parent / f"{scratch.name}.linux"
    shutil.move(scratch / "linux", built)
    return built


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout
