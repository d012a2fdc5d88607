"""Mistakes of a client: the exact error, and a session that goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device.simulator import Answer, Script, Simulator
from simulator.caller import SEMANTIC, Caller, live, silence, speech

SCRIPT = Script([Answer.tone(0.3, speed=40.0, first_delta_s=0.0)])


@pytest.mark.parametrize(
    ("frame", "code", "message", "param"),
    [
        ("{", "invalid_json", "Invalid event: failed to parse JSON value. ", None),
        ("[" * 5000, "invalid_json", "Invalid event: failed to parse JSON value. ", None),
        ('{"a": NaN}', "invalid_json", "Invalid event: failed to parse JSON value. ", None),
        ("[]", "invalid_event", "Invalid event: expected a JSON object.", None),
        (
            '{"type": ' + "[" * 99 + "]" * 99 + "}",
            "invalid_event",
            "Invalid event: objects are nested deeper than 64 levels.",
            None,
        ),
        (
            '{"type": "\\ud800"}',
            "invalid_json",
            "Invalid event: failed to parse JSON value. ",
            None,
        ),
        (b"\x00\x01", "invalid_event", "Invalid event: expected a text frame", None),
        ("{}", "invalid_event", "The 'type' field is missing.", None),
        ('{"type": 3}', "invalid_type", "Invalid type for 'type': expected a string", "type"),
        (
            '{"type": "no.such"}',
            "invalid_value",
            "Invalid value: 'no.such'. Supported values are: 'session.update', 'session.close', "
            "'input_audio_buffer.append', 'session.input_audio_buffer.append', "
            "'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', "
            "'conversation.item.truncate', 'conversation.item.delete', "
            "'conversation.item.retrieve', 'response.create', and 'response.cancel'.",
            "type",
        ),
        (
            '{"type": "response.cancel", "bogus": 1}',
            "unknown_parameter",
            "Unknown parameter: 'bogus'.",
            "bogus",
        ),
        (
            '{"type": "input_audio_buffer.append"}',
            "missing_required_parameter",
            "Missing required parameter: 'audio'.",
            "audio",
        ),
        (
            '{"type": "input_audio_buffer.append", "audio": "AAA*"}',
            "invalid_value",
            "Invalid 'audio'. Expected base64-encoded audio bytes",
            "audio",
        ),
        (
            '{"type": "input_audio_buffer.append", "audio": "AAAA"}',
            "invalid_value",
            "Invalid 'audio'. Expected 16-bit samples, but got an odd count of 3 bytes.",
            "audio",
        ),
        (
            json.dumps(
                {
                    "type": "response.create",
                    "response": {"metadata": dict.fromkeys("abcdefghijklmnopq", "")},
                }
            ),
            "object_above_max_properties",
            "Invalid 'response.metadata': too many properties. Expected an object with at most 16",
            "response.metadata",
        ),
        (
            '{"type": "input_audio_buffer.commit"}',
            "input_audio_buffer_commit_empty",
            "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
            "audio, but buffer only has 0.00ms of audio.",
            None,
        ),
    ],
)
def test_a_wrong_frame_is_answered_in_the_words_of_the_service(
    frame: str | bytes, code: str, message: str, param: str | None
) -> None:
    @live
    async def play() -> None:
        async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
            await caller.raw(frame)
            error = (await caller.last("error"))["error"]
            assert (error["code"], error["param"]) == (code, param)
            assert error["message"].startswith(message)
            await caller.send("response.create")
            assert (await caller.last("response.done"))["response"]["status"] == "completed"

    play()


@live
async def test_a_commit_right_after_the_servers_own_is_empty() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        await caller.detect({"type": "server_vad", "silence_duration_ms": 320})
        await caller.append(speech(0.96) + silence(0.36))
        await caller.until("input_audio_buffer.committed")
        error = await caller.refused({"type": "input_audio_buffer.commit", "event_id": "late"})
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "late")
    assert error["message"].endswith("buffer only has 40.00ms of audio.")


INPUT = "session.audio.input"


@pytest.mark.parametrize(
    ("wish", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "bogus": 1}, "unknown_parameter", "session.bogus"),
        ({"type": "realtime", "modalities": []}, "unknown_parameter", "session.modalities"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "model": "other"}, "invalid_value", "session.model"),
        (
            {"type": "realtime", "output_modalities": ["audio", "text"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "max_output_tokens": 5000},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "bob"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 9}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {
                "type": "realtime",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}},
            },
            "integer_below_min_value",
            f"{INPUT}.format.rate",
        ),
        (
            {
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}},
            },
            "unknown_parameter",
            f"{INPUT}.turn_detection.threshold",
        ),
        (
            {
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": "x"}}},
            },
            "invalid_type",
            f"{INPUT}.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"eagerness": "low"}}}},
            "missing_required_parameter",
            f"{INPUT}.turn_detection.type",
        ),
        ("realtime", "invalid_type", "session"),
    ],
)
def test_one_wrong_setting_discards_the_whole_update(wish: Any, code: str, param: str) -> None:
    @live
    async def play() -> None:
        async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
            if isinstance(wish, dict):
                wish.setdefault("instructions", "must not stay")
            error = await caller.refused({"type": "session.update", "session": wish})
            assert (error["code"], error["param"]) == (code, param)
            assert await caller.configure() == caller.session

    play()


@live
async def test_the_words_of_the_three_refused_updates_that_were_captured() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        found = []
        for wish in (
            {"instructions": "x"},
            {"type": "realtime", "bogus_field": 1},
            {
                "type": "realtime",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}},
            },
        ):
            error = await caller.refused({"type": "session.update", "session": wish})
            found.append(error["message"])
    assert found[:2] == [
        "Missing required parameter: 'session.type'.",
        "Unknown parameter: 'session.bogus_field'.",
    ]
    assert "Expected a value >= 24000" in found[2]


@live
async def test_an_update_merges_and_the_echo_is_the_whole_session() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        echo = await caller.configure(
            instructions="Be brief.",
            audio={
                "input": {"turn_detection": SEMANTIC, "noise_reduction": {"type": "far_field"}},
                "output": {"voice": "cedar"},
            },
        )
        expected = json.loads(json.dumps(caller.session))
        expected["instructions"] = "Be brief."
        expected["audio"]["output"]["voice"] = "cedar"
        expected["audio"]["input"]["noise_reduction"] = {"type": "far_field"}
        expected["audio"]["input"]["turn_detection"] = {
            "type": "semantic_vad",
            "eagerness": "auto",
            "create_response": True,
            "interrupt_response": True,
        }
        assert echo == expected
        echo = await caller.detect({"type": "semantic_vad", "create_response": False})
        assert echo["audio"]["input"]["turn_detection"]["eagerness"] == "auto"
        assert echo["audio"]["input"]["turn_detection"]["create_response"] is False
        echo = await caller.detect({"type": "server_vad", "threshold": 0.7})
        assert echo["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
        assert (await caller.detect(None))["audio"]["input"]["turn_detection"] is None


@live
async def test_tracing_that_was_enabled_stays_as_it_is() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        await caller.configure(tracing=None)
        await caller.configure(tracing="auto")
        wish = {"type": "realtime", "tracing": None}
        error = await caller.refused({"type": "session.update", "session": wish})
        assert (error["code"], error["param"]) == ("invalid_value", "session.tracing")
        assert (await caller.configure(tracing="auto"))["tracing"] == "auto"


@live
async def test_the_voice_is_fixed_by_the_first_sound() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        await caller.configure(audio={"output": {"voice": "cedar"}})
        await caller.send("response.create")
        await caller.until("response.done")
        wish = {"type": "realtime", "instructions": "x", "audio": {"output": {"voice": "marin"}}}
        error = await caller.refused({"type": "session.update", "session": wish})
        assert (error["code"], error["message"]) == (
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
        )
        echo = await caller.configure(audio={"output": {"voice": "cedar"}})
        assert echo["instructions"] != "x"
