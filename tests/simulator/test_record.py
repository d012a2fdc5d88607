"""What the record keeps has an end, however many sessions there are and whatever they send."""

from __future__ import annotations

import asyncio
import json

import pytest

from device.simulator import Answer, Script, Simulator, record
from device.simulator.history import Item
from device.simulator.record import Record, SessionRecord
from simulator.caller import Caller, live, silence

SCRIPT = Script([Answer.tone(0.2, first_delta_s=0, speed=float("inf"))])


def noted(events: int, *, length: int = 10, audio: bytes = b"") -> Record:
    kept = Record(None)
    for number in range(events):
        event = {"type": "input_audio_buffer.clear", "event_id": str(number)}
        kept.note(event, session=0, direction="client", length=length, audio=audio)
    return kept


def spoken(kept: Record, *, frames: int = 1000) -> SessionRecord:
    session = kept.open()
    session.heard(bytes(2 * frames), first_frame=0)
    return session


def test_the_newest_events_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_ENTRIES", 5)
    assert [entry.event["event_id"] for entry in noted(9).log] == list("45678")


def test_long_events_leave_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_TEXT", 5000)
    assert [entry.event["event_id"] for entry in noted(9, length=2000).log] == ["7", "8"]


def test_the_audio_of_events_is_kept_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_PAYLOAD", 5000)
    assert [len(entry.audio) for entry in noted(4, audio=bytes(2000)).log] == [2000, 2000, 0, 0]


def test_sessions_that_are_over_make_room_for_those_that_speak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "_MOST_HELD", 5000)
    kept = Record(None)
    sessions = [spoken(kept) for _ in range(3)]
    assert [len(session.uplink) for session in sessions] == [2000, 2000, 0]
    kept.close(sessions[1])
    assert len(spoken(kept).uplink) == 2000
    with pytest.raises(LookupError):
        kept.session(1)
    assert kept.session(0) is sessions[0]


def test_after_audio_that_did_not_fit_none_is_put_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "_MOST_HELD", 5000)
    session = spoken(Record(None))
    session.heard(bytes(4000), first_frame=1000)
    session.heard(bytes(2), first_frame=3000)
    assert len(session.uplink) == 2000


def test_items_take_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_HELD", 5000)
    session = Record(None).open()
    for number in range(5):
        words = [{"type": "input_text", "text": "x" * 1000}]
        session.made(Item(f"item_{number}", "user", words, source=bytes(1000)))
    assert list(session.items) == ["item_0", "item_1"]


def test_of_the_sessions_that_are_over_the_newest_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "_MOST_SESSIONS", 3)
    kept = Record(None)
    for _ in range(5):
        kept.close(kept.open())
    with pytest.raises(LookupError):
        kept.session(1)
    assert [kept.session(number).number for number in (2, 3, 4)] == [2, 3, 4]


@live
async def test_all_that_two_clients_say_and_hear_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "_MOST_TEXT", 400_000)
    monkeypatch.setattr(record, "_MOST_HELD", 100_000)
    async with (
        Simulator(SCRIPT) as simulator,
        Caller(simulator.url) as one,
        Caller(simulator.url) as other,
    ):
        for caller in (one, other):
            for _ in range(5):
                await caller.refused({"type": "session.update", "bogus": "x" * 100_000})
            await caller.configure(instructions="y" * 100_000)
            await caller.append(silence(2.0))
            await caller.quiet()
        assert 300_000 < sum(len(json.dumps(entry.event)) for entry in simulator.log) < 400_000
        assert 0 < len(simulator.uplink(0)) + len(simulator.uplink(1)) < 100_000
        assert len(simulator.log) > 50


@live
async def test_a_client_that_has_gone_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_SESSIONS", 1)
    async with Simulator(SCRIPT) as simulator:
        async with Caller(simulator.url) as one:
            await one.append(silence(0.1))
        while simulator.sessions:  # noqa: ASYNC110 - the end of a session sets no event
            await asyncio.sleep(0.01)
        async with Caller(simulator.url), Caller(simulator.url):
            assert simulator.uplink(1) == b""
            with pytest.raises(LookupError):
                simulator.uplink(0)
