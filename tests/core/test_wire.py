from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.core import terms, wire
from device.core.audio import Frames, MicBlock, Ms
from device.core.gate import Closed, Held, Tail, step
from simulator.judge import check_client, check_server

SESSION = terms.Session(
    instructions="Be brief.",
    audio=terms.SessionAudio(
        input=terms.AudioInput(
            turn_detection=terms.SemanticVad(eagerness="high"),
            noise_reduction=terms.NoiseReduction("far_field"),
        ),
        output=terms.AudioOutput(voice="marin"),
    ),
)

CLIENT: list[wire.ClientEvent] = [
    wire.SessionUpdate(SESSION),
    wire.Commit(),
    wire.Clear(),
    wire.CreateResponse(),
    wire.CancelResponse("resp_1"),
    wire.TruncateItem("item_1", Ms(1500)),
    wire.DeleteItem("item_1"),
]

RESPONSE: dict[str, Any] = {
    "object": "realtime.response",
    "id": "resp_1",
    "output": [],
    "status_details": None,
}

SERVER: list[tuple[dict[str, Any], wire.ServerEvent]] = [
    (
        {"type": "session.created", "event_id": "e", "session": {"type": "realtime"}},
        wire.SessionCreated({"type": "realtime"}),
    ),
    (
        {"type": "session.updated", "event_id": "e", "session": {"type": "realtime"}},
        wire.SessionUpdated({"type": "realtime"}),
    ),
    (
        {
            "type": "error",
            "event_id": "event_890",
            "error": {
                "type": "invalid_request_error",
                "code": "invalid_value",
                "message": "Audio content of 3700ms is already shorter than 3760ms",
                "param": "audio_end_ms",
                "event_id": None,
            },
        },
        wire.ServerError(
            wire.Fault(
                "Audio content of 3700ms is already shorter than 3760ms",
                "invalid_value",
                "invalid_request_error",
                "audio_end_ms",
            )
        ),
    ),
    (
        {
            "type": "input_audio_buffer.speech_started",
            "event_id": "event_1516",
            "audio_start_ms": 4308,
            "item_id": "item_B",
        },
        wire.SpeechStarted("item_B", 4308),
    ),
    (
        {
            "type": "input_audio_buffer.speech_stopped",
            "event_id": "event_1718",
            "audio_end_ms": 4896,
            "item_id": "item_B",
        },
        wire.SpeechStopped("item_B", 4896),
    ),
    (
        {
            "type": "input_audio_buffer.committed",
            "event_id": "event_1121",
            "previous_item_id": None,
            "item_id": "item_B",
        },
        wire.Committed("item_B"),
    ),
    (
        {
            "type": "response.created",
            "event_id": "e",
            "response": {**RESPONSE, "status": "in_progress", "usage": None},
        },
        wire.ResponseCreated(wire.ResponseInfo("resp_1", "in_progress")),
    ),
    (
        {
            "type": "response.done",
            "event_id": "e",
            "response": {
                **RESPONSE,
                "status": "completed",
                "usage": {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121},
            },
        },
        wire.ResponseDone(
            wire.ResponseInfo(
                "resp_1",
                "completed",
                None,
                {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121},
            )
        ),
    ),
    (
        {
            "type": "response.output_item.added",
            "event_id": "event_3334",
            "response_id": "resp_001",
            "output_index": 0,
            "item": {
                "id": "item_007",
                "type": "message",
                "status": "in_progress",
                "role": "assistant",
                "content": [],
            },
        },
        wire.OutputItemAdded("resp_001", wire.ItemInfo("item_007")),
    ),
    (
        {
            "type": "response.output_audio.delta",
            "event_id": "event_4950",
            "response_id": "resp_001",
            "item_id": "item_007",
            "output_index": 0,
            "content_index": 0,
            "delta": base64.b64encode(bytes(960)).decode(),
        },
        wire.AudioDelta("resp_001", "item_007", bytes(960)),
    ),
    (
        {
            "type": "response.output_audio.done",
            "event_id": "event_5152",
            "response_id": "resp_001",
            "item_id": "item_007",
            "output_index": 0,
            "content_index": 0,
        },
        wire.AudioDone("resp_001", "item_007"),
    ),
]


