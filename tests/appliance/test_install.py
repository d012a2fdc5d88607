"""install.sh and uninstall.sh on systems that never saw Pressel, entered and not booted.

The first run of a suite downloads what apt needs; the next ones have it (`appliance.bare`), and the
summary tells how many packages were downloaded in the time that it states.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.bare import Machine, changes, compared
from appliance.roots import ROOT, SUITES

INSTALL = "/src/provisioning/install.sh"
UNINSTALL = "/src/provisioning/uninstall.sh"
HOME = "opt/pressel"
FIRST_S = 180
AGAIN_S = 10
UNAVAILABLE = 69
BUG = 70
ONE_SUITE = pytest.mark.parametrize("installed", ["trixie"], indirect=True)
"""What does not depend on the system's age."""
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Installed:
    """One run of install.sh on a fresh system, and the machine as it was left."""

    machine: Machine
    said: str
    took_s: float
    downloaded: str
    """By apt; what it had from an earlier run makes this one quicker than a machine's first."""


@pytest.fixture(scope="module", params=list(SUITES))
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    with Machine(request.param, tmp_path_factory.mktemp("installed")) as machine:
        began = time.monotonic()
        said = machine.run(INSTALL)
        yield Installed(machine, said, time.monotonic() - began, machine.downloaded())


@pytest.fixture
def machine(installed: Installed, tmp_path: Path) -> Iterator[Machine]:
    """Pressel is installed on it, by nobody else in use."""
    place = tmp_path / "machine"
    with Machine(installed.machine.suite, place, like=installed.machine) as machine:
        yield machine


@pytest.fixture
def fresh(installed: Installed, tmp_path: Path) -> Iterator[Machine]:
    with Machine(installed.machine.suite, tmp_path / "fresh") as machine:
        yield machine


def another(directory: Path, version: str, *, flaw: str = "") -> Path:
    """A source tree of another version, with a flaw at the start of its program."""
    for part in ("device", "systemd", "provisioning"):
        shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, directory)
    start = directory / "device/__init__.py"
    start.write_text(f'__version__ = "{version}"\n')
    program = directory / "device/cli.py"
    text = program.read_text().replace("import sys\n", f"import sys\n{flaw}\n", 1)
    program.write_text(text)
    return directory


def in_use(machine: Machine) -> str:
    return str((machine.root / HOME / "current").readlink())


def versions(machine: Machine) -> list[str]:
    return sorted(path.name for path in (machine.root / HOME).glob("*-*"))


def packages(machine: Machine) -> set[str]:
    """All that dpkg knows of; what was removed and has left its settings, too."""
    return set(machine.run("dpkg-query -W -f '${Package}\\n'").split())


@pytest.mark.timeout(900)
def test_a_system_that_never_saw_it_has_it_within_three_minutes(
    installed: Installed, record_property: Record
) -> None:
    machine = installed.machine
    took = f"{installed.took_s:.1f} s; {installed.downloaded}"
    record_property(f"first run, {machine.suite}", took)
    assert installed.took_s <= FIRST_S, f"{installed.took_s:.0f} s"
    assert "pressel 0." in machine.run("pressel --version")
    enabled = machine.run("systemctl is-enabled pressel.service").strip()
    assert enabled == "enabled"
    assert "gpio" in machine.run("getent group gpio spi audio")


def test_of_debian_is_left_what_the_record_names_and_no_compiler(
    installed: Installed, fresh: Machine
) -> None:
    machine = installed.machine
    assert "compiling pyalsaaudio" in installed.said
    record = (machine.root / HOME / "packages").read_text().split()
    assert packages(machine) == packages(fresh) | set(record)
    assert not {"gcc", "libasound2-dev", "libc6-dev", "python3-dev"} & set(record)


def test_a_second_run_is_quick_needs_no_network_and_changes_nothing(
    machine: Machine, record_property: Record
) -> None:
    before = machine.tree()
    began = time.monotonic()
    said = machine.run(INSTALL, network=False)
    took_s = time.monotonic() - began
    record_property(f"second run, {machine.suite}", f"{took_s:.1f} s")
    assert took_s <= AGAIN_S
    assert f"nothing to do: {in_use(machine)} is in use" in said
    assert changes(before, machine.tree()) == []


@ONE_SUITE
def test_a_run_that_mended_something_does_not_say_that_there_was_nothing_to_do(
    machine: Machine,
) -> None:
    before = machine.tree()
    for harm in (
        "echo >>/etc/systemd/system/pressel.service",
        "systemctl disable pressel.service",
        "rm /usr/local/bin/pressel",
    ):
        machine.run(harm)
        assert "nothing to do" not in machine.run(INSTALL, network=False), harm
    assert changes(before, machine.tree()) == []


