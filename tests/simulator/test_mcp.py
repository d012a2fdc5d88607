"""Tools of MCP servers: listed, called, and asked for."""

from __future__ import annotations

from device.simulator import Answer, McpCall, McpRequest, Script, Simulator
from simulator.caller import Caller, Json, kinds, live

ON = '{"on": true}'
SERVER = {"type": "mcp", "server_label": "home", "server_url": "https://home.example/mcp"}
TONE = Answer.tone(0.3, transcript="done", speed=50.0, first_delta_s=0.0)


async def answer(caller: Caller) -> list[Json]:
    await caller.send("response.create")
    return await caller.until("rate_limits.updated")


@live
async def test_tools_are_listed_once_and_a_server_out_of_reach_fails() -> None:
    script = Script([TONE], mcp={"home": ["lights", "door"]})
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("session.update", session={"type": "realtime", "tools": [SERVER]})
        events = await caller.until("mcp_list_tools.completed")
        assert kinds(events) == [
            "mcp_list_tools.in_progress",
            "session.updated",
            "conversation.item.added",
            "conversation.item.done",
            "mcp_list_tools.completed",
        ]
        item = events[3]["item"]
        assert [tool["name"] for tool in item["tools"]] == ["lights", "door"]
        assert {events[0]["item_id"], events[4]["item_id"]} == {item["id"]}
        away = {**SERVER, "server_label": "away"}
        await caller.send("session.update", session={"type": "realtime", "tools": [SERVER, away]})
        events = await caller.until("mcp_list_tools.failed")
        assert kinds(events) == [
            "mcp_list_tools.in_progress",
            "session.updated",
            "mcp_list_tools.failed",
        ]


@live
async def test_a_tool_is_called_before_the_answer_is_spoken() -> None:
    made = [McpCall("home", "lights", ON, output="lit"), McpCall("home", "door", error="jammed")]
    spoken = Answer(TONE.audio, "done", 0.0, speed=50.0, calls=made)
    async with Simulator(Script([spoken])) as simulator, Caller(simulator.url) as caller:
        events = await answer(caller)
        names = kinds(events)
        start = names.index("response.mcp_call_arguments.done")
        assert names[start : start + 5] == [
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
            "conversation.item.done",
            "response.output_item.done",
        ]
        assert names.index("response.mcp_call.failed") < names.index("response.content_part.added")
        lights, door, words = events[-2]["response"]["output"]
        assert (lights["output"], lights["arguments"]) == ("lit", ON)
        assert door["error"] == {"type": "tool_execution_error", "message": "jammed"}
        assert words["type"] == "message"


@live
async def test_a_call_that_needs_approval_waits_for_it() -> None:
    asks = Answer.call(McpRequest("home", "lights", ON), first_delta_s=0.0)
    calls = Answer.call(McpCall("home", "lights", ON, output="lit"), first_delta_s=0.0)
    async with Simulator(Script([asks, calls])) as simulator, Caller(simulator.url) as caller:
        (request,) = (await answer(caller))[-2]["response"]["output"]
        assert request["type"] == "mcp_approval_request"
        grant = {
            "type": "mcp_approval_response",
            "id": "grant_1",
            "approval_request_id": request["id"],
            "approve": True,
        }
        wrong = {**grant, "approval_request_id": "nobody"}
        error = await caller.refused({"type": "conversation.item.create", "item": wrong})
        assert error["param"] == "item.approval_request_id"
        await caller.send("conversation.item.create", item=grant)
        await caller.until("conversation.item.done")
        (call,) = (await answer(caller))[-2]["response"]["output"]
        assert (call["type"], call["approval_request_id"]) == ("mcp_call", request["id"])
