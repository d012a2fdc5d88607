"""How the light says what it says: one table from its state, and its code, to a pattern.

Told apart by rhythm first, so one LED says all of it and nobody needs to see colours: steady or
rippling is an open microphone and nothing else is; short blinks are counted, and their number is
that of the trouble (`device/troubles.py`); one long blink is muted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Final

from msgspec import Struct, structs

from device.core.light import Light, LightState
from device.troubles import TROUBLES

BLINK_S: Final = 0.25
PAUSE_S: Final = 2.0
DIM: Final = 0.06
"""The microphone is open and nothing leaves: steady when all is well, or between blinks."""


class Pattern(Struct, frozen=True):
    """How one state looks: `rgb` at full brightness, and a rhythm that repeats.

    `steps` are (brightness 0..1, seconds). A single step is steady and wakes nobody.
    `colour_steps` is the rhythm of a coloured light where it differs from that of a single LED.
    """

    colour: str
    rgb: tuple[float, float, float]
    rhythm: str
    steps: tuple[tuple[float, float], ...]
    meaning: str
    colour_rhythm: str = ""
    colour_steps: tuple[tuple[float, float], ...] = ()


def _wave(low: float, high: float, period_s: float) -> tuple[tuple[float, float], ...]:
    """A soft swing between two brightnesses in 50 ms steps, as even as eyes need."""
    count = round(period_s / 0.05)
    middle, swing = (low + high) / 2, (high - low) / 2
    return tuple(
        (round(middle - swing * math.cos(2 * math.pi * n / count), 3), 0.05) for n in range(count)
    )


_STEADY: Final = ((1.0, math.inf),)


def _counted(blinks: int, *, dark: float = 0.0) -> tuple[tuple[float, float], ...]:
    """So many short blinks, two in a second, and a pause that tells where counting begins."""
    return (*((1.0, BLINK_S), (dark, BLINK_S)) * (blinks - 1), (1.0, BLINK_S), (dark, PAUSE_S))


# Never more than three flashes in a second (WCAG 2.2, 2.3.1).
# fmt: off
LIGHTS: Final[dict[LightState, Pattern]] = {
    LightState.STARTING: Pattern(
        "white", (1.0, 1.0, 1.0), "breathes slowly", _wave(0.0, 0.6, 3.0),
        "it is starting; a press is not heard yet"),
    LightState.OFFLINE: Pattern(
        "orange", (1.0, 0.35, 0.0), "counted blinks, pause", _counted(1),
        "no connection to the server; it keeps trying, and a press tries at once"),
    LightState.IDLE: Pattern(
        "dark", (0.0, 0.0, 0.0), "dark", ((0.0, math.inf),),
        "ready; the microphone is closed"),
    LightState.AWAKE: Pattern(
        "green", (0.0, 1.0, 0.0), "steady, very dim", ((DIM, math.inf),),
        "ready; the microphone is open (pre-roll, or a voice may wake it) and nothing leaves"),
    LightState.LISTENING: Pattern(
        "green", (0.0, 1.0, 0.0), "steady", _STEADY,
        "the microphone is open: speak"),
    LightState.HEARING: Pattern(
        "green", (0.0, 1.0, 0.0), "lively ripple, never dark",
        ((1.0, 0.25), (0.35, 0.1), (0.8, 0.25), (0.35, 0.1)),
        "the microphone is open and hears you speak"),
    LightState.THINKING: Pattern(
        "blue", (0.0, 0.0, 1.0), "breathes once a second", _wave(0.0, 1.0, 1.0),
        "your turn is over; the answer is on its way"),
    LightState.SPEAKING: Pattern(
        "cyan", (0.0, 0.7, 1.0), "gentle wave, never dark", _wave(0.15, 0.7, 2.0),
        "it speaks; a press interrupts it"),
    LightState.MUTED: Pattern(
        "red", (1.0, 0.0, 0.0), "one long blink every 4 s", ((1.0, 1.0), (0.0, 3.0)),
        "muted by the switch or the button beside; a press does nothing",
        "steady", _STEADY),
    LightState.FAULT: Pattern(
        "red", (1.0, 0.0, 0.0), "counted blinks, pause", _counted(8),
        "something needs you; the number of blinks says what"),
}
# fmt: on


@cache
def pattern_of(light: Light) -> Pattern:
    """The pattern of a light: that of its state, with the blinks of its trouble counted.

    Between them it is dark, or dim while the microphone is open.
    """
    look, trouble = LIGHTS[light.state], TROUBLES.get(light.code)
    if trouble is None or light.state not in (LightState.OFFLINE, LightState.FAULT):
        return look
    dark = DIM if light.awake else 0.0
    return structs.replace(look, steps=_counted(trouble.blinks, dark=dark))


def light_rows() -> Iterator[tuple[str, str, str, str]]:
    """The table of lights for people: a heading, then state, RGB light, one LED, meaning."""
    yield ("state", "RGB light", "single LED", "meaning")
    for state, look in LIGHTS.items():
        rhythm = look.colour_rhythm or look.rhythm
        coloured = rhythm if look.colour == rhythm else f"{look.colour}, {rhythm}"
        yield (state.value, coloured, look.rhythm, look.meaning)
