"""What a turn cost: tokens by kind, as the server counts them, and dollars where prices are known.

The whole context is billed again for every reply, most of it as cached; sound is the dear part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

MOST_TOKENS: Final = 10_000_000
"""A number beyond this is no count of tokens."""


class Price(Struct, frozen=True):
    """US dollars for a million tokens."""

    text: float
    cached_text: float
    text_out: float
    audio: float
    cached_audio: float
    audio_out: float


PRICES: Final[Mapping[str, Price]] = {
    "gpt-realtime-2.1-mini": Price(0.60, 0.06, 2.40, 10.00, 0.30, 20.00),
    "gpt-realtime-2.1": Price(4.00, 0.40, 24.00, 32.00, 0.40, 64.00),
}
"""The service's price list of August 2026, by the beginning of the model's name. Prices change: the
figure is a guide, the bill is the truth."""


def price_of(model: str) -> Price | None:
    """The price of a model, dated ones included; None where it is not known."""
    return next((price for name, price in PRICES.items() if model.startswith(name)), None)


class Spent(Struct):
    """Tokens of one turn. `cached` ones are part of those that came in."""

    text: int = 0
    audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    text_out: int = 0
    audio_out: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        """The `usage` of one more `response.done`. What is no number counts as 0."""
        came, made = _part(usage, "input_token_details"), _part(usage, "output_token_details")
        cached = _part(came, "cached_tokens_details")
        self.text += _number(came, "text_tokens")
        self.audio += _number(came, "audio_tokens")
        self.cached_text += min(_number(cached, "text_tokens"), _number(came, "text_tokens"))
        self.cached_audio += min(_number(cached, "audio_tokens"), _number(came, "audio_tokens"))
        self.text_out += _number(made, "text_tokens")
        self.audio_out += _number(made, "audio_tokens")

    def dollars(self, price: Price) -> float:
        """What it costs."""
        million = (
            (self.text - self.cached_text) * price.text
            + self.cached_text * price.cached_text
            + (self.audio - self.cached_audio) * price.audio
            + self.cached_audio * price.cached_audio
            + self.text_out * price.text_out
            + self.audio_out * price.audio_out
        )
        return million / 1e6


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _number(part: Mapping[str, Any], name: str) -> int:
    found = part.get(name)
    return found if isinstance(found, int) and 0 <= found < MOST_TOKENS else 0
