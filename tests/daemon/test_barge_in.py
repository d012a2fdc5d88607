"""Interrupting: silence at once, and the server is told what was heard, never more."""

from __future__ import annotations

import time

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import Line, RunningDevice, answer, eventually, noise
from device.simulator.script import RATE, Script
from virtual_card import Samples

LATE_MS = 15.0
"""The position is read up to a period before the drop; the rest is a busy machine."""
ROOM_DBFS = -62.0
"""Below what the VADs take for speech; yet no two stretches of it are alike."""


def heard_of(device: RunningDevice, reply: Samples, since: float) -> float:
    """How many ms of `reply` the room has heard; it must be its beginning, silences apart."""
    heard = device.card.heard(since)
    heard = heard[heard != 0]
    assert np.array_equal(heard, reply[: len(heard)])
    return 1000 * len(heard) / RATE


def assert_told_truly(device: RunningDevice, turn: Line, truth: float) -> None:
    claimed = device.wait_sent("conversation.item.truncate")["audio_end_ms"]
    assert turn["interrupted"] is True
    assert turn["heard_ms"] == claimed
    assert 0.0 <= truth - claimed <= LATE_MS


def ask(device: RunningDevice) -> float:
    """Have it answer; returns when its answer was first audible."""
    begun = device.tap()
    device.say(noise(0.4))
    return device.first_sound(begun)


@pytest.mark.parametrize("speed", [float("inf"), 1.5])
def test_a_voice_interrupts_the_answer(bench: Bench, speed: float) -> None:
    device = bench(Script([answer(4.0, speed=speed), answer(0.4)], turn_end_s=0.3))
    sounded = ask(device)
    time.sleep(0.5)
    device.say(noise(0.5, seed=2))
    turn = device.wait_for("turn", interrupted=True)
    truth = heard_of(device, noise(4.0, seed=99), sounded - 0.01)
    assert 500 < truth < 2000
    assert_told_truly(device, turn, truth)
    device.wait_for("turn", interrupted=False, heard_ms=400)


@pytest.mark.parametrize("echo", ["hardware", "half_duplex"])
def test_a_press_interrupts_the_answer_within_a_moment(bench: Bench, echo: str) -> None:
    device = bench(answer(3.0), microphone={"device": "microphone", "echo": echo})
    sounded = ask(device)
    time.sleep(0.5)
    pressed = time.monotonic()
    device.do("tap")
    turn = device.wait_for("turn")
    silent = device.card.last_sound(sounded)
    assert silent is not None
    assert silent - pressed < 0.1
    assert_told_truly(device, turn, heard_of(device, noise(3.0, seed=99), sounded - 0.01))
    assert not device.sent("response.cancel")  # all of it had been sent already


def test_a_press_cancels_an_answer_that_is_still_being_made(bench: Bench) -> None:
    device = bench(answer(6.0, speed=1.5))
    sounded = ask(device)
    time.sleep(0.3)
    device.do("tap")
    turn = device.wait_for("turn")
    device.wait_sent("response.cancel")
    assert_told_truly(device, turn, heard_of(device, noise(6.0, seed=99), sounded - 0.01))


def test_a_press_before_the_first_sound_leaves_nothing_to_hear(bench: Bench) -> None:
    device = bench(answer(1.0, first_delta_s=2.0))
    begun = device.tap()
    device.say(noise(0.4))
    eventually(lambda: device.do("status")["reply"] == "awaited" or None, "the wait for a reply")
    device.do("tap")
    device.wait_for("turn", heard_ms=0)
    device.wait_sent("response.cancel")
    time.sleep(0.3)
    assert device.card.last_sound(begun) is None


def test_late_sound_of_a_cancelled_answer_is_never_played(bench: Bench) -> None:
    device = bench(Script([answer(4.0, speed=1.5, late_deltas=5), answer(0.4)], turn_end_s=0.3))
    sounded = ask(device)
    time.sleep(0.4)
    device.say(noise(0.4, seed=2))
    device.wait_for("turn", interrupted=True)
    silent = device.card.last_sound(sounded)
    assert silent is not None
    device.wait_for("turn", heard_ms=400)
    after = device.card.heard(silent + 0.001)
    assert np.array_equal(after[after != 0], noise(0.4, seed=99))
    assert device.do("status")["ignored"]["audio of an unknown or cancelled item"] >= 1


def test_half_duplex_sends_nothing_captured_while_it_speaks_or_just_after(bench: Bench) -> None:
    device = bench(
        answer(0.8),
        card={"echo_gain": 0.3},
        microphone={"device": "microphone", "echo": "half_duplex", "chunk_ms": 100},
    )
    device.card.noise(ROOM_DBFS, seconds=20.0)
    begun = device.tap()
    device.say(noise(0.4))
    sounded = device.first_sound(begun)
    device.wait_for("turn")
    silent = device.card.last_sound(sounded)
    assert silent is not None
    time.sleep(0.6)
    spans = [at for at in captured(device, begun) if at is not None]
    assert any(at[0] > silent for at in spans), "it listens again afterwards"
    # The playout thread knows of the end of the sound a period late: that is on the safe side.
    overlapping = [at for at in spans if at[1] > sounded + 0.001 and at[0] < silent + 0.299]
    assert not overlapping, f"{overlapping} was sent, it spoke from {sounded} to {silent}"


def captured(device: RunningDevice, since: float) -> list[tuple[float, float] | None]:
    """Of every append: from when to when the room sounded like that, without the loudspeaker."""
    room = device.card.spoken(since - 0.1, device.card.now()).tobytes()
    first = device.card.index(since - 0.1)
    found: list[tuple[float, float] | None] = []
    for entry in device.server.log:
        if entry.event.get("type") == "input_audio_buffer.append" and any(entry.audio):
            at = room.find(entry.audio)
            assert at >= 0, "something was sent that only the loudspeaker's echo can have added"
            start = first + at // 2
            end = start + len(entry.audio) // 2
            found.append((device.card.instant(start), device.card.instant(end)))
    return found
