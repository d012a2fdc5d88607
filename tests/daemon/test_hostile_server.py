"""What real servers do to a client, each as it was seen, against the whole daemon.

| seen | here | elsewhere |
| --- | --- | --- |
| 1 truncate without an ack, or refused | truncation | |
| 2 `item.created` for `.added` and `.done` | other names | |
| 3 `response.done` before `speech_started` | interrupted in another order | |
| 4 one delta of 97 kB | one giant delta | `test_barge_in`: 4 s at once |
| 5 nine of each event for one turn | nine times; a whole answer again | `core`: repeated |
| 6 `already_has_active_response` unprovoked | a foreign request | |
| 7 settings ignored and confirmed | settings ignored | `test_link`: the echo |
| 8 nulls in `session.created`; limits | nulls; a full server | |
| 9 closes | closes | `test_link_failures`: each code and status |
| 10 first turn after 7 s | a cold model | `core`: thinking, slow |
| 11 vendors' events | strangers | `test_link_and_server`: garbage |
| 12 indices and usage missing | indices and usage missing | |
"""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import RunningDevice, answer, noise
from device.simulator.faults import (
    Change,
    Close,
    Complain,
    Deed,
    Drop,
    Duplicate,
    Expire,
    Fault,
    Garbage,
    Lose,
    Postpone,
    Send,
    Without,
)
from device.simulator.script import Answer, Script

pytestmark = pytest.mark.unjudged("server")


def wrong(*faults: Fault, answers: Answer | None = None) -> Script:
    return Script([answers or answer(0.5)], turn_end_s=0.3, faults=faults)


def always(at: str, do: Deed) -> Fault:
    return Fault(at, do, nth="every")


def turn(device: RunningDevice, *, heard_ms: int = 500) -> float:
    """One hands-free turn, heard exactly; returns when it began."""
    begun = device.tap()
    device.say(noise(0.4))
    device.wait_for("turn", heard_ms=heard_ms)
    heard = device.card.heard(begun)
    assert np.array_equal(heard[heard != 0], noise(heard_ms / 1000, seed=99))
    return begun


@pytest.mark.parametrize(
    "fault",
    [
        always("conversation.item.truncated", Lose()),
        Fault("conversation.item.truncate", Complain("unsupported_event", "what is that")),
    ],
    ids=["no ack", "refused"],
)
def test_a_truncation_is_not_waited_for(bench: Bench, fault: Fault) -> None:
    device = bench(wrong(fault, answers=answer(3.0)))
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)
    time.sleep(0.3)
    device.do("tap")
    device.wait_sent("conversation.item.truncate")
    device.wait_for("turn", interrupted=True)
    assert device.do("status")["link"] == "up"


def test_other_names_for_items_change_nothing(bench: Bench) -> None:
    created = Change({"type": "conversation.item.created"})
    device = bench(
        wrong(always("conversation.item.added", created), always("conversation.item.done", Lose()))
    )
    turn(device)


def test_a_person_is_heard_when_only_the_cancelled_reply_says_so_first(bench: Bench) -> None:
    late = Fault("input_audio_buffer.speech_started", Postpone(1), nth=2)
    device = bench(wrong(late, answers=answer(4.0, speed=1.5)))
    begun = device.tap()
    device.say(noise(0.4))
    sounded = device.first_sound(begun)
    time.sleep(0.4)
    device.say(noise(0.5, seed=2))
    device.wait_for("turn", interrupted=True)
    claimed = device.wait_sent("conversation.item.truncate")["audio_end_ms"]
    assert 300 < claimed < 2500
    assert device.card.heard(sounded).any()


def test_one_giant_delta_is_played_whole(bench: Bench) -> None:
    device = bench(wrong(answers=answer(2.0, delta_ms=2000)))
    turn(device, heard_ms=2000)


def test_nine_of_each_event_are_one_turn_with_one_answer(bench: Bench) -> None:
    kinds = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "response.output_item.added",
        "response.output_audio.done",
        "response.done",
    ]
    device = bench(wrong(*(always(kind, Duplicate(9)) for kind in kinds)))
    turn(device)
    time.sleep(0.5)
    assert len(device.all("turn")) == 1
    assert device.all("error") == []


def test_a_whole_answer_that_is_sent_again_is_played_once(bench: Bench) -> None:
    device = bench(wrong())
    begun = turn(device)
    for event in replayed(device):
        device.server.inject(event)
    time.sleep(1.0)
    heard = device.card.heard(begun)
    assert np.array_equal(heard[heard != 0], noise(0.5, seed=99))


