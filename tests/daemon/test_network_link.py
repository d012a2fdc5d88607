"""The way to the server at its worst, while somebody speaks, waits or is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.network import behind
from daemon.proxy import Proxy, Toxics
from daemon.running import RunningDevice, answer, eventually, noise
from device.simulator.faults import Fault, Lose
from device.simulator.script import Answer, Script
from virtual_card import Samples

IDLE_S = 16.0
"""Half-open and idle: ping 10 s, pong 5 s, close 1 s."""
TURN_S = 5.0
SLACK_S = 3.0
"""Of a machine that is busy with others."""
GONE = Toxics(flow="blackhole")


@contextmanager
def talking(bench: Bench, answers: Answer | Script) -> Iterator[tuple[RunningDevice, Proxy]]:
    """A device that is up, behind a proxy."""
    device = bench.prepare(answers)
    with behind(device) as proxy:
        device.start()
        device.light("idle")
        yield device, proxy


def heard(device: RunningDevice, since: float) -> Samples:
    """All that sounded, without the silence around it and in it."""
    room = device.card.heard(since)
    sound: Samples = room[room != 0]
    return sound


def came_whole(device: RunningDevice, speech: Samples) -> None:
    """The newest session got it once, without a gap."""
    eventually(
        lambda: device.server.uplink().count(speech.tobytes()) == 1 or None, "all of the words"
    )


def test_a_refused_port_is_a_light_and_is_found_again_without_a_press(bench: Bench) -> None:
    device = bench.prepare()
    with behind(device) as proxy:
        proxy.refuse()
        device.start()
        device.light("offline", code="network")
        down = device.wait_for("link", state="down", code="network")
        assert "refused" in down["reason"].lower()
        proxy.accept()
        device.wait_for("link", state="up")
        device.light("idle")


def test_a_reset_in_the_midst_of_a_frame_plays_what_was_whole_and_nothing_else(
    patient_bench: Bench,
) -> None:
    long = answer(3.0, delta_ms=1000, speed=float("inf"))
    with talking(patient_bench, long) as (device, proxy):
        begun = device.tap()
        proxy.poison(down=Toxics(slice_bytes=2000, slice_gap_s=0.02))
        device.say(noise(0.4))
        device.first_sound(begun)  # the first message is whole, the second is being cut in slices
        proxy.reset()
        proxy.poison()
        device.wait_for("link", state="down", code="network")
        turn = device.wait_for("turn")
        assert turn["heard_ms"] >= 1000
        whole = noise(3.0, seed=99)
        sound = heard(device, begun)
        first = sound[: turn["heard_ms"] * 24][:24_000]
        assert np.array_equal(first, whole[: len(first)])
        assert len(sound) % 24_000 == 0, "a piece of a frame was played"
        device.wait_for("link", state="up")


def test_silence_on_the_line_is_noticed_idle_and_in_every_step_of_dialling(bench: Bench) -> None:
    """Half-open when idle, no answer to the upgrade, no greeting after it; all at once."""
    greeting = [Fault(at="session.created", do=Lose(), session=1)]
    idle, hung = bench.prepare(), bench.prepare()
    mute = bench.prepare(Script([answer(0.3)], turn_end_s=0.3, faults=greeting))
    with ExitStack() as stack:
        idle_way, hung_way = (stack.enter_context(behind(device)) for device in (idle, hung))
        hung_way.poison(up=GONE, down=GONE)
        for device in (idle, hung, mute):
            device.start()
        idle.light("idle")
        begun = time.monotonic()
        idle_way.half_open()
        mute.light("offline", code="server")
        mute.light("idle", timeout=20.0)
        hung.light("offline", code="network", timeout=10.0 + SLACK_S)
        hung_way.poison()
        hung.card.noise(-70.0)  # a room; pure zeros would be a fault
        hung.do("tap")
        hung.wait_for("link", state="up", timeout=20.0)
        down = idle.wait_for("link", state="down", code="network", timeout=IDLE_S + SLACK_S)
        assert down["t"] - begun <= IDLE_S + SLACK_S
        idle.wait_for("link", state="up")
        idle.light("idle")
        hung.do("tap")
        hung.light("idle")


def test_a_link_that_dies_while_somebody_speaks_is_noticed_and_their_words_arrive(
    patient_bench: Bench,
) -> None:
    with talking(patient_bench, answer(0.4)) as (device, proxy):
        device.do("press")
        device.microphone("start")
        question = noise(6.0)
        device.say(question)
        time.sleep(0.5)
        proxy.half_open()
        died = time.monotonic()
        down = device.wait_for("link", state="down", timeout=TURN_S + SLACK_S)
        assert down["t"] - died <= TURN_S + SLACK_S
        device.wait_for("link", state="up")
        time.sleep(max(0.0, died + 6.0 - time.monotonic()))
        device.do("release")
        device.wait_for("turn", heard_ms=400)
        came_whole(device, question)


def test_a_link_that_dies_while_the_answer_is_awaited_is_noticed_and_asked_again(
    patient_bench: Bench,
) -> None:
    late = Script([answer(0.4, first_delta_s=0.8)], turn_end_s=0.2)
    with talking(patient_bench, late) as (device, proxy):
        begun = time.monotonic()
        device.do("press")
        device.microphone("start")
        time.sleep(device.say(noise(0.5)) - time.monotonic())
        device.do("release")
        device.light("thinking")
        proxy.half_open()
        died = time.monotonic()
        down = device.wait_for("link", state="down", timeout=TURN_S + SLACK_S)
        assert down["t"] - died <= TURN_S + SLACK_S
        device.wait_for("turn", heard_ms=400)
        whole = noise(0.4, seed=99).tobytes()
        assert heard(device, begun).tobytes().count(whole) == 1, "answered once"


def test_a_stall_delays_and_loses_nothing(bench: Bench) -> None:
    with talking(bench, answer(1.0, speed=2.0)) as (device, proxy):
        begun = device.tap()
        question = noise(0.8)
        device.say(question)
        time.sleep(0.4)
        proxy.poison(up=Toxics(flow="stall"))
        time.sleep(1.5)
        proxy.poison()
        device.first_sound(begun)
        proxy.poison(down=Toxics(flow="stall"))
        time.sleep(1.0)
        proxy.poison()
        device.wait_for("turn", heard_ms=1000)
        came_whole(device, question)
        assert np.array_equal(heard(device, begun), noise(1.0, seed=99))
        assert len(device.all("link")) == 1, "nobody dialled again"
        assert not device.all("xrun")


def test_a_link_slower_than_speech_takes_longer_and_loses_nothing(bench: Bench) -> None:
    with talking(bench, answer(0.8)) as (device, proxy):
        proxy.poison(up=Toxics(bytes_per_s=50_000), down=Toxics(bytes_per_s=80_000))
        begun = device.tap()
        question = noise(1.2)
        device.say(question)
        device.wait_for("turn", heard_ms=800)
        came_whole(device, question)
        assert np.array_equal(heard(device, begun), noise(0.8, seed=99))
        device.do("tap")
        device.light("idle")


def test_latency_and_jitter_leave_the_answer_without_a_gap(bench: Bench) -> None:
    with talking(bench, answer(2.0, speed=4.0)) as (device, proxy):
        # A reply starts with 40 ms in hand: what comes later than that one after another is a gap.
        wild = Toxics(latency_s=0.2, jitter_s=0.035)
        proxy.poison(up=wild, down=wild)
        begun = device.tap()
        question = noise(0.8)
        device.say(question)
        device.wait_for("turn", heard_ms=2000)
        came_whole(device, question)
        assert noise(2.0, seed=99).tobytes() in device.card.heard(begun).tobytes()
        assert not device.all("xrun")


@pytest.mark.parametrize("manner", ["drop", "reset"])
def test_a_drop_while_somebody_speaks_loses_none_of_their_words(
    patient_bench: Bench, manner: str
) -> None:
    with talking(patient_bench, answer(0.4)) as (device, proxy):
        begun = device.tap()
        question = noise(1.2)
        device.say(question)
        time.sleep(0.6)
        proxy.refuse()
        (proxy.drop if manner == "drop" else proxy.reset)()
        device.wait_for("link", state="down", code="network")
        proxy.accept()
        device.wait_for("link", state="up")
        device.wait_for("turn", heard_ms=400)
        came_whole(device, question)
        whole = noise(0.4, seed=99).tobytes()
        assert heard(device, begun).tobytes().count(whole) == 1, "answered once"
