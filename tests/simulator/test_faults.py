"""Faults: what strikes, at which moment, and that nothing else changes."""

from __future__ import annotations

import asyncio
import json
from typing import Any, get_args

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.simulator import Answer, Fault, Script, Simulator, faults
from device.simulator.script import Habit
from simulator.caller import Caller, Json, kinds, live, speech, spoken

TONE = Answer.tone(0.5, transcript="one two three", speed=50.0, first_delta_s=0.0)
DELTA = "response.output_audio.delta"
ORDER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]


def struck(at: str, do: faults.Deed, **when: Any) -> Script:
    return Script([TONE], faults=[Fault(at, do, **when)])


async def answer(caller: Caller) -> list[Json]:
    await caller.send("response.create")
    return await caller.until("rate_limits.updated")


async def unjudged(caller: Caller, upto: str) -> list[Json]:
    """As `until`, for events that are wrong on purpose."""
    came: list[Json] = [json.loads(await caller.ws.recv())]
    while came[-1].get("type") != upto:
        came.append(json.loads(await caller.ws.recv()))
    return came


@pytest.mark.parametrize("deed", [faults.Drop(), faults.Reset()])
def test_a_cut_comes_after_all_that_was_sent_before_it(deed: faults.Deed) -> None:
    @live
    async def play() -> None:
        script = struck(DELTA, deed, nth=3)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.send("response.create")
            assert await caller.ended() is None
            assert kinds(caller.events).count(DELTA) == 2
        second = struck(DELTA, deed, session=2)
        async with Simulator(second) as simulator, Caller(simulator.url) as caller:
            assert spoken(await answer(caller)) == TONE.audio

    play()


@pytest.mark.parametrize(("deed", "reset"), [(faults.Drop(), False), (faults.Reset(), True)])
def test_only_a_reset_is_one_for_the_clients_kernel(deed: faults.Deed, reset: bool) -> None:
    @live
    async def play() -> None:
        script = struck("response.created", deed)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.send("response.create")
            with pytest.raises(ConnectionClosed) as closed:
                await caller.ws.recv()
            assert isinstance(closed.value.__cause__, ConnectionResetError) == reset

    play()


@live
async def test_a_half_open_connection_answers_nothing_and_stays() -> None:
    script = struck("session.updated", faults.HalfOpen())
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("session.update", session={"type": "realtime"})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.ws.recv(), 0.3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await caller.ws.ping(), 0.3)
        assert simulator.sessions == [0]
        caller.ws.transport.abort()


@live
async def test_a_half_open_connection_lets_the_clients_writes_pile_up() -> None:
    script = struck("session.created", faults.HalfOpen())
    async with Simulator(script) as simulator:
        ws = await connect(f"{simulator.url}?model=gpt-realtime-2.1", proxy=None, close_timeout=1)
        await asyncio.sleep(0.1)

        async def flood() -> None:
            while True:
                await ws.send("x" * 1_000_000)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 1.0)
        ws.transport.abort()


@live
async def test_a_stall_holds_everything_back_and_loses_nothing() -> None:
    script = struck(DELTA, faults.Stall(0.4), nth=2)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        await caller.until(DELTA)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await caller.until(DELTA)
        assert loop.time() - before >= 0.3
        await caller.until("response.done")
    assert spoken(caller.events) == TONE.audio


@live
async def test_a_close_carries_its_code_and_reason() -> None:
    script = struck("input_audio_buffer.append", faults.Close(1013, "try again later"), nth=2)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.append(speech(0.08))
        assert await caller.ended() == (1013, "try again later")


@pytest.mark.parametrize(("status", "after"), [(429, 3), (503, None), (401, None), (500, None)])
def test_an_upgrade_is_refused_over_http(status: int, after: int | None) -> None:
    @live
    async def play() -> None:
        script = struck("connect", faults.Http(status, after), session=1)
        async with Simulator(script) as simulator:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{simulator.url}?model=gpt-realtime-2.1", proxy=None)
            response = refused.value.response
            assert response.status_code == status
            assert response.headers.get("Retry-After") == (None if after is None else str(after))
            assert json.loads(response.body)["error"]["code"] == str(status)
            async with Caller(simulator.url) as caller:
                assert caller.session["id"]

    play()


@live
async def test_an_expiry_can_come_in_the_middle_of_a_response() -> None:
    script = struck(DELTA, faults.Expire(), nth=2)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        error = (await caller.last("error"))["error"]
        assert error["code"] == "session_expired"
        assert await caller.ended() == (1001, error["message"])


@live
async def test_a_lost_acknowledgement_is_never_sent_though_the_deed_is_done() -> None:
    script = struck("conversation.item.truncated", faults.Lose())
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        item = (await answer(caller))[1]["item"]["id"]
        place = {"item_id": item, "content_index": 0, "audio_end_ms": 100}
        await caller.send("conversation.item.truncate", **place)
        assert await caller.quiet() == []
        assert simulator.items[item].cut_ms == 100


@live
async def test_a_lost_request_is_not_acted_upon() -> None:
    script = struck("conversation.item.truncate", faults.Lose())
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        item = (await answer(caller))[1]["item"]["id"]
        place = {"item_id": item, "content_index": 0, "audio_end_ms": 100}
        await caller.send("conversation.item.truncate", **place)
        assert await caller.quiet() == []
        assert simulator.items[item].cut_ms is None


@live
async def test_a_duplicate_comes_nine_times_with_one_event_id() -> None:
    script = struck("response.done", faults.Duplicate())
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        events = await answer(caller)
    done = [event for event in events if event["type"] == "response.done"]
    assert len(done) == 9
    assert all(event == done[0] for event in done)
    assert len([entry for entry in simulator.log if entry.event == done[0]]) == 9


