from __future__ import annotations

import asyncio
import math
import time

import pytest

from device.simulator import Answer, Script, Simulator
from simulator.caller import RATE, SEMANTIC, Caller, kinds, live, silence, speech, spoken

HELLO = Answer.tone(2.0, transcript="Hello there, how can I help you today?", speed=40.0)
LONG = Answer.tone(9.1, hz=330, transcript=" ".join(["word"] * 30), speed=40.0)

SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


@live
async def test_a_spoken_turn_gives_every_event_in_the_documented_order() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        events = await caller.until("rate_limits.updated")
    assert [kind for kind in kinds(events) if not kind.endswith(".delta")] == SPOKEN_TURN
    user = {event["item_id"] for event in events[:3]} | {
        event["item"]["id"] for event in events[3:5]
    }
    assert len(user) == 1
    mine = [event for event in events if event["type"].startswith("response.output_audio")]
    assert len({(e["response_id"], e["item_id"], e["output_index"]) for e in mine}) == 1
    added = [event for event in events if event["type"] == "conversation.item.added"]
    assert [event["previous_item_id"] for event in added] == [None, *user]
    assert len({event["event_id"] for event in caller.events}) == len(caller.events)


@live
async def test_the_deltas_are_the_answer_and_the_transcript_runs_ahead() -> None:
    async with Simulator(Script([LONG])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        events = await caller.until("response.done")
        item = simulator.items[events[-1]["response"]["output"][0]["id"]]
    assert spoken(events) == LONG.audio == item.audio
    words = [e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta"]
    assert "".join(words) == LONG.transcript
    deltas = [kind for kind in kinds(events) if kind.endswith(".delta")]
    assert deltas.index("response.output_audio_transcript.delta") == 0
    assert deltas[-1] == "response.output_audio.delta"


@live
async def test_audio_comes_faster_than_real_time_but_not_at_once() -> None:
    answer = Answer.tone(3.0, speed=10.0, first_delta_s=0.1)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        await caller.until("response.created")
        start = time.monotonic()
        await caller.until("response.done")
    assert 0.35 < time.monotonic() - start < 2.5


@live
async def test_a_response_may_hold_several_items_and_irregular_deltas() -> None:
    answer = Answer.tone(2.0, transcript="one two three", items=3, delta_ms=(10, 500, 90), speed=40)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.ask()
        events = await caller.until("response.done")
    output = events[-1]["response"]["output"]
    assert [part["content"][0]["transcript"] for part in output] == ["one", "two", "three"]
    assert spoken(events) == answer.audio
    places = [
        (e["output_index"], e["item"]["id"]) for e in events if "output_item.done" in e["type"]
    ]
    assert places == [(index, item["id"]) for index, item in enumerate(output)]
    sizes = [len(spoken([e])) // 48 for e in events if e["type"] == "response.output_audio.delta"]
    assert sizes[:4] == [10, 500, 90, 10]


@live
async def test_usage_is_by_the_second_and_counts_the_history_again() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.configure(instructions="", audio={"input": {"turn_detection": SEMANTIC}})
        usages = []
        for _ in range(2):
            await caller.ask()
            usages.append((await caller.last("response.done"))["response"]["usage"])
    first, second = usages
    heard = first["input_token_details"]["audio_tokens"]
    assert 15 <= heard <= 18
    assert first["output_token_details"]["audio_tokens"] == 40
    assert first["input_token_details"]["cached_tokens"] == 0
    assert second["input_token_details"]["audio_tokens"] in range(
        2 * heard + 40 - 2, 2 * heard + 46
    )
    assert second["input_token_details"]["cached_tokens_details"]["audio_tokens"] == heard
    for usage in usages:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@live
async def test_a_burst_gives_the_offsets_of_a_stream() -> None:
    talk = silence(0.5) + speech(1.0) + silence(0.8)
    offsets = []
    for step_ms in (20, 100, 10_000):
        async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
            await caller.detect(SEMANTIC)
            await caller.append(talk, step_ms=step_ms)
            events = await caller.until("input_audio_buffer.speech_stopped")
            offsets.append((events[0]["audio_start_ms"], events[-1]["audio_end_ms"]))
            assert simulator.uplink() == talk
    assert len(set(offsets)) == 1
    start_ms, end_ms = offsets[0]
    assert ((start_ms + 300) % 32, end_ms % 32) == (0, 0)


@pytest.mark.parametrize(
    ("detection", "wait_ms"),
    [
        ({"type": "server_vad", "silence_duration_ms": 320}, 320),
        ({"type": "semantic_vad", "eagerness": "high"}, 2000),
        ({"type": "semantic_vad", "eagerness": "auto"}, 4000),
        ({"type": "semantic_vad", "eagerness": "low"}, 6000),
    ],
)
def test_the_turn_ends_by_the_number_or_the_script_within_the_eagerness(
    detection: dict[str, object], wait_ms: int
) -> None:
    @live
    async def play() -> None:
        script = Script([HELLO], turn_end_s=6.0)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.detect(detection)
            await caller.append(speech(0.96) + silence(7.0), step_ms=100)
            stopped = await caller.last("input_audio_buffer.speech_stopped")
            assert 960 + wait_ms <= stopped["audio_end_ms"] <= 960 + wait_ms + 64

    play()


@live
async def test_the_script_ends_each_turn_at_its_own_time() -> None:
    script = Script([HELLO], turn_end_s=[0.32, 0.96])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.detect({**SEMANTIC, "create_response": False})
        ends = []
        for _ in range(3):
            await caller.append(speech(0.96) + silence(1.92), step_ms=500)
            ends.append((await caller.last("input_audio_buffer.speech_stopped"))["audio_end_ms"])
    assert ends == [1280, 2880 + 1920, 5760 + 1280]


@live
async def test_without_create_response_the_client_asks_for_the_answer() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.detect({**SEMANTIC, "create_response": False})
        await caller.ask()
        assert "response.created" not in kinds(await caller.quiet())
        await caller.send("response.create")
        done = await caller.last("response.done")
    assert done["response"]["status"] == "completed"


@live
async def test_push_to_talk_without_turn_detection() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        assert (await caller.detect(None))["audio"]["input"]["turn_detection"] is None
        await caller.append(speech(1.0))
        await caller.send("input_audio_buffer.commit")
        await caller.send("response.create")
        events = await caller.until("response.done")
        assert kinds(events)[:4] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        assert simulator.items[events[0]["item_id"]].frames == RATE


@live
async def test_a_commit_in_mid_speech_is_silent_and_answers_nothing() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.append(speech(1.0))
        started = await caller.last("input_audio_buffer.speech_started")
        await caller.send("input_audio_buffer.commit")
        await caller.append(silence(1.0))
        events = await caller.quiet()
    assert kinds(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert events[0]["item_id"] == started["item_id"]


@live
async def test_a_clear_drops_the_open_turn() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.detect(SEMANTIC)
        await caller.append(speech(1.0))
        first = await caller.last("input_audio_buffer.speech_started")
        await caller.send("input_audio_buffer.clear")
        await caller.append(silence(1.0))
        assert kinds(await caller.quiet()) == ["input_audio_buffer.cleared"]
        await caller.append(speech(0.5))
        second = await caller.last("input_audio_buffer.speech_started")
    assert second["item_id"] != first["item_id"]
    # The clock went on: half a second of speech after two seconds of session.
    assert second["audio_start_ms"] > 1600


@live
async def test_a_text_answer_has_text_events_only() -> None:
    async with Simulator(Script([HELLO])) as simulator, Caller(simulator.url) as caller:
        await caller.send(
            "response.create", response={"output_modalities": ["text"], "metadata": {"a": "b"}}
        )
        events = await caller.until("rate_limits.updated")
    assert not [kind for kind in kinds(events) if "audio" in kind]
    response = events[-2]["response"]
    assert response["output"][0]["content"] == [{"type": "output_text", "text": HELLO.transcript}]
    assert response["metadata"] == {"a": "b"}
    assert response["usage"]["output_token_details"]["audio_tokens"] == 0


@live
async def test_twenty_sessions_at_once_are_strangers_to_each_other() -> None:
    answer = Answer.tone(1.0, transcript="yes", speed=math.inf)

    async def hold(url: str) -> tuple[bytes, str]:
        async with Caller(url) as caller:
            await caller.detect(SEMANTIC)
            await caller.ask()
            events = await caller.until("response.done")
            assert kinds(events).count("response.done") == 1
            return spoken(events), caller.session["id"]

    async with Simulator(Script([answer])) as simulator:
        results = await asyncio.gather(*(hold(simulator.url) for _ in range(20)))
    assert [audio for audio, _ in results] == [answer.audio] * 20
    assert len({session for _, session in results}) == 20
