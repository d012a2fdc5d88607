"""install.sh on a system that runs: an upgrade serves, one that does not work is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.bare import PATH, Machine
from appliance.container import Container
from appliance.roots import ROOT
from appliance.test_install import BUG, INSTALL, another

COMMAND_S = 180.0
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

    def __init__(self, container: Container) -> None:
        self._container = container

    def run(self, command: str, *, status: int = 0) -> str:
        """A shell command inside, as root; all that it said."""
        done = self._container.run(f"{{ {command}; }} 2>&1", within_s=COMMAND_S)
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
        binds = {"src": ROOT, **trees}
        options = [f"--bind-ro={path}:/{name}" for name, path in binds.items()]
        with Container(machine.root, *options, console=place / "console", path=PATH) as container:
            yield Running(container)


def test_what_was_installed_serves_after_a_boot(running: Running) -> None:
    assert running.version() == "0.1.0"
    assert running.serves()
    assert "ConditionResult=no" in running.run("systemctl show -p ConditionResult pressel-report")


def test_the_echo_canceller_works_in_the_sandbox(running: Running) -> None:
    said = running.run("journalctl -q -o cat -u pressel PRESSEL_EVENT=duplex")
    assert "the canceller aec3 is listened to" in said


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
