"""Whole turns over telephone sound: exact both ways, and exact when they are interrupted."""

from __future__ import annotations

import audioop
import time

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import KEY, RunningDevice, answer, noise
from daemon.test_barge_in import LATE_MS
from device.core.audio import FRAME_BYTES
from device.core.telephone import DELAY, TIMES, Law, Telephone
from device.drivers.playout import GUARD
from device.simulator.faults import Change, Fault
from device.simulator.script import RATE, Script
from virtual_card import Samples

LAWS: list[Law] = ["pcmu", "pcma"]
DECODED = {"pcmu": audioop.ulaw2lin, "pcma": audioop.alaw2lin}


def telephoned(bench: Bench, law: Law, *, seconds: float) -> RunningDevice:
    device = bench.prepare(answer(seconds, delta_ms=[30, 77]))
    server = {"url": device.server.url, "profile": "local", "audio": law, "api_key": KEY}
    device.configure(server=server)
    device.start()
    device.light("idle")
    return device


def answered(device: RunningDevice, law: Law) -> Samples:
    """The answer as it has to sound: what the server sent, made ours in one piece."""
    coded = b"".join(
        entry.audio
        for entry in device.server.log
        if entry.event.get("type") == "response.output_audio.delta"
    )
    return np.frombuffer(Telephone(law).expand(coded, item="a"), "<i2")


def begins_with(heard: Samples, reply: Samples) -> int:
    """How many frames of the reply were heard, which must be its beginning to the last sample."""
    first = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(reply)[0])
    last = int(np.flatnonzero(heard)[-1]) + 1
    assert np.array_equal(heard[max(first, 0) : last], reply[max(-first, 0) : last - first])
    return last - first


@pytest.mark.parametrize("law", LAWS)
def test_the_server_gets_our_coding_of_what_the_card_captured_and_is_heard_exactly(
    patient_bench: Bench, law: Law
) -> None:
    # Patient, because A-law has no zero: silence would be taken for sound that left in the dark.
    device = telephoned(patient_bench, law, seconds=0.7)
    begun = device.tap()
    device.say(noise(0.6))
    turn = device.wait_for("turn")
    device.do("tap")
    closed = device.microphone("close", after=4)
    assert device.all("link")[-1].get("differences", []) == []
    assert (turn["heard_ms"], turn["received_ms"]) == (700, 700)

    sent = device.server.uplink()[: RATE * 2]  # the first second
    line = np.frombuffer(sent, "<i2")[::TIMES].tobytes()
    spoken = device.card.spoken(begun - 0.02, closed).tobytes()

    def coded(start: int, size: int) -> bytes:
        """A session that begins there, as the server reads it."""
        there = Telephone(law).compress(spoken[start : start + size * TIMES])
        return DECODED[law](there, FRAME_BYTES)

    starts = [at for at in range(0, RATE // 10, 2) if coded(at, 960) == line[:960]]
    assert any(coded(at, len(line)) == line for at in starts)

    reply = answered(device, law)
    assert len(reply) == round(0.7 * RATE)
    heard = begins_with(device.card.heard(begun), reply)
    assert len(reply) - 5 <= heard <= len(reply)  # the last samples may be zeros


def test_a_press_over_it_claims_what_was_heard_and_not_what_the_filter_still_held(
    bench: Bench,
) -> None:
    device = telephoned(bench, "pcmu", seconds=3.0)
    begun = device.tap()
    device.say(noise(0.4))
    sounded = device.first_sound(begun)
    time.sleep(0.5)
    device.do("tap")
    turn = device.wait_for("turn")
    heard = begins_with(device.card.heard(sounded - 0.01), answered(device, "pcmu"))
    claimed = device.wait_sent("conversation.item.truncate")["audio_end_ms"]
    assert turn["interrupted"] is True
    assert turn["heard_ms"] == claimed
    assert claimed > 300
    late = heard - claimed * RATE // 1000
    assert GUARD + DELAY <= late <= GUARD + DELAY + LATE_MS * RATE / 1000


def test_a_server_that_would_send_another_format_is_no_session_but_a_fault(bench: Bench) -> None:
    otherwise = Change({"session.audio.output.format": {"type": "audio/pcm", "rate": RATE}})
    fault = Fault("session.updated", otherwise)
    device = bench.prepare(Script([answer(0.4)], turn_end_s=0.3, faults=[fault]))
    server = {"url": device.server.url, "profile": "local", "audio": "pcmu", "api_key": KEY}
    device.configure(server=server)
    device.start()
    device.light("offline", code="settings")
    down = device.wait_for("link", state="down", code="settings")
    assert "format.type is 'audio/pcm', not 'audio/pcmu'" in down["message"]
    assert all(line["state"] == "down" for line in device.all("link"))
