"""A voice opens the gate as a tap would; noise does not, nor does our own voice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.stage import Stage
from device.core import events as ev
from device.core.ahead import REST_S, VoiceWaker
from device.core.audio import RATE, MicBlock
from device.core.light import LightState

BLOCK = 960


def waking(**habits: Any) -> Stage:
    stage = Stage(wake="voice", **habits)
    stage.wait(1.0)
    return stage


def speech(seconds: float, *, level: float = 4000.0) -> np.ndarray:
    """Noise that rises and falls four times a second, as syllables do."""
    source = np.random.default_rng(5)
    at = np.arange(int(seconds * RATE)) / RATE
    swell = 10 ** (-(1 + np.cos(2 * np.pi * 4 * at)) * 0.6)
    return (source.normal(0, level, len(at)) * swell).astype("<i2")


def fan(seconds: float, level: float) -> np.ndarray:
    return np.random.default_rng(6).normal(0, level, int(seconds * RATE)).astype("<i2")


def wakes(*sounds: np.ndarray) -> list[float]:
    waker, heard = VoiceWaker(), np.concatenate(sounds)
    return [
        start / RATE
        for start in range(0, len(heard) - BLOCK + 1, BLOCK)
        if waker.hear(MicBlock(heard[start : start + BLOCK].tobytes(), start / RATE))
    ]


def test_speech_wakes_within_half_a_second() -> None:
    (first, *_) = wakes(fan(3.0, 30.0), speech(2.0))
    assert 3.0 < first < 3.6


@pytest.mark.parametrize("times", [2, 4, 10, 100])
def test_a_fan_that_starts_wakes_nobody(times: int) -> None:
    assert wakes(fan(3.0, 30.0), fan(10.0, 30.0 * times)) == []


def test_a_slam_and_clicks_wake_nobody() -> None:
    clicks = fan(10.0, 30.0)
    for start in range(0, len(clicks), RATE // 2):
        clicks[start : start + 120] = 20_000
    slam = fan(0.15, 15_000.0)
    assert wakes(fan(3.0, 30.0), clicks, slam, fan(3.0, 30.0)) == []


def test_a_voice_opens_the_gate_hands_free_with_what_was_said_before() -> None:
    stage = waking()
    assert stage.light is LightState.AWAKE, "the light tells that the microphone is open"
    assert stage.audio == []
    stage.talk._question._ahead._waker = Obedient()
    stage.voice = True
    stage.wait(0.3)
    assert stage.gate == "latched"
    assert stage.lines("gate") == [{"state": "open", "how": "voice"}]
    assert stage.light in (LightState.LISTENING, LightState.HEARING)
    assert stage.audio[0].captured is not None
    assert stage.audio[0].captured[0] < stage.now - 0.9, "a second of it"


class Obedient:
    """Wakes at the first block, as a wake word might."""

    def hear(self, _: MicBlock) -> bool:
        return True

    def rest(self) -> None:
        pass


def test_after_a_conversation_it_rests_for_a_while() -> None:
    stage = waking(linger_s=1.0)
    stage.talk._question._ahead._waker = Obedient()
    stage.wait(0.1)
    assert stage.gate == "latched"
    stage.wait(1.2)
    assert stage.gate == "closed"
    stage.wait(REST_S - 0.5)
    assert stage.gate == "closed"
    stage.wait(1.0)
    assert stage.gate == "latched"


def test_our_own_voice_does_not_wake_it() -> None:
    stage = waking(style="hold", duplex="half")
    stage.press()
    stage.voice = True
    stage.wait(1.0)
    stage.voice = False
    stage.takes("u1")
    stage.release()
    stage.begins("r1")
    stage.sounds("r1", "a1", 5.0)
    stage.finishes("r1")
    stage.talk._question._ahead._waker = Obedient()
    stage.wait(4.0)
    assert (stage.gate, stage.reply) == ("closed", "speaking")
    stage.wait(1.1)
    assert stage.gate == "closed", "nor its echo"


def test_muted_nothing_is_heard() -> None:
    stage = waking()
    stage.talk._question._ahead._waker = Obedient()
    stage.mute()
    stage.wait(2.0)
    assert stage.gate == "muted"
    assert not stage.microphone_open
    stage.mute(on=False)
    stage.wait(0.2)
    assert stage.gate == "latched"


def test_with_a_pre_roll_alone_no_voice_opens_anything() -> None:
    from device.core.audio import frames_of

    stage = Stage(preroll=frames_of(500))
    stage.voice = True
    stage.wait(3.0)
    assert stage.gate == "closed"
    assert stage.light is LightState.AWAKE
    assert ev.OpenMicrophone() in stage.effects
