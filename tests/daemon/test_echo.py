"""The whole device in a room that gives its voice back: it does not interrupt itself."""

from __future__ import annotations

import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from daemon import sooner
from daemon.conftest import Bench
from daemon.running import RunningDevice, eventually
from device import demo
from device.simulator.script import Answer
from virtual_card import Samples

SOUNDS = Path(demo.__file__).parent
ROOM: dict[str, Any] = {"echo_gain": 0.5, "echo_delay_ms": 60.0}


def spoken(name: str) -> Samples:
    with wave.open(str(SOUNDS / f"{name}.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


LONG = Answer(spoken("answer_long").tobytes() * 2, first_delta_s=0.05, speed=float("inf"))
"""Long enough for the proof, once."""
SECONDS = 2 * len(spoken("answer_long")) / 24_000
SHORT = Answer(spoken("answer_long").tobytes(), first_delta_s=0.05, speed=float("inf"))


def conversing(
    bench: Bench,
    answer: Answer,
    *,
    microphone: dict[str, Any] | None = None,
    speaker: dict[str, Any] | None = None,
    **room: Any,
) -> RunningDevice:
    """It answers, in a hands-free conversation."""
    ears = {"device": "microphone", "echo": "auto", **(microphone or {})}
    mouth = {"device": "speaker", **(speaker or {})}
    device = bench.prepare(answer, card=room, microphone=ears, speaker=mouth)
    device.program = [sys.executable, sooner.__file__]
    device.start()
    device.light("idle")
    device.wait_for("duplex", state="half")
    device.tap()
    device.say(spoken("question"))
    device.light("speaking")
    return device


def test_it_proves_that_it_does_not_hear_itself_and_then_a_voice_interrupts(
    bench: Bench,
) -> None:
    device = conversing(bench, LONG, **ROOM)
    proven = device.wait_for("duplex", state="full", timeout=SECONDS + 5)
    assert proven["taken_db"] > 10
    turn = device.wait_for("turn", timeout=SECONDS + 5)
    assert turn["heard_ms"] == turn["received_ms"], device.text

    device.say(spoken("second_question"))
    device.first_sound(time.monotonic())
    time.sleep(2.0)
    for _ in range(3):  # a canceller takes some of a voice, too: a person says it again
        device.say(spoken("interruption"))
        if len(device.all("turn")) > 1:
            break
    cut = device.wait_for("turn", timeout=SECONDS + 5)
    assert cut["interrupted"]
    assert cut["heard_ms"] < cut["received_ms"]
    assert device.all("bug") == []


def test_a_loudspeaker_right_beside_the_microphone_is_taken_away_too(bench: Bench) -> None:
    # 14 cm: the canceller must not be told of a sound later than it is heard.
    device = conversing(bench, LONG, echo_gain=0.5, echo_delay_ms=0.4)
    proven = device.wait_for("duplex", state="full", timeout=SECONDS + 5)
    assert proven["taken_db"] > 40


def test_where_it_cannot_be_heard_apart_only_the_button_interrupts(bench: Bench) -> None:
    # As loud as the person, and the speaker's delay is beyond what the filter can reach.
    device = conversing(bench, SHORT, echo_gain=0.9, echo_delay_ms=700.0)
    turn = device.wait_for("turn", timeout=SECONDS + 5)
    assert turn["heard_ms"] == turn["received_ms"], "it did not interrupt itself"
    assert [line["state"] for line in device.all("duplex")] == ["half"]
    eventually(lambda: device.do("status")["reply"] == "quiet", "its end")


def test_a_loopback_knows_what_the_playout_says_wrongly(bench: Bench) -> None:
    # By its own account it is heard 0.4 s later than it is: no canceller finds an echo that comes
    # before its sound. The second channel has the sound as it is played.
    device = conversing(
        bench,
        LONG,
        microphone={"channels": 2, "loopback": 1},
        speaker={"device": "speaker", "output_delay_ms": 400},
        microphone_channels=2,
        echo_response=np.array([[0.5], [1.0]]),
        echo_gain=1.0,
        echo_delay_ms=20.0,
    )
    proven = device.wait_for("duplex", state="full", timeout=SECONDS + 5)
    assert proven["taken_db"] > 10
