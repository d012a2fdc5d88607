"""A machine that never saw Pressel: Debian's least system with its init, entered without booting.

Each machine is an overlay in RAM over a system that is made once, so what is done to one is gone
with it; one machine can stand on what was done to another. The checkout is bound at /src,
read-only. Settings of pip that this machine has are handed in, with the places they name.

The packages that apt downloads outlive a machine: the next of its suite installs them without a
download, in less time than a machine of an owner's would take.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from appliance.roots import CACHE, ROOT

RUN_S: Final = 600
OUTSIDE: Final = Path("/run/outside")
"""Where the places of this machine appear that its pip wants."""
SYSTEM: Final = ("systemd", "systemd-sysv", "dbus")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOKS: Final = (
    "dev", "etc/group-", "etc/gshadow-", "etc/hosts", "proc", "run", "src", "sys", "tmp",
    "var/cache/apt", "var/cache/debconf", "var/cache/ldconfig", "var/lib/apt", "var/lib/dpkg",
    "var/log",
)  # fmt: skip
"""What apt and dpkg write for themselves, and what is no part of an installed system. The backups
of the groups are groupdel's; Debian's netbase makes a missing /etc/hosts and leaves it."""
Tree = dict[str, tuple[int, int, int, str]]

ENTER: Final = """
set -eu
root=$1 source=$2 archives=$3; shift 3
mkdir -p "$root/src"
mount --bind -o ro "$source" "$root/src"
mount --bind "$archives" "$root/var/cache/apt/archives"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then
        mkdir -p "$root/run/outside$1"
    else
        mkdir -p "$root/run/outside${1%/*}"
        touch "$root/run/outside$1"
    fi
    mount --rbind "$1" "$root/run/outside$1"
    shift
done
shift
exec chroot "$root" "$@"
"""


def bare_root(suite: str) -> Path:
    """The system that all machines of a suite stand on; made now, in 15 s, if it is not there."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    place = CACHE / f"bare-{suite}-{key}"
    if not (place / "etc/os-release").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"bare-{suite}-*"):
            shutil.rmtree(old)
        making = place.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        subprocess.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
             f"--include={','.join(SYSTEM)}", suite, str(making)],
            check=True, timeout=RUN_S,
        )  # fmt: skip
        making.rename(place)
    return place


class Machine:
    """One overlay; a context."""

    def __init__(self, suite: str, directory: Path, *, like: Machine | None = None) -> None:
        """`like`: begin as that machine is now; it must not change from then on."""
        self.suite = suite
        self.root = directory / "root"
        self._ram = directory / "ram"
        self.layers: list[Path] = [self._ram / "upper", *(like.layers if like else [])]
        self._archives = CACHE / f"archives-{suite}"
        (self._archives / "partial").mkdir(parents=True, exist_ok=True)
        self._kept = self._packages()

    def __enter__(self) -> Self:
        for path in (self.root, self._ram):
            path.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "tmpfs", str(self._ram))
        for name in ("upper", "work"):
            (self._ram / name).mkdir()
        (self._ram / "upper").chmod(0o755)
        below = ":".join(map(str, [*self.layers[1:], bare_root(self.suite)]))
        options = f"lowerdir={below},upperdir={self.layers[0]},workdir={self._ram / 'work'}"
        _run("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        return self

    def __exit__(self, *_: object) -> None:
        for path in (self.root, self._ram):
            _run("umount", "-l", str(path))

    def start(
        self, command: str, *, source: Path = ROOT, network: bool = True
    ) -> subprocess.Popen[str]:
        """Begin a shell command inside, as root. All its processes end with the returned one."""
        settings, places = _pip_settings()
        inside = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **settings}
        words = [f"{name}={value}" for name, value in inside.items()]
        return subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             *([] if network else ["--net"]), "sh", "-c", ENTER, "enter", str(self.root),
             str(source), str(self._archives), *map(str, places), "--", "env", "-i", *words,
             "sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(
        self, command: str, *, source: Path = ROOT, network: bool = True, status: int = 0
    ) -> str:
        """Run a command to its end; returns all that it said."""
        with self.start(command, source=source, network=network) as process:
            try:
                said, _ = process.communicate(timeout=RUN_S)
            finally:
                process.kill()
        assert process.returncode == status, f"{command}: {process.returncode}\n{said[-4000:]}"
        return said

    def downloaded(self) -> str:
        """How many packages apt had to download since this machine began."""
        new = len(self._packages() - self._kept)
        return f"apt downloaded {new} packages ({len(self._kept)} kept from earlier runs)"

    def _packages(self) -> set[str]:
        return {path.name for path in self._archives.glob("*.deb")}

    def tree(self) -> Tree:
        """Every file: mode, owner, group, and its contents' digest or its target."""
        found: Tree = {}
        for folder, names, files in os.walk(self.root):
            for name in [*names, *files]:
                path = Path(folder, name)
                inside = str(path.relative_to(self.root))
                if inside in BOOKS:
                    if name in names:
                        names.remove(name)
                    continue
                found[inside] = _seen(path)
        return found


def changes(before: Tree, after: Tree) -> list[str]:
    """The paths that differ."""
    return sorted(path for path in before | after if before.get(path) != after.get(path))


def compared(before: Tree, after: Tree) -> str:
    """How many paths there are, and which of them differ, for the summary."""
    differ = changes(before, after)
    names = " ".join([":", *differ[:20]]) if differ else ""
    return f"{len(before | after)} files compared, {len(differ)} differ{names}"


def _seen(path: Path) -> tuple[int, int, int, str]:
    about = path.lstat()
    what = ""
    if stat.S_ISLNK(about.st_mode):
        what = str(path.readlink())
    elif stat.S_ISREG(about.st_mode):
        what = hashlib.sha256(path.read_bytes()).hexdigest()
    return about.st_mode, about.st_uid, about.st_gid, what


def _pip_settings() -> tuple[Mapping[str, str], list[Path]]:
    """This machine's, as variables, and the files and folders they name, seen below /run."""
    told = _run(sys.executable, "-m", "pip", "config", "list")
    settings: dict[str, str] = {}
    places: list[Path] = []
    for line in sorted(told.splitlines()):
        key, _, quoted = line.partition("=")
        name = "PIP_" + key.rpartition(".")[2].upper().replace("-", "_")
        value = str(ast.literal_eval(quoted))
        for path in map(Path, re.findall(r"(?:(?<=file://)|(?<!\S))/\S+", value)):
            # The files of an index lie beside its pages.
            path = path.parent if "index" in key else path
            if path.exists() and path not in places:
                places.append(path)
        settings[name] = re.sub(r"((?<=file://)|(?<!\S))(?=/)", str(OUTSIDE), value)
    return settings, places


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stderr}"
    return done.stdout