@ONE_SUITE
def test_a_dry_run_says_what_it_would_do_and_changes_nothing(fresh: Machine) -> None:
    before = fresh.tree()
    said = fresh.run(f"{INSTALL} --dry-run", network=False)
    assert "python3-numpy" in said
    assert "pyalsaaudio" in said
    assert changes(before, fresh.tree()) == []


def test_an_upgrade_keeps_the_version_before_and_compiles_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    first = in_use(machine)
    for number in (1, 2):
        source = another(tmp_path / str(number), f"9.{number}.0")
        said = machine.run(INSTALL, source=source, network=False)
        assert "compiling" not in said
        assert machine.run("pressel --version") == f"pressel 9.{number}.0\n"
    assert first not in versions(machine)
    assert [name.split("-")[0] for name in versions(machine)] == ["9.1.0", "9.2.0"]


@ONE_SUITE
def test_a_version_that_does_not_start_is_never_switched_to(
    machine: Machine, tmp_path: Path
) -> None:
    before = machine.tree()
    source = another(tmp_path / "source", "9.0.0", flaw='raise SystemExit("broken")')
    said = machine.run(INSTALL, source=source, network=False, status=UNAVAILABLE)
    assert f"{in_use(machine)} is still in use" in said
    assert changes(before, machine.tree()) == []


@ONE_SUITE
def test_a_version_that_fails_once_in_use_gives_way_to_the_one_before(
    machine: Machine, tmp_path: Path
) -> None:
    before = machine.tree()
    flaw = (
        "from os.path import realpath\n"
        'if realpath("/opt/pressel/current") == sys.prefix: raise SystemExit("broken")'
    )
    source = another(tmp_path / "source", "9.0.0", flaw=flaw)
    said = machine.run(INSTALL, source=source, network=False, status=BUG)
    assert f"{in_use(machine)} is in use again" in said
    assert changes(before, machine.tree()) == []


@ONE_SUITE
def test_a_run_cut_off_anywhere_leaves_the_old_or_the_new_and_the_next_repairs_it(
    machine: Machine, tmp_path: Path
) -> None:
    source = another(tmp_path / "source", "9.0.0")
    old = in_use(machine)
    for moment_s in (0.5, 2.0, 3.5, 5.0):
        process = machine.start(INSTALL, source=source, network=False)
        time.sleep(moment_s)
        process.kill()
        process.communicate()
        assert in_use(machine) == old or in_use(machine).startswith("9.0.0-")
        assert machine.run("pressel --version").startswith("pressel ")
    machine.run(INSTALL, source=source, network=False)
    assert machine.run("pressel --version") == "pressel 9.0.0\n"
    assert len(versions(machine)) == 2


def test_uninstalling_with_purge_leaves_the_system_as_it_was(
    machine: Machine, fresh: Machine, record_property: Record
) -> None:
    machine.run("echo version: 1 >/etc/pressel/pressel.yaml")
    machine.run(f"{UNINSTALL} --purge")
    before, after = fresh.tree(), machine.tree()
    record_property(f"uninstall --purge, {machine.suite}", compared(before, after))
    assert changes(before, after) == []


@ONE_SUITE
def test_uninstalling_keeps_settings_and_packages_and_nothing_else(
    machine: Machine, fresh: Machine
) -> None:
    machine.run("echo version: 1 >/etc/pressel/pressel.yaml; cp /opt/pressel/packages /root")
    said = machine.run(UNINSTALL)
    named = re.search("stay; .*: sudo apt purge (.*)", said)
    assert named
    assert set(named[1].split()) == set((machine.root / "root/packages").read_text().split())
    machine.run(f"dpkg --purge {named[1]} && rm /root/packages")
    left = changes(fresh.tree(), machine.tree())
    assert "etc/pressel/pressel.yaml" in left
    assert [path for path in left if not path.startswith("etc/pressel")] == []


@ONE_SUITE
def test_a_system_it_is_not_made_for_is_told_so(fresh: Machine) -> None:
    fresh.run("sed -i s/^VERSION_CODENAME=.*/VERSION_CODENAME=sid/ /usr/lib/os-release")
    assert "'sid'" in fresh.run(INSTALL, network=False, status=UNAVAILABLE)


def test_the_bill_of_materials_names_all_that_was_installed(installed: Installed) -> None:
    bill = json.loads((installed.machine.root / HOME / "current/sbom.cdx.json").read_text())
    parts = {part["name"]: part for part in bill["components"]}
    assert {"pyalsaaudio", "gpiozero", "python3-numpy", "python3-systemd"} <= set(parts)
    assert all(part["purl"] and part["licenses"] and part["hashes"] for part in parts.values())
    assert bill["metadata"]["component"]["name"] == "pressel"
