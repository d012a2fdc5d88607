"""G.711: the tables to the last bit, and a conversation in it."""

from __future__ import annotations

import base64
import hashlib

import numpy as np
import pytest

from device.simulator import Answer, Script, Simulator, g711
from simulator.caller import SEMANTIC, Caller, live, silence, speech, spoken

# As CPython's audioop had them, which is gone since 3.13; the digests below are of its tables.
KNOWN = {
    "audio/pcmu": [(0, 0xFF), (-1, 0x7E), (-4, 0x7E), (100, 0xF2), (1000, 0xCE), (-1000, 0x4E)],
    "audio/pcma": [(0, 0xD5), (-1, 0x55), (100, 0xD3), (1000, 0xFA), (-1000, 0x7A)],
}
ENDS = {"audio/pcmu": (0x80, 0x00, 32_124), "audio/pcma": (0xAA, 0x2A, 32_256)}


def encoded(sample: int, law: str) -> int:
    return int(g711.encoding(law)[sample & 0xFFFF])


@pytest.mark.parametrize("law", g711.LAWS)
def test_known_samples_have_known_bytes(law: str) -> None:
    assert [(sample, encoded(sample, law)) for sample, _ in KNOWN[law]] == KNOWN[law]
    top, bottom, most = ENDS[law]
    assert (encoded(32_767, law), encoded(-32_768, law)) == (top, bottom)
    assert (g711.decoding(law)[top], g711.decoding(law)[bottom]) == (most, -most)


@pytest.mark.parametrize("law", g711.LAWS)
def test_every_byte_survives_a_round_trip(law: str) -> None:
    codes = range(256)
    back = [encoded(int(g711.decoding(law)[code]), law) for code in codes]
    # mu-law has two zeros; the negative one comes back as the positive.
    zeros = {0x7F: 0xFF} if law == "audio/pcmu" else {}
    assert back == [zeros.get(code, code) for code in codes]


@pytest.mark.parametrize(
    ("law", "digest"),
    [("audio/pcmu", "617fa4850d68d390"), ("audio/pcma", "f77c76aa923ee256")],
)
def test_the_whole_table_is_the_reference_table(law: str, digest: str) -> None:
    assert hashlib.sha256(g711.encoding(law).tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("law", g711.LAWS)
def test_a_conversation_runs_in_it_on_the_same_clock(law: str) -> None:
    answer = Answer.tone(1.0, transcript="yes", speed=100.0, first_delta_s=0.0, delta_ms=[30, 77])

    @live
    async def play() -> None:
        async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
            form = {"format": {"type": law}}
            session = await caller.configure(
                audio={"input": {**form, "turn_detection": SEMANTIC}, "output": form}
            )
            assert session["audio"]["input"]["format"] == {"type": law}
            sent = speech(0.96) + silence(0.96)
            line = g711.to_line(sent, law)
            assert len(line) == len(sent) // 6
            for at in range(0, len(line), 320):
                audio = base64.b64encode(line[at : at + 320]).decode()
                await caller.send("input_audio_buffer.append", audio=audio)
            events = await caller.until("response.done")
            stopped = next(one for one in events if one["type"].endswith("speech_stopped"))
            assert stopped["audio_end_ms"] == 1472
            pcm = np.frombuffer(g711.from_line(spoken(events), law), "<i2").astype(float)
            assert len(pcm) == 24_000
            wanted = np.frombuffer(answer.audio, "<i2").astype(float)
            noise = np.mean((pcm[1::3] - wanted[1::3]) ** 2)
            assert 10 * np.log10(np.mean(wanted**2) / noise) > 30

    play()


@live
async def test_back_to_pcm_the_rate_is_there_again() -> None:
    async with Simulator(Script([Answer.text("a")])) as simulator, Caller(simulator.url) as caller:
        await caller.configure(audio={"input": {"format": {"type": "audio/pcmu"}}})
        session = await caller.configure(audio={"input": {"format": {"type": "audio/pcm"}}})
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
