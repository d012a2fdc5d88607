"""Taken off and put on again: the package's own scripts under dpkg, and uninstall.sh.

Everything lies below a directory: the package is a toy with the real scripts in it, in which each
absolute path has been made one below that directory; systemd is played by a script.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "1.0-toy"
UNITS = tuple(sorted(path.name for path in (ROOT / "systemd").glob("*.service")))
STATE = ("pressel/state", "private/pressel/state", "pressel-provision/memory.json")
CONTROL = """\
Package: pressel
Version: {version}
Architecture: all
Maintainer: nobody
Description: a toy
"""
SYSTEMCTL = """\
#!/bin/sh
set -eu
[ "$1" != --quiet ] || shift
word=$1; shift
echo "$word $*" >>"$TOY/asked"
cd "$TOY/enabled"
case $word in
    enable) touch "$@" ;;
    disable) rm -f "$@" ;;
    is-enabled) [ -e "$1" ] ;;
esac
"""
SYSUSERS = """\
#!/bin/sh
echo gpio:x:999: >>"$TOY/etc/group"
"""
QUIET = ("groupdel", "journalctl", "systemd-sysusers", "systemd-tmpfiles")
pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg here")


def below(root: Path, script: str) -> str:
    """The project's script, with nothing of this machine in it."""
    text = (ROOT / script).read_text()
    text = text.replace("@name@", NAME).replace("@units@", " ".join(UNITS))
    return re.sub(r"/(?=(?:etc|opt|run|usr|var)\b)", f"{root}/", text)


