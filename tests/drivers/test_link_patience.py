"""How long the link waits before the next try, and what ends a wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from device.drivers import patience as patience_module
from device.drivers.clock import Clock
from device.drivers.failure import KINDS, Failure, Retry
from device.drivers.patience import Patience

NETWORK = Failure("network", "gone")
RATE = Failure("rate", "patience")
OVER = Failure("session-over", "an hour")


class Waits:
    """A patience whose draws are told and always the longest."""

    def __init__(self, **terms: Any) -> None:
        self.drawn: list[float] = []
        self.patience = Patience(draw=self._draw, **terms)

    def _draw(self, least: float, most: float) -> float:
        assert least == 0.0
        self.drawn.append(most)
        return 0.0

    async def fail(self, failure: Failure, *, up_s: float = 0.0, times: int = 1) -> None:
        for _ in range(times):
            self.patience.tries()
            await self.patience.wait(failure, up_s=up_s)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scene()

    asyncio.run(bounded())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real looks are five seconds apart."""
    monkeypatch.setattr(patience_module, "LOOK_S", 0.02)


def test_the_jitter_is_full_and_doubles_up_to_a_minute() -> None:
    async def scene() -> None:
        waits = Waits()
        await waits.fail(NETWORK, times=10)
        assert waits.drawn == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]

    play(scene)


def test_a_flapping_server_keeps_its_penalty_and_a_steady_one_loses_it() -> None:
    async def scene() -> None:
        waits = Waits()
        await waits.fail(NETWORK, times=3)
        await waits.fail(NETWORK, up_s=29.0)
        await waits.fail(NETWORK, up_s=31.0)
        assert waits.drawn == [0.5, 1, 2, 4, 0.5]

    play(scene)


def test_a_finished_turn_earns_a_first_try_again() -> None:
    async def scene() -> None:
        waits = Waits()
        await waits.fail(NETWORK, times=3)
        waits.patience.earned()
        await waits.fail(NETWORK)
        assert waits.drawn == [0.5, 1, 2, 0.5]

    play(scene)


def test_an_ordinary_end_is_dialled_at_once_unless_it_comes_soon_after_the_start() -> None:
    async def scene() -> None:
        waits = Waits()
        await waits.fail(OVER, up_s=3000.0, times=3)
        assert waits.drawn == []
        await waits.fail(OVER, up_s=5.0, times=2)
        assert waits.drawn == [0.5, 1]

    play(scene)


@pytest.mark.parametrize(
    ("after_s", "waited"), [(7.0, 7.0), (900.0, 900.0), (86_400.0, 900.0), (None, 0.0)]
)
def test_retry_after_is_obeyed_up_to_a_quarter_of_an_hour(
    after_s: float | None, waited: float
) -> None:
    async def scene() -> None:
        waits = Waits()
        failure = Failure("rate", "patience", after_s=after_s)
        assert waits.patience._seconds(failure, 0.0) == waited
        assert waits.drawn == [0.5], "and a little jitter on top"

    play(scene)


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [(Retry.MINUTE, 60), (Retry.QUARTER, 900), (Retry.CLOCK, 300), (Retry.CHANGE, float("inf")),
     (Retry.PRESS, float("inf"))],
)  # fmt: skip
def test_what_only_time_or_people_cure_has_a_fixed_wait(retry: Retry, seconds: float) -> None:
    async def scene() -> None:
        codes = [code for code, kind in KINDS.items() if kind.retry is retry]
        assert codes
        for code in codes:
            waits = Waits()
            assert waits.patience._seconds(Failure(code, "x"), 0.0) == seconds
            assert waits.drawn == []

    play(scene)


@pytest.mark.parametrize("code", sorted(set(KINDS) - {"session-over"}))
def test_a_press_ends_every_wait_but_tries_come_a_second_apart(code: str) -> None:
    async def scene() -> None:
        waits = Patience(draw=lambda _, __: 600.0)
        waits.tries()
        begun = time.monotonic()
        asyncio.get_running_loop().call_later(0.05, waits.hurry)
        await waits.wait(Failure(code, "x"), up_s=0.0)
        assert 0.95 < time.monotonic() - begun < 5.0

    play(scene)


def test_a_press_long_after_the_last_try_dials_at_once() -> None:
    async def scene() -> None:
        waits = Patience(draw=lambda _, __: 600.0)
        waits.tries()
        waits._tried -= 100.0
        begun = time.monotonic()
        waits.hurry()
        await waits.wait(NETWORK, up_s=0.0)
        assert time.monotonic() - begun < 0.5

    play(scene)


def test_a_press_during_the_try_counts_for_the_wait_after_it() -> None:
    async def scene() -> None:
        waits = Patience(draw=lambda _, __: 600.0)
        for failure in (NETWORK, Failure("resting", "x")):
            waits.tries()
            waits.hurry()
            await waits.wait(failure, up_s=0.0)

    play(scene)


@pytest.mark.parametrize("code", ["key", "model", "quota", "policy", "captive", "clock"])
def test_words_that_wait_do_not_dial_in_vain_again(code: str) -> None:
    async def scene() -> None:
        waits = Patience()
        waits.tries()
        waits.hurry()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):
                await waits.wait(Failure(code, "x"), up_s=0.0)

    play(scene)


def test_a_press_that_was_answered_is_not_remembered() -> None:
    async def scene() -> None:
        waits = Patience(draw=lambda _, __: 600.0)
        waits.tries()
        waits.hurry()
        waits.answered()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await waits.wait(Failure("resting", "x"), up_s=100.0)

    play(scene)


@pytest.mark.parametrize("code", ["key", "model", "settings", "network", "quota"])
@pytest.mark.usefixtures("quick")
def test_a_changed_configuration_ends_a_wait(code: str) -> None:
    async def scene() -> None:
        changed: list[bool] = []
        waits = Patience(changed=lambda: bool(changed), draw=lambda _, __: 600.0)
        waiting = asyncio.create_task(waits.wait(Failure(code, "x"), up_s=0.0))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        changed.append(True)
        await waiting

    play(scene)


@pytest.mark.usefixtures("quick")
def test_a_refused_certificate_waits_until_the_clock_is_set() -> None:
    async def scene() -> None:
        facts = [Clock(0.0, synced=False, built=1e9)]
        waits = Patience(clock=lambda: facts[-1])
        waiting = asyncio.create_task(waits.wait(Failure("clock", "x"), up_s=0.0))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        facts.append(Clock(2e9, synced=True, built=1e9))
        await waiting

    play(scene)


@pytest.mark.usefixtures("quick")
def test_a_set_clock_ends_no_other_wait() -> None:
    async def scene() -> None:
        waits = Patience(clock=lambda: Clock(2e9, synced=True, built=1e9))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await waits.wait(Failure("key", "x"), up_s=0.0)

    play(scene)
