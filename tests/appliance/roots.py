"""Debian systems to boot, made once from Debian's packages, kept under a key of their making.

Inside: systemd as init, alsa-lib, and `/opt/pressel/test`, a virtual environment with the locked
dependencies, built there. The project's own code is not in it: each boot binds the checkout's.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HOME: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE: Final = HOME / "pressel" / "appliance"
"""Of the machine and not of the checkout: what takes minutes to make serves the next clone too."""
LOCKS: Final = (ROOT / "tests" / "requirements.lock", ROOT / "tests" / "build.lock")
BUILD_S: Final = 900
HASH: Final = r"--hash=\S+"

SUITES: Final = {"bookworm": "3.11", "trixie": "3.13"}
"""Each with the version of its Python."""
PACKAGES: Final = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "libasound2-plugins",
    "procps", "gcc", "libc6-dev", "libasound2-dev", "libsystemd-dev", "pkg-config", "python3-dev",
)  # fmt: skip
UNNEEDED: Final = ("doc", "info", "locale", "man")
SOURCES: Final = ("pyalsaaudio", "systemd-python")
"""No wheels of these exist: they are compiled against the system's libraries, inside."""
WHEELS: Final = ("audioop-lts", "colorzero", "gpiozero", "msgspec", "pyyaml", "setuptools",
                 "websockets")  # fmt: skip
MASKED: Final = (
    "getty.target", "console-getty.service", "systemd-logind.service", "systemd-networkd.service",
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-firstboot.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "systemd-resolved.service",
)  # fmt: skip


def root(suite: str) -> Path:
    """The directory of this suite's system; made now, in a minute, if it is not there yet."""
    place = CACHE / f"{suite}-{_key(suite)}"
    if not (place / "opt/pressel/test/bin/pressel").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{suite}-*"):
            shutil.rmtree(old)
        _debian(suite, place)
        _environment(suite, place)
    return place


def site_packages(suite: str) -> str:
    """Where the project's code belongs inside."""
    return f"/opt/pressel/test/lib/python{SUITES[suite]}/site-packages"


def _key(suite: str) -> str:
    recipe = "".join(path.read_text() for path in (*LOCKS, Path(__file__)))
    return hashlib.sha256(f"{suite} {recipe}".encode()).hexdigest()[:12]


def _debian(suite: str, place: Path) -> None:
    without = [f"--dpkgopt=path-exclude=/usr/share/{one}/*" for one in UNNEEDED]
    lean = ["--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Languages none"]
    include = f"--include={','.join(PACKAGES)}"
    _run(["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", *without, *lean, include,
          suite, str(place)])  # fmt: skip
    _inside(place, "systemctl", "mask", *MASKED)
    # The same in each boot: journald wants one, and nothing here is a secret.
    (place / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")


def _environment(suite: str, place: Path) -> None:
    """What pip has checked by hash outside is compiled and installed inside, without a network."""
    fetched = place / "var/lib/pressel-wheels"
    fetched.mkdir(parents=True)
    version = SUITES[suite]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
           "--dest", str(fetched)]  # fmt: skip
    for names, how in (
        (_wheels(version), ["--only-binary=:all:", "--python-version", version]),
        (SOURCES, ["--no-binary=:all:", "--no-build-isolation"]),
    ):
        lock = fetched / "wanted.lock"
        lock.write_text("".join(_locked(names)))
        _run([*pip, *how, "-r", str(lock)])
        lock.unlink()
    _inside(place, "python3", "-m", "venv", "/opt/pressel/test")
    _inside(place, "ln", "-s", "test", "/opt/pressel/current")
    offline = ["/opt/pressel/test/bin/pip", "install", "--quiet", "--no-index", "--no-deps",
               "--find-links", "/var/lib/pressel-wheels", "--no-build-isolation"]  # fmt: skip
    _inside(place, *offline, "setuptools")
    _inside(place, *offline, *_wheels(version), *SOURCES)
    program = place / "opt/pressel/test/bin/pressel"
    lines = ("#!/opt/pressel/test/bin/python -I", "import sys", "from device.cli import main",
             "sys.exit(main())", "")  # fmt: skip
    program.write_text("\n".join(lines))
    program.chmod(0o755)


def _wheels(version: str) -> Sequence[str]:
    """`audioop` left the standard library with 3.13."""
    return [name for name in WHEELS if name != "audioop-lts" or version >= "3.13"]


def _locked(names: Sequence[str]) -> Iterator[str]:
    """The locks' entries of these, with their hashes."""
    text = "\n".join(lock.read_text() for lock in LOCKS)
    for name in names:
        entry = re.search(rf"^({re.escape(name)}==\S+)[^\n]*((?:\n\s+--hash=\S+(?: \\)?)+)", text,
                          re.MULTILINE)  # fmt: skip
        if entry is None:
            raise LookupError(f"{name} is in no lock; run make lock")
        yield f"{entry[1]} {' '.join(re.findall(HASH, entry[2]))}\n"


def _inside(place: Path, *words: str) -> None:
    _run(["chroot", str(place), *words], clean=True)


def _run(words: Sequence[str], *, clean: bool = False) -> None:
    """Raises RuntimeError with what it said when it fails."""
    paths = "/usr/sbin:/usr/bin:/sbin:/bin"
    inside = {
        "PATH": paths,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    surroundings = inside if clean else dict(os.environ)
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True, timeout=BUILD_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}"[-4000:])
