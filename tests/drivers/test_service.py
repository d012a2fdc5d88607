from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.drivers.service import Service


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield ear


def test_the_manager_hears_every_message_in_order(manager: socket.socket) -> None:
    service = Service()
    service.status("opening the microphone")
    service.ready()
    service.watchdog()
    service.stopping()
    assert [manager.recv(4096) for _ in range(4)] == [
        b"STATUS=opening the microphone",
        b"READY=1",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_a_status_cannot_smuggle_in_another_message(manager: socket.socket) -> None:
    Service().status("server says:\nWATCHDOG=1\nMAINPID=1 " + "x" * 500)
    assert (
        manager.recv(4096)
        == b"STATUS=" + (b"server says: WATCHDOG=1 MAINPID=1 " + b"x" * 500)[:200]
    )


def test_the_watchdog_is_asked_for_four_times_as_often_as_the_manager_wants(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Service().watchdog_every_s is None
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    assert Service().watchdog_every_s == 2.5
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert Service().watchdog_every_s == 2.5


@pytest.mark.parametrize(("usec", "pid"), [("10000000", "1"), ("soon", None), ("0", None)])
def test_a_watchdog_that_is_not_for_us_is_not_fed(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert Service().watchdog_every_s is None


def test_a_manager_that_has_gone_harms_nobody(manager: socket.socket, tmp_path: Path) -> None:
    service = Service()
    manager.close()
    service.ready()
    (tmp_path / "notify").unlink()
    service.ready()


def test_without_a_manager_nothing_is_loaded_and_nothing_is_said() -> None:
    script = """
import sys
from device.drivers.service import Service
service = Service()
service.ready(); service.status("idle"); service.watchdog(); service.stopping()
sys.exit("systemd" in sys.modules or service.watchdog_every_s is not None)
"""
    environment = {"PATH": os.environ["PATH"], "WATCHDOG_USEC": "10000000"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, timeout=30, check=False)
    assert run.returncode == 0
