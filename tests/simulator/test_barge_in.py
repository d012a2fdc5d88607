"""The four forms of an interruption, and what `response.cancel` does."""

from __future__ import annotations

import pytest

from device.simulator import Answer, Script, Simulator
from simulator.caller import SEMANTIC, Caller, kinds, live, silence, speech, spoken

LONG = Answer.tone(9.0, transcript=" ".join(["word"] * 30), speed=5.0, first_delta_s=0.05)
SHORT = Answer.tone(0.5, transcript="Yes.", speed=40.0)
END_OF_ITEM = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]


def after(events: list[dict[str, object]], kind: str) -> list[str]:
    names = kinds(events)
    return names[names.index(kind) + 1 :]


@pytest.mark.parametrize("late", [0, 2])
def test_while_it_generates_the_response_is_cut_short(late: int) -> None:
    @live
    async def play() -> None:
        answer = Answer(LONG.audio, LONG.transcript, 0.05, late_deltas=late)
        async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
            await caller.detect(SEMANTIC)
            await caller.ask()
            before = await caller.until("response.output_audio.delta")
            await caller.append(speech(0.3))
            events = await caller.until("response.done")
            names = after(events, "input_audio_buffer.speech_started")
            assert names.count("response.output_audio.delta") == late
            assert [name for name in names if not name.endswith(".delta")] == [
                *END_OF_ITEM,
                "response.done",
            ]
            response = events[-1]["response"]
            assert response["status"] == "cancelled"
            assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
            (item,) = response["output"]
            assert item["status"] == "incomplete"
            heard = spoken(before + events)
            assert simulator.items[item["id"]].audio == heard
            assert 0 < len(heard) < len(LONG.audio)
            tokens = response["usage"]["output_token_details"]["audio_tokens"]
            assert tokens == -(-len(heard) // 2400)

    play()


@live
async def test_when_its_item_is_complete_only_the_response_is_cancelled() -> None:
    answer = Answer.tone(0.5, speed=40.0, tail_s=30.0)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        assert (await caller.last("response.output_item.done"))["item"]["status"] == "completed"
        await caller.append(speech(0.3))
        events = await caller.until("response.done")
    assert kinds(events) == ["input_audio_buffer.speech_started", "response.done"]
    response = events[-1]["response"]
    assert (response["status"], response["output"][0]["status"]) == ("cancelled", "completed")


@live
async def test_before_anything_is_generated_the_response_is_empty_and_free() -> None:
    answer = Answer.tone(1.0, first_delta_s=30.0)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        for _ in range(2):
            await caller.ask()
            await caller.until("response.created")
            await caller.append(speech(0.3))
            events = await caller.until("response.done")
            heard = [kind for kind in kinds(events) if kind != "rate_limits.updated"]  # of before
            assert heard == ["input_audio_buffer.speech_started", "response.done"]
            response = events[-1]["response"]
            assert (response["status"], response["output"]) == ("cancelled", [])
            assert response["usage"]["total_tokens"] == 0
            await caller.append(silence(0.7))
            await caller.until("response.created")
            await caller.send("response.cancel")
            await caller.until("response.done")


@live
async def test_after_the_response_only_the_start_of_speech_is_told() -> None:
    async with Simulator(Script([SHORT])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        await caller.until("rate_limits.updated")
        await caller.append(speech(0.3))
        assert kinds(await caller.quiet()) == ["input_audio_buffer.speech_started"]


@live
async def test_without_interrupt_response_it_speaks_on_and_the_turn_gets_no_answer() -> None:
    answer = Answer.tone(2.0, speed=4.0)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.detect({**SEMANTIC, "interrupt_response": False})
        await caller.ask()
        before = await caller.until("response.output_audio.delta")
        await caller.ask()
        events = await caller.until("rate_limits.updated")
        events += await caller.quiet()
    assert kinds(events).count("input_audio_buffer.committed") == 1
    assert "response.created" not in kinds(events)
    assert spoken(before + events) == answer.audio


@live
async def test_a_cancelled_answer_is_told_again_only_if_nothing_of_it_was_said() -> None:
    answers = [Answer.tone(5.0, transcript="first"), Answer.tone(0.2, transcript="second")]
    async with Simulator(Script(answers)) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        await caller.send("response.cancel")
        await caller.until("response.done")
        await caller.send("response.create")
        await caller.until("response.output_audio.delta")
        await caller.send("response.cancel")
        first = await caller.last("response.done")
        await caller.send("response.create")
        second = await caller.last("response.done")
    said = [done["response"]["output"][0]["content"][0]["transcript"] for done in (first, second)]
    assert said == ["first", "second"]


@live
async def test_a_client_cancels_by_id_and_then_there_is_nothing_to_cancel() -> None:
    async with Simulator(Script([LONG])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        created = (await caller.until("response.output_audio.delta"))[0]["response"]
        wrong = await caller.refused({"type": "response.cancel", "response_id": "resp_other"})
        assert wrong["code"] == "response_cancel_not_active"
        await caller.send("response.cancel", response_id=created["id"])
        events = await caller.until("response.done")
        assert [name for name in kinds(events) if not name.endswith(".delta")] == [
            *END_OF_ITEM,
            "response.done",
        ]
        details = events[-1]["response"]["status_details"]
        assert details == {"type": "cancelled", "reason": "client_cancelled"}
        error = await caller.refused({"type": "response.cancel"})
    assert error["message"] == "Cancellation failed: no active response found"


@live
async def test_a_second_response_is_refused_while_one_is_active() -> None:
    async with Simulator(Script([LONG])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        active = (await caller.last("response.created"))["response"]["id"]
        error = await caller.refused({"type": "response.create", "event_id": "mine"})
    assert error == {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": (
            f"Conversation already has an active response in progress: {active}. "
            "Wait until the response is finished before creating a new one."
        ),
        "param": None,
        "event_id": "mine",
    }
