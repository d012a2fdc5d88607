"""install.sh on a system that runs: an upgrade serves, one that does not work is taken back."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.bare import PATH, Machine
from appliance.roots import ROOT
from appliance.test_install import BUG, INSTALL, another

BOOT_S = 60.0
MASKED = ("getty.target", "console-getty.service", "systemd-networkd.service",
          "systemd-resolved.service")  # fmt: skip
CONFIG = """\
version: 1
microphone: {device: "plughw:CARD=Absent"}
speaker: {device: "plughw:CARD=Absent"}
"""
FAILS = 'if "run" in sys.argv: raise SystemExit(3)'
"""All is well with this version, until it is to serve."""


class Running:
    """A booted machine."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, command: str, *, status: int = 0) -> str:
        """A shell command inside, as root; all that it said."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-p", "-C", "--", "env", "-i",
             f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "SYSTEMD_PAGER=", "sh", "-c", command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout[-3000:]}"
        return done.stdout

    def version(self) -> str:
        """The one in use."""
        return self.run("readlink /opt/pressel/current").partition("-")[0]

    def serves(self) -> bool:
        """The daemon is up."""
        return self.run("systemctl is-active pressel || true") == "active\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("upgrade")
    trees = {
        "good": another(place / "good", "0.8.0"),
        "bad": another(place / "bad", "0.9.0", flaw=FAILS),
    }
    with Machine("trixie", place / "machine") as machine:
        machine.run(INSTALL)
        (machine.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (machine.root / "etc/pressel").mkdir(exist_ok=True)
        (machine.root / "etc/pressel/pressel.yaml").write_text(CONFIG)
        for unit in MASKED:
            mask = machine.root / "etc/systemd/system" / unit
            mask.unlink(missing_ok=True)
            mask.symlink_to("/dev/null")
        with booted(machine, {"src": ROOT, **trees}) as leader:
            yield Running(leader)


@contextlib.contextmanager
def booted(machine: Machine, binds: dict[str, Path]) -> Iterator[int]:
    """Its system, for the length of this block; the number of its first process."""
    system = subprocess.Popen(
        ["systemd-nspawn", "--quiet", "--directory", str(machine.root), "--register=no",
         "--keep-unit", "--capability=all", "--console=pipe",
         *(f"--bind-ro={path}:/{name}" for name, path in binds.items()),
         "--boot", "systemd.show_status=0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
    )  # fmt: skip
    children = Path(f"/proc/{system.pid}/task/{system.pid}/children")
    deadline = time.monotonic() + BOOT_S
    try:
        while time.monotonic() < deadline:
            time.sleep(0.2)
            for child in map(int, children.read_text().split()):
                up = ["nsenter", "-t", str(child), "-m", "-p", "-C", "--", "systemctl",
                      "is-system-running", "--wait"]  # fmt: skip
                said = subprocess.run(up, capture_output=True, timeout=BOOT_S).stdout.strip()
                if said in (b"running", b"degraded"):
                    yield child
                    os.kill(child, signal.SIGRTMIN + 4)
                    system.wait(20)
                    return
        raise AssertionError("no boot")
    finally:
        system.terminate()
        system.wait(20)


def test_what_was_installed_serves_after_a_boot(running: Running) -> None:
    assert running.version() == "0.1.0"
    assert running.serves()
    assert "ConditionResult=no" in running.run("systemctl show -p ConditionResult pressel-report")


def test_the_echo_canceller_works_in_the_sandbox(running: Running) -> None:
    said = running.run("journalctl -q -o cat -u pressel PRESSEL_EVENT=duplex")
    assert "the canceller aec3 listens along" in said


def test_an_upgrade_serves_at_once(running: Running) -> None:
    said = running.run("sh /good/provisioning/install.sh")
    assert "0.8.0" in said
    assert running.version() == "0.8.0"
    assert running.serves()


def test_one_that_does_not_serve_is_taken_back(running: Running) -> None:
    before = running.version()
    said = running.run("sh /bad/provisioning/install.sh", status=BUG)
    assert f"does not work; {before}" in said
    assert running.version() == before
    assert running.serves()
    assert "0.9.0" not in running.run("ls /opt/pressel")


def test_removed_it_serves_no_more_and_leaves_no_unit(running: Running) -> None:
    running.run("sh /src/provisioning/uninstall.sh --purge")
    assert not running.serves()
    assert "pressel" not in running.run("ls /opt /etc /etc/systemd/system /var/lib")
