"""One channel of several: the best one, and never one that fails."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import pytest

from core.air import CIRCLE, PAIR, Run, Signal, always, hush, interleaved, run, voice, white
from device.core import events as ev
from device.core.array import Array
from device.core.audio import PERIOD, RATE, Format, Sample

FOUR = Format(channels=4)
QUIET = 1.5
USES: Final[tuple[Literal["best", "beam"], ...]] = ("best", "beam")


def said(*, words: Signal | None = None, after: float = 1.0) -> Signal:
    words = voice() if words is None else words
    return np.concatenate([hush(QUIET), words, hush(after)])


def heard(gains: list[float], *, noise: list[float] | None = None, seed: int = 0) -> Signal:
    """One utterance in channels of these gains, each with its noise in dBFS."""
    sound = said()
    level = noise or [-60.0] * len(gains)
    own = white(0.0, frames=len(sound), channels=len(gains), seed=seed)
    return np.outer(gains, sound) + own * 10 ** (np.array(level) / 20)[:, None]


def listens_to(array: Array, channels: int = 4) -> int:
    """The channel that is heard now."""
    marks = np.repeat(np.arange(1, channels + 1)[:, None] / 1000, PERIOD, axis=1)
    marks += np.tile([0.0001, 0.0], PERIOD // 2)  # moves: a channel that stands still is left
    form = Format(channels=channels)
    for _ in range(2):  # a change is faded over the first
        mono = array.mix(interleaved(marks), form, hearing=None)
    return round(float(np.frombuffer(mono, "<i2")[1]) / 32.768) - 1


def test_it_hears_the_first_channel_as_it_is_until_there_is_a_reason() -> None:
    sound = white(-30.0, frames=PERIOD)
    mono = Array("best", channels=4).mix(interleaved(sound), FOUR, hearing=False)
    assert mono == interleaved(sound[:1])


@pytest.mark.parametrize("sample", get_args(Sample))
def test_a_period_of_either_width_comes_out_as_long_as_it_went_in(sample: Sample) -> None:
    form = Format(channels=4, sample=sample)
    for use in USES:
        array = Array(use, channels=4, geometry=CIRCLE)
        for frames in (PERIOD, 0, 17, PERIOD, 1):
            sound = interleaved(white(-30.0, frames=frames), sample)
            for hearing in (True, False, None):
                assert len(array.mix(sound, form, hearing=hearing)) == 2 * frames


def test_of_thirty_two_bits_the_upper_half_is_heard() -> None:
    sound = white(-30.0, frames=PERIOD)
    form = Format(channels=4, sample="S32_LE")
    mono = Array("best", channels=4).mix(interleaved(sound, "S32_LE"), form, hearing=False)
    assert mono == interleaved(sound[:1])


def test_a_dead_first_channel_is_left_before_a_word_is_lost() -> None:
    sound = heard([0, 1, 1, 1])
    sound[0] = 0.0
    array = Array("best", channels=4)
    found = run(array, sound)
    assert np.abs(found.mono - sound[1, : len(found.mono)]).max() <= 1 / 32768
    assert found.turned == [(0, "is dead (nothing but zeros)")]


def test_a_channel_that_dies_in_mid_word_is_left_at_once_and_without_a_click() -> None:
    sound = heard([1, 1, 1, 1], noise=[-70.0, -76.0, -70.0, -70.0])
    died = (round((QUIET + 1.0) * RATE) // PERIOD) * PERIOD
    sound[0, died:] = 0.0
    mono = run(Array("best", channels=4), sound).mono
    rest = slice(died + PERIOD, len(mono))
    assert np.abs(mono[rest] - sound[1, rest]).max() <= 1 / 32768
    assert np.abs(np.diff(mono)).max() <= np.abs(np.diff(sound[1])).max() * 1.1


@pytest.mark.parametrize("best", [1, 2, 3])
def test_the_clearest_channel_is_taken_after_the_utterance_and_not_in_it(best: int) -> None:
    sound = heard([1.0] * 4, noise=[-42.0 if n != best else -50.0 for n in range(4)])
    array = Array("best", channels=4)
    mono = run(array, sound).mono
    spoken = slice(0, round(QUIET * RATE) + len(voice()))
    assert np.abs(mono[spoken] - sound[0, spoken]).max() <= 1 / 32768
    assert listens_to(array) == best


def test_a_change_of_channel_is_faded() -> None:
    sound = heard([1.0, 1.0], noise=[-60.0, -72.0])
    sound += np.array([[-0.009], [0.009]])  # a step, if it were not
    mono = run(Array("best", channels=2), sound).mono[round(QUIET * RATE) + len(voice()) :]
    assert mono[:480].mean() < -0.005
    assert mono[-480:].mean() > 0.005
    assert np.abs(np.diff(mono)).max() < 0.01


def test_the_loudest_channel_is_not_the_clearest() -> None:
    array = Array("best", channels=4)
    run(array, heard([1.0, 3.0, 0.8, 1.0], noise=[-45.0, -36.0, -58.0, -45.0]))
    assert listens_to(array) == 2


def test_a_channel_that_is_hardly_better_is_not_taken() -> None:
    array = Array("best", channels=4)
    run(array, heard([1.0] * 4, noise=[-50.0, -52.0, -51.0, -50.0]))
    assert listens_to(array) == 0


@pytest.mark.parametrize(("periods", "taken"), [(20, 0), (30, 1)])
def test_too_few_words_compare_nothing(periods: int, taken: int) -> None:
    sound = heard([1.0] * 4, noise=[-42.0, -55.0, -42.0, -42.0])
    first = round((QUIET + 0.1) * RATE) // PERIOD
    array = Array("best", channels=4)
    run(array, sound[:, : (first + periods) * PERIOD], hearing=lambda n: n >= first)
    run(array, sound[:, :PERIOD], hearing=always(False))
    assert listens_to(array) == taken


def test_while_our_own_voice_is_in_the_room_nothing_is_learned() -> None:
    array = Array("best", channels=4)
    hiss = white(-45.0, frames=RATE)
    run(array, hiss, hearing=always(False))
    muffled = hiss * np.array([[1.0], [0.01], [1.0], [1.0]])
    assert run(array, muffled, hearing=always(None)).told == []
    run(array, heard([1.0] * 4, noise=[-45.0] * 4)[:, round(QUIET * RATE) :], always(True))
    run(array, hiss[:, :PERIOD], hearing=always(False))
    assert listens_to(array) == 0, "channel 1 has no such floor"


@pytest.mark.parametrize("hearing", [True, None])
def test_only_while_nobody_speaks_is_a_channel_too_noisy(hearing: bool | None) -> None:
    noise = white(-60.0, frames=3 * RATE) * np.array([[1.0], [10.0], [1.0], [1.0]])
    assert run(Array("best", channels=4), noise, hearing=always(hearing)).turned == []


def test_a_channel_that_fails_is_followed_by_the_best_that_is_left() -> None:
    array = Array("best", channels=4)
    run(array, heard([1.0] * 4, noise=[-42.0, -46.0, -60.0, -52.0]))
    assert listens_to(array) == 2
    broken = white(-60.0, frames=PERIOD)
    broken[2] = 0.0
    run(array, broken)
    assert listens_to(array) == 3


def test_a_channel_that_comes_back_from_the_dead_has_to_show_its_worth() -> None:
    sound = heard([1.0] * 4, noise=[-50.0] * 4)
    sound[3] = 0.0
    array = Array("best", channels=4)
    run(array, sound)
    run(array, white(-50.0, frames=4 * RATE, seed=2))  # well again, and its floor is another
    run(array, heard([1.0, 1.0, 1.0, 0.3], noise=[-50.0] * 4, seed=3))
    assert listens_to(array) == 0


def test_a_noisy_channel_is_left_while_nobody_speaks() -> None:
    noise = white(-60.0, frames=3 * RATE)
    noise[0] *= 10
    array = Array("best", channels=4)
    found = run(array, noise)
    assert found.turned == [(0, "is noisy (20 dB above the others)")]
    assert listens_to(array) == 1


def test_when_every_channel_is_ill_it_hears_on() -> None:
    clipped = (white(-60.0, frames=3 * RATE) * 5000).clip(-1, 32767 / 32768)
    array = Array("best", channels=4)
    found = run(array, clipped)
    assert {channel for channel, _ in found.turned} == {0, 1, 2, 3}
    assert listens_to(array) == 0
    found = run(array, np.zeros((4, RATE)))
    assert not found.mono[PERIOD:].any()
    assert found.turned == []


def test_a_channel_that_is_no_microphone_is_never_heard() -> None:
    sound = heard([0.0, 1.0, 1.0, 1.0], noise=[-90.0, -50.0, -42.0, -42.0])
    sound[0] = said(words=voice() * 3)  # a loopback of the speaker, clearer than any microphone
    array = Array("best", channels=4, geometry={1: (0.03, 0.0), 2: (-0.03, 0.0)})
    found = run(array, sound)
    assert listens_to(array) == 1
    assert found.turned == [], "nor judged"


@pytest.mark.parametrize("use", USES)
def test_what_is_ill_is_told_once_with_its_cure(use: Literal["best", "beam"]) -> None:
    sound = white(-60.0, frames=3 * RATE, channels=2)
    sound[1] += 0.05
    array = Array(use, channels=2, geometry=PAIR)
    found: Run = run(array, sound, hearing=always(False))
    (told,) = found.told
    assert isinstance(told, ev.ChannelTurned)
    assert (told.channel, told.ill) == (1, "has a DC offset of +5%")
    assert "high-pass" in told.cure
    assert told.at == pytest.approx(1.0, abs=0.05)