@live
async def test_a_postponed_event_comes_after_its_successors() -> None:
    script = struck("response.created", faults.Postpone(2))
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        events = await answer(caller)
    assert kinds(events)[:4] == [ORDER[1], ORDER[2], ORDER[0], ORDER[3]]


@pytest.mark.unjudged("server")
@live
async def test_missing_indices_and_changed_fields_are_as_written() -> None:
    script = Script(
        [TONE],
        faults=[
            Fault(DELTA, faults.Without(["output_index", "content_index"]), nth="every"),
            Fault("response.done", faults.Change({"response.output.0.status": "odd", "a.b": 1})),
        ],
    )
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        events = await unjudged(caller, "response.done")
        deltas = [event for event in events if event["type"] == DELTA]
        assert len(deltas) == 5
        assert all("item_id" in one and "output_index" not in one for one in deltas)
        assert events[-1]["response"]["output"][0]["status"] == "odd"
        assert "a" not in events[-1]
        assert all(item.status == "completed" for item in simulator.items.values())


@live
async def test_the_echo_of_the_settings_can_differ_from_the_wish() -> None:
    change = faults.Change({"session.audio.input.turn_detection": None})
    script = struck("session.updated", change)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        wish = {"type": "semantic_vad"}
        first = await caller.detect(wish)
        second = await caller.detect(wish)
    assert first["audio"]["input"]["turn_detection"] is None
    assert second["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"


@pytest.mark.unjudged("server")
@live
async def test_unknown_events_and_garbage_come_before_the_event_they_are_tied_to() -> None:
    script = Script(
        [TONE],
        faults=[
            Fault("response.created", faults.Send({"type": "brand.new", "x": [1]})),
            Fault("response.output_item.added", faults.Garbage("<html>")),
        ],
    )
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        frames = [await caller.ws.recv() for _ in range(4)]
    first = json.loads(frames[0])
    assert (first["type"], first["x"], first["event_id"][:6]) == ("brand.new", [1], "event_")
    assert json.loads(frames[1])["type"] == "response.created"
    assert frames[2] == "<html>"
    assert json.loads(frames[3])["type"] == "response.output_item.added"


@live
async def test_a_quota_complaint_closes_and_another_only_complains() -> None:
    quota = faults.Complain("insufficient_quota", "Quota.", "insufficient_quota", close=1008)
    script = Script(
        [TONE],
        faults=[Fault("session.update", faults.Complain("server_error")),
                Fault("response.create", quota)],
    )  # fmt: skip
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.configure(instructions="x")
        assert caller.events[-2]["error"]["code"] == "server_error"
        await caller.send("response.create")
        error = (await caller.last("error"))["error"]
        assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
        assert await caller.ended() == (1008, "insufficient_quota.insufficient_quota")


@live
async def test_a_response_can_fail_in_the_middle_and_the_next_is_whole() -> None:
    script = struck(DELTA, faults.Fail("rate_limit_exceeded", "Try again in 2s."), nth=3)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        response = (await answer(caller))[-2]["response"]
        assert response["status"] == "failed"
        assert response["usage"]["total_tokens"] == 0
        assert response["status_details"]["error"]["code"] == "rate_limit_exceeded"
        assert response["output"][0]["status"] == "incomplete"
        assert (await answer(caller))[-2]["response"]["status"] == "completed"


@live
async def test_a_scripted_failure_says_nothing_and_costs_nothing() -> None:
    script = Script([Answer.fail("insufficient_quota", first_delta_s=0.0), TONE])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        first = (await answer(caller))[-2]["response"]
        second = (await answer(caller))[-2]["response"]
    assert (first["status"], first["output"]) == ("failed", [])
    assert first["usage"]["total_tokens"] == 0
    assert first["status_details"]["error"]["code"] == "insufficient_quota"
    assert second["status"] == "completed"


@live
async def test_one_giant_delta_is_the_whole_answer() -> None:
    script = Script([Answer.tone(20.0, delta_ms=10**9, first_delta_s=0.0, speed=1000.0)])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        events = await answer(caller)
    assert kinds(events).count(DELTA) == 1
    assert len(spoken(events)) == 20 * 48_000


@live
async def test_habits_change_what_a_server_is_free_to_choose() -> None:
    habits = get_args(Habit)
    script = Script([TONE], habits=habits)
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        assert kinds(caller.events) == ["conversation.created", "session.created"]
        error = await caller.refused({"type": "nonsense", "event_id": "mine"})
        assert error["event_id"] is None
        events = await answer(caller)
        deltas = [event for event in events if event["type"].endswith(".delta")]
        assert all(8 <= len(event["obfuscation"]) <= 16 for event in deltas)
        place = {"item_id": events[1]["item"]["id"], "content_index": 0, "audio_end_ms": 0}
        error = await caller.refused({"type": "conversation.item.truncate", **place})
        assert error["param"] == "audio_end_ms"


@live
async def test_by_habit_a_wrong_key_is_refused_before_the_upgrade() -> None:
    async with Simulator(Script([TONE], habits=["401"]), key="sk-right") as simulator:
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{simulator.url}?model=gpt-realtime-2.1", proxy=None)


@pytest.mark.parametrize(
    ("at", "deed", "when"),
    [
        ("no.such", faults.Drop(), {}),
        ("connect", faults.Drop(), {}),
        ("session.created", faults.Http(500), {}),
        ("session.update", faults.Duplicate(), {}),
        ("session.created", faults.Drop(), {"nth": 0}),
        ("session.created", faults.Drop(), {"session": 0}),
    ],
)
def test_what_cannot_happen_is_refused(at: str, deed: faults.Deed, when: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"moment|cannot|counts"):
        struck(at, deed, **when)
