"""Calls, words of the user, responses beside the conversation, and everything that ends early."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from device.simulator import Answer, Call, Incomplete, Script, Simulator
from simulator.caller import SEMANTIC, Caller, Json, kinds, live, silence, speech, spoken

YES = Answer.tone(0.5, transcript="yes indeed", speed=50.0, first_delta_s=0.0)
CALL = Call("set_timer", '{"minutes": 5}')
TRANSCRIPTION = "conversation.item.input_audio_transcription"


async def answer(caller: Caller, **response: Any) -> list[Json]:
    await caller.send("response.create", response=response)
    return await caller.until("rate_limits.updated")


async def say(caller: Caller, role: str, **part: Any) -> Json:
    item = {"type": "message", "role": role, "content": [part]}
    await caller.send("conversation.item.create", item=item)
    made: Json = (await caller.last("conversation.item.done"))["item"]
    return made


@live
async def test_a_call_is_made_answered_and_followed_up() -> None:
    script = Script([Answer.call(CALL, first_delta_s=0.0), YES])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        events = await answer(caller)
        assert kinds(events) == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
        (made,) = events[-2]["response"]["output"]
        assert (made["type"], made["name"], made["status"]) == (
            "function_call",
            "set_timer",
            "completed",
        )
        assert events[3]["delta"] + events[4]["delta"] == made["arguments"] == CALL.arguments
        assert {event["call_id"] for event in events[3:6]} == {made["call_id"]}
        output = {"type": "function_call_output", "call_id": made["call_id"], "output": "done"}
        await caller.send("conversation.item.create", item=output)
        await caller.until("conversation.item.done")
        done = (await answer(caller))[-2]["response"]
        assert done["output"][0]["content"][0]["transcript"] == "yes indeed"


@live
async def test_a_preamble_and_two_calls_share_a_response() -> None:
    both = Answer(YES.audio, "one moment", 0.0, speed=50.0, calls=[CALL, Call("look")])
    async with Simulator(Script([both])) as simulator, Caller(simulator.url) as caller:
        output = (await answer(caller))[-2]["response"]["output"]
        assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
        assert output[1]["call_id"] != output[2]["call_id"]


@live
async def test_a_response_cancelled_in_its_preamble_makes_no_call() -> None:
    slow = Answer(YES.audio, "", 0.0, speed=0.1, calls=[CALL])
    async with Simulator(Script([slow])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        await caller.until("response.output_audio.delta")
        await caller.send("response.cancel")
        response = (await caller.last("response.done"))["response"]
    assert [item["type"] for item in response["output"]] == ["message"]
    assert response["status"] == "cancelled"


@live
async def test_an_output_of_an_unknown_call_is_refused_and_a_seeded_one_is_taken() -> None:
    async with Simulator(Script([YES])) as simulator, Caller(simulator.url) as caller:
        output = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
        error = await caller.refused({"type": "conversation.item.create", "item": output})
        assert error["code"] == "invalid_tool_call_id"
        call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
        for item in (call, output):
            await caller.send("conversation.item.create", item=item)
            made = (await caller.last("conversation.item.done"))["item"]
            assert made["call_id"] == "call_1"


@live
async def test_the_users_words_come_after_the_commit_whatever_the_answer_does() -> None:
    script = Script([YES], heard=["What time is it?", None], heard_after_s=0.5)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.configure(
            audio={"input": {"turn_detection": SEMANTIC, "transcription": {"model": "whisper-1"}}}
        )
        await caller.ask()
        events = await caller.until(f"{TRANSCRIPTION}.completed")
        assert "response.done" in kinds(events)
        deltas = [one["delta"] for one in events if one["type"] == f"{TRANSCRIPTION}.delta"]
        assert "".join(deltas) == events[-1]["transcript"] == "What time is it?"
        committed = next(one for one in events if one["type"].endswith("committed"))
        assert events[-1]["item_id"] == committed["item_id"]
        assert events[-1]["usage"]["input_tokens"] in range(13, 20)
        await caller.ask()
        failed = await caller.last(f"{TRANSCRIPTION}.failed")
        assert failed["error"]["code"] == "audio_unintelligible"
        await caller.send("conversation.item.retrieve", item_id=committed["item_id"])
        item = (await caller.last("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] == "What time is it?"


@live
async def test_how_sure_the_words_are_is_told_to_a_client_that_asks() -> None:
    script = Script([YES], heard=["Oh, you"], heard_after_s=0)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        for include in (None, ["item.input_audio_transcription.logprobs"]):
            await caller.configure(
                audio={"input": {"turn_detection": SEMANTIC, "transcription": {"model": "x"}}},
                include=include,
            )
            await caller.ask()
            events = await caller.until(f"{TRANSCRIPTION}.completed")
            told = [one for one in events if one["type"].startswith(TRANSCRIPTION)]
            if include is None:
                assert not any("logprobs" in one for one in told)
            else:
                tokens = [[log["token"] for log in one["logprobs"]] for one in told]
                assert tokens == [["Oh,"], [" you"], ["Oh,", " you"]]
            await caller.quiet()


@live
async def test_a_retrieved_user_item_has_its_audio() -> None:
    async with Simulator(Script([YES])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(None)
        said = speech(0.5)
        await caller.append(silence(0.3))
        await caller.send("input_audio_buffer.clear")
        await caller.append(said)
        await caller.send("input_audio_buffer.commit")
        item = await caller.last("conversation.item.done")
        await caller.send("conversation.item.retrieve", item_id=item["item"]["id"])
        got = (await caller.last("conversation.item.retrieved"))["item"]
        assert base64.b64decode(got["content"][0]["audio"]) == said
        assert "audio" not in item["item"]["content"][0]


@live
async def test_a_client_can_put_audio_and_pictures_into_the_conversation() -> None:
    async with Simulator(Script([YES])) as simulator, Caller(simulator.url) as caller:
        audio = base64.b64encode(speech(0.5)).decode()
        made = await say(caller, "user", type="input_audio", audio=audio)
        assert made["content"] == [{"type": "input_audio", "transcript": None}]
        await say(caller, "user", type="input_image", image_url="data:image/png;base64,AA==")
        usage = (await answer(caller))[-2]["response"]["usage"]
        assert usage["input_token_details"]["audio_tokens"] == 5
        part = {"type": "input_audio", "audio": "AAAA"}
        item = {"type": "message", "role": "user", "content": [part]}
        error = await caller.refused({"type": "conversation.item.create", "item": item})
        assert (error["code"], error["param"]) == ("invalid_value", "item.content[0].audio")


@live
async def test_an_out_of_band_response_runs_beside_and_leaves_nothing() -> None:
    slow = Answer.tone(3.0, transcript="a long story", speed=3.0, first_delta_s=0.0)
    script = Script([slow], asides=[Answer.text("a title", first_delta_s=0.0, speed=100.0)])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        made = await say(caller, "user", type="input_text", text="tell " * 100)
        await caller.send("response.create")
        await caller.until("response.output_audio.delta")
        known = set(simulator.items)
        await caller.send(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"purpose": "title"},
                "input": [],
            },
        )
        aside = (await caller.last("response.done"))["response"]
        assert (aside["conversation_id"], aside["metadata"]) == (None, {"purpose": "title"})
        assert aside["output"][0]["content"][0]["text"] == "a title"
        assert aside["usage"]["input_tokens"] < 30
        assert set(simulator.items) == known
        own = [event for event in caller.events if event.get("response_id") == aside["id"]]
        assert own
        await caller.send("response.cancel")
        done = (await caller.last("response.done"))["response"]
        assert (done["status"], done["id"] == aside["id"]) == ("cancelled", False)
        reference = [{"type": "item_reference", "id": made["id"]}]
        wish = {"conversation": "none", "input": reference}
        await caller.raw(json.dumps({"type": "response.create", "response": wish}))
        done = (await caller.last("response.done"))["response"]
        assert done["usage"]["input_tokens"] > 100


@live
async def test_an_out_of_band_response_is_cancelled_by_its_id_alone() -> None:
    script = Script([YES], asides=[Answer.tone(1.0, first_delta_s=30.0)])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        wish = {"conversation": "none"}
        await caller.send("response.create", response=wish)
        aside = (await caller.last("response.created"))["response"]
        error = await caller.refused({"type": "response.cancel"})
        assert error["code"] == "response_cancel_not_active"
        await caller.send("response.cancel", response_id=aside["id"])
        done = (await caller.last("response.done"))["response"]
        assert (done["id"], done["status"]) == (aside["id"], "cancelled")
        for _ in range(16):
            await caller.send("response.create", response=wish)
        error = await caller.refused({"type": "response.create", "response": wish})
        assert error["code"] == "rate_limit_exceeded"


@live
async def test_a_reference_to_no_item_is_refused_and_nothing_begins() -> None:
    async with Simulator(Script([YES])) as simulator, Caller(simulator.url) as caller:
        wish = {"input": [{"type": "item_reference", "id": "item_x"}]}
        error = await caller.refused({"type": "response.create", "response": wish})
        assert error["message"].endswith("the item with id 'item_x' does not exist.")
        assert await caller.quiet() == []


@pytest.mark.parametrize(("limit", "least"), [(30, 1.0), (100, 4.0)])
def test_a_response_ends_at_its_token_limit(limit: int, least: float) -> None:
    long = Answer.tone(20.0, transcript="word " * 20, speed=1000.0, first_delta_s=0.0)

    @live
    async def play() -> None:
        async with Simulator(Script([long])) as simulator, Caller(simulator.url) as caller:
            events = await answer(caller, max_output_tokens=limit)
            response = events[-2]["response"]
            assert response["status"] == "incomplete"
            assert response["status_details"] == {
                "type": "incomplete",
                "reason": "max_output_tokens",
            }
            assert response["output"][0]["status"] == "incomplete"
            assert limit - 5 <= response["usage"]["output_tokens"] <= limit
            assert len(spoken(events)) >= least * 48_000

    play()


@live
async def test_a_scripted_incomplete_response_says_why() -> None:
    short = Answer(YES.audio, "well", 0.0, speed=50.0, ends=Incomplete("content_filter"))
    async with Simulator(Script([short])) as simulator, Caller(simulator.url) as caller:
        response = (await answer(caller))[-2]["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "content_filter"}


@live
async def test_silence_after_an_answer_is_committed_when_the_client_asks_for_it() -> None:
    async with Simulator(Script([YES])) as simulator, Caller(simulator.url) as caller:
        await caller.detect({"type": "server_vad", "idle_timeout_ms": 5000})
        await caller.ask()
        await caller.until("rate_limits.updated")
        await caller.append(silence(5.0), step_ms=100)
        assert await caller.quiet() == []
        await caller.append(silence(1.0), step_ms=100)
        events = await caller.until("response.done")
        assert kinds(events)[:3] == [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
        ]
        first = events[0]
        # The answer's own half second does not count, and decisions fall on the grid.
        assert first["audio_start_ms"] == 1700 + 500
        assert first["audio_end_ms"] == 7200
        assert events[1]["item_id"] == first["item_id"]


@live
async def test_the_beta_header_is_refused_after_the_upgrade() -> None:
    from websockets.asyncio.client import connect

    async with Simulator(Script([YES])) as simulator:
        headers = {"OpenAI-Beta": "realtime=v1"}
        url = f"{simulator.url}?model=gpt-realtime-2.1"
        async with connect(url, additional_headers=headers, proxy=None) as ws:
            error = json.loads(await ws.recv())["error"]
            assert error["code"] == "beta_api_shape_disabled"
            await ws.wait_closed()
            assert ws.close_code == 4000
            assert ws.close_reason == "invalid_request_error.beta_api_shape_disabled"
