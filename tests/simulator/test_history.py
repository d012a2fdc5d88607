"""Truncate, delete, retrieve and create, and the service's words when they cannot be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from device.simulator import Answer, Script, Simulator
from simulator.caller import Caller, Json, live, speech

ANSWER = Answer.tone(3.7, transcript="One two three four.", speed=40.0, first_delta_s=0.0)


@asynccontextmanager
async def answered() -> AsyncIterator[tuple[Caller, str, str]]:
    """A finished spoken turn: the caller, the user's item id, the assistant's."""
    async with Simulator(Script([ANSWER])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(None)
        await caller.append(speech(1.0))
        await caller.send("input_audio_buffer.commit")
        await caller.send("response.create")
        asked = await caller.last("input_audio_buffer.committed")
        done = await caller.last("response.done")
        yield caller, asked["item_id"], done["response"]["output"][0]["id"]


def cut(item_id: str, ms: object, content_index: int = 0) -> Json:
    return {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": ms,
    }


async def truncate(caller: Caller, item_id: str, ms: int) -> None:
    kind = "conversation.item.truncate"
    await caller.send(kind, item_id=item_id, content_index=0, audio_end_ms=ms)


@live
async def test_a_truncated_item_keeps_its_start_and_loses_its_transcript() -> None:
    async with answered() as (caller, _, item_id):
        await truncate(caller, item_id, 1500)
        truncated = await caller.last("conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 1500)
        await caller.send("conversation.item.retrieve", item_id=item_id)
        item = (await caller.last("conversation.item.retrieved"))["item"]
        assert item["content"] == [{"type": "output_audio"}]
        longer = await caller.refused(cut(item_id, 1501))
        assert longer["message"] == "Audio content of 1500ms is already shorter than 1501ms"
        await caller.send("response.create")
        usage = (await caller.last("response.done"))["response"]["usage"]
        assert usage["input_token_details"]["audio_tokens"] == 10 + 30


@live
async def test_truncate_may_name_the_very_end_and_the_very_start() -> None:
    async with answered() as (caller, _, item_id):
        for ms in (3700, 0):
            await truncate(caller, item_id, ms)
            assert (await caller.last("conversation.item.truncated"))["audio_end_ms"] == ms


@live
async def test_truncate_refuses_in_the_words_of_the_service() -> None:
    async with answered() as (caller, user_id, item_id):
        assert await caller.refused(cut(item_id, 3760)) == {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "Audio content of 3700ms is already shorter than 3760ms",
            "param": "audio_end_ms",
            "event_id": None,
        }
        negative = await caller.refused(cut(item_id, -11))
        assert (negative["code"], negative["message"], negative["param"]) == (
            "integer_below_min_value",
            "Invalid 'audio_end_ms': integer below minimum value. "
            "Expected a value >= 0, but got -11 instead.",
            "audio_end_ms",
        )
        stranger = await caller.refused(cut("x", 1))
        assert (stranger["code"], stranger["message"]) == (
            "item_truncate_invalid_item_id",
            "Error truncating item: the item with id 'x' does not exist.",
        )
        mine = await caller.refused(cut(user_id, 1))
        assert (mine["code"], mine["message"]) == (
            None,
            "Only model output audio messages can be truncated",
        )
        for wrong in (1.5, "12", None, True, [1]):
            assert (await caller.refused(cut(item_id, wrong)))["code"] == "invalid_type"
        assert (await caller.refused(cut(item_id, 1, 1)))["param"] == "content_index"


@live
async def test_truncate_in_mid_generation_is_measured_by_what_was_generated() -> None:
    slow = Answer.tone(5.0, speed=1.0, delta_ms=200, first_delta_s=0.0)
    async with Simulator(Script([slow])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        delta = await caller.last("response.output_audio.delta")
        error = await caller.refused(cut(delta["item_id"], 4000))
        generated_ms = simulator.items[delta["item_id"]].remembered_ms
        assert error["message"] == (
            f"Audio content of {generated_ms}ms is already shorter than 4000ms"
        )
        await truncate(caller, delta["item_id"], 100)
        await caller.until("conversation.item.truncated")
        await caller.send("response.cancel")
        (item,) = (await caller.last("response.done"))["response"]["output"]
    assert "transcript" not in item["content"][0]


@live
async def test_a_deleted_item_is_gone_from_the_conversation_but_not_from_the_record() -> None:
    async with Simulator(Script([ANSWER])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        item_id = (await caller.last("response.done"))["response"]["output"][0]["id"]
        await caller.send("conversation.item.delete", item_id=item_id)
        assert (await caller.last("conversation.item.deleted"))["item_id"] == item_id
        for kind, doing in (("delete", "deleting"), ("retrieve", "retrieving")):
            error = await caller.refused({"type": f"conversation.item.{kind}", "item_id": item_id})
            assert (error["code"], error["message"]) == (
                f"item_{kind}_invalid_item_id",
                f"Error {doing} item: the item with id '{item_id}' does not exist.",
            )
        assert simulator.items[item_id].audio == ANSWER.audio


def message(item_id: str, role: str, kind: str) -> Json:
    content = [{"type": kind, "text": f"I am {item_id}"}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


@live
async def test_history_is_seeded_with_ids_of_the_clients_choice() -> None:
    async with Simulator(Script([ANSWER])) as simulator, Caller(simulator.url) as caller:
        seeds = [
            (message("a", "user", "input_text"), None, None),
            (message("b", "assistant", "output_text"), None, "a"),
            (message("c", "system", "input_text"), "root", None),
            (message("d", "user", "input_text"), "a", "a"),
        ]
        for item, wanted, expected in seeds:
            place = {} if wanted is None else {"previous_item_id": wanted}
            await caller.send("conversation.item.create", item=item, **place)
            added, done = (await caller.until("conversation.item.done"))[-2:]
            assert added["type"] == "conversation.item.added"
            assert added["previous_item_id"] == done["previous_item_id"] == expected
            assert added["item"] == {**item, "status": "completed"}
        await caller.send("conversation.item.create", item={**message("", "user", "input_text")})
        assert (await caller.last("conversation.item.done"))["item"]["id"].startswith("item_")
        again = await caller.refused(
            {"type": "conversation.item.create", "item": message("b", "user", "input_text")}
        )
        assert (again["code"], again["message"], again["param"]) == (
            "item_create_duplicate_item_id",
            "Error adding item: an item with id 'b' already exists.",
            None,
        )


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "hi"}],
            },
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (message("a", "assistant", "input_text"), "invalid_value", "item.content[0].type"),
        (message("a", "assistant", "text"), "invalid_value", "item.content[0].type"),
        (message("a", "nurse", "input_text"), "invalid_value", "item.role"),
        (message("a" * 33, "user", "input_text"), "string_above_max_length", "item.id"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"role": "user", "content": []}, "missing_required_parameter", "item.type"),
    ],
)
def test_an_item_that_cannot_be_created_is_refused(item: Json, code: str, param: str) -> None:
    @live
    async def play() -> None:
        async with Simulator(Script([ANSWER])) as simulator, Caller(simulator.url) as caller:
            error = await caller.refused({"type": "conversation.item.create", "item": item})
            assert (error["code"], error["param"]) == (code, param)
            assert error["message"].endswith(".")

    play()
