"""The watchdog means something: a loop that stands still is named, relieved, and not covered up."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.conftest import Bench
from daemon.frozen import frozen, thread_of
from daemon.running import PATIENCE_S, RunningDevice, noise

WATCHDOG_S = 2.0
ROUND_S = WATCHDOG_S / 4
QUIET_S = 2 * ROUND_S
"""What was on its way when a thread was stopped has arrived by then."""


class Manager:
    """The service manager's ear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(path))

    def hears(self, words: bytes, *, within_s: float = PATIENCE_S) -> bytes | None:
        """The next message that begins so; None when none comes in time."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            self._ear.settimeout(left)
            try:
                said = self._ear.recv(4096)
            except TimeoutError:
                return None
            if said.startswith(words):
                return said
        return None

    def close(self) -> None:
        self._ear.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def start(device: RunningDevice, manager: Manager) -> None:
    device.start(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))
    device.light("idle")


def test_the_watchdog_is_fed_before_it_is_ready_and_ever_after(
    bench: Bench, manager: Manager
) -> None:
    device = bench.prepare()
    start(device, manager)
    assert manager.hears(b"READY=1")
    for _ in range(4):
        assert manager.hears(b"WATCHDOG=1", within_s=WATCHDOG_S)


@pytest.mark.parametrize("name", ["capture", "playout"])
@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "at work"])
def test_one_thread_that_stands_still_stops_the_feeding_and_is_named(
    bench: Bench, manager: Manager, name: str, *, busy: bool
) -> None:
    device = bench.prepare()
    start(device, manager)
    if busy:
        device.tap()
        device.say(noise(0.4))
    with frozen(thread_of(device.pid, name)):
        error = device.wait_for("error", code="late")
        assert f"the {name} thread has not answered" in error["what"]
        while manager.hears(b"WATCHDOG=1", within_s=QUIET_S):
            pass
        said = manager.hears(b"STATUS=the")
        assert said is not None
        assert f"{name} thread has not answered for".encode() in said
        assert manager.hears(b"WATCHDOG=1", within_s=3 * ROUND_S) is None
        assert device.wait_for("error", code="late")["cure"].startswith("the link is dialled anew")
        assert "starts pressel anew" in device.wait_for("error", code="late")["cure"]
    device.wait_for("recovered", part=name)
    assert manager.hears(b"WATCHDOG=1", within_s=WATCHDOG_S)


def test_a_loop_that_stands_still_feeds_nobody(bench: Bench, manager: Manager) -> None:
    device = bench.prepare()
    start(device, manager)
    with frozen(device.pid):
        while manager.hears(b"WATCHDOG=1", within_s=QUIET_S):
            pass
        assert manager.hears(b"WATCHDOG=1", within_s=WATCHDOG_S) is None
    assert manager.hears(b"WATCHDOG=1", within_s=WATCHDOG_S)


def test_an_abort_writes_where_every_thread_stands(bench: Bench) -> None:
    device = bench()
    device.abort()
    for place in ("drivers/capture.py", "drivers/playout.py", "asyncio"):
        assert place in device.text
