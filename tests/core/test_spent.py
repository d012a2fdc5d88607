from __future__ import annotations

from typing import Any

import pytest

from core.stage import Stage
from device.core import wire
from device.core.spent import PRICES, Spent, price_of

USAGE: dict[str, Any] = {
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
"""Of the service itself."""


def test_a_turn_is_priced_by_kind_and_cached_tokens_are_cheap() -> None:
    spent = Spent()
    spent.add(USAGE)
    price = PRICES["gpt-realtime-2.1"]
    assert spent.dollars(price) == pytest.approx(
        (55 * 4 + 64 * 0.4 + 13 * 32 + 30 * 24 + 91 * 64) / 1e6
    )


def test_replies_of_one_turn_add_up() -> None:
    once, twice = Spent(), Spent()
    once.add(USAGE)
    for _ in range(2):
        twice.add(USAGE)
    price = PRICES["gpt-realtime-2.1-mini"]
    assert twice.dollars(price) == pytest.approx(2 * once.dollars(price))


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"input_token_details": None, "output_token_details": 7},
        {"input_token_details": {"text_tokens": "many", "audio_tokens": -5}},
        {"output_token_details": {"audio_tokens": 1 << 60, "text_tokens": None}},
    ],
)
def test_what_is_no_count_costs_nothing(usage: dict[str, Any]) -> None:
    spent = Spent()
    spent.add(usage)
    assert spent == Spent()


def test_more_cached_than_came_in_is_never_a_credit() -> None:
    spent = Spent()
    cached = {"text_tokens": 500, "audio_tokens": 500}
    spent.add({"input_token_details": {"text_tokens": 5, "cached_tokens_details": cached}})
    assert spent.dollars(PRICES["gpt-realtime-2.1"]) >= 0


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-realtime-2.1", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-2026-06-01", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-mini", "gpt-realtime-2.1-mini"),
        ("whisper-at-home", None),
    ],
)
def test_a_model_has_the_price_of_its_family_or_none(model: str, known: str | None) -> None:
    assert price_of(model) == (PRICES[known] if known else None)


def test_the_turns_line_has_its_price() -> None:
    stage = Stage(price=PRICES["gpt-realtime-2.1"])
    stage.tap()
    stage.speak(0.5)
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 0.2)
    stage.says(wire.ResponseDone(wire.ResponseInfo("r1", "completed", None, USAGE)))
    stage.wait(1.0)
    line = stage.lines("turn")[0]
    assert line["cost_usd"] == pytest.approx(0.007206, abs=1e-6)
    assert line["output_audio_tokens"] == 91
