"""A voice opens the gate as a tap would; noise does not, nor does our own voice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.stage import Stage
from device.core import events as ev
from device.core.ahead import REST_S, VoiceWaker
from device.core.audio import RATE, Frames, MicBlock, frames_of
from device.core.events import Part
from device.core.light import Light, LightState

BLOCK = 960


class Obedient:
    """Wakes at the first block once it is told to, as a wake word might."""

    def __init__(self) -> None:
        self.willing = False
        self.heard: list[MicBlock] = []

    def hear(self, block: MicBlock) -> bool:
        self.heard.append(block)
        return self.willing

    def rest(self) -> None:
        self.heard.clear()


def waking(**habits: Any) -> tuple[Stage, Obedient]:
    """A device that listens for a waker, which is not willing yet."""
    waker = Obedient()
    stage = Stage(wake="voice", waker=lambda: waker, **habits)
    stage.wait(1.0)
    return stage, waker


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
    stage, waker = waking()
    assert stage.light is LightState.AWAKE, "the light tells that the microphone is open"
    assert stage.audio == []
    waker.willing = True
    stage.voice = True
    stage.wait(0.3)
    assert stage.gate == "latched"
    assert stage.lines("gate") == [{"state": "open", "how": "voice"}]
    assert stage.light in (LightState.LISTENING, LightState.HEARING)
    assert stage.audio[0].captured is not None
    assert stage.audio[0].captured[0] < stage.now - 0.9, "a second of it"


def test_after_a_conversation_it_rests_for_a_while() -> None:
    stage, waker = waking(linger_s=1.0)
    waker.willing = True
    stage.wait(0.1)
    assert stage.gate == "latched"
    stage.wait(1.2)
    assert stage.gate == "closed"
    stage.wait(REST_S - 0.5)
    assert stage.gate == "closed"
    stage.wait(1.0)
    assert stage.gate == "latched"


def test_our_own_voice_does_not_wake_it() -> None:
    stage, waker = waking(style="hold", duplex="half")
    stage.press()
    stage.voice = True
    stage.wait(1.0)
    stage.voice = False
    stage.takes("u1")
    stage.release()
    stage.begins("r1")
    stage.sounds("r1", "a1", 5.0)
    stage.finishes("r1")
    waker.willing = True
    stage.wait(4.0)
    assert (stage.gate, stage.reply) == ("closed", "speaking")
    stage.wait(1.1)
    assert stage.gate == "closed", "nor its echo"


def test_muted_nothing_is_heard() -> None:
    stage, waker = waking()
    waker.willing = True
    stage.mute()
    stage.wait(2.0)
    assert stage.gate == "muted"
    assert not stage.microphone_open
    stage.mute(on=False)
    stage.wait(0.2)
    assert stage.gate == "latched"


def test_a_waker_is_asked_about_the_closed_gate_only_and_each_block_once() -> None:
    stage, waker = waking()
    assert len(waker.heard) == pytest.approx(1.0 / 0.040, abs=1)
    assert len({block.at for block in waker.heard}) == len(waker.heard)
    stage.tap()
    stage.wait(0.2)
    before = len(waker.heard)
    stage.speak(1.0)
    assert stage.gate == "latched"
    assert len(waker.heard) == before


def test_without_the_wish_no_waker_is_made() -> None:
    def unwanted() -> Obedient:
        raise AssertionError("nobody wanted one")

    Stage(waker=unwanted, preroll=Frames(2400))


def test_with_a_pre_roll_alone_no_voice_opens_anything() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.voice = True
    stage.wait(3.0)
    assert stage.gate == "closed"
    assert stage.light is LightState.AWAKE
    assert ev.OpenMicrophone() in stage.effects


def test_what_was_heard_before_the_microphone_broke_is_not_sent_after_it_is_back() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.wait(1.0)
    stage.fail(Part.MICROPHONE, "microphone-lost")
    stage.wait(3600.0)
    back = stage.now
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    stage.wait(0.1)
    stage.press()
    stage.speak(0.5)
    captured = [sent.captured for sent in stage.audio if sent.captured]
    assert captured
    assert min(began for began, _ in captured) >= back


def test_a_trouble_tells_of_the_open_microphone_too_unless_it_is_gone() -> None:
    stage, _ = waking()
    stage.fail(Part.SPEAKER)
    assert stage.lights[-1] == Light(LightState.FAULT, "busy", awake=True)
    stage.fail(Part.MICROPHONE)
    assert not stage.lights[-1].awake
