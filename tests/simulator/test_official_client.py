"""The official client, unmodified, holds a spoken conversation with the simulator."""

from __future__ import annotations

import base64

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent

from device.simulator import Answer, Script, Simulator
from simulator.caller import live, silence, speech

ANSWER = Answer.tone(4.0, transcript="A rather long answer.", speed=10.0)


@live
async def test_the_official_client_asks_listens_interrupts_and_truncates() -> None:
    async with Simulator(Script([ANSWER]), key="sk-test") as simulator:
        base = simulator.url.removesuffix("/realtime")
        client = AsyncOpenAI(api_key="sk-test", websocket_base_url=base)
        seen: list[str] = []
        async with client.realtime.connect(model="gpt-realtime-2.1") as connection:

            async def until(kind: str) -> RealtimeServerEvent:
                while True:
                    event = await connection.recv()
                    seen.append(event.type)
                    if event.type == kind:
                        return event

            await until("session.created")
            await connection.session.update(
                session={
                    "type": "realtime",
                    "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}},
                }
            )
            await until("session.updated")
            audio = base64.b64encode(speech(1.0) + silence(0.7)).decode()
            await connection.input_audio_buffer.append(audio=audio)
            delta = await until("response.output_audio.delta")
            assert delta.type == "response.output_audio.delta"
            await connection.input_audio_buffer.append(audio=audio)
            done = await until("response.done")
            assert done.type == "response.done"
            assert done.response.status == "cancelled"
            await connection.conversation.item.truncate(
                item_id=delta.item_id, content_index=0, audio_end_ms=40
            )
            truncated = await until("conversation.item.truncated")
            assert truncated.type == "conversation.item.truncated"
            assert truncated.audio_end_ms == 40
            done = await until("response.done")
            assert done.type == "response.done"
            assert done.response.status == "completed"
        assert "error" not in seen
        await client.close()
