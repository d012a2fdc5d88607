"""Listening toward a voice: where it comes from, and that it sounds as it is."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from core.air import CIRCLE, PAIR, Signal, always, arriving, hush, off, run, toward, voice, white
from device.core.array import Array
from device.core.audio import PERIOD, RATE
from device.core.beam import Finder, Geometry, Weights, bearings, centred, single, steered

RING = {
    n: (0.05 * math.cos(2 * math.pi * n / 16), 0.05 * math.sin(2 * math.pi * n / 16))
    for n in range(16)
}


def question(before: float = 1.0, after: float = 1.0) -> Signal:
    return np.concatenate([hush(before), voice(), hush(after)])


def response(weights: Weights, bearing: float, hertz: Signal, geometry: Geometry) -> Signal:
    """How loud tones from a bearing come out, in dB."""
    turn = 2j * math.pi * hertz / RATE
    taps = np.arange(weights.shape[1])
    heard = sum(
        (weights[n] @ np.exp(-np.outer(taps, turn))) * np.exp(turn * toward(place, bearing))
        for n, place in geometry.items()
    )
    return np.asarray(20 * np.log10(np.abs(heard)))


@pytest.mark.parametrize("geometry", [CIRCLE, PAIR, RING], ids=["circle", "pair", "ring"])
def test_a_voice_from_any_bearing_sounds_as_it_is(geometry: Geometry) -> None:
    hertz = np.linspace(50, 10_000, 200)
    ears, channels = sorted(geometry), len(geometry)
    for bearing in range(0, 360, 7):
        weights = steered(geometry, ears, channels=channels, bearing=bearing)
        assert np.abs(response(weights, bearing, hertz, geometry)).max() < 0.05


def test_one_channel_alone_sounds_as_it_is_and_as_late_as_a_beam() -> None:
    sound = voice()
    beam = run(Array("beam", channels=4, geometry=CIRCLE), np.stack([sound] * 4), always(None))
    late = int(np.argmax(single(CIRCLE, 0, channels=4)[0]))
    assert np.abs(beam.mono[late:] - sound[: len(beam.mono) - late]).max() < 2 / 32768


def test_the_plain_average_has_the_null_that_the_beam_has_not() -> None:
    hertz = np.array([4000.0])
    plain = np.full((4, 1), 0.25)
    power = [10 ** (float(response(plain, b, hertz, CIRCLE)[0]) / 10) for b in range(0, 360, 5)]
    assert 10 * math.log10(sum(power) / len(power)) == pytest.approx(-21, abs=1)


@pytest.mark.parametrize("bearing", range(0, 360, 40))
def test_the_bearing_of_a_voice_is_found_to_five_degrees(bearing: int) -> None:
    sound = arriving(question(), bearing) + white(-50.0, frames=len(question()))
    found = run(Array("beam", channels=4, geometry=CIRCLE), sound)
    assert len(found.bearings) >= 4
    assert max(off(one, bearing) for one in found.bearings) <= 5


def test_a_bearing_is_told_at_most_five_times_a_second_and_only_while_somebody_speaks() -> None:
    sound = arriving(question(), 70) + white(-50.0, frames=len(question()))
    array = Array("beam", channels=4, geometry=CIRCLE)
    found = run(array, sound)
    times = [event.at for event in found.told]
    assert min(b - a for a, b in pairwise(times)) >= 0.199
    assert times[0] > 1.0
    assert times[-1] < 1.0 + len(voice()) / RATE + 0.2, "not in the hangover"
    assert run(array, sound, always(False)).told == []
    assert run(array, sound, always(None)).told == []


def test_a_fan_that_was_there_before_draws_no_beam() -> None:
    fan = np.convolve(white(-22.0, frames=len(question()), channels=1)[0], np.ones(8) / 3, "same")
    sound = arriving(question(), 40) + arriving(fan, 160) + white(-70.0, frames=len(fan))
    first, last = RATE // PERIOD + 5, (RATE + len(voice())) // PERIOD
    array = Array("beam", channels=4, geometry=CIRCLE)
    found = run(array, sound, lambda n: first <= n < last)
    assert len(found.bearings) >= 3
    assert max(off(one, 40) for one in found.bearings) <= 5


def test_what_does_not_stand_out_of_the_noise_tells_no_bearing() -> None:
    noise = white(-40.0, frames=4 * RATE)
    found = run(Array("beam", channels=4, geometry=CIRCLE), noise, lambda n: n > 100)
    assert found.bearings == []
    # Louder than before, and from nowhere in particular: every microphone for itself.
    louder = np.concatenate([noise, white(-37.0, frames=4 * RATE, seed=1)], axis=1)
    found = run(Array("beam", channels=4, geometry=CIRCLE), louder, lambda n: n > 200)
    assert found.bearings == []


def test_the_noise_of_the_microphones_is_six_decibels_less_in_four() -> None:
    noise = white(-40.0, frames=RATE)
    speech = arriving(question(), 70) + white(-55.0, frames=len(question()))
    array = Array("beam", channels=4, geometry=CIRCLE)
    run(array, speech)
    mono = run(array, noise, always(None)).mono[PERIOD:]
    assert 20 * math.log10(mono.std() / noise.std()) == pytest.approx(-6, abs=0.5)


def test_a_voice_that_moves_is_followed_without_a_click() -> None:
    tone = 0.25 * np.sin(2 * math.pi * 1000 * np.arange(2 * RATE) / RATE)
    array = Array("beam", channels=4, geometry=CIRCLE)
    words = np.concatenate([hush(1.0), voice()])
    run(array, arriving(words, 0) + white(-60.0, frames=len(words)))
    moved = np.concatenate([tone, voice(), tone])
    speech = range(len(tone) // PERIOD, (len(tone) + len(voice())) // PERIOD)
    found = run(array, arriving(moved, 180), lambda n: True if n in speech else None)
    assert off(found.bearings[-1], 180) <= 5
    steps = np.abs(np.diff(found.mono, 2))
    least = np.abs(np.diff(moved, 2)).max()
    assert steps.max() <= 1.2 * least
    assert found.mono[-RATE:].std() == pytest.approx(tone.std(), rel=0.01)


def test_an_ill_channel_is_left_out_of_the_beam_and_of_the_bearing() -> None:
    sound = arriving(question(2.0), 70) + white(-50.0, frames=len(question(2.0)))
    sound[1] = white(-25.0, frames=sound.shape[1], channels=1, seed=9)[0]
    array = Array("beam", channels=4, geometry=CIRCLE)
    found = run(array, sound)
    assert found.turned == [(1, "is noisy (25 dB above the others)")]
    assert max(off(one, 70) for one in found.bearings) <= 10
    still = white(-80.0, frames=RATE)
    still[1] *= 300
    assert run(array, still, always(None)).mono[PERIOD:].std() < 1e-4


def test_an_ill_channel_that_is_late_turns_no_bearing() -> None:
    sound = arriving(question(2.0), 70) + white(-50.0, frames=len(question(2.0)))
    sound[1] = np.roll(sound[1], 5) + 0.05
    found = run(Array("beam", channels=4, geometry=CIRCLE), sound)
    assert found.turned == [(1, "has a DC offset of +5%")]
    assert found.bearings
    assert max(off(one, 70) for one in found.bearings) <= 5


def test_when_one_channel_is_left_it_is_heard_alone_and_no_bearing_is_told() -> None:
    sound = np.zeros((4, len(question())))
    sound[2] = question() + white(-50.0, frames=len(question()), channels=1)[0]
    found = run(Array("beam", channels=4, geometry=CIRCLE), sound)
    assert found.bearings == []
    late = int(np.argmax(single(CIRCLE, 0, channels=4)[0]))
    end = len(found.mono)
    assert np.abs(found.mono[RATE:] - sound[2, RATE - late : end - late]).max() < 2 / 32768


def test_a_straight_array_tells_one_side_only() -> None:
    assert list(bearings(PAIR)) == list(range(0, 181, 5))
    assert set(bearings(CIRCLE)) == set(range(0, 360, 5))
    sound = arriving(question(), -60, PAIR) + white(-50.0, frames=len(question()), channels=2)
    found = run(Array("beam", channels=2, geometry=PAIR), sound)
    assert found.bearings
    assert max(off(one, 60) for one in found.bearings) <= 10, "the mirror image: it sounds alike"


def test_many_microphones_find_a_bearing_with_some_of_them() -> None:
    sound = arriving(question(), 250, RING) + white(-50.0, frames=len(question()), channels=16)
    found = run(Array("beam", channels=16, geometry=RING), sound)
    assert found.bearings
    assert max(off(one, 250) for one in found.bearings) <= 5


def test_where_the_middle_is_does_not_matter() -> None:
    moved = {n: (x + 0.5, y - 0.2) for n, (x, y) in CIRCLE.items()}
    for n, place in centred(moved).items():
        assert place == pytest.approx(CIRCLE[n])
    sound = arriving(question(), 70) + white(-50.0, frames=len(question()))
    found = run(Array("beam", channels=4, geometry=moved), sound)
    assert max(off(one, 70) for one in found.bearings) <= 5


def test_half_a_period_is_heard_and_tells_nothing() -> None:
    finder = Finder(CIRCLE)
    part = np.zeros((4, PERIOD // 2), np.float32)
    assert finder.hear(part, hearing=True, well={0, 1, 2, 3}) is None
