"""Nearly right messages by the thousand: refused one by one, and nothing is left of them."""

from __future__ import annotations

import asyncio

import pytest

from simulator.fuzz import Tally, fuzz

SOME = 5_000
"""`python -m simulator.fuzz 100000` sends more."""


@pytest.fixture(scope="module")
def tally() -> Tally:
    return asyncio.run(fuzz(SOME, seed=7))


def test_each_message_is_answered_in_the_services_shape_and_nothing_complains(
    tally: Tally,
) -> None:
    assert tally.sent == SOME
    assert tally.wrong == []


def test_the_messages_reach_every_corner(tally: Tally) -> None:
    assert sum(tally.codes.values()) > SOME / 3
    assert len(tally.codes) > 12
    for kind in ("session.updated", "input_audio_buffer.committed", "conversation.item.done"):
        assert tally.answers[kind] > 10
    for kind in ("response.done", "input_audio_buffer.cleared", "conversation.item.deleted"):
        assert tally.answers[kind] > 10


def test_nothing_of_them_is_kept_for_long(tally: Tally) -> None:
    assert tally.grown_mb < 150