def text(event: object) -> bytes:
    return json.dumps(event).encode()


def delta(audio: str, **more: object) -> bytes:
    event = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i"}
    return text({**event, "delta": audio, **more})


@pytest.mark.parametrize("event", CLIENT, ids=lambda event: type(event).__name__)
def test_what_we_send_is_what_the_official_types_ask_for(event: wire.ClientEvent) -> None:
    assert check_client(json.loads(wire.encode(event))) == []


def test_noise_reduction_off_is_said_as_null() -> None:
    off = terms.AudioInput(turn_detection=terms.SemanticVad(), noise_reduction=None)
    audio = terms.SessionAudio(input=off, output=terms.AudioOutput(voice="marin"))
    update = json.loads(
        wire.encode(wire.SessionUpdate(terms.Session(instructions="", audio=audio)))
    )
    assert check_client(update) == []
    assert update["session"]["audio"]["input"]["noise_reduction"] is None


@given(pcm=st.binary(max_size=4000).filter(lambda pcm: len(pcm) % 2 == 0))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_audio_arrives_as_it_left(pcm: bytes) -> None:
    gate = step(Closed(), Held)
    assert isinstance(gate, Held)
    event = json.loads(wire.append(gate.mic.admit(MicBlock(pcm, 0.0))))
    assert event["type"] == "input_audio_buffer.append"
    assert base64.b64decode(event["audio"], validate=True) == pcm


def test_an_append_is_what_the_official_types_ask_for() -> None:
    tail = step(Closed(), Tail)
    assert isinstance(tail, Tail)
    assert check_client(json.loads(wire.append(tail.silence.frames(Frames(960))))) == []


@pytest.mark.parametrize(("event", "expected"), SERVER, ids=[event["type"] for event, _ in SERVER])
def test_what_servers_send_is_understood(event: dict[str, Any], expected: wire.ServerEvent) -> None:
    assert wire.decode(text(event)) == expected
    assert wire.decode(text({**event, "obfuscation": "aLxx0", "new_field": [1, {}]})) == expected


@pytest.mark.parametrize(
    "event",
    [event for event, _ in SERVER if not event["type"].startswith(("session.", "response.done"))],
    ids=lambda event: str(event["type"]),
)
def test_the_examples_are_what_the_official_types_describe(event: dict[str, Any]) -> None:
    assert check_server(event) == []


def test_beta_spellings_are_read_as_what_they_are() -> None:
    beta = delta("AAA=", type="response.audio.delta")
    assert isinstance(wire.decode(beta), wire.AudioDelta)
    done = {"type": "response.audio.done", "response_id": "r", "item_id": "i"}
    assert isinstance(wire.decode(text(done)), wire.AudioDone)


@pytest.mark.parametrize(
    "kind",
    ["rate_limits.updated", "conversation.item.added", "response.output_text.delta", "x" * 500, ""],
)
def test_an_event_we_do_not_use_is_unknown_and_no_error(kind: str) -> None:
    found = wire.decode(text({"type": kind, "item": {"deep": [1, 2]}}))
    assert found == wire.Unknown(kind[:80])


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"error"',
        b"{",
        b"{}",
        b"\xff\xfe\x00",
        b'{"type": "\xff"}',
        b'{"type": 7}',
        b'{"type": null}',
        b'{"typ": "error"}',
        b"[" * 100_000,
        text({"type": "error"}),
        text({"type": "error", "error": "no"}),
        text({"type": "error", "error": {"message": 7}}),
        text({"type": "response.created", "response": None}),
        text({"type": "response.created", "response": {"id": 7}}),
        text({"type": "response.created", "response": {"id": "x" * 257}}),
        text({"type": "input_audio_buffer.committed"}),
        text({"type": "input_audio_buffer.committed", "item_id": ["a"]}),
        text({"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": "1"}),
        text({"type": "session.updated", "session": []}),
        delta("A"),
        delta("AA=="),
        delta("AAA"),
        delta("!!!!"),
        delta("AAAA", item_id=None),
        delta("AAAA", response_id="x" * 257),
        text({"type": "response.output_audio.delta", "delta": "AAAA"}),
    ],
    ids=lambda broken: broken[:60].decode(errors="replace"),
)
def test_what_does_not_fit_is_a_wire_error_with_a_reason(broken: bytes) -> None:
    with pytest.raises(wire.WireError) as problem:
        wire.decode(broken)
    assert 5 < len(str(problem.value)) < 400


