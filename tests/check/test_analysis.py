"""What recorded sound says, on sounds of which everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device.check.analysis import (
    CHIRP_PEAK,
    Signal,
    chirp,
    drift_ppm,
    match,
)
from device.core.audio import RATE
from device.core.channels import complaints, decibels
from device.core.health import level_of

SECOND = RATE


def white(dbfs: float, *, frames: int = SECOND, seed: int = 0) -> Signal:
    return np.random.default_rng(seed).normal(0, 10 ** (dbfs / 20), frames)


def late(sound: Signal, frames: float, *, size: int) -> Signal:
    """A sound in a longer silence, delayed by a part of a frame too."""
    padded = np.zeros(size)
    padded[: len(sound)] = sound
    turn = np.exp(-2j * math.pi * np.fft.rfftfreq(size) * frames)
    delayed: Signal = np.fft.irfft(np.fft.rfft(padded) * turn, size)
    return delayed


@given(level=st.floats(-90, -12), offset=st.floats(-0.2, 0.2))
def test_the_level_is_that_of_the_sound_whatever_its_offset(level: float, offset: float) -> None:
    measured = level_of(white(level) + offset)
    assert measured.rms == pytest.approx(level, abs=0.2)
    assert measured.offset == pytest.approx(offset, abs=0.01)


def test_silence_is_minus_infinity() -> None:
    assert level_of(np.zeros(SECOND)).rms == -math.inf
    assert decibels(0.0) == -math.inf


def test_touching_the_rail_is_loud_and_staying_there_is_clipping() -> None:
    t = np.arange(SECOND) / RATE
    loud = np.sin(2 * math.pi * 5000 * t)
    assert not level_of(loud.clip(-1, 32767 / 32768)).clips
    assert level_of((4 * loud).clip(-1, 32767 / 32768)).clips


@given(where=st.integers(0, 3))
def test_each_ill_channel_is_named_with_its_illness(where: int) -> None:
    ills = {
        "zeros": np.zeros(SECOND),
        "stuck": np.full(SECOND, 0.3),
        "clips": (white(-3) * 8).clip(-1, 32767 / 32768),
        "DC": white(-50) + 0.1,
        "weak": white(-80),
    }
    for word, ill in ills.items():
        channels = [white(-50, seed=n) for n in range(4)]
        channels[where] = ill
        told = complaints([level_of(channel) for channel in channels])
        assert list(told) == [where]
        assert word in told[where]


@given(levels=st.lists(st.floats(-60, -55), min_size=1, max_size=8))
def test_channels_that_are_nearly_alike_have_no_complaint(levels: list[float]) -> None:
    assert complaints([level_of(white(one, seed=n)) for n, one in enumerate(levels)]) == {}


@settings(deadline=None)
@given(
    delay=st.floats(0, 0.9 * SECOND),
    gain=st.floats(0.01, 1.0),
    noise=st.floats(-80, -40),
    seed=st.integers(0, 99),
)
def test_an_echo_is_found_to_a_part_of_a_frame(
    delay: float, gain: float, noise: float, seed: int
) -> None:
    assume(decibels(gain * CHIRP_PEAK) > noise)
    size = SECOND + len(chirp())
    heard = gain * late(chirp(), delay, size=size) + white(noise, frames=size, seed=seed)
    found = match(chirp(), heard)
    assert found.clear
    assert found.frame == pytest.approx(delay, abs=0.5)
    assert decibels(found.gain) == pytest.approx(decibels(gain), abs=1.0)


@settings(deadline=None)
@given(noise=st.floats(-90, -10), seed=st.integers(0, 9999))
def test_noise_alone_is_no_echo(noise: float, seed: int) -> None:
    assert not match(chirp(), white(noise, frames=SECOND + len(chirp()), seed=seed)).clear


def test_silence_is_no_echo() -> None:
    assert not match(chirp(), np.zeros(2 * SECOND)).clear


@settings(deadline=None)
@given(ppm=st.floats(-500, 500), seed=st.integers(0, 99))
def test_the_drift_of_two_echoes_is_known_far_better_than_is_claimed(ppm: float, seed: int) -> None:
    spacing = 4 * RATE
    size = SECOND + len(chirp())
    places = []
    for n, delay in enumerate((1000.3, 1000.3 + spacing * ppm / 1e6)):
        heard = 0.1 * late(chirp(), delay, size=size) + white(-55, frames=size, seed=2 * seed + n)
        places.append(match(chirp(), heard).frame)
    measured = drift_ppm(played=spacing, recorded=spacing + places[1] - places[0])
    assert measured == pytest.approx(ppm, abs=3)
