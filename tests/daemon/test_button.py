"""The button: a daemon in this process, on mock pins; and twenty presses a second."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockPWMPin

from daemon.conftest import Bench
from daemon.running import PATIENCE_S, Line, answer, noise
from device.config import load_file
from device.daemon import Daemon
from device.drivers.journal import Journal

BUTTON, LED, MUTE = 17, 18, 27
PANEL = {"button": {"gpio": BUTTON}, "led": {"gpio": LED}, "mute": {"gpio": MUTE}}


class Log:
    """The lines of a journal that writes into a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.journal = Journal(
            "json", descriptor=os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR)
        )

    def lines(self) -> list[Line]:
        return [json.loads(text) for text in self._path.read_text().splitlines()]

    def all(self, event: str) -> list[Line]:
        return [line for line in self.lines() if line["event"] == event]

    async def until(self, event: str, *, count: int = 1, **fields: Any) -> Line:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = [line for line in self.all(event) if fields.items() <= line.items()]
            if len(found) >= count:
                return found[count - 1]
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {event} {fields}: {self._path.read_text()}")


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], MockPWMPin]:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def pin(number: int) -> MockPWMPin:
        return Device.pin_factory.pin(number)

    return pin


def test_the_button_the_light_and_the_switch_work_on_their_pins(
    bench: Bench,
    pins: Callable[[int], MockPWMPin],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = bench.prepare(answer(0.5), panel=PANEL)
    for name, value in device.card.environment.items():
        monkeypatch.setenv(name, value)
    log = Log(tmp_path / "log")

    async def person() -> None:
        await log.until("light", state="idle")
        assert pins(LED).state == 0
        pins(BUTTON).drive_low()
        await log.until("gate", state="open", how="hold")
        await asyncio.sleep(0.15)
        assert pins(LED).state > 0
        device.say(noise(0.5))
        await asyncio.sleep(0.7)
        pins(BUTTON).drive_high()
        turn = await log.until("turn")
        assert turn["heard_ms"] == 500
        assert turn["press_to_first_block_ms"] < 500
        await log.until("light", state="idle", count=2)
        pins(MUTE).drive_low()
        await log.until("light", state="muted")
        pins(BUTTON).drive_low()
        await asyncio.sleep(0.2)
        pins(BUTTON).drive_high()
        pins(MUTE).drive_high()
        await log.until("light", state="idle", count=3)
        assert [line["state"] for line in log.all("gate")] == ["open", "closed"], (
            "a press while muted opens nothing"
        )

    async def both() -> int:
        loaded = load_file(device.config)
        daemon = Daemon(loaded.config, log.journal, path=device.config, environ={}, runtime=None)
        running = asyncio.create_task(daemon.run())
        try:
            await person()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            status = await asyncio.wait_for(running, PATIENCE_S)
        return status

    threads = set(threading.enumerate())
    assert asyncio.run(both()) == 0
    device.lines = log.lines()
    assert {thread for thread in threading.enumerate() if thread.is_alive()} <= threads


@pytest.mark.parametrize("style", ["auto", "tap", "hold"])
def test_twenty_presses_a_second_end_in_one_consistent_state(bench: Bench, style: str) -> None:
    device = bench(talk={"style": style, "linger_s": 60.0})
    for _ in range(20):
        device.do("press")
        time.sleep(0.025)
        device.do("release")
        time.sleep(0.025)
    time.sleep(1.0)
    status = device.do("status")
    last = device.card.events("capture")[-1].what
    if status["gate"] == "closed":
        assert (status["light"], last) == ("idle", "close")
    else:
        assert (status["gate"], status["light"], last) == ("latched", "listening", "start")
        device.do("tap")
    device.wait_for("gate", state="closed")
    device.microphone("close", after=len(device.card.events("capture")) - 1)
    # A press opens it as a hold; the release may then say that it was a tap.
    gates = [state for state, _ in groupby(line["state"] for line in device.all("gate"))]
    assert gates == ["open", "closed"] * (len(gates) // 2)
    device.do("press" if style == "hold" else "tap")
    device.microphone("start")
    device.say(noise(0.4))
    time.sleep(0.6)
    if style == "hold":
        device.do("release")
    device.wait_for("turn", heard_ms=600)


def test_without_pins_the_device_runs_on_under_remote_control_and_says_so(bench: Bench) -> None:
    device = bench.prepare(answer(0.3), panel={"button": {"gpio": BUTTON}})
    device.start(GPIOZERO_PIN_FACTORY="lgpio", LG_WD="/nonexistent")
    line = device.wait_for("error", code="panel")
    assert line["what"]
    assert line["cure"]
    device.light("idle")
    device.tap()
    device.say(noise(0.4))
    device.wait_for("turn", heard_ms=300)


def test_a_mute_switch_that_cannot_be_read_counts_as_closed(bench: Bench) -> None:
    device = bench.prepare(panel={"mute": {"gpio": MUTE}})
    device.start(GPIOZERO_PIN_FACTORY="lgpio", LG_WD="/nonexistent")
    device.wait_for("error", code="panel")
    device.light("muted")
    device.do("tap")
    time.sleep(0.5)
    assert not device.all("gate")


def test_a_mute_button_that_had_muted_still_does_after_a_restart(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "muted").touch()
    device = bench.prepare(panel={"mute": {"gpio": 27, "kind": "button"}})
    device.start(GPIOZERO_PIN_FACTORY="mock", STATE_DIRECTORY=str(tmp_path))
    device.light("muted")
    device.do("tap")
    assert device.do("status")["light"] == "muted"
    assert not [event for event in device.card.events("capture") if event.what == "start"]


def test_a_light_that_is_broken_does_not_take_the_switch_along(bench: Bench) -> None:
    panel = {"ring": {"leds": 3}, "mute": {"gpio": 27}, "button": {"gpio": 17}}
    device = bench.prepare(panel=panel)
    device.start(GPIOZERO_PIN_FACTORY="mock")
    error = device.wait_for("error", code="panel")
    assert "/dev/spidev0.1" in error["what"]
    device.light("idle")  # and not muted, as with a switch that cannot be read
    assert len(device.all("error")) == 1
