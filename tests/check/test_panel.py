"""Light and button, with a person who is a thread at the mock pins."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from check.conftest import Configure
from device.check import panel
from device.check.finding import Finding
from device.check.panel import try_panel
from device.core.light import LightState

BOTH = "panel: {button: {gpio: 17}, led: {gpio: 18}}\n"


@pytest.fixture(autouse=True)
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    monkeypatch.setattr(panel, "STATE_S", 0.01)
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


def walk(configure: Configure, *, presses: int, pins: Any) -> tuple[dict[str, Finding], list[str]]:
    """All lines, and what was asked of a person who presses so many times, quickly."""
    asked: list[str] = []

    def press() -> None:
        for _ in range(presses):
            pins.pin(17).drive_low()
            time.sleep(0.04)
            pins.pin(17).drive_high()
            time.sleep(0.04)

    person = threading.Thread(target=press, name="person")

    def say(words: str) -> None:
        asked.append(words)
        if "press" in words:
            person.start()

    found = {one.part: one for one in try_panel(configure(panel=BOTH), say=say)}
    person.join()
    return found, asked


def test_every_light_is_shown_and_one_press_is_awaited(
    configure: Configure, pins: MockFactory
) -> None:
    found, asked = walk(configure, presses=1, pins=pins)
    assert [one.verdict for one in found.values()] == ["ok", "ok", "ok"]
    assert asked[:-1] == [f"the light shows: {state.value}" for state in LightState]
    assert asked[-1] == "press the button now (within 10 s)"
    assert "no bounce" in found["button"].facts


def test_a_contact_that_chatters_is_told(configure: Configure, pins: MockFactory) -> None:
    found, _ = walk(configure, presses=3, pins=pins)
    assert found["button"].verdict == "FAIL"
    assert "it bounced 2 times" in found["button"].facts


def test_a_press_that_never_comes_fails_in_time(
    configure: Configure, pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "PRESS_S", 0.1)
    found, _ = walk_silently(configure)
    assert found["button"].verdict == "FAIL"
    assert "gpio and pull" in found["button"].cure


def walk_silently(configure: Configure) -> tuple[dict[str, Finding], list[str]]:
    asked: list[str] = []
    return {one.part: one for one in try_panel(configure(panel=BOTH), say=asked.append)}, asked


@pytest.mark.parametrize(
    ("section", "parts"),
    [
        ("", ["panel"]),
        ("panel: {button: {gpio: 17}}\n", ["panel", "button"]),
        ("panel: {led: {gpio: 18}}\n", ["panel", "light"]),
    ],
)
def test_with_nobody_there_nothing_is_asked_of_what_is_there(
    configure: Configure, section: str, parts: list[str]
) -> None:
    found = list(try_panel(configure(panel=section), say=None))
    assert [one.part for one in found] == parts
    assert {one.verdict for one in found[1:]} <= {"skip"}
