"""A hung part is noticed, its stacks are written, and the service starts anew in time."""

from __future__ import annotations

import os
import signal
import time

import pytest

from appliance.system import WATCHDOG_S, System
from daemon.frozen import frozen, thread_of

SLACK_S = 2.0
"""The promise: WatchdogSec and this much."""
HEARTBEAT_S = WATCHDOG_S / 4


def restarts(system: System) -> int:
    return int(system.show("NRestarts")["NRestarts"])


def restarted(system: System, since: float) -> float:
    """Wait for the new daemon to be ready; returns the seconds since then."""

    def again() -> bool:
        shown = system.show("NRestarts", "ActiveState")
        return shown == {"NRestarts": "1", "ActiveState": "active"}

    system.wait_for(again, "a new start", within_s=3 * WATCHDOG_S)
    return time.monotonic() - since


def settled(system: System) -> None:
    system.start()
    system.light("idle")
    time.sleep(HEARTBEAT_S)


def test_a_healthy_service_is_left_alone(system: System) -> None:
    settled(system)
    time.sleep(2.5 * WATCHDOG_S)
    assert restarts(system) == 0


def test_a_stopped_process_is_replaced(system: System) -> None:
    settled(system)
    os.kill(system.pid, signal.SIGSTOP)
    assert restarted(system, time.monotonic()) < WATCHDOG_S + SLACK_S
    system.light("idle")


@pytest.mark.parametrize("part", ["capture", "playout", "loop"])
def test_one_hung_part_starts_the_service_anew_with_every_stack_in_the_journal(
    system: System, part: str
) -> None:
    settled(system)
    pid = system.pid
    thread = pid if part == "loop" else thread_of(pid, part)
    with frozen(thread):
        took = restarted(system, time.monotonic())
    assert took < WATCHDOG_S + SLACK_S
    said = system.text()
    assert "Fatal Python error: Aborted" in said
    for place in ("drivers/capture.py", "drivers/playout.py", "asyncio"):
        assert place in said
    if part != "loop":
        assert f"the {part} thread has not answered" in said
    assert system.show("Result")["Result"] == "success"
    system.light("idle")


def test_tries_come_ever_later_where_the_manager_can(system: System) -> None:
    system.drop_in("broken", "ExecStart=", "ExecStart=/bin/false")
    system.run("systemctl start --no-block pressel")
    time.sleep(5.0)
    assert system.show("ActiveState")["ActiveState"] == "activating"
    modern = int(system.run("systemctl --version").split()[1]) >= 254
    assert 2 <= restarts(system) <= (6 if modern else 12)


def test_a_daemon_that_cannot_start_is_tried_for_ever(system: System) -> None:
    system.write("/etc/pressel/pressel.yaml", "version: 1\nmicrofone: {}\n")
    system.run("systemctl start pressel", check=False)
    system.wait_for(lambda: restarts(system) >= 3, "three tries")
    assert "did you mean" in system.text()
    system.configure()
    system.light("idle")
