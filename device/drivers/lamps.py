"""The kinds of light: one LED, one of three colours, or a ring of APA102s on the SPI bus."""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path
from struct import pack
from typing import Any, Final, Protocol

from msgspec import Struct

Colour = tuple[float, float, float]
"""Red, green, blue; each 0 to 1."""

MODE, SPEED = 0x40016B01, 0x40046B04
"""SPI_IOC_WR_MODE and SPI_IOC_WR_MAX_SPEED_HZ (linux/spi/spidev.h)."""
SPEED_HZ: Final = 1_000_000
"""A frame for 12 LEDs takes 0.5 ms; the chips take ten times that speed, long wires do not."""
BESIDE: Final = 0.5
"""How bright the others are while one points, of what they would be."""


class Lamp(Protocol):
    """A light that can be given a colour and a brightness. Used by one thread."""

    coloured: bool
    """It can show more than one colour."""

    def show(self, rgb: Colour, brightness: float, *, toward: float | None = None) -> None:
        """Show it, until told otherwise. `brightness` is 0 to 1.

        `toward`: and point there, where that can be; a bearing in degrees.
        """

    def close(self) -> None:
        """Dark, and what it stands on given back."""


class Ring(Struct, frozen=True):
    """APA102 LEDs in a row. `bus` is the device's file, such as `/dev/spidev0.1`.

    `power` is a pin that must be high for them to have current; `most` their full brightness, 0
    to 1: twelve of them at 1 draw 0.7 A. `zero` is the bearing at which the first of them stands,
    None where nobody knows: then it does not point. The others follow counter-clockwise, as
    bearings do, or `clockwise`.
    """

    leds: int
    bus: str = "/dev/spidev0.1"
    power: int | None = None
    most: float = 0.2
    zero: float | None = None
    clockwise: bool = False

    def nearest(self, bearing: float) -> int | None:
        """The number of the LED that stands nearest to a bearing."""
        if self.zero is None:
            return None
        turned = self.zero - bearing if self.clockwise else bearing - self.zero
        return round(turned / 360 * self.leds) % self.leds


class Single:
    """One LED on a pin, dimmed by PWM."""

    coloured = False

    def __init__(self, pin: int) -> None:
        from gpiozero import PWMLED

        self._led: Any = PWMLED(pin)

    def show(self, rgb: Colour, brightness: float, *, toward: float | None = None) -> None:  # noqa: ARG002
        """Its colour is its own, and it points nowhere."""
        self._led.value = brightness

    def close(self) -> None:
        """Dark."""
        self._led.close()


class Coloured:
    """One LED of three colours on three pins."""

    coloured = True

    def __init__(self, pins: tuple[int, int, int]) -> None:
        from gpiozero import RGBLED

        self._led: Any = RGBLED(*pins)

    def show(self, rgb: Colour, brightness: float, *, toward: float | None = None) -> None:  # noqa: ARG002
        """The colour, dimmed; it points nowhere."""
        self._led.value = tuple(brightness * part for part in rgb)

    def close(self) -> None:
        """Dark."""
        self._led.close()


class RingLamp:
    """A ring, all of whose LEDs show the same: from across a room that is one light.

    While it points, one of them is white and does not move with the others, which are dimmer: so
    it can be told without seeing colours.

    Written with plain write(2): spidev sends what it is given, so no library is needed.
    """

    coloured = True

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._power: Any = None
        self._bus = os.open(ring.bus, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if Path(ring.bus).is_char_device():
                fcntl.ioctl(self._bus, MODE, pack("B", 0))
                fcntl.ioctl(self._bus, SPEED, pack("I", SPEED_HZ))
            if ring.power is not None:
                from gpiozero import DigitalOutputDevice

                self._power = DigitalOutputDevice(ring.power, initial_value=True)
        except BaseException:
            os.close(self._bus)
            raise

    def show(self, rgb: Colour, brightness: float, *, toward: float | None = None) -> None:
        """The colour, dimmed, on each of them but the one that points."""
        ring = self._ring
        pointer = None if toward is None else ring.nearest(toward)
        level = brightness * ring.most * (1.0 if pointer is None else BESIDE)
        red, green, blue = (level * part for part in rgb)
        os.write(self._bus, apa102((red, green, blue), ring.leds, white=pointer, most=ring.most))

    def close(self) -> None:
        """Dark, and without current where that can be."""
        try:
            os.write(self._bus, apa102((0.0, 0.0, 0.0), self._ring.leds))
        finally:
            os.close(self._bus)
            if self._power is not None:
                self._power.close()


def apa102(rgb: Colour, leds: int, *, white: int | None = None, most: float = 1.0) -> bytes:
    """One frame: 32 zero bits, then `111` and 5 bits of current, blue, green, red for each LED.

    32 zero bits more, at which the SK9822, sold under the same name, shows what it was told: else
    it would wait for the next frame, and a steady light has none. Then the clock goes on for half
    a bit per LED, so that the last of them sees its own. (cpldcpu.com: "SK9822 - a clone of the
    APA102?".) The current stays at its least that can show the colour: at full current the steps
    of dark colours are too coarse. The LED `white`, if there is to be one, is that, at `most`.
    """
    row = [_led(rgb)] * leds
    if white is not None:
        row[white] = _led((most, most, most))
    return bytes(4) + b"".join(row) + bytes(4) + bytes(leds // 16 + 1)


def _led(rgb: Colour) -> bytes:
    current = max(1, math.ceil(max(rgb) * 31))
    blue, green, red = (round(255 * part * 31 / current) for part in reversed(rgb))
    return bytes((0xE0 | current, min(blue, 255), min(green, 255), min(red, 255)))
