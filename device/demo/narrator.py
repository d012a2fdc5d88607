"""Waits for what happens next, and tells everything in the order in which it happened."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from device.demo.phrases import Phrases
from device.demo.stage import News, Stage
from device.demo.timeline import Timeline

if TYPE_CHECKING:
    from virtual_card import VirtualCard

TICK_S: Final = 0.03
HOLD_S: Final = 0.15
"""News of three sources come in almost in order: held this long they can be told in order."""
SOUND_LATE_S: Final = 2.0


class Witness:
    """Looks up on the card's record when an answer became audible, and when it ceased to be."""

    def __init__(self, card: VirtualCard) -> None:
        self._card = card
        self._response = ""
        self._awaited_since: float | None = None

    def see(self, news: News) -> list[News]:
        """Something happened on the wire: is there something to look up?"""
        if news.tells("client", "conversation.item.truncate"):
            stops = [one.at for one in self._card.events("playback") if one.what == "stop"]
            return [News(at, "card", {"type": "silence"}) for at in stops[-1:]]
        answer = str(news.event.get("response_id"))
        if news.tells("server", "response.output_audio.delta") and answer != self._response:
            self._response, self._awaited_since = answer, news.at
        return []

    def look(self) -> list[News]:
        """Has the awaited sound begun by now?"""
        since, now = self._awaited_since, time.monotonic()
        at = None if since is None else first_sound(self._card, since, until=now)
        if at is not None or (since is not None and now - since > SOUND_LATE_S):
            self._awaited_since = None
        return [] if at is None else [News(at, "card", {"type": "sound"})]


def first_sound(card: VirtualCard, since: float, *, until: float) -> float | None:
    """When the first frame that was not silence began; None if all was silent."""
    loud = card.heard(since, until).nonzero()[0]
    return card.instant(card.index(since) + int(loud[0])) if len(loud) else None


class Narrator:
    """The one who waits; on a virtual card with a `witness` who hears the loudspeaker."""

    def __init__(self, stage: Stage, timeline: Timeline, *, witness: Witness | None = None) -> None:
        self._stage = stage
        self._timeline = timeline
        self._witness = witness
        self._phrases = Phrases()
        self._untold: list[News] = []

    def until(self, wanted: Callable[[News], bool], *, within_s: float, failing: str) -> News:
        """Wait for news; raises `DemoFailed` with the sentence `failing` if it does not come."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            news = self._turn()
            if news is not None and wanted(news):
                return news
        raise self._stage.failure(f"{failing} within {within_s:g} s")

    def rest(self, seconds: float) -> None:
        """Let so much time pass."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._turn()

    def note(self, news: News) -> None:
        """Add what the person does."""
        heapq.heappush(self._untold, news)

    def finish(self) -> None:
        """Tell the rest, also what came after the daemon's end."""
        while (news := self._stage.next(TICK_S)) is not None:
            self.note(news)
        self._tell(before=float("inf"))

    def _turn(self) -> News | None:
        news = self._stage.next(TICK_S)
        if news is None:
            self._stage.check()
        else:
            self.note(news)
        if self._witness is not None:
            seen = self._witness.look() + (self._witness.see(news) if news else [])
            for one in seen:
                self.note(one)
        self._tell(before=time.monotonic() - HOLD_S)
        return news

    def _tell(self, *, before: float) -> None:
        while self._untold and self._untold[0].at < before:
            news = heapq.heappop(self._untold)
            for who, what in self._phrases.of(news):
                self._timeline.tell(news.at, who, what)
