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


GREEN, WHITE = (0.0, 1.0, 0.0), (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("bearing", "counter_clockwise", "clockwise"),
    [(60, 0, 0), (74, 0, 0), (76, 1, 11), (90, 1, 11), (46, 0, 0), (44, 11, 1), (240, 6, 6),
     (30, 11, 1), (0, 10, 2), (355, 10, 2), (-300, 0, 0)],
)  # fmt: skip
def test_the_led_that_stands_nearest_to_a_bearing_points(
    bearing: float, counter_clockwise: int, clockwise: int
) -> None:
    assert Ring(leds=12, zero=60).nearest(bearing) == counter_clockwise
    assert Ring(leds=12, zero=60, clockwise=True).nearest(bearing) == clockwise


def shown(bus: Path, leds: int) -> list[bytes]:
    """The frames that were written, each without its start and end, one after the other."""
    size = len(apa102(DARK, leds))
    sent = bus.read_bytes()
    assert len(sent) % size == 0
    return [sent[at + 4 : at + 4 + 4 * leds] for at in range(0, len(sent), size)]


def one(colour: tuple[float, float, float], level: float) -> bytes:
    red, green, blue = (level * part for part in colour)
    return apa102((red, green, blue), 1)[4:8]


def test_one_led_points_in_white_and_the_others_step_back(bus: Path) -> None:
    lamp = RingLamp(Ring(leds=12, bus=str(bus), most=0.4, zero=60))
    lamp.show(GREEN, 0.5, toward=118.0)
    lamp.show(GREEN, 0.5)
    pointing, all_alike = shown(bus, 12)
    beside = one(GREEN, 0.1)
    assert pointing == beside * 2 + one(WHITE, 0.4) + beside * 9
    assert all_alike == one(GREEN, 0.2) * 12


def test_a_ring_of_which_nobody_knows_how_it_stands_does_not_point(bus: Path) -> None:
    lamp = RingLamp(Ring(leds=12, bus=str(bus), most=1.0))
    lamp.show(GREEN, 1.0, toward=90.0)
    assert shown(bus, 12) == [one(GREEN, 1.0) * 12]


def eventually(bus: Path, leds: int, wanted: Callable[[list[bytes]], bool]) -> list[bytes]:
    deadline = time.monotonic() + 3.0
    while not wanted(shown(bus, leds)):
        assert time.monotonic() < deadline, shown(bus, leds)
        time.sleep(0.005)
    return shown(bus, leds)


def test_it_points_at_once_in_any_step_of_the_rhythm_and_until_another_light(
    bus: Path, opened: Callable[[Ring], Panel]
) -> None:
    panel = opened(Ring(leds=4, bus=str(bus), most=1.0, zero=0))
    panel.show(Light(LightState.LISTENING))
    eventually(bus, 4, lambda frames: frames == [one(GREEN, 1.0) * 4])
    panel.point(181.0)
    frames = eventually(bus, 4, lambda frames: len(frames) == 2)
    beside = one(GREEN, 0.5)
    assert frames[1] == beside * 2 + one(WHITE, 1.0) + beside
    panel.show(Light(LightState.LISTENING))  # the same again changes nothing
    time.sleep(0.1)
    panel.point(181.0)
    time.sleep(0.1)
    assert len(shown(bus, 4)) == 2
    panel.show(Light(LightState.IDLE))
    assert eventually(bus, 4, lambda frames: len(frames) == 3)[2] == one(DARK, 0.0) * 4
    panel.show(Light(LightState.LISTENING))
    assert eventually(bus, 4, lambda frames: len(frames) == 4)[3] == one(GREEN, 1.0) * 4


def test_the_rhythm_goes_on_around_the_led_that_points(
    bus: Path, opened: Callable[[Ring], Panel]
) -> None:
    panel = opened(Ring(leds=4, bus=str(bus), most=1.0, zero=0))
    panel.show(Light(LightState.HEARING))
    panel.point(90.0)
    frames = eventually(bus, 4, lambda frames: len(frames) >= 6)[-3:]
    assert {frame[4:8] for frame in frames} == {one(WHITE, 1.0)}
    assert len({frame[:4] for frame in frames}) >= 2


def test_pointing_before_there_is_a_light_or_a_panel_is_nothing(
    bus: Path, opened: Callable[[Ring], Panel]
) -> None:
    opened(Ring(leds=4, bus=str(bus), zero=0)).point(90.0)
    time.sleep(0.05)
    assert bus.read_bytes() == b""


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
