"""What an array takes away, and what it costs: voices and noises in rooms, heard by four channels.

The whole front end with the real detector behind it. A room is noisy, somebody speaks, and the
noise goes on alone: then what is left of it is compared with what the first microphone has of it.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np

from bench.echo import rooms
from bench.echo.rooms import Point, Signal
from bench.report import Row
from core import air
from device.core.array import Array
from device.core.audio import PERIOD, RATE, Format
from device.core.plain import Plain

Noise = Literal["own", "room", "point"]

CENTRE: Final[Point] = (2.6, 2.05, 0.85)
DISTANCES: Final = (1.0, 1.7)
RT60S: Final = (0.25, 0.5)
BEARINGS: Final = (20, 110, 200, 290)
NOISES: Final[tuple[Noise, ...]] = ("own", "room", "point")
SNR_DB: Final = 10.0
ALONE_S: Final = 1.5
"""Noise alone, before and after the words."""
_AROUND: Final = 60
"""Waves from everywhere that make the noise of a room."""
_BESIDE: Final = 90
"""Degrees from the talker to the one source of noise."""
_COST_S: Final = 20


@dataclass(frozen=True)
class Scene:
    """Who speaks where in which room, and what the noise is."""

    noise: Noise
    rt60_s: float
    metres: float
    bearing: int


@dataclass(frozen=True)
class Fared:
    """By how much the noise was less, in dB, and how far off the last bearing was, in degrees."""

    scene: Scene
    less_db: float
    off: float
    """180 where none was told: nobody knows."""


def scenes() -> Iterator[Scene]:
    """Every one of them."""
    yield from (Scene(*one) for one in product(NOISES, RT60S, DISTANCES, BEARINGS))


def heard(scene: Scene) -> tuple[Signal, Signal]:
    """Four channels of the voice and of the noise, of one length; the noise as loud as `SNR_DB`."""
    words = np.concatenate([air.voice(), air.hush(0.2), air.voice("question_sum")])
    spoken = np.concatenate([air.hush(ALONE_S), words, air.hush(ALONE_S)])
    voice = _arriving(spoken, scene, scene.bearing)
    match scene.noise:
        case "own":
            noise = air.white(-40.0, frames=len(spoken), seed=scene.bearing)
        case "room":
            noise = _around(len(spoken), seed=scene.bearing)
        case "point":
            size = 1 << len(spoken).bit_length()
            hiss = np.fft.rfft(air.white(0.0, frames=size, channels=1, seed=scene.bearing)[0])
            fan = np.fft.irfft(hiss * _pink(size), size)[: len(spoken)]
            noise = _arriving(fan, scene, scene.bearing + _BESIDE)
    during = slice(round(ALONE_S * RATE), round(ALONE_S * RATE) + len(words))
    scale = voice[0, during].std() / noise[0].std() / 10 ** (SNR_DB / 20)
    return voice, noise * scale


def fared(scene: Scene) -> Fared:
    """Let a beam hear it."""
    voice, noise = heard(scene)
    found = air.run(Array("beam", channels=4, geometry=air.CIRCLE), voice + noise)
    after = slice(len(found.mono) - round(RATE), len(found.mono))
    late = 14  # the filters' delay, in frames: of no account in a second of noise
    left, was = found.mono[after].std(), noise[0, after.start - late : after.stop - late].std()
    told = found.bearings[-1:]
    return Fared(
        scene,
        less_db=float(20 * np.log10(was / left)),
        off=air.off(told[0], scene.bearing) if told else 180.0,
    )


def rows(found: Sequence[Fared]) -> list[Row]:
    """The table."""
    table = []
    for noise in NOISES:
        mine = [one for one in found if one.scene.noise == noise]
        less = [one.less_db for one in mine]
        off = [one.off for one in mine]
        table += [
            Row(f"beam, noise: {noise}; less noise, dB (mean)", float(np.mean(less))),
            Row(f"beam, noise: {noise}; less noise, dB (least)", min(less)),
            Row(f"beam, noise: {noise}; bearing off, degrees, p50", float(np.median(off))),
            Row(f"beam, noise: {noise}; bearing off, degrees, p90", float(np.percentile(off, 90))),
        ]
    return table


def costs() -> list[Row]:
    """CPU of each way to hear, and what numpy takes."""
    sound = np.tile(air.arriving(air.voice(), 40), 3) + 0.001
    four, one = Format(channels=4), Format()
    ways: dict[str, Callable[[], float]] = {
        "one channel of one": lambda: _cpu(Plain((0,)), sound[:1], one),
        "one channel of four": lambda: _cpu(Plain((0,)), sound, four),
        "average of four": lambda: _cpu(Plain((0, 1, 2, 3)), sound, four),
        "best of four": lambda: _cpu(Array("best", channels=4), sound, four),
        "beam of four": lambda: _cpu(
            Array("beam", channels=4, geometry=air.CIRCLE), sound, four
        ),
    }  # fmt: skip
    table = [Row(f"{name}: CPU, % of a core", 100 * way(), digits=3) for name, way in ways.items()]
    more = _resident_kb("device.core.array") - _resident_kb("device.core.plain")
    return [*table, Row("an array's memory (numpy), MB", more / 1024)]


def _arriving(sound: Signal, scene: Scene, bearing: float) -> Signal:
    """At each microphone: through its own way in the room, and as late as it is far."""
    turned = math.radians(bearing)
    x, y, z = CENTRE
    source = (
        x + scene.metres * math.cos(turned), y + scene.metres * math.sin(turned), z + 0.3
    )  # fmt: skip
    places = [(x + a, y + b, z) for a, b in (air.CIRCLE[n] for n in sorted(air.CIRCLE))]
    middle = math.dist(source, CENTRE)
    channels = []
    for place in places:
        taps = rooms.response(source, place, rt60_s=scene.rt60_s)
        behind = (math.dist(source, place) - middle) / rooms.SPEED * RATE
        channels.append(air.late(rooms.through(sound, taps), behind))
    return np.stack(channels)


def _around(frames: int, *, seed: int) -> Signal:
    """Noise from everywhere on a sphere at once, each direction another."""
    random = np.random.default_rng(seed)
    size = 1 << frames.bit_length()
    tones = np.arange(size // 2 + 1)
    total = np.zeros((4, len(tones)), complex)
    for _ in range(_AROUND):
        flat = math.sqrt(1 - random.uniform(-1, 1) ** 2)  # how far out of the vertical it comes
        wave = random.normal(size=len(tones)) + 1j * random.normal(size=len(tones))
        bearing = random.uniform(0, 360)
        lead = [flat * air.toward(air.CIRCLE[n], bearing) for n in sorted(air.CIRCLE)]
        total += wave * np.exp(2j * math.pi / size * np.outer(lead, tones))
    return np.asarray(np.fft.irfft(total * _pink(size), size)[:, :frames])


def _pink(size: int) -> Signal:
    """The spectrum that is as loud in each octave, above 60 Hz."""
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    return np.where(hertz > 60, 1 / np.sqrt(np.maximum(hertz, 1)), 0)


def _cpu(front: Array | Plain, sound: Signal, form: Format) -> float:
    """Seconds of a core for each second of sound, half of it speech; the least of five."""
    count = sound.shape[1] // PERIOD
    periods = [
        air.interleaved(sound[:, n * PERIOD : (n + 1) * PERIOD]) for n in range(count)
    ]  # fmt: skip
    least = math.inf
    for _ in range(5):
        began = time.process_time()
        for n in range(_COST_S * RATE // PERIOD):
            front.mix(periods[n % count], form, hearing=n // 50 % 2 == 1)
            front.take(0.0)
        least = min(least, time.process_time() - began)
    return least / _COST_S


def _resident_kb(module: str) -> int:
    """What a process holds in memory when it has loaded a module."""
    code = (
        f"import {module}, pathlib, re; text = pathlib.Path('/proc/self/status').read_text(); "
        "print(re.search(r'VmRSS:\\s+(\\d+)', text)[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)
