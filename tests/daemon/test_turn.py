"""A turn, as the person and the server have it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import RunningDevice, answer, noise
from device.simulator.script import RATE, Answer, Script

HARDWARE = {"device": "microphone", "echo": "hardware"}


def uplink(device: RunningDevice) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.frombuffer(device.server.uplink(), "<i2")


def once(part: bytes, whole: bytes) -> bool:
    return whole.count(part) == 1


def test_what_was_said_reaches_the_server_exactly_once_and_the_answer_is_heard_exactly(
    bench: Bench,
) -> None:
    device = bench(answer(0.7, speed=5.0), talk={"linger_s": 0.5})
    begun = device.tap()
    question = noise(0.6)
    device.say(question)
    turn = device.wait_for("turn")
    closed = device.microphone("close", after=4)
    sent = device.server.uplink()
    assert once(question.tobytes(), sent)
    # Not only the words: the whole opening, without a gap, as the room sounded.
    assert sent in device.card.spoken(begun - 0.01, closed).tobytes()
    assert len(sent) / 2 / RATE > closed - begun - 0.1
    assert once(noise(0.7, seed=99).tobytes(), device.card.heard(begun).tobytes())
    assert (turn["heard_ms"], turn["received_ms"], turn["interrupted"]) == (700, 700, False)


def test_a_tap_after_the_answer_closes_and_asks_for_nothing_more(bench: Bench) -> None:
    device = bench()
    device.tap()
    device.say(noise(0.5))
    device.wait_for("turn")
    time.sleep(0.6)
    device.do("tap")
    device.wait_for("gate", state="closed")
    time.sleep(1.0)
    assert not device.sent("response.create")
    assert len(device.all("turn")) == 1


def test_the_light_tells_each_step_of_a_tapped_turn(bench: Bench) -> None:
    device = bench(
        Script([answer(0.5, first_delta_s=0.2)], turn_end_s=0.9),
        microphone={"device": "microphone", "echo": "half_duplex"},
        talk={"linger_s": 0.5},
    )
    device.tap()
    device.say(noise(0.6))
    device.wait_for("turn")
    device.light("idle")
    assert [line["state"] for line in device.all("light")] == [
        "starting", "idle", "listening", "hearing", "listening", "thinking", "speaking",
        "listening", "idle",
    ]  # fmt: skip


def test_a_tap_stays_open_for_the_next_turn_and_closes_after_the_quiet_spell(bench: Bench) -> None:
    device = bench(talk={"linger_s": 1.0})
    device.tap()
    for seed in (1, 2):
        device.say(noise(0.5, seed=seed))
        device.wait_for("turn")
    over = time.monotonic()
    closed = device.wait_for("gate", state="closed", how="tap")
    assert 0.9 <= closed["t"] - over <= 3.0
    device.light("idle")
    assert len(device.all("gate")) == 2


def test_a_second_tap_ends_the_turn_at_once(bench: Bench) -> None:
    device = bench(Script([answer(0.5)], turn_end_s=2.0))
    device.tap()
    device.say(noise(0.5))
    device.light("hearing")
    time.sleep(0.5)
    device.do("tap")
    device.wait_for("gate", state="closed")
    assert device.wait_sent("input_audio_buffer.commit")
    assert device.wait_for("turn")["heard_ms"] == 500


def test_a_hold_ends_with_its_release_and_sends_nothing_after_it(bench: Bench) -> None:
    device = bench(Script([answer(0.5)], turn_end_s=2.0))
    begun = time.monotonic()
    device.do("press")
    device.wait_for("gate", state="open", how="hold")
    device.microphone("start")
    question = noise(0.6)
    time.sleep(device.say(question) - time.monotonic())
    device.do("release")
    released = time.monotonic()
    closed = device.wait_for("gate", state="closed", how="hold")
    assert closed["t"] - released < 0.2
    device.wait_for("turn", heard_ms=500)
    kinds = [e.event["type"] for e in device.server.log if e.direction == "client"]
    last = max(n for n, kind in enumerate(kinds) if kind.endswith("append"))
    assert kinds[last + 1 : last + 3] == ["input_audio_buffer.commit", "response.create"]
    assert once(question.tobytes(), device.server.uplink())
    assert released - begun > 0.35


def test_a_hold_in_which_nothing_was_said_asks_for_nothing(bench: Bench) -> None:
    device = bench()
    device.do("press")
    device.microphone("start")
    time.sleep(0.5)
    device.do("release")
    device.wait_for("nothing-heard")
    device.light("idle")
    device.wait_sent("input_audio_buffer.clear")
    assert not device.sent("response.create")


@pytest.mark.parametrize(("style", "how"), [("tap", "tap"), ("hold", "hold")])
def test_a_fixed_style_takes_every_press_for_what_it_says(
    bench: Bench, style: str, how: str
) -> None:
    device = bench(talk={"style": style})
    device.do("press")
    device.wait_for("gate", state="open", how=how)
    time.sleep(0.1 if style == "hold" else 0.6)
    status = device.do("release")
    assert status["gate"] != ("latched" if style == "hold" else "closed")


def test_a_button_held_only_briefly_is_a_tap(bench: Bench) -> None:
    device = bench()
    device.do("press")
    time.sleep(0.1)
    assert device.do("release")["gate"] == "latched"
    device.wait_for("gate", how="tap")


def test_sound_from_just_before_the_press_is_sent_with_it(patient_bench: Bench) -> None:
    device = patient_bench.prepare(microphone={**HARDWARE, "preroll_ms": 500})
    device.start()
    device.light("awake")
    device.microphone("start", after=2)
    time.sleep(0.6)
    early = noise(0.3, seed=5)
    spoken = device.say(early)
    time.sleep(max(0.0, spoken + 0.05 - time.monotonic()))
    pressed = time.monotonic()
    assert not device.server.uplink()
    device.do("tap")
    device.say(noise(0.4, seed=6))
    device.wait_for("turn")
    sent = device.server.uplink()
    assert once(early.tobytes(), sent)
    assert once(noise(0.4, seed=6).tobytes(), sent)
    room = device.card.spoken(pressed - 0.7, time.monotonic()).tobytes()
    assert sent in room, "there is a gap between what was before the press and after it"


def test_one_channel_of_an_array_is_sent_exactly(bench: Bench) -> None:
    device = bench(
        answer(0.5),
        card={"microphone_channels": 6, "sample": "S32_LE"},
        microphone={**HARDWARE, "channels": 6, "use": 2},
        speaker={"device": "plugspeaker", "volume": 100},
    )
    device.tap()
    device.card.say(noise(0.6, seed=3), channel=1)
    question = noise(0.6, seed=4)
    device.say(question, channel=2)
    device.wait_for("turn")
    assert once(question.tobytes(), device.server.uplink())


def test_the_average_of_two_channels_is_sent_exactly(bench: Bench) -> None:
    device = bench(
        card={"microphone_channels": 6, "sample": "S32_LE"},
        microphone={**HARDWARE, "channels": 6, "use": [1, 2]},
        speaker={"device": "plugspeaker", "volume": 100},
    )
    begun = device.tap()
    device.card.say(noise(0.6, seed=3), channel=1)
    device.say(noise(0.6, seed=4), channel=2)
    device.card.say(noise(0.6, seed=5), channel=3)
    device.wait_for("turn")
    now = device.card.now()
    one, two = (device.card.spoken(begun, now, channel=c) for c in (1, 2))
    mean = ((one.astype(np.int32) + two) // 2).astype(np.int16)
    sent = uplink(device)
    loud = np.flatnonzero(sent)
    assert len(loud) > 0.6 * RATE
    assert once(sent[loud[0] : loud[-1]].tobytes(), mean.tobytes())


def test_a_stereo_card_of_another_rate_and_width_works_through_plug(bench: Bench) -> None:
    said = Answer.tone(0.83, first_delta_s=0.05)
    device = bench(
        said,
        card={"rate": 48000, "sample": "S32_LE", "microphone_channels": 2, "speaker_channels": 2},
        microphone={"device": "plugmicrophone", "echo": "hardware"},
        speaker={"device": "plugspeaker", "volume": 100},
    )
    begun = device.tap()
    tone = np.frombuffer(Answer.tone(1.2, hz=220.0).audio, "<i2").astype(np.int16)
    device.say(tone)  # at 48 kHz: 440 Hz for 0.6 s
    turn = device.wait_for("turn")
    assert turn["heard_ms"] == turn["received_ms"] == 830
    time.sleep(0.1)
    sent = uplink(device).astype(float)
    expected = tone[::2].astype(float)
    assert likeness(sent, expected) > 0.995
    for channel in (0, 1):
        heard = device.card.heard(begun, channel=channel)[::2].astype(float)
        assert likeness(heard, np.frombuffer(said.audio, "<i2").astype(float)) > 0.995


def likeness(long: np.ndarray[Any, Any], part: np.ndarray[Any, Any]) -> float:
    """The correlation where `part` fits best; 1.0 is the same sound, level apart."""
    size = 1 << (len(long) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(part, size)), size)
    at = int(product[: len(long)].argmax())
    there = long[at : at + len(part)]
    there = np.pad(there, (0, len(part) - len(there)))
    return float(there @ part / np.sqrt((there @ there) * (part @ part)))
