"""The network and the server at their worst."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import KEY, RunningDevice, answer, noise
from device.simulator.script import Script


def test_a_server_that_comes_later_is_found_without_a_restart(bench: Bench) -> None:
    device = bench.prepare()
    device.server.stop_accepting()
    device.start()
    device.light("offline", code="network")
    down = device.wait_for("link", state="down")
    assert "127.0.0.1" in down["reason"]
    device.server.start_accepting()
    device.wait_for("link", state="up")
    device.light("idle")


def test_words_spoken_before_the_link_is_up_are_sent_when_it_is(patient_bench: Bench) -> None:
    device = patient_bench.prepare(answer(0.4))
    device.server.stop_accepting()
    device.start()
    device.light("offline")
    device.tap()
    device.light("listening")
    question = noise(0.6)
    spoken = device.say(question)
    time.sleep(max(0.0, spoken + 0.1 - time.monotonic()))
    device.server.start_accepting()
    device.wait_for("link", state="up", timeout=40.0)
    device.wait_for("turn", heard_ms=400)
    assert device.server.uplink().count(question.tobytes()) == 1


def test_an_answer_that_has_arrived_is_played_to_its_end_when_the_link_drops(bench: Bench) -> None:
    device = bench(answer(1.5))
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)
    time.sleep(0.5)  # the whole answer is on its way: it arrives, and plays on for a second
    device.server.drop()
    device.wait_for("link", state="down", code="network")
    turn = device.wait_for("turn")
    assert (turn["heard_ms"], turn["received_ms"]) == (1500, 1500)
    assert noise(1.5, seed=99).tobytes() in device.card.heard(begun).tobytes()
    device.wait_for("link", state="up")
    device.say(noise(0.4, seed=2))
    device.wait_for("turn", heard_ms=1500)


@pytest.mark.parametrize("key", ["sk-wrong-0123456789abcdefCANARY", None])
def test_a_refused_key_is_an_offline_light_with_the_code_key(bench: Bench, key: str | None) -> None:
    device = bench.prepare()
    server = {"url": device.server.url, "profile": "local"}
    device.configure(server=server if key is None else {**server, "api_key": key})
    device.start()
    device.light("offline", code="key")
    down = device.wait_for("link", state="down", code="key")
    assert "server.api_key" in down["message"]
    assert key is None or key not in device.text


def test_the_key_from_the_environment_goes_before_the_one_in_the_file(bench: Bench) -> None:
    device = bench.prepare()
    server = {"url": device.server.url, "profile": "local", "api_key": "sk-wrong-0123456789abcdef"}
    device.configure(server=server)
    device.start(PRESSEL_API_KEY=KEY)
    device.light("idle")


def garbage() -> list[dict[str, Any] | str]:
    """Everything no server should send, where nothing was asked for."""
    delta = {"type": "response.output_audio.delta", "response_id": "resp_x", "item_id": "item_x"}
    loud = "AAAgACAAIAAg"  # base64
    return [
        "",
        "not json",
        "{",
        "[]",
        "null",
        '"text"',
        "1e999",
        "{}",
        '{"type": null}',
        '{"type": 7}',
        '{"type": "error"}',
        '{"type": "error", "error": null}',
        '{"type": "error", "error": {"message": 7, "code": []}}',
        '{"type": "response.created", "response": "yes"}',
        '{"type": "response.done", "response": {"id": 5, "usage": 7}}',
        '{"type": "response.output_item.added", "response_id": "resp_x", "item": null}',
        '{"type": "input_audio_buffer.speech_started"}',
        '{"type": "session.updated", "session": []}',
        {"type": "something.new", "field": {"deep": [1, 2, {"er": None}]}},
        {**delta, "delta": loud},  # of an unknown item
        {**delta, "delta": 5},
        {**delta, "delta": "***"},
        {**delta, "delta": "AAAg"},  # three bytes: a frame and a half
        {**delta, "delta": ""},
        {**delta, "delta": None},
        {**delta, "delta": loud, "item_id": "i" * 100_000},
        {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": loud},
        {"type": "response.output_audio.done", "response_id": "r", "item_id": "i"},
        {"type": "response.done", "response": {"id": "resp_x", "status": "completed"}},
        {"type": "input_audio_buffer.committed", "item_id": "item_x"},
        {"type": "input_audio_buffer.speech_started", "item_id": "item_x", "audio_start_ms": -1},
        {"type": "error", "error": {"message": "x" * 300_000, "code": "y" * 300_000}},
    ]


@pytest.mark.unjudged("server")
def test_garbage_is_counted_and_neither_played_nor_fatal(bench: Bench) -> None:
    device = bench(answer(0.5))
    for message in garbage():
        device.server.inject(message)
    begun = device.tap()
    for message in garbage():
        device.server.inject(message)
    time.sleep(0.3)
    assert device.card.last_sound(begun - 0.5) is None
    status = device.do("status")
    assert status["ignored"]["garbage"] >= 40
    assert status["link"] == "up"
    device.say(noise(0.5))
    device.wait_for("turn", heard_ms=500)
    heard = device.card.heard(begun)
    assert np.array_equal(heard[heard != 0], noise(0.5, seed=99))
    assert len(device.text) < 20_000, "garbage fills the log"


@pytest.mark.unjudged("server")
def test_garbage_in_the_midst_of_an_answer_leaves_the_answer_whole(bench: Bench) -> None:
    device = bench(answer(1.5))
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)
    for message in garbage():
        if "speech_started" not in str(message):  # that would be an interruption
            device.server.inject(message)
    assert device.wait_for("turn")["heard_ms"] == 1500
    assert noise(1.5, seed=99).tobytes() in device.card.heard(begun).tobytes()


def test_binary_frames_and_a_repeated_answer_are_not_played_twice(bench: Bench) -> None:
    device = bench(answer(0.5))
    begun = device.tap()
    device.say(noise(0.4))
    device.wait_for("turn", heard_ms=500)
    for entry in replayed(device):
        device.server.inject(entry)
    time.sleep(0.5)
    heard = device.card.heard(begun)
    assert np.array_equal(heard[heard != 0], noise(0.5, seed=99))


def replayed(device: RunningDevice) -> list[dict[str, Any]]:
    """The whole answer once more, in the server's own words."""
    return [
        {name: value for name, value in entry.event.items() if name != "event_id"}
        for entry in device.server.log
        if entry.direction == "server" and str(entry.event.get("type")).startswith("response.")
    ]


def test_a_session_that_ends_in_order_is_followed_by_the_next(bench: Bench) -> None:
    device = bench(Script([answer(0.4)], turn_end_s=0.3))
    device.server.drop()
    device.wait_for("link", state="down")
    device.wait_for("link", state="up")
    device.tap()
    device.say(noise(0.4))
    device.wait_for("turn", heard_ms=400)