class Toy:
    """One machine, below a directory."""

    def __init__(self, place: Path) -> None:
        self.root = place / "root"
        self._place = place
        self._own = place / "own"
        for folder in ("etc", "enabled", "run/systemd/system", "var/lib/dpkg/info"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "etc/group").write_text("root:x:0:\n")
        for name in ("status", "available"):
            (self.root / "var/lib/dpkg" / name).touch()
        self._own.mkdir()
        self.played("systemctl", SYSTEMCTL)
        for name in QUIET:
            self.played(name, f'#!/bin/sh\necho "{name} $*" >>"$TOY/asked"\n')

    @property
    def enabled(self) -> list[str]:
        return sorted(path.name for path in (self.root / "enabled").iterdir())

    @property
    def asked(self) -> list[str]:
        """What the programs that are played were asked to do, in order."""
        return (self.root / "asked").read_text().splitlines()

    def played(self, name: str, script: str) -> None:
        """Put a program in front of this machine's."""
        (self._own / name).write_text(script)
        (self._own / name).chmod(0o755)

    def file(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *words: str | Path) -> str:
        places = {
            "PATH": f"{self._own}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "TOY": str(self.root),
            "PRESSEL_LEDS": str(self.root / "leds"),
            "PRESSEL_LED_KEPT": str(self.root / "run/pressel-led"),
        }
        done = subprocess.run(
            words, env=os.environ | places, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def dpkg(self, *words: str | Path) -> str:
        return self.run(
            "dpkg", f"--root={self.root}", f"--log={self._place}/log", "--force-not-root",
            "--force-script-chrootless", *words,
        )  # fmt: skip

    def crash(self) -> Path:
        """The daemon has died, and the LED blinks; returns what steers the LED."""
        trigger = self.file("leds/ACT/trigger", "none timer [mmc0] heartbeat\n")
        self.run("env", "SERVICE_RESULT=signal", ROOT / "systemd/crash-light")
        assert trigger.read_text() == "timer\n"
        return trigger

    def install(self, version: str = "1.0") -> None:
        stage = self._place / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        home = stage / "opt/pressel" / NAME
        (home / "bin").mkdir(parents=True)
        (home / "lib").mkdir()
        (home.parent / "current").symlink_to(NAME)
        (home / "bin/python3").write_text("#!/bin/sh\n")
        (home / "bin/python3").chmod(0o755)
        shutil.copy(ROOT / "systemd/crash-light", home / "lib")
        (stage / "DEBIAN").mkdir()
        (stage / "DEBIAN/control").write_text(CONTROL.format(version=version))
        for part in ("preinst", "postinst", "prerm", "postrm"):
            script = stage / "DEBIAN" / part
            script.write_text(below(self.root, f"provisioning/debian/{part}"))
            script.chmod(0o755)
        package = self._place / f"pressel_{version}.deb"
        self.run("dpkg-deb", "--root-owner-group", "--build", stage, package)
        self.dpkg("--install", package)


def uninstall(toy: Toy, *words: str) -> str:
    """Have install.sh's work taken off a machine; returns what is said."""
    for name in ("dpkg", "dpkg-query"):
        toy.played(name, f'#!/bin/sh\necho "{name} $*" >>"$TOY/asked"\n')
    toy.played("id", "#!/bin/sh\necho 0\n")
    toy.file("etc/systemd/system/pressel.service")
    toy.file("opt/pressel/packages", "python3-numpy\npython3-yaml\npython3-numpy\n")
    light = toy.file("opt/pressel/current/lib/crash-light")
    shutil.copy(ROOT / "systemd/crash-light", light)
    (toy.root / "usr").mkdir()
    script = toy.file("uninstall.sh", below(toy.root, "provisioning/uninstall.sh"))
    return toy.run("sh", script, *words)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_what_is_removed_and_installed_again_starts_with_the_system_as_before(toy: Toy) -> None:
    toy.install()
    assert toy.enabled == list(UNITS)
    toy.dpkg("--remove", "pressel")
    assert toy.enabled == []
    toy.install("1.1")
    assert toy.enabled == list(UNITS)


def test_what_the_owner_has_disabled_stays_so(toy: Toy) -> None:
    toy.install()
    (toy.root / "enabled/pressel-report.service").unlink()
    toy.install("1.1")
    assert toy.enabled == ["pressel-provision.service", "pressel.service"]
    toy.dpkg("--remove", "pressel")
    toy.install("1.1")
    assert toy.enabled == ["pressel-provision.service", "pressel.service"]
    for unit in UNITS:
        (toy.root / "enabled" / unit).unlink(missing_ok=True)
    toy.dpkg("--remove", "pressel")
    toy.install("1.2")
    assert toy.enabled == []
    toy.dpkg("--purge", "pressel")
    toy.install("1.2")
    assert toy.enabled == list(UNITS)


def test_a_purge_leaves_nothing_behind(toy: Toy) -> None:
    toy.played("systemd-sysusers", SYSUSERS)
    toy.install()
    toy.file("etc/pressel/pressel.yaml")
    for name in STATE:
        toy.file(f"var/lib/{name}")
    toy.dpkg("--purge", "pressel")
    assert "groupdel gpio" in toy.asked
    assert not list((toy.root / "var/lib").rglob("pressel*"))
    assert not (toy.root / "etc/pressel").exists()


def test_a_purge_leaves_alone_what_the_installer_has_taken_over(toy: Toy) -> None:
    toy.played("systemd-sysusers", SYSUSERS)
    toy.install()
    toy.dpkg("--remove", "pressel")
    kept = [
        toy.file("opt/pressel/packages"),
        toy.file("etc/pressel/credentials.d/api_key"),
        *(toy.file(f"var/lib/{name}") for name in STATE),
    ]
    groups = toy.file("opt/pressel/groups", "spi\n")
    assert "install.sh has installed it" in toy.dpkg("--purge", "pressel")
    assert [path for path in kept if not path.exists()] == []
    assert not [one for one in toy.asked if one.startswith("groupdel")]
    assert groups.read_text() == "spi\ngpio\n", "what uninstall.sh will take back"
    assert not list((toy.root / "var/lib").glob("pressel-[eg]*"))


@pytest.mark.parametrize("by", ["dpkg", "uninstall.sh"])
def test_an_led_that_blinks_for_a_crash_is_given_back(toy: Toy, by: str) -> None:
    if by == "dpkg":
        toy.install()
    trigger = toy.crash()
    if by == "dpkg":
        toy.dpkg("--remove", "pressel")
    else:
        uninstall(toy)
    assert trigger.read_text() == "mmc0\n"
    assert not (toy.root / "run/pressel-led").exists()


def test_an_led_that_cannot_be_given_back_keeps_nothing_from_going(toy: Toy) -> None:
    toy.install()
    trigger = toy.crash()
    trigger.unlink()
    trigger.mkdir()
    toy.dpkg("--remove", "pressel")
    assert toy.enabled == []
    assert not (toy.root / "run/pressel-led").exists()


def test_the_packages_that_stay_are_named_with_what_removes_them(toy: Toy) -> None:
    said = uninstall(toy)
    assert "sudo apt purge python3-numpy python3-yaml\n" in said
    assert not [one for one in toy.asked if one.startswith("dpkg --purge")]
    assert not (toy.root / "opt/pressel").exists(), "and with it the list"
    assert "python3-numpy" not in toy.run("sh", toy.root / "uninstall.sh", "--purge")


def test_with_purge_the_packages_go_at_once(toy: Toy) -> None:
    assert "apt purge" not in uninstall(toy, "--purge")
    assert "dpkg --purge python3-numpy python3-yaml" in toy.asked
