"""A microphone of four channels, one of them dead, as the server hears it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from core.air import CIRCLE, arriving, voice
from daemon.conftest import Bench
from daemon.running import RunningDevice, noise
from device.simulator.script import RATE
from virtual_card import Samples

FOUR: dict[str, Any] = {"device": "microphone", "echo": "hardware", "channels": 4}
PLACES = [[round(1000 * x), round(1000 * y)] for x, y in CIRCLE.values()]


def room(seconds: float) -> Samples:
    """Three microphones hiss; the first one is dead."""
    hiss = np.random.default_rng(7).normal(0, 20, (round(seconds * RATE), 4))
    hiss[:, 0] = 0
    return np.rint(hiss).astype(np.int16)


def sent(device: RunningDevice) -> Samples:
    return np.frombuffer(device.server.uplink(), "<i2").astype(np.int16)


def listening(bench: Bench, **microphone: Any) -> RunningDevice:
    """A device whose room has begun to hiss; the button has been tapped."""
    device = bench(
        card={"microphone_channels": 4},
        microphone={**FOUR, **microphone},
        log={"level": "debug"},
        talk={"linger_s": 3.0},
    )
    device.card.say(room(30.0), at=device.card.now() + 0.5)
    time.sleep(0.6)
    device.tap()
    return device


def test_with_a_dead_first_channel_every_word_is_heard_and_the_channel_is_named(
    bench: Bench,
) -> None:
    device = listening(bench, use="best")
    words = noise(0.6)
    begun = device.card.now()
    device.say(np.column_stack([0 * words, words, words, words]))
    line = device.wait_for("channel")
    device.wait_for("turn")
    heard = device.card.spoken(begun, device.card.now(), channel=1)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 200)
    assert heard[loud[0] : loud[-1]].tobytes() in device.server.uplink()
    assert line["channel"] == 0
    assert line["what"] == "microphone channel 0 is dead (nothing but zeros) and is left out"
    assert line["cure"]
    assert line["level"] == "warning"
    assert not device.all("error")
    assert device.light("idle")
    status = device.do("status")
    assert list(status["ill_channels"]) == ["0"]
    assert f"M{line['what'][1:]}; {line['cure']}." in status["said"]


def test_a_dead_channel_of_an_average_is_left_out_and_named(bench: Bench) -> None:
    device = listening(bench, use=[0, 1])
    assert device.do("status")["ill_channels"] == {}
    line = device.wait_for("channel")
    assert line["what"] == "microphone channel 0 is dead (nothing but zeros) and is left out"
    words, begun = noise(0.6), device.card.now()
    device.say(np.column_stack([0 * words, words, words, words]))
    device.wait_for("turn")
    heard = device.card.spoken(begun, device.card.now(), channel=1)
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 200)
    assert heard[loud[0] : loud[-1]].tobytes() in device.server.uplink()
    assert list(device.do("status")["ill_channels"]) == ["0"]


def test_a_single_channel_that_is_ill_is_named_and_heard(bench: Bench) -> None:
    device = listening(bench, use=1)
    loud = np.where(noise(7.0) > 0, 32767, -32768).astype(np.int16)
    device.say(np.column_stack([0 * loud, loud, loud, loud]))
    assert device.wait_for("channel")["what"] == "microphone channel 1 clips"
    assert device.wait_for("error", code="microphone-clips")["cure"].startswith("lower its gain")
    assert "lower its gain" in " ".join(device.do("status")["said"])
    device.do("tap")
    device.light("fault", code="microphone-clips")


def test_one_channel_hears_nothing_with_the_same_microphone(bench: Bench) -> None:
    device = listening(bench, use=0)
    words = noise(0.6)
    device.say(np.column_stack([0 * words, words, words, words]))
    time.sleep(0.5)
    assert not sent(device).any()
    device.do("tap")


@pytest.mark.parametrize("bearing", [30])
def test_a_beam_turns_to_who_speaks_and_leaves_the_dead_channel_out(
    bench: Bench, bearing: int
) -> None:
    device = listening(bench, use="beam", geometry=PLACES)
    time.sleep(0.5)
    said = arriving(voice(), bearing)
    said[0] = 0
    device.say(np.rint(said.T * 32768).astype(np.int16))
    assert device.wait_for("bearing")["degrees"] == pytest.approx(bearing, abs=10)
    device.wait_for("turn")
    loud = 20 * np.log10(np.abs(sent(device) / 32768).max() / np.abs(voice()).max())
    assert loud == pytest.approx(0, abs=1.5)
