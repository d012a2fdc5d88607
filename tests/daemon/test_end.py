"""SIGTERM in any state: the microphone is closed, and the exit status is 0 within two seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.conftest import Bench
from daemon.running import RunningDevice, answer, noise

LIMIT_S = 2.0


def idle(device: RunningDevice) -> None:
    device.start()
    device.light("idle")


def listening(device: RunningDevice) -> None:
    idle(device)
    device.tap()
    device.say(noise(5.0))
    device.light("hearing")


def holding(device: RunningDevice) -> None:
    idle(device)
    device.do("press")
    device.microphone("start")


def thinking(device: RunningDevice) -> None:
    idle(device)
    device.tap()
    device.say(noise(0.4))
    device.light("thinking")


def speaking(device: RunningDevice) -> None:
    idle(device)
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)


def offline(device: RunningDevice) -> None:
    device.server.stop_accepting()
    device.start()
    device.light("offline")


def offline_and_listening(device: RunningDevice) -> None:
    offline(device)
    device.tap()


def broken(device: RunningDevice) -> None:
    device.card.unplug()
    device.start()
    device.light("fault")


@pytest.mark.parametrize(
    "state",
    [idle, listening, holding, thinking, speaking, offline, offline_and_listening, broken],
    ids=lambda state: state.__name__,
)
def test_a_terminated_device_closes_the_microphone_and_ends_well(
    bench: Bench, state: Callable[[RunningDevice], None]
) -> None:
    device = bench.prepare(
        answer(3.0, first_delta_s=1.5 if state is thinking else 0.05),
        microphone={"device": "microphone", "echo": "half_duplex"},
    )
    state(device)
    ended = device.terminate()
    assert (ended.status, ended.seconds < LIMIT_S) == (0, True), ended
    assert device.lines[-1]["event"] == "stopped"
    for direction in ("capture", "playback"):
        seen = device.card.events(direction)
        opened = sum(event.what == "open" for event in seen)
        assert sum(event.what == "close" for event in seen) == opened
    gates = device.all("gate")
    assert not gates or gates[-1]["state"] == "closed"
    assert not (device.runtime / "control.sock").exists()


def test_a_daemon_that_was_killed_leaves_nothing_that_keeps_the_next_from_starting(
    bench: Bench,
) -> None:
    device = bench()
    device.tap()
    device.kill()
    device.start()
    device.light("idle", timeout=20.0)
    device.do("tap")
    device.say(noise(0.4))
    device.wait_for("turn")
