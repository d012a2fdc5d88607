"""One turn on paper: when things happened, what was heard, what it cost. For the journal."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from device.core.ledger import Heard
from device.core.reply import REMEMBERED
from device.core.spent import Price, Spent
from device.core.wire import ResponseId, ResponseInfo


class Turn(Struct):
    """From the press (or, hands-free, the first word) to the end of the reply. Times in seconds."""

    number: int = 1
    """Of this process, counted from 1."""
    pressed_at: float | None = None
    first_block_at: float | None = None
    asked_at: float | None = None
    first_delta_at: float | None = None
    sounded_at: float | None = None
    heard: int = 0
    received: int = 0
    item: str = ""
    """The server's id of the last item that was played."""
    interrupted: bool = False
    trouble: str = ""
    """The code of what kept the person from the whole answer; '' when nothing did."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    spent: Spent = field(default_factory=Spent)
    sounding: int = 0
    """Frames given to the speaker and not yet accounted for."""
    open_replies: set[ResponseId] = field(default_factory=set)
    """Replies of this turn whose `response.done`, with the usage, has not come yet."""

    @property
    def unsettled(self) -> bool:
        """Something of it is still to come: the end of its sound, or the usage of a reply."""
        return self.sounding > 0 or bool(self.open_replies)

    @property
    def under_way(self) -> bool:
        """Somebody has pressed, or asked."""
        return self.pressed_at is not None or self.asked_at is not None

    def opened(self, response: ResponseId) -> None:
        """It has one more reply. Of so many that no usage will be told they are not counted."""
        if len(self.open_replies) < REMEMBERED:
            self.open_replies.add(response)

    def settled(self, response: ResponseInfo) -> None:
        """One of its replies is done: add up its usage."""
        self.open_replies.discard(ResponseId(response.id))
        self.spent.add(response.usage or {})
        spent, made = response.tokens("input_tokens"), response.tokens("output_tokens")
        if spent is not None:
            self.input_tokens = (self.input_tokens or 0) + spent
        if made is not None:
            self.output_tokens = (self.output_tokens or 0) + made

    def played(self, account: Iterable[Heard]) -> None:
        """Sound of it has ended: what was heard of what was received."""
        for item in account:
            self.sounding = max(0, self.sounding - item.received)
            self.heard += item.heard_ms
            self.received += item.received_ms
            self.item = item.item

    def fields(self, price: Price | None) -> dict[str, object]:
        """The figures of the `turn` line; None where there was no such moment, or no price."""
        return {
            "turn": self.number,
            "item": self.item,
            "press_to_first_block_ms": _ms(self.pressed_at, self.first_block_at),
            "commit_to_first_delta_ms": _ms(self.asked_at, self.first_delta_at),
            "first_delta_to_sound_ms": _ms(self.first_delta_at, self.sounded_at),
            "heard_ms": self.heard,
            "received_ms": self.received,
            "interrupted": self.interrupted,
            "trouble": self.trouble,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "input_audio_tokens": self.spent.audio,
            "cached_tokens": self.spent.cached_text + self.spent.cached_audio,
            "output_audio_tokens": self.spent.audio_out,
            "cost_usd": None if price is None else round(self.spent.dollars(price), 6),
        }

    def sentence(self) -> str:
        """The same for people."""
        heard = f"heard {self.heard / 1000:.2f} of {self.received / 1000:.2f} s"
        return f"turn over: {heard}, interrupted" if self.interrupted else f"turn over: {heard}"


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 1)
