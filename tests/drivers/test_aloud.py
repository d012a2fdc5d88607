from __future__ import annotations

import numpy as np

from device.core.audio import RATE, Frames
from device.drivers.aloud import LENGTH, Aloud, Position


def tones(first: int, frames: int) -> bytes:
    return np.arange(first + 1, first + frames + 1).astype("<i2").tobytes()


def test_what_was_written_is_heard_at_its_time_and_nowhere_else() -> None:
    aloud = Aloud()
    aloud.sounds(1000, tones(0, 480))
    assert aloud.heard(1000, 480) == tones(0, 480)
    assert aloud.heard(1240, 480) == tones(240, 240) + bytes(480)
    assert aloud.heard(500, 500) == bytes(1000)
    assert aloud.heard(2000, 240) == bytes(480)


def test_a_gap_is_silent() -> None:
    aloud = Aloud()
    aloud.sounds(0, tones(0, LENGTH))
    aloud.sounds(LENGTH + 480, tones(7, 480))
    assert aloud.heard(LENGTH, 960) == bytes(960) + tones(7, 480)


def test_what_a_cut_kept_from_sounding_is_taken_back() -> None:
    aloud = Aloud()
    aloud.sounds(0, tones(0, 3840))
    aloud.falls_silent(480)
    assert aloud.heard(0, 960) == tones(0, 480) + bytes(960)
    aloud.sounds(600, tones(0, 100))
    assert aloud.heard(480, 220) == bytes(240) + tones(0, 100)


def test_it_goes_on_for_ever() -> None:
    aloud = Aloud()
    for period in range(0, 10 * LENGTH, 480):
        aloud.sounds(period, tones(period % 30_000, 480))
        assert aloud.heard(period, 480) == tones(period % 30_000, 480)
    assert aloud.heard(0, 480) == bytes(960), "long forgotten"


def test_more_than_it_can_hold_keeps_the_end() -> None:
    aloud = Aloud()
    aloud.sounds(0, tones(0, 100))
    aloud.sounds(5 * LENGTH, tones(0, 480))
    assert aloud.heard(5 * LENGTH - 480, 960) == bytes(960) + tones(0, 480)


def test_a_position_counts_frames_and_not_errors_of_the_clock() -> None:
    position = Position()
    first = position.take(10.0, 480)
    assert first == 10 * RATE
    for number, error in enumerate((0.0009, -0.0009, 0.0005, 0.0), 1):
        assert position.take(10.0 + number * 0.02 + error, 480) == first + number * 480


def test_a_gap_sets_it_anew() -> None:
    position = Position()
    position.take(10.0, 480)
    assert position.take(10.5, 480) == round(10.5 * RATE)
    position.lose()
    assert position.take(10.525, 480) == round(10.525 * RATE)


def test_clocks_that_drift_apart_are_followed_slowly() -> None:
    position = Position()
    speed = 1.0001
    jumps = []
    for number in range(20_000):
        expected = position._next
        first = position.take(10.0 + number * 0.04 * speed, 960)
        if expected is not None:
            jumps.append(first - expected)
        assert abs(first - (10.0 + number * 0.04 * speed) * RATE) < 30
    assert set(jumps) == {0, 1}


def test_it_remembers_as_long_as_it_is_asked_to() -> None:
    aloud = Aloud(Frames(3 * LENGTH))
    aloud.sounds(0, tones(0, 480))
    aloud.sounds(2 * LENGTH, tones(0, 480))
    assert aloud.heard(0, 480) == tones(0, 480)
    aloud.sounds(3 * LENGTH, tones(7, 480))
    assert aloud.heard(0, 480) == bytes(960), "forgotten, and not what came in its place"
