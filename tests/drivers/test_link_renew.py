"""A session takes the place of another while it is up: no append is lost, none is doubled."""

from __future__ import annotations

import asyncio
import time
from binascii import b2a_base64
from collections.abc import Callable, Coroutine
from itertools import count, pairwise
from typing import Any

import pytest

from device.core import events as ev
from device.core import wire
from device.simulator import Answer, Fault, Script, Simulator, faults
from drivers.line import Line, dialling

BLOCK_S = 0.04
ANSWERS = [Answer.tone(0.5)]


def live(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())


def block(number: int) -> bytes:
    """40 ms of silence that can be told from any other: its number is its first sample."""
    return number.to_bytes(2, "little") + bytes(1918)


def append(number: int) -> wire.Message:
    """What `wire.append` makes of an admitted block."""
    audio = b2a_base64(block(number), newline=False)
    return wire.Message(b'{"type":"input_audio_buffer.append","audio":"' + audio + b'"}')


def numbers(uplink: bytes) -> list[int]:
    return [int.from_bytes(uplink[at : at + 2], "little") for at in range(0, len(uplink), 1920)]


async def speak(line: Line, *, every_s: float, said: list[int]) -> None:
    """Blocks without end, each on time."""
    due = time.monotonic()
    for number in count(1):
        line.link.send(append(number))
        said.append(number)
        due += every_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def settled(simulator: Simulator, *, session: int, frames: int) -> None:
    """Until the simulator has so much of a session's audio."""
    await true(lambda: len(simulator.uplink(session)) >= frames * 2)


async def true(what: Callable[[], bool]) -> None:
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")


@pytest.mark.parametrize("every_s", [BLOCK_S, 0.001], ids=["live", "in a hurry"])
def test_renewing_while_audio_flows_loses_and_doubles_no_append(every_s: float) -> None:
    async def scene() -> None:
        said: list[int] = []
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            speaking = asyncio.create_task(speak(line, every_s=every_s, said=said))
            for renewal in range(1, 6):
                await asyncio.sleep(0.2)
                line.link.renew()
                up = await line.until(ev.LinkUp, count=renewal + 1)
                assert up.renewed
            await asyncio.sleep(0.2)
            speaking.cancel()
            heard: list[int] = []
            total = 0
            for session in range(6):
                last = session == 5
                if last:
                    await settled(simulator, session=5, frames=(len(said) - total) * 960)
                found = numbers(simulator.uplink(session))
                total += len(found)
                heard += found
                assert found, f"session {session} got its part"
            assert heard == said
            assert not line.all(ev.LinkDown)
            await true(lambda: len(simulator.sessions) == 1)

    live(scene)


def test_a_swap_leaves_no_gap_at_the_server() -> None:
    async def scene() -> None:
        said: list[int] = []
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            speaking = asyncio.create_task(speak(line, every_s=BLOCK_S, said=said))
            await asyncio.sleep(0.3)
            line.link.renew()
            await line.until(ev.LinkUp, count=2)
            await asyncio.sleep(0.3)
            speaking.cancel()
            came = [
                entry.at for entry in simulator.log
                if entry.event.get("type") == "input_audio_buffer.append"
            ]  # fmt: skip
            gaps = [later - earlier for earlier, later in pairwise(came)]
            # One block, and as much again for a machine that has other things to do.
            assert max(gaps) < 2 * BLOCK_S + 0.1, sorted(gaps)[-3:]

    live(scene)


def test_what_waits_in_the_first_session_still_leaves_after_the_swap() -> None:
    async def scene() -> None:
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            line.narrow()
            first, waiting = line.link._session, 0
            line.link.renew()
            while line.link._session is first:
                for number in range(50):
                    line.link.send(append(number))
                waiting = line.unsent()
                await asyncio.sleep(0)
            assert waiting, "at the swap not all had left"
            await true(lambda: simulator.sessions == [1])
            found = numbers(simulator.uplink(0))
            assert found == [number % 50 for number in range(len(found))]
            assert len(found) % 50 == 0, "the last of them as well"

    live(scene)


