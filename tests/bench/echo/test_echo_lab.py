"""The lab's rooms, people and figures; the cancellers are judged by `python -m bench.echo`."""

from __future__ import annotations

import numpy as np
import pytest

from bench.echo import listening, noises, rooms, scenes, told
from bench.echo.rooms import Signal
from bench.echo.scenes import Condition
from device.core.audio import RATE, Frames
from device.core.vad import NORMAL


class Perfect:
    """Knows the echo beforehand."""

    name = "perfect"
    delay = Frames(0)

    def __init__(self, echo: bytes) -> None:
        self._echo = np.frombuffer(echo, "<i2")
        self._at = 0

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:  # noqa: ARG002
        heard = np.frombuffer(microphone, "<i2")
        echo = self._echo[self._at : self._at + len(heard)]
        self._at += len(heard)
        return np.asarray(heard - echo, dtype="<i2").tobytes()


class Idle:
    """Cancels nothing, and keeps what it was told."""

    name = "idle"
    delay = Frames(0)

    def __init__(self) -> None:
        self.told = b""

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:
        self.told += reference
        return microphone


def decay_s(taps: Signal) -> float:
    """Three times the way from 5 to 25 dB below all the energy that is still to come."""
    left = np.cumsum(taps[::-1] ** 2)[::-1]
    below = 10 * np.log10(left / left[0] + 1e-12)
    return float(np.argmax(below < -25) - np.argmax(below < -5)) * 3 / RATE


@pytest.mark.parametrize("rt60_s", [0.15, 0.3, 0.5])
def test_a_room_rings_for_as_long_as_it_was_told_to(rt60_s: float) -> None:
    taps = rooms.response(rooms.TALKER, rooms.MICROPHONE, rt60_s=rt60_s)
    assert decay_s(taps) == pytest.approx(rt60_s, rel=0.2)
    assert np.argmax(np.abs(taps)) == 0
    assert taps[0] == pytest.approx(1.0, abs=0.05)


def test_a_sound_in_a_room_is_convolved_piece_by_piece() -> None:
    source = np.random.default_rng(1)
    sound, taps = source.normal(size=200_000), source.normal(size=50)
    assert np.allclose(rooms.through(sound, taps), np.convolve(sound, taps)[: len(sound)])


def test_the_echo_is_as_loud_and_as_late_as_the_condition_says() -> None:
    voice = scenes.ours(5.0)
    [echo] = scenes.echoes(Condition("still", noise_dbfs=-140.0, delay_ms=250), voice)
    first = int(np.flatnonzero(np.abs(voice) > 1e-3)[0])
    assert np.abs(echo[: first + 5990]).max() < 1e-3
    loud = np.sqrt(np.mean(echo.reshape(-1, 480) ** 2, axis=1))
    active = loud[loud > loud.max() / np.sqrt(1000)]
    assert 10 * np.log10(np.mean(active**2)) == pytest.approx(scenes.ECHO_DBFS, abs=0.1)


def test_a_faster_clock_hears_the_same_to_the_very_end() -> None:
    voice = np.sin(np.arange(60 * RATE) / 20)
    [echo] = scenes.echoes(Condition("fast", ppm=100, delay_ms=0, noise_dbfs=-140.0), voice)
    steady = echo[RATE:]
    assert np.abs(steady).max() < 1.01 * np.abs(steady[:RATE]).max()


def test_the_ear_is_told_what_sounds_while_it_sounds() -> None:
    voice = scenes.ours(2.0)
    idle = Idle()
    listening.run(idle, voice, np.zeros(len(voice)), ppm=0.0)
    early = RATE // 200
    assert idle.told[: -2 * early] == scenes.pcm(voice)[2 * early :][: len(idle.told) - 2 * early]


def test_without_a_canceller_nobody_may_interrupt_and_with_a_perfect_one_all_are_heard() -> None:
    near, starts = scenes.interruptions(4, 0)
    voice = scenes.ours(len(near) / RATE)
    [echo] = scenes.echoes(Condition("linear"), voice)
    deaf = listening.alone(listening.run(Idle(), voice, echo, ppm=0.0).echoes)
    assert deaf.opened_s is None
    assert deaf.false_starts > 0
    perfect = Perfect(scenes.pcm(echo))
    result = listening.run(perfect, voice, echo + near, ppm=0.0)
    found = listening.over(result, near, starts, delay=0)
    assert (found.soon, found.missed) == (1.0, 0)
    assert abs(found.loss_db) < 0.5


def test_the_power_that_is_gone_is_told_in_db() -> None:
    microphone = np.full(RATE, 0.1)
    assert listening.erle(microphone, scenes.pcm(microphone / 10), (0.0, 1.0)) == pytest.approx(
        20.0, abs=0.1
    )


def test_twelve_people_are_heard_in_silence_and_nobody_else() -> None:
    found = noises.judge(np.zeros(noises.SECONDS * RATE), NORMAL)
    assert (found.heard, found.false_starts, found.false_share) == (12, 0, 0.0)


def test_what_was_kept_is_of_all_conditions_and_noises() -> None:
    result = told.kept()
    assert {row["condition"] for row in result["rows"]} == {one.name for one in scenes.CONDITIONS}
    assert {row["noise"] for row in result["noises"]} == set(noises.NOISES)
