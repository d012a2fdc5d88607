"""Unmodified clients by others hold a conversation with the simulator: ask, interrupt, call."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent

from device.simulator import Answer, Call, Script, Simulator
from simulator.caller import live, silence, speech

MODEL = "gpt-realtime-2.1"
KEY = "sk-test"
LONG = Answer.tone(4.0, transcript="A rather long answer.", speed=10.0)
SHORT = Answer.tone(0.5, transcript="It rains.", speed=10.0)
QUESTION = speech(1.0) + silence(0.7)

PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}


def ask_for_the_weather() -> Script:
    return Script([Answer.call(Call("weather", '{"place": "Bergen"}')), SHORT])


def sent(simulator: Simulator, kind: str) -> list[dict[str, Any]]:
    """What the client sent of this kind."""
    entries = [entry for entry in simulator.log if entry.direction == "client"]
    return [entry.event for entry in entries if entry.event.get("type") == kind]


def refusals(simulator: Simulator) -> list[dict[str, Any]]:
    return [entry.event for entry in simulator.log if entry.event.get("type") == "error"]


# The client of the `openai` package.


class Line:
    """A connection of the official client; `until` reads forward to an event of this type."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def until(self, kind: str) -> Any:
        while True:
            event: RealtimeServerEvent = await self.connection.recv()
            if event.type == kind:
                return event

    async def ask(self) -> None:
        audio = base64.b64encode(QUESTION).decode()
        await self.connection.input_audio_buffer.append(audio=audio)


@asynccontextmanager
async def official(simulator: Simulator, **session: Any) -> AsyncIterator[Line]:
    base = simulator.url.removesuffix("/realtime")
    async with (
        AsyncOpenAI(api_key=KEY, websocket_base_url=base) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        line = Line(connection)
        await line.until("session.created")
        detection = {"turn_detection": {"type": "semantic_vad"}}
        terms: Any = {"type": "realtime", "audio": {"input": detection}, **session}
        await connection.session.update(session=terms)
        await line.until("session.updated")
        yield line


@live
async def test_the_official_client_hears_an_answer_to_its_spoken_question() -> None:
    async with Simulator(Script([SHORT]), key=KEY) as simulator, official(simulator) as line:
        await line.ask()
        await line.until("input_audio_buffer.committed")
        said = await line.until("response.output_audio_transcript.done")
        done = await line.until("response.done")
        assert said.transcript == "It rains."
        assert done.response.status == "completed"
        assert done.response.usage.output_tokens > 0
        assert refusals(simulator) == []


@live
async def test_the_official_client_interrupts_and_truncates() -> None:
    async with Simulator(Script([LONG]), key=KEY) as simulator, official(simulator) as line:
        await line.ask()
        delta = await line.until("response.output_audio.delta")
        await line.ask()
        assert (await line.until("response.done")).response.status == "cancelled"
        await line.connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=40
        )
        truncated = await line.until("conversation.item.truncated")
        assert truncated.audio_end_ms == 40
        assert (await line.until("response.done")).response.status == "completed"
        assert refusals(simulator) == []


@live
async def test_the_official_client_answers_a_call_and_hears_the_result() -> None:
    tool = {"type": "function", "name": "weather", "description": "Rain?", "parameters": PLACE}
    async with (
        Simulator(ask_for_the_weather(), key=KEY) as simulator,
        official(simulator, tools=[tool]) as line,
    ):
        await line.ask()
        asked = await line.until("response.function_call_arguments.done")
        assert json.loads(asked.arguments) == {"place": "Bergen"}
        await line.until("response.done")
        await line.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": asked.call_id, "output": "rain"}
        )
        await line.connection.response.create()
        said = await line.until("response.output_audio_transcript.done")
        assert said.transcript == "It rains."
        assert (await line.until("response.done")).response.status == "completed"
        assert refusals(simulator) == []


# The client of the `openai-agents` package.


@asynccontextmanager
async def agent(simulator: Simulator, *tools: Callable[..., str]) -> AsyncIterator[Any]:
    import agents  # here, because it takes three seconds that the other tests need not wait
    from agents import realtime

    agents.set_tracing_disabled(True)
    made: list[agents.Tool] = [agents.function_tool(tool) for tool in tools]
    runner = realtime.RealtimeRunner(realtime.RealtimeAgent(name="box", tools=made))
    url = f"{simulator.url}?model={MODEL}"
    async with await runner.run(model_config={"api_key": KEY, "url": url}) as session:
        yield session


async def until(session: Any, wanted: Callable[[Any], bool]) -> list[Any]:
    """The session's events up to the first that is wanted, which is the last of them."""
    came: list[Any] = []
    async for event in session:
        assert event.type != "error", event.error
        came.append(event)
        if wanted(event):
            return came
    raise AssertionError(f"the session ended after {[event.type for event in came]}")


def of(kind: str) -> Callable[[Any], bool]:
    return lambda event: bool(event.type == kind)


def spoken(events: list[Any]) -> bytes:
    return b"".join(event.audio.data for event in events if event.type == "audio")


@live
async def test_an_agent_hears_the_whole_answer_to_its_spoken_question() -> None:
    async with Simulator(Script([SHORT]), key=KEY) as simulator, agent(simulator) as session:
        await session.send_audio(QUESTION)
        events = await until(session, of("audio_end"))
        assert spoken(events) == SHORT.audio
        assert simulator.uplink() == QUESTION
        assert refusals(simulator) == []


@live
async def test_an_agent_is_interrupted_and_truncates_what_was_not_played() -> None:
    async with Simulator(Script([LONG]), key=KEY) as simulator, agent(simulator) as session:
        await session.send_audio(QUESTION)
        await until(session, of("audio"))
        await session.send_audio(QUESTION)
        await until(session, of("audio_interrupted"))
        events = await until(session, of("audio_end"))
        while spoken(events) != LONG.audio:
            events = await until(session, of("audio_end"))
        (truncate,) = sent(simulator, "conversation.item.truncate")
        assert simulator.items[truncate["item_id"]].cut_ms == truncate["audio_end_ms"]
        assert refusals(simulator) == []


@live
async def test_an_agent_runs_the_tool_and_hears_the_result() -> None:
    asked: list[str] = []

    def weather(place: str) -> str:
        asked.append(place)
        return "rain"

    async with (
        Simulator(ask_for_the_weather(), key=KEY) as simulator,
        agent(simulator, weather) as session,
    ):
        await session.send_audio(QUESTION)
        events = await until(session, of("audio_end"))
        assert asked == ["Bergen"]
        assert {"tool_start", "tool_end"} <= {event.type for event in events}
        assert spoken(events) == SHORT.audio
        outputs = [event["item"] for event in sent(simulator, "conversation.item.create")]
        assert [item["output"] for item in outputs] == ["rain"]
        assert refusals(simulator) == []