def test_half_a_sample_is_named_with_its_size_and_not_quoted() -> None:
    with pytest.raises(wire.WireError, match="3 bytes"):
        wire.decode(delta(base64.b64encode(b"abc").decode()))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(raw=st.binary(max_size=200))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_bytes_are_an_event_or_a_wire_error(raw: bytes) -> None:
    must_tolerate(raw)


@given(
    example=st.sampled_from([event for event, _ in SERVER]),
    changes=st.dictionaries(
        st.sampled_from(["type", "session", "error", "item_id", "response", "item", "delta"]),
        json_values,
        max_size=3,
    ),
    cut=st.integers(0, 3),
)
@settings(derandomize=True, deadline=None, max_examples=400)
def test_a_damaged_event_is_an_event_or_a_wire_error(
    example: dict[str, Any], changes: dict[str, Any], cut: int
) -> None:
    damaged = text({**example, **changes})
    must_tolerate(damaged[: len(damaged) - cut])


def must_tolerate(raw: bytes) -> None:
    try:
        event = wire.decode(raw)
    except wire.WireError:
        return
    assert isinstance(event, wire.Unknown | wire.ServerEvent)


def test_a_failed_reply_says_why() -> None:
    error = {"type": "x", "code": "rate_limit_exceeded", "message": "too many"}
    failed = wire.ResponseInfo("r", "failed", {"type": "failed", "error": error})
    assert failed.failure == wire.Fault("too many", "rate_limit_exceeded")
    assert wire.ResponseInfo("r", "completed").failure is None
    odds: list[dict[str, Any] | None] = [None, {}, {"error": None}, {"error": "no"}, {"error": {}}]
    for odd in odds:
        assert wire.ResponseInfo("r", "failed", odd).failure == wire.Fault("no reason given")


def test_usage_is_a_number_or_nothing() -> None:
    info = wire.ResponseInfo("r", usage={"input_tokens": 5, "output_tokens": "many"})
    assert info.tokens("input_tokens") == 5
    assert info.tokens("output_tokens") is None
    assert wire.ResponseInfo("r").tokens("input_tokens") is None


def echo(**changes: object) -> dict[str, Any]:
    session: dict[str, Any] = json.loads(wire.encode(wire.SessionUpdate(SESSION)))["session"]
    for path, value in changes.items():
        *way, last = path.split("__")
        place = session
        for step_ in way:
            place = place[step_]
        place[last] = value
    return session


def test_a_server_that_does_as_asked_differs_in_nothing() -> None:
    assert terms.differences(SESSION, echo()) == []


def test_what_a_server_adds_or_leaves_out_is_its_own_affair() -> None:
    assert terms.differences(SESSION, {"id": "sess_1"}) == []
    assert terms.differences(SESSION, echo(model="other", audio__input__format__extra=1)) == []


def test_every_difference_is_a_sentence_with_its_path() -> None:
    found = terms.differences(
        SESSION,
        echo(
            audio__output__voice="alloy",
            audio__input__turn_detection={"type": "server_vad", "eagerness": "high"},
            output_modalities=["text"],
            instructions="You are a pirate.",
        ),
    )
    assert found == [
        "session.instructions is other than asked",
        "session.audio.input.turn_detection.type is 'server_vad', not 'semantic_vad'",
        "session.audio.output.voice is 'alloy', not 'marin'",
        "session.output_modalities is ['text'], not ('audio',)",
    ]


def test_a_server_that_switched_something_off_is_noticed() -> None:
    found = terms.differences(SESSION, echo(audio__input__turn_detection=None))
    assert len(found) == 1
    assert found[0].startswith("session.audio.input.turn_detection is None, not {")
    assert len(found[0]) <= 200