def test_the_late_words_of_the_first_session_are_discarded() -> None:
    async def scene() -> None:
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            line.link.renew()
            await line.until(ev.LinkUp, count=2)
            for session in simulator.sessions:
                heard = {"item_id": f"item_{session}", "audio_start_ms": 0}
                simulator.inject(
                    {"type": "input_audio_buffer.speech_started", **heard}, session=session
                )
            await line.until(ev.Received)
            await asyncio.sleep(0.2)
            told = [event.message.item_id for event in line.all(ev.Received)]
            assert told == ["item_1"]

    live(scene)


def test_a_second_session_that_cannot_be_had_leaves_the_first_alone() -> None:
    async def scene() -> None:
        refused = [Fault("connect", faults.Http(503), session=2)]
        script = Script(ANSWERS, faults=refused)
        async with Simulator(script) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            line.link.renew()
            failed = await line.until(ev.RenewFailed)
            assert failed.code == "server"
            line.link.send(append(7))
            await settled(simulator, session=0, frames=960)
            assert not line.all(ev.LinkDown)
            line.link.renew()
            assert (await line.until(ev.LinkUp, count=2)).renewed

    live(scene)


def test_asked_twice_it_is_renewed_once() -> None:
    async def scene() -> None:
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            line.link.renew()  # before it is up: nothing to renew
            await line.until(ev.LinkUp)
            line.link.renew()
            line.link.renew()
            await line.until(ev.LinkUp, count=2)
            await asyncio.sleep(0.3)
            assert simulator.sessions == [1]

    live(scene)


def test_a_session_that_is_ready_waits_while_a_reply_is_being_made() -> None:
    async def scene() -> None:
        busy = [True]
        until = faults.Change({"session.expires_at": int(time.time()) + 3000})
        ends = [Fault("session.created", until, session=session) for session in (1, 2)]
        async with (
            Simulator(Script(ANSWERS, faults=ends)) as simulator,
            dialling(_url(simulator), busy=lambda: bool(busy)) as line,
        ):
            first = await line.until(ev.LinkUp)
            line.link.renew()
            await true(lambda: simulator.sessions == [0, 1])
            await asyncio.sleep(0.3)
            line.link.send(append(7))
            await settled(simulator, session=0, frames=960)
            assert len(line.all(ev.LinkUp)) == 1
            busy.clear()
            second = await line.until(ev.LinkUp, count=2)
            assert second.renewed
            assert second.at + second.lasts_s == pytest.approx(first.at + first.lasts_s, abs=0.2)
            await true(lambda: simulator.sessions == [1])

    live(scene)


@pytest.mark.parametrize("rests", [False, True])
def test_a_session_that_waits_is_the_next_one_or_is_given_up(*, rests: bool) -> None:
    async def scene() -> None:
        async with (
            Simulator(Script(ANSWERS)) as simulator,
            dialling(_url(simulator), busy=lambda: True) as line,
        ):
            await line.until(ev.LinkUp)
            line.link.renew()
            await true(lambda: simulator.sessions == [0, 1])
            await asyncio.sleep(0.2)
            if rests:
                line.link.rest()
                await true(lambda: simulator.sessions == [])
            else:
                line.link.drop("network", "the first fell silent")
                assert not (await line.until(ev.LinkUp, count=2)).renewed
                await true(lambda: simulator.sessions == [1])

    live(scene)


def test_a_drop_while_the_second_is_being_opened_makes_it_the_link() -> None:
    async def scene() -> None:
        slow = [Fault("session.created", faults.Stall(0.4), session=2)]
        script = Script(ANSWERS, faults=slow)
        late: dict[str, Any] = {"draw": lambda _, __: 600.0}
        async with Simulator(script) as simulator, dialling(_url(simulator), **late) as line:
            await line.until(ev.LinkUp)
            line.link.renew()
            await asyncio.sleep(0.2)
            line.link.drop("network", "the first fell silent")
            up = await line.until(ev.LinkUp, count=2)
            assert not up.renewed
            kinds = [type(event).__name__ for event in line.posted]
            assert kinds == ["Dialing", "LinkUp", "LinkDown", "Dialing", "LinkUp"]
            await asyncio.sleep(0.1)
            assert simulator.sessions == [1]

    live(scene)


