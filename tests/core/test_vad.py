"""The numbers of the detector, on signals made here: the same ones every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from device.core.audio import PERIOD, RATE, MicBlock
from device.core.vad import HANGOVER_FRAMES, Vad, levels

Signal = npt.NDArray[np.float64]
FRAME_S = PERIOD / RATE


def seconds(length: float) -> int:
    return round(length * RATE)


def at_level(signal: Signal, dbfs: float) -> Signal:
    """The signal with this mean level in the band the detector listens to."""
    power = float(np.mean([10 ** (level / 10) for level in levels(pcm(signal / 64))]))
    return np.asarray(signal / 64 * 10 ** (dbfs / 20) / np.sqrt(power))


def pcm(signal: Signal) -> bytes:
    return np.clip(np.round(signal * 32768), -32768, 32767).astype("<i2").tobytes()


def shaped(length: float, slope: float, seed: int) -> Signal:
    """Noise whose power falls with the frequency to the power of `slope` (1 is pink)."""
    count = seconds(length)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20.0)
    noise = np.fft.irfft(spectrum / frequency ** (slope / 2), count)
    return np.asarray(noise / np.max(np.abs(noise)))


def pink(length: float, dbfs: float, seed: int = 1) -> Signal:
    return at_level(shaped(length, 1.0, seed), dbfs)


def fan(length: float, dbfs: float) -> Signal:
    """Rumble, and the tones of the blades, slowly beating."""
    time = np.arange(seconds(length)) / RATE
    blades = sum(np.sin(2 * np.pi * 125 * n * time) / n for n in range(1, 6))
    beat = 1 + 0.1 * np.sin(2 * np.pi * 0.7 * time)
    return at_level(shaped(length, 2.0, 2) + 0.05 * beat * blades, dbfs)


def voice(length: float, dbfs: float) -> Signal:
    """Syllables, four a second: harmonics of 140 Hz under three formants."""
    time = np.arange(seconds(length)) / RATE
    wave = np.zeros(len(time))
    for harmonic in range(1, 27):
        hertz = 140.0 * harmonic
        formants = sum(np.exp(-(((hertz - peak) / 250) ** 2)) for peak in (600, 1400, 2600))
        wave += (0.05 + formants) * np.sin(2 * np.pi * hertz * time + harmonic)
    syllables = 0.35 + 0.65 * np.abs(np.cos(2 * np.pi * 2 * time))
    return at_level(wave * syllables, dbfs)


def run(vad: Vad, signal: Signal) -> list[bool]:
    """Whether it hears somebody, for every 20 ms."""
    data = pcm(signal)
    return [
        vad.feed(MicBlock(data[at : at + 2 * PERIOD], 0.0))
        for at in range(0, len(data) - 2 * PERIOD + 1, 2 * PERIOD)
    ]


def onset(heard: list[bool]) -> float:
    """Milliseconds until it hears somebody."""
    return (heard.index(True) + 1) * FRAME_S * 1000


ROOMS: dict[str, Any] = {
    "quiet": lambda length: pink(length, -70.0),
    "pink, 20 dB below the voice": lambda length: pink(length, -45.0),
    "fan, 20 dB below the voice": lambda length: fan(length, -45.0),
}


@pytest.mark.parametrize("room", list(ROOMS.values()), ids=list(ROOMS))
def test_a_voice_is_heard_within_sixty_to_a_hundred_ms(room: Any) -> None:
    vad = Vad()
    assert not any(run(vad, room(2.0)))
    speech = voice(1.0, -25.0) + room(1.0)
    assert 60.0 <= onset(run(vad, speech)) <= 100.0


@pytest.mark.parametrize("room", list(ROOMS.values()), ids=list(ROOMS))
def test_it_ends_half_a_second_after_the_voice(room: Any) -> None:
    vad = Vad()
    run(vad, room(2.0))
    assert run(vad, voice(1.0, -25.0) + room(1.0))[-1]
    after = run(vad, room(1.5))
    assert after.index(False) + 1 == pytest.approx(HANGOVER_FRAMES, abs=2)
    assert not any(after[HANGOVER_FRAMES + 2 :])


def test_a_pause_of_four_hundred_ms_is_part_of_speaking() -> None:
    vad = Vad()
    run(vad, pink(1.0, -70.0))
    run(vad, voice(1.0, -25.0))
    assert all(run(vad, pink(0.4, -70.0)))
    assert all(run(vad, voice(0.5, -25.0)))


@pytest.mark.parametrize("level", [-70.0, -55.0, -40.0])
@pytest.mark.parametrize("noise", [pink, fan])
def test_steady_noise_is_never_taken_for_a_voice(noise: Any, level: float) -> None:
    assert not any(run(Vad(), noise(20.0, level)))


def test_noise_louder_than_can_be_learned_at_once_is_let_go_after_some_seconds() -> None:
    assert not any(run(Vad(), pink(15.0, -30.0))[200:])


def test_clicks_are_never_taken_for_a_voice() -> None:
    signal = pink(20.0, -50.0)
    burst = np.random.default_rng(3).normal(0, 0.3, seconds(0.008))
    for at in range(0, len(signal) - len(burst), seconds(0.5)):
        signal[at : at + len(burst)] += burst
    vad = Vad()
    run(vad, pink(1.0, -50.0))
    assert not any(run(vad, signal))


def test_clicks_do_not_keep_a_voice_alive() -> None:
    signal = pink(8.0, -60.0)
    burst = np.random.default_rng(3).normal(0, 0.3, seconds(0.008))
    for at in range(0, len(signal) - len(burst), seconds(0.5)):
        signal[at : at + len(burst)] += burst
    vad = Vad()
    run(vad, pink(1.0, -60.0))
    assert run(vad, voice(1.0, -25.0))[-1]
    assert not any(run(vad, signal)[100:])


def test_noise_that_becomes_louder_is_let_go_after_some_seconds() -> None:
    vad = Vad()
    run(vad, pink(5.0, -50.0))
    louder = run(vad, pink(15.0, -38.0, seed=4))
    released = len(louder) - louder[::-1].index(True) if True in louder else 0
    assert released * FRAME_S < 4.0
    assert 60.0 <= onset(run(vad, voice(1.0, -18.0) + pink(1.0, -38.0))) <= 120.0


def test_a_voice_over_a_step_of_the_noise_is_heard_and_released() -> None:
    vad = Vad()
    run(vad, pink(3.0, -50.0))
    assert run(vad, voice(1.0, -20.0) + pink(1.0, -38.0))[-1]
    assert not run(vad, pink(4.0, -38.0))[-1]


def test_the_first_words_at_the_very_first_press_are_heard() -> None:
    assert onset(run(Vad(), voice(1.0, -25.0))) <= 100.0


def test_a_person_who_speaks_through_the_learning_is_heard_afterwards_too() -> None:
    vad = Vad()
    run(vad, voice(1.0, -25.0))
    run(vad, pink(2.0, -65.0))
    assert 60.0 <= onset(run(vad, voice(1.0, -25.0))) <= 100.0


def test_the_noise_floor_outlives_a_new_opening_of_the_gate() -> None:
    vad = Vad()
    run(vad, pink(3.0, -55.0))
    floor = vad.floor
    assert floor == pytest.approx(-55.0, abs=3.0)
    vad.reset()
    assert vad.floor == floor
    assert onset(run(vad, voice(1.0, -25.0))) <= 100.0


def test_what_was_said_is_counted_since_the_gate_opened() -> None:
    vad = Vad()
    run(vad, pink(1.0, -70.0))
    run(vad, voice(1.0, -25.0))
    run(vad, pink(1.0, -70.0))
    assert vad.spoken == pytest.approx(1000, abs=120)
    vad.reset()
    assert vad.spoken == 0
    assert not vad.hearing


def test_thirty_seconds_without_a_pause_are_a_machine() -> None:
    vad = Vad()
    run(vad, pink(1.0, -70.0))
    machine = voice(40.0, -25.0)
    heard = run(vad, machine)
    assert heard[seconds(25.0) // PERIOD]
    assert not all(heard)


def test_below_the_gate_nothing_is_speech() -> None:
    vad = Vad()
    run(vad, pink(1.0, -78.0))
    assert not any(run(vad, voice(3.0, -58.0)))


def test_a_level_is_that_of_the_band_only() -> None:
    time = np.arange(seconds(0.1)) / RATE

    def tone(hertz: float) -> float:
        return max(levels(pcm(0.5 * np.sin(2 * np.pi * hertz * time))))

    for inside in (500.0, 700.0, 1000.0):
        assert tone(inside) == pytest.approx(-9.0, abs=2.0)
    assert tone(100.0) < -20.0
    assert tone(50.0) < -26.0
    assert tone(7000.0) < -20.0
    assert len(levels(bytes(2 * PERIOD * 5 + 100))) == 5


def test_digital_silence_is_not_a_number_too_small_to_compute() -> None:
    vad = Vad()
    assert not any(run(vad, np.zeros(seconds(2.0))))
    assert vad.floor == -78.0
    assert not vad.feed(MicBlock(b"", 0.0))
    assert not vad.feed(MicBlock(bytes(100), 0.0))


def test_a_block_of_any_length_gives_the_same_as_its_periods() -> None:
    signal = np.concatenate([pink(1.0, -60.0), voice(1.0, -25.0), pink(1.0, -60.0)])
    one, two = Vad(), Vad()
    data = pcm(signal)
    run(one, signal)
    for at in range(0, len(data), 8 * PERIOD):
        two.feed(MicBlock(data[at : at + 8 * PERIOD], 0.0))
    assert (one.floor, one.spoken, one.hearing) == (two.floor, two.spoken, two.hearing)
