"""How loud which sound is at what minute of the day."""

from __future__ import annotations

import pytest

from device.core.ledger import CUE, ItemId
from device.core.loudness import Loudness, Quiet

ANSWER = ItemId("item")


def at(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


NIGHT = Loudness(answers=0.5, tells=0.2, quiet=Quiet(at("22:00"), at("07:00"), 0.1))


@pytest.mark.parametrize(
    ("clock", "loud"),
    [
        ("21:59", 0.5),
        ("22:00", 0.1),
        ("23:59", 0.1),
        ("00:00", 0.1),
        ("06:59", 0.1),
        ("07:00", 0.5),
    ],
)
def test_quiet_hours_go_past_midnight_and_end_when_they_say(clock: str, loud: float) -> None:
    assert NIGHT.of(ANSWER, minute=at(clock)) == loud


@pytest.mark.parametrize(("clock", "quiet"), [("12:59", False), ("13:00", True), ("15:00", False)])
def test_quiet_hours_within_a_day(clock: str, quiet: bool) -> None:
    assert Quiet(at("13:00"), at("15:00"), 0.1).holds(at(clock)) is quiet


def test_what_is_softer_than_the_quiet_hours_allow_stays_as_it_is() -> None:
    soft = Loudness(answers=0.05, tells=0.2, quiet=NIGHT.quiet)
    assert soft.of(ANSWER, minute=0) == 0.05
    assert soft.of(CUE, minute=0) == 0.1


def test_tones_and_sentences_have_a_loudness_of_their_own() -> None:
    assert NIGHT.of(CUE, minute=at("12:00")) == 0.2
    assert Loudness(answers=0.5, tells=0.2).of(CUE, minute=0) == 0.2
