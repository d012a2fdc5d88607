"""The way from the loudspeaker to the microphones: rooms, clocks, and what a loudspeaker cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from virtual_card import Samples, VirtualCard
from virtual_card.conftest import Desk, read

Babble = Callable[[int], Samples]
ROOMS = np.array([[0.5, 0.0, 0.25, -0.125], [0.0, 0.125, 0.0, 0.5]])


def echo_of(desk: Desk, sound: Samples, *, microphones: int = 1, **options: Any) -> Samples:
    """What the microphones catch of a sound, from its first frame on, and half a second more."""
    card = desk.card(echo_gain=1.0, microphone_channels=microphones, seconds=20, **options)
    recorder = desk.recorder(card, channels=microphones)
    recorder.read()
    desk.player(card, periods=40).write(sound.tobytes())
    caught = read(recorder, len(sound) + 12000, channels=microphones)
    return caught[np.flatnonzero(caught.any(axis=1))[0] :]


def test_each_microphone_hears_its_own_way_through_the_room(desk: Desk, babble: Babble) -> None:
    sound = babble(9600)
    caught = echo_of(desk, sound, microphones=2, echo_response=ROOMS)
    for channel, ways in enumerate(ROOMS):
        expected = np.convolve(sound, ways)
        assert np.abs(caught[: len(expected), channel] - expected).max() <= 1
        assert not caught[len(expected) :, channel].any()


def test_one_way_is_that_of_all_microphones(desk: Desk, babble: Babble) -> None:
    caught = echo_of(desk, babble(4800), microphones=2, echo_response=ROOMS[0])
    assert np.array_equal(caught[:, 0], caught[:, 1])


def test_a_loudspeaker_gets_no_louder_than_it_can(desk: Desk) -> None:
    steps = np.repeat(np.array([300, 32767, -32767], np.int16), 1000)
    caught = echo_of(desk, steps, echo_clip=0.25)[:3000, 0]
    assert caught[:1000] == pytest.approx(300, abs=1)
    assert caught[1000:2000] == pytest.approx(0.25 * 32767, rel=0.04)
    assert caught[2000:] == pytest.approx(-0.25 * 32767, rel=0.04)


@pytest.mark.parametrize("ppm", [1000.0, -1000.0])
def test_two_clocks_drift_apart(desk: Desk, ppm: float) -> None:
    time = np.arange(18000) / 24000
    sound = (20000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
    caught = echo_of(desk, sound, echo_ppm=ppm, echo_delay_ms=100.0)[10:17010, 0]
    turning = np.exp(2j * np.pi * 1000 * (1 + ppm / 1e6) * time[:17000])
    swing = 2 * np.mean(caught / turning)
    assert np.abs(swing) == pytest.approx(20000, rel=0.01)
    # Not in steps: each frame is where the other clock has it.
    assert np.abs(caught - (swing * turning).real).max() < 300


def test_a_clock_that_would_run_ahead_of_the_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"echo_delay_ms=40.0: give 60.3 to"):
        VirtualCard(tmp_path, echo_delay_ms=40.0, echo_ppm=100.0)


def test_a_room_for_other_microphones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 responses for 4 microphones"):
        VirtualCard(tmp_path, microphone_channels=4, echo_response=ROOMS)
