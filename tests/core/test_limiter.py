"""What is played keeps below the ceiling; what is below the knee is left alone."""

from __future__ import annotations

import audioop
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from device.core.limiter import Limiter

Sounds = some.lists(some.integers(-32768, 32767), max_size=1000).map(lambda s: array("h", s))
CEILINGS = [-6.0, -3.0, -1.0, 0.0]


def every_sample() -> array[int]:
    return array("h", range(-32768, 32768))


def limited(samples: array[int], dbfs: float) -> array[int]:
    return array("h", Limiter.at(dbfs).limit(samples.tobytes()))


@pytest.mark.parametrize("dbfs", CEILINGS)
def test_no_sample_is_beyond_the_ceiling_and_full_scale_reaches_it(dbfs: float) -> None:
    bent = limited(every_sample(), dbfs)
    ceiling = 32768 * 10 ** (dbfs / 20)
    assert max(map(abs, bent)) <= ceiling
    assert max(bent) == pytest.approx(ceiling, abs=2)


@pytest.mark.parametrize("dbfs", CEILINGS)
def test_what_is_below_the_knee_passes_as_it_is(dbfs: float) -> None:
    knee = Limiter.at(dbfs).knee
    straight = array("h", (sample for sample in every_sample() if abs(sample) <= knee))
    assert limited(straight, dbfs) == straight


@pytest.mark.parametrize("dbfs", CEILINGS)
def test_the_curve_rises_without_a_jump_and_is_the_same_on_both_sides(dbfs: float) -> None:
    bent = limited(every_sample(), dbfs)
    assert {high - low for low, high in pairwise(bent)} <= {0, 1, 2}
    assert list(bent[1:32768]) == [-sample for sample in reversed(bent[32769:])]


@given(sound=Sounds, cut=some.integers(0, 1000))
def test_a_sound_in_pieces_is_limited_as_in_one(sound: array[int], cut: int) -> None:
    limiter, pcm = Limiter.at(), sound.tobytes()
    cut = min(2 * cut, len(pcm))
    whole = limiter.limit(pcm)
    assert limiter.limit(pcm[:cut]) + limiter.limit(pcm[cut:]) == whole
    assert len(whole) == len(pcm)
    assert audioop.max(whole, 2) <= limiter.ceiling


def test_a_peak_is_bent_whatever_comes_with_it() -> None:
    between = Limiter.at().knee + 3000
    for company in ([], [32767], [0] * 5000):
        assert limited(array("h", [between, *company]), -3.0)[0] < between


def test_a_quiet_sound_is_not_even_copied() -> None:
    quiet = array("h", [1000, -1000] * 240).tobytes()
    assert Limiter.at().limit(quiet) is quiet


@pytest.mark.parametrize("dbfs", [-6.1, 0.1])
def test_a_ceiling_it_cannot_keep_is_refused(dbfs: float) -> None:
    with pytest.raises(ValueError, match="give -6 to 0"):
        Limiter.at(dbfs)