def replayed(device: RunningDevice) -> list[dict[str, Any]]:
    """The whole answer once more, sound and all, in the server's own words."""
    again = []
    for entry in device.server.log:
        if entry.direction == "server" and str(entry.event["type"]).startswith("response."):
            event = {name: value for name, value in entry.event.items() if name != "event_id"}
            if entry.audio:
                event["delta"] = base64.b64encode(entry.audio).decode()
            again.append(event)
    assert any(isinstance(event.get("delta"), str) for event in again)
    return again


def test_a_foreign_request_is_no_error(bench: Bench) -> None:
    taken = Complain("conversation_already_has_active_response", "there is one")
    device = bench(wrong(always("response.created", taken)))
    turn(device)
    assert device.all("error") == []


def test_settings_that_were_ignored_are_told_and_not_fatal(bench: Bench) -> None:
    ignored = Change({"session.audio.input.turn_detection": None})
    device = bench(wrong(always("session.updated", ignored)))
    assert "turn_detection" in device.wait_for("error", code="settings")["message"]
    turn(device)


def test_a_greeting_full_of_nulls_is_a_greeting(bench: Bench) -> None:
    nulls = Change({"session.model": None, "session.audio": None, "session.voice": None})
    device = bench(wrong(always("session.created", nulls)))
    turn(device)


def test_a_full_server_is_told_and_asked_again(bench: Bench) -> None:
    full = Complain("session_limit_reached", "one session at a time", close=1013)
    device = bench.prepare(wrong(Fault("session.created", full, session=1)))
    device.start()
    device.wait_for("link", state="down")
    device.wait_for("link", state="up", timeout=40.0)
    turn(device)


@pytest.mark.parametrize("moment", ["session.created", "session.updated", "response.created"])
@pytest.mark.parametrize("end", [Drop(), Close(1011), Close(1001), Expire()], ids=repr)
def test_an_end_at_any_moment_is_followed_by_a_new_beginning(
    bench: Bench, moment: str, end: Deed
) -> None:
    device = bench.prepare(wrong(Fault(moment, end, session=1)))
    device.start()
    if moment == "response.created":
        device.wait_for("link", state="up")
        device.tap()
        device.say(noise(0.4))
    assert device.wait_for("link", state="down")["reason"]
    device.wait_for("link", state="up", timeout=40.0)
    if moment == "response.created":
        device.wait_for("turn", heard_ms=500)
    else:
        turn(device)


def test_a_cold_model_is_waited_for_and_called_slow(bench: Bench) -> None:
    device = bench(wrong(answers=answer(0.5, first_delta_s=7.0)))
    device.tap()
    device.say(noise(0.4))
    device.wait_for("slow")
    device.wait_for("turn", heard_ms=500)
    assert device.all("link")[-1]["state"] == "up"


def test_strangers_are_counted_and_change_nothing(bench: Bench) -> None:
    strangers = [
        Fault(moment, Send({"type": kind}))
        for moment, kind in [
            ("session.created", "ping"),
            ("session.updated", "conversation.created"),
            ("response.created", "vendor.telemetry"),
            ("response.output_audio.delta", "rate_limits.updated"),
        ]
    ]
    device = bench(wrong(*strangers))
    turn(device)
    assert device.do("status")["ignored"]["event of no use"] >= 2


def test_missing_indices_and_a_missing_usage_are_not_missed(bench: Bench) -> None:
    indices = Without(["output_index", "content_index"])
    kinds = ["response.output_item.added", "response.output_audio.delta",
             "response.output_audio.done", "response.output_audio_transcript.delta"]  # fmt: skip
    device = bench(
        wrong(
            *(always(kind, indices) for kind in kinds),
            always("response.done", Without(["response.usage"])),
        )
    )
    turn(device)


@pytest.mark.parametrize("moment", ["session.created", "response.created"])
def test_a_thousand_brackets_in_each_other_end_nothing(bench: Bench, moment: str) -> None:
    deep = '{"type":"ping","a":' + "[" * 2000 + "]" * 2000 + "}"
    device = bench.prepare(wrong(Fault(moment, Garbage(deep), session=1)))
    device.start()
    # How deep a reader goes before it gives the session up is its Python's affair.
    device.wait_for("link", state="up", timeout=40.0)
    turn(device)