def test_a_drop_while_a_second_that_fails_is_being_opened_is_told_once() -> None:
    async def scene() -> None:
        refused = [
            Fault("session.created", faults.Stall(0.3), session=2),
            Fault("session.updated", faults.Close(1011), session=2),
        ]
        script = Script(ANSWERS, faults=refused)
        async with Simulator(script) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            line.link.renew()
            await asyncio.sleep(0.1)
            simulator.drop()
            await line.until(ev.LinkUp, count=2)
            assert not line.all(ev.RenewFailed)

    live(scene)


@pytest.mark.parametrize("renewing", [False, True])
def test_resting_closes_the_connection_until_a_person_waits(*, renewing: bool) -> None:
    async def scene() -> None:
        async with Simulator(Script(ANSWERS)) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.Dialing)
            line.link.dial_now()  # answered by the dial under way: not remembered
            await line.until(ev.LinkUp)
            if renewing:
                line.link.renew()
                await asyncio.sleep(0)
            line.link.rest()
            assert (await line.until(ev.LinkDown)).code == "resting"
            await asyncio.sleep(1.2)
            assert simulator.sessions == []
            assert len(line.all(ev.Dialing)) == 1
            asked = time.monotonic()
            line.link.dial_now()
            await line.until(ev.LinkUp, count=2)
            assert time.monotonic() - asked < 1.0

    live(scene)


@pytest.mark.parametrize(
    ("ahead_s", "lasts_s"),
    [(3000, 3000.0), (30, 3600.0), (-5, 3600.0), (100_000, 3600.0), (None, 3600.0)],
)
def test_the_end_of_the_session_is_believed_when_it_is_plausible(
    ahead_s: int | None, lasts_s: float
) -> None:
    async def scene() -> None:
        told = None if ahead_s is None else int(time.time()) + ahead_s
        change = faults.Change({"session.expires_at": told})
        script = Script(ANSWERS, faults=[Fault("session.created", change)])
        async with Simulator(script) as simulator, dialling(_url(simulator)) as line:
            up = await line.until(ev.LinkUp)
            assert abs(up.lasts_s - lasts_s) < 10.0

    live(scene)


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (faults.Expire(), "session-over"),
        (faults.Complain("insufficient_quota"), "quota"),
        (faults.Complain("invalid_api_key"), "key"),
        (faults.Close(1001, "going away"), "session-over"),
        (faults.Close(1008, "invalid_request_error.insufficient_quota"), "quota"),
        (faults.Reset(), "network"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_session_that_is_up_ends_with_the_class_of_what_the_server_says(
    deed: faults.Deed, code: str
) -> None:
    async def scene() -> None:
        script = Script(ANSWERS, faults=[Fault("input_audio_buffer.append", deed, session=1)])
        async with Simulator(script) as simulator, dialling(_url(simulator)) as line:
            await line.until(ev.LinkUp)
            line.link.send(append(1))
            assert (await line.until(ev.LinkDown)).code == code

    live(scene)


def test_an_hour_that_is_over_is_dialled_again_soon() -> None:
    async def scene() -> None:
        async with (
            Simulator(Script(ANSWERS), session_s=0.3) as simulator,
            dialling(_url(simulator)) as line,
        ):
            await line.until(ev.LinkUp, count=3)
            downs = line.all(ev.LinkDown)
            assert {down.code for down in downs} == {"session-over"}

    live(scene)


def _url(simulator: Simulator) -> str:
    return f"{simulator.url}?model=gpt-realtime-2.1"
