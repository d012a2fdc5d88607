"""Rings of LEDs. A plain file stands for the bus: what is written is what the chips would see."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpiozero import Device

from device.core.light import Light, LightState
from device.drivers.lamps import Ring, RingLamp, apa102
from device.drivers.panel import Panel, Pins, open_panel
from device.errors import PanelError

RED, DARK = (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setattr(Device, "pin_factory", None)
    bus = tmp_path / "spidev0.1"
    bus.touch()
    return bus


@pytest.fixture
def opened(bus: Path) -> Iterator[Callable[[Ring], Panel]]:
    panels: list[Panel] = []

    def open_one(ring: Ring) -> Panel:
        def nothing(_: float) -> None: ...

        tell = {"pressed": nothing, "released": nothing, "muted": nothing, "unmuted": nothing}
        panels.append(open_panel(Pins(ring=ring), **tell))
        return panels[-1]

    yield open_one
    for panel in panels:
        panel.close()


@pytest.mark.parametrize("leds", [1, 3, 12, 16, 17, 64])
def test_a_frame_has_its_start_each_led_and_clock_enough_for_the_last(leds: int) -> None:
    frame = apa102(RED, leds)
    assert frame[:4] == bytes(4)
    body, end = frame[4 : 4 + 4 * leds], frame[4 + 4 * leds :]
    assert body == bytes((0xFF, 0, 0, 255)) * leds, "full current; blue, green, red"
    assert len(end) * 8 >= 32 + leds / 2, "an SK9822 shows its colour at 32 zero bits more"
    assert not any(end)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2, 0.5, 0.99, 1.0])
def test_current_and_colour_together_are_the_brightness_asked_for(level: float) -> None:
    head, blue, green, red = apa102((level, level / 2, 0.0), 1)[4:8]
    assert head & 0xE0 == 0xE0
    current = (head & 0x1F) / 31
    assert current * red / 255 == pytest.approx(level, abs=0.003)
    assert current * green / 255 == pytest.approx(level / 2, abs=0.003)
    assert blue == 0


def test_a_ring_shows_the_light_and_is_dark_when_it_is_closed(
    bus: Path, opened: Callable[[Ring], Panel]
) -> None:
    ring = Ring(leds=3, bus=str(bus), most=1.0)
    panel = opened(ring)
    panel.show(Light(LightState.LISTENING))
    deadline = time.monotonic() + 3.0
    green = apa102((0.0, 1.0, 0.0), 3)
    while bus.read_bytes() != green and time.monotonic() < deadline:
        time.sleep(0.005)
    assert bus.read_bytes() == green
    panel.close()
    assert bus.read_bytes() == green + apa102(DARK, 3)


def test_a_ring_gets_its_current_first_and_loses_it_last(bus: Path) -> None:
    from gpiozero.pins.mock import MockFactory

    Device.pin_factory = MockFactory()
    lamp = RingLamp(Ring(leds=12, bus=str(bus), power=5))
    assert Device.pin_factory.pin(5).state == 1
    lamp.show(RED, 0.5)
    lamp.close()
    assert Device.pin_factory.pin(5).function == "input"


def test_a_bus_that_is_not_there_is_named_with_the_cure(opened: Callable[[Ring], Panel]) -> None:
    with pytest.raises(PanelError, match=r"ring /dev/spidev9\.9") as refusal:
        opened(Ring(leds=3, bus="/dev/spidev9.9"))
    assert "dtparam=spi=on" in refusal.value.cure
