"""The machine below, as the kernel's files and a `systemctl` of the test's own show it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.check import machine
from device.check.finding import Finding
from device.drivers.clock import Clock

LATER, NOW, BEFORE = 1.9e9, 1.8e9, 1.7e9


@pytest.mark.parametrize(
    ("clock", "verdict", "said"),
    [
        (Clock(NOW, synced=True, built=BEFORE), "ok", "2027-01-15 08:00:00 UTC, kept by"),
        (Clock(NOW, synced=False, built=BEFORE), "ok", "no time server is known"),
        (Clock(NOW, synced=True, built=LATER), "FAIL", "before this program was made"),
    ],
)
def test_only_a_clock_in_the_past_is_surely_wrong(clock: Clock, verdict: str, said: str) -> None:
    found = machine.clock(clock)
    assert found.verdict == verdict
    assert said in found.facts
    assert found.cure or clock.synced


@pytest.mark.parametrize(("alarm", "verdict"), [("0\n", "ok"), ("1\n", "FAIL"), (None, "skip")])
def test_an_alarm_of_the_power_fails(tmp_path: Path, alarm: str | None, verdict: str) -> None:
    if alarm is not None:
        sensor = tmp_path / "sys/class/hwmon/hwmon1"
        sensor.mkdir(parents=True)
        (sensor / "in0_lcrit_alarm").write_text(alarm)
    assert machine.power(tmp_path).verdict == verdict


@pytest.mark.parametrize(
    ("controllers", "verdict", "cure"),
    [
        ("cpu io memory pids", "ok", ""),
        ("cpu io pids", "skip", "cgroup_enable=memory"),
        (None, "skip", ""),
    ],
)
def test_memory_that_is_not_counted_is_told(
    tmp_path: Path, controllers: str | None, verdict: str, cure: str
) -> None:
    if controllers is not None:
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
        (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text(controllers)
    found = machine.memory(tmp_path)
    assert found.verdict == verdict
    assert cure in found.cure


Systemd = Callable[..., dict[str, Finding]]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Ask for the unit's lines where `systemctl` says these words."""

    def ask(*lines: str) -> dict[str, Finding]:
        command = tmp_path / "systemctl"
        command.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return {found.part: found for found in machine.unit(Path("/"))}

    return ask


def test_without_the_unit_nothing_is_known_of_it(systemd: Systemd) -> None:
    for told in ((), ("LoadState=not-found", "MainPID=0")):
        assert {found.verdict for found in systemd(*told).values()} == {"skip"}


def test_a_watchdog_that_is_not_armed_fails(systemd: Systemd) -> None:
    found = systemd("LoadState=loaded", "MainPID=0", "WatchdogUSec=0")
    assert found["watchdog"].verdict == "FAIL"
    assert found["priority"].facts == "pressel.service does not run"
    found = systemd("LoadState=loaded", "MainPID=0", "WatchdogUSec=20s")
    assert "armed: 20s" in found["watchdog"].facts


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running


def test_the_priority_is_that_of_the_threads_of_the_process(
    systemd: Systemd, process: subprocess.Popen[bytes]
) -> None:
    told = ("LoadState=loaded", f"MainPID={process.pid}", "WatchdogUSec=20s")
    assert "ordinary, nice" in systemd(*told)["priority"].facts
    try:
        os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(5))
    except PermissionError:
        pytest.skip("this machine grants no real time")
    assert "real time, 1 of 1 threads" in systemd(*told)["priority"].facts


def test_a_process_that_has_ended_is_no_failure(systemd: Systemd) -> None:
    found = systemd("LoadState=loaded", "MainPID=4194305", "WatchdogUSec=20s")
    assert found["priority"].verdict == "skip"
