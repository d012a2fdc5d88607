"""Button, light and switch: the keys below `panel:`, as `model` explains."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Gpio = Annotated[
    int,
    Meta(ge=0, le=27, description="GPIO number as in GPIO17, not the position on the header"),
]


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the file."""


class Button(_Section, frozen=True, kw_only=True):
    """A push button on one pin."""

    gpio: Gpio
    pull: Annotated[
        Literal["up", "down"],
        Meta(description="up: the button connects the pin to ground; down: to 3.3 V"),
    ] = "up"


class Led(_Section, frozen=True, kw_only=True):
    """A light of one colour."""

    gpio: Gpio


class Rgb(_Section, frozen=True, kw_only=True):
    """A light of three colours."""

    red: Gpio
    green: Gpio
    blue: Gpio


class Ring(_Section, frozen=True, kw_only=True):
    """APA102 LEDs on the SPI bus, as sound HATs have them."""

    leds: Annotated[int, Meta(ge=1, le=64, description="How many there are")]
    spi: Annotated[
        Literal["0.0", "0.1"],
        Meta(description="Bus and chip select: the end of /dev/spidev's name"),
    ] = "0.1"
    power: Annotated[
        Gpio | Literal["none"],
        Meta(description="A pin that gives them current while it is high", extra={"say": "5"}),
    ] = "none"
    brightness: Annotated[
        int, Meta(ge=1, le=100, description="Their brightness at most", extra={"unit": "percent"})
    ] = 20
    zero: Annotated[
        Annotated[int, Meta(ge=0, le=359)] | Literal["none"],
        Meta(
            description="Where the first of them stands, as microphone.geometry has it: 0 is +x, "
            "90 is +y; then one of them points to who speaks while a beam hears them",
            extra={"unit": "degrees", "say": "a whole number from 0 to 359, or none"},
        ),
    ] = "none"
    clockwise: Annotated[
        bool, Meta(description="The next ones follow clockwise, seen as geometry is")
    ] = False


class Mute(_Section, frozen=True, kw_only=True):
    """What mutes, between its pin and ground."""

    gpio: Gpio
    kind: Annotated[
        Literal["switch", "button"],
        Meta(
            description="switch: muted while it is closed, whatever software wants; button: each "
            "press mutes or unmutes, which is remembered over a restart"
        ),
    ] = "switch"


class Panel(_Section, frozen=True, kw_only=True):
    """Button, light and switch. No pin is touched that the file does not name."""

    button: Annotated[
        Button | Literal["none"],
        Meta(
            description="The button to speak",
            extra={"say": "{gpio: 17, pull: up} with your own pin, or none"},
        ),
    ] = "none"
    led: Annotated[
        Led | Literal["none"],
        Meta(
            description="A light of one colour; not together with rgb or ring",
            extra={"say": "{gpio: 18} with your own pin, or none"},
        ),
    ] = "none"
    rgb: Annotated[
        Rgb | Literal["none"],
        Meta(
            description="A light of three colours; not together with led or ring",
            extra={"say": "{red: 5, green: 6, blue: 13} with your own pins, or none"},
        ),
    ] = "none"
    ring: Annotated[
        Ring | Literal["none"],
        Meta(
            description="LEDs of a sound HAT; not together with led or rgb",
            extra={"say": '{leds: 12, spi: "0.1", power: 5} as your board has them, or none'},
        ),
    ] = "none"
    mute: Annotated[
        Mute | Literal["none"],
        Meta(
            description="A switch or button that mutes the microphone",
            extra={"say": "{gpio: 27} with your own pin, or none"},
        ),
    ] = "none"
