"""The Debian package: built as `make deb` builds it, put into a trixie that never saw Pressel."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.bare import Machine, changes, compared
from appliance.roots import ROOT
from appliance.test_install import INSTALL, UNAVAILABLE, UNINSTALL, Record

TWICE = "PRESSEL_APPLIANCE_DEB"
"""Set by `make appliance-deb`: a package takes a minute, and `make appliance` builds only one."""
BUILD_S = 600
PURGE = "apt-get -q -y -o APT::AutoRemove::RecommendsImportant=false purge --autoremove pressel"
"""apt itself recommends ca-certificates, and would keep them for that."""
FROM_APT = "apt-get -q -y --no-install-recommends install /src/*.deb"
CANCELS = "from device.drivers.echo import Aec3; print(Aec3().cancel(bytes(480), bytes(480))[:1])"
REFUSED = 1
"""Of dpkg's."""
HANDED_OVER = ["opt/pressel/groups", "var/lib/pressel-enabled", "var/lib/pressel-groups"]
"""The package's own notes, and what it tells uninstall.sh of the groups."""
pytestmark = pytest.mark.timeout(900)


def build(directory: Path) -> Path:
    """The package, made there."""
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    done = subprocess.run(
        ["sh", str(ROOT / "provisioning/deb.sh"), architecture, str(directory)],
        env={**os.environ, "PIP": str(Path(sys.executable).with_name("pip"))},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"[-4000:]
    (package,) = directory.glob("*.deb")
    return package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine("trixie", tmp_path_factory.mktemp("installed")) as machine:
        machine.run(f"apt-get -q update && {FROM_APT}", source=package.parent)
        yield machine


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Machine]:
    with Machine("trixie", tmp_path / "fresh") as machine:
        yield machine


def test_apt_installs_it_with_all_it_needs_and_it_starts(installed: Machine) -> None:
    assert installed.run("pressel --version").startswith("pressel 0.")
    assert installed.run("systemctl is-enabled pressel.service") == "enabled\n"
    assert installed.run("dpkg --verify pressel") == ""
    assert "gcc" not in installed.run("dpkg-query -W -f '${Package}\\n'").split()


def test_the_echo_canceller_is_in_it(installed: Machine) -> None:
    assert installed.run(f'/opt/pressel/current/bin/python3 -I -B -c "{CANCELS}"') == "b'\\x00'\n"


def test_it_and_the_installer_keep_out_of_each_others_way(
    installed: Machine, package: Path, fresh: Machine
) -> None:
    said = installed.run(INSTALL, network=False, status=UNAVAILABLE)
    assert "apt remove it first" in said
    fresh.run("mkdir /opt/pressel && touch /opt/pressel/packages")
    said = fresh.run("dpkg --install /src/*.deb", source=package.parent, status=REFUSED)
    assert "run its uninstall.sh first" in said


def test_removed_and_installed_again_it_starts_with_the_system_as_before(
    installed: Machine, package: Path, tmp_path: Path
) -> None:
    with Machine("trixie", tmp_path / "again", like=installed) as machine:
        machine.run("systemctl disable pressel-report.service && dpkg --remove pressel")
        machine.run("dpkg --install /src/*.deb", source=package.parent)
        assert machine.run("systemctl is-enabled pressel.service") == "enabled\n"
        said = machine.run("systemctl is-enabled pressel-report.service || true")
        assert said == "disabled\n"


def test_a_purge_leaves_alone_what_the_installer_has_taken_over(
    installed: Machine, tmp_path: Path
) -> None:
    with Machine("trixie", tmp_path / "taken", like=installed) as machine:
        machine.run("echo version: 1 >/etc/pressel/pressel.yaml && dpkg --remove pressel")
        machine.run(INSTALL)
        before = machine.tree()
        assert "install.sh has installed it" in machine.run("dpkg --purge pressel")
        assert changes(before, machine.tree()) == HANDED_OVER
        machine.run(f"{UNINSTALL} --purge")
        assert machine.run("getent group gpio spi || true") == ""


def test_purging_it_leaves_the_system_as_it_was(
    installed: Machine, fresh: Machine, tmp_path: Path, record_property: Record
) -> None:
    with Machine("trixie", tmp_path / "purged", like=installed) as machine:
        machine.run("echo version: 1 >/etc/pressel/pressel.yaml")
        machine.run(PURGE)
        before, after = fresh.tree(), machine.tree()
        record_property("apt purge, trixie", compared(before, after))
        assert changes(before, after) == []


@pytest.mark.skipif(not os.environ.get(TWICE), reason="builds it again: make appliance-deb")
def test_a_second_build_is_the_same_file(package: Path, tmp_path: Path) -> None:
    first, second = (
        hashlib.sha256(one.read_bytes()).hexdigest() for one in (package, build(tmp_path))
    )
    assert first == second
