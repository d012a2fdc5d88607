"""What the local brain can do, all of it by rules: no model, no network, nothing learned.

Time, date, one timer, sums of two numbers, repeating, a little small talk. English only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from .arithmetic import in_digits, spoken, sum_in

UNHEARD: Final = "I did not hear any words."
ABLE: Final = "I can tell the time and the date, keep a timer, do sums, and repeat after you."

_UNITS_S: Final = {"second": 1, "minute": 60, "hour": 3600}
_LONGEST: Final = timedelta(days=1)
_MOST_WORDS: Final = 40

_SMALL_TALK: Final = {
    r"how are you": "I am fine, thank you. What can I do for you?",
    r"who are you|what are you|what is your name|what's your name": (
        "I am a small test brain in this computer. I only know a few rules."
    ),
    r"what can you do|help": ABLE,
    r"\bjoke\b": "Why did the microphone blush? It heard everything.",
    r"thank you|thanks": "You are welcome.",
    r"goodbye|good bye|\bbye\b|good night": "Goodbye.",
    r"\bhello\b|\bhi\b|\bhey\b|good (?:morning|afternoon|evening)": "Hello. What can I do for you?",
}
"""What is said, and the answer to it; the first that fits counts."""


class Skills:
    """One conversation. `answer` takes what was understood and gives what to say."""

    def __init__(self) -> None:
        self._rings_at: datetime | None = None
        self._said_last = ""
        self._rules: dict[str, Callable[[re.Match[str], datetime], str]] = {
            r"^(?:please )?(?:say (?:that|it) again|repeat (?:that|it)|what|pardon)\b\W*$": (
                self._again
            ),
            r"(?:repeat after me|^say|please say)\b[,:. ]*(?P<what>.+)": self._repeat,
            r"(?:cancel|stop|delete) (?:the|my) timer": self._forget,
            r"how (?:long|much)\b.*\b(?:left|timer|remain)": self._left,
            r"\btimer\b|remind me in": self._start,
            r"what(?:'s| is) the time|what time|tell me the time|time is it": self._time,
            r"what day|what(?:'s| is) (?:the|today's) date|the date|which day": self._date,
        }

    def answer(self, words: str, *, now: datetime) -> str:
        """What to say to this. Nothing understood: what it heard, and what it can do."""
        heard = " ".join(words.split()[:_MOST_WORDS])
        self._said_last = self._think(heard, now=now) if heard else UNHEARD
        return self._said_last

    def _think(self, heard: str, *, now: datetime) -> str:
        text = heard.lower().replace("’", "'")
        for pattern, does in self._rules.items():
            found = re.search(pattern, text)
            if found is not None:
                return does(found, now)
        asked = sum_in(text)
        if asked is not None:
            if asked.result is None:
                return "Nothing can be divided by zero."
            return f"{asked.said} is {spoken(asked.result)}."
        for pattern, reply in _SMALL_TALK.items():
            if re.search(pattern, text):
                return reply
        return f"I heard: {heard.rstrip('.?! ')}. I have no answer to that. {ABLE}"

    def _repeat(self, found: re.Match[str], _: datetime) -> str:
        what = found["what"].strip(" .,:!?")
        return f"{what[:1].upper()}{what[1:]}." if what else UNHEARD

    def _again(self, _: re.Match[str], __: datetime) -> str:
        return self._said_last or "I have not said anything yet."

    def _time(self, _: re.Match[str], now: datetime) -> str:
        minute = f" {now.minute}" if now.minute >= 10 else f" oh {now.minute}"
        half = "AM" if now.hour < 12 else "PM"
        return f"It is {now.hour % 12 or 12}{minute if now.minute else ''} {half}."

    def _date(self, _: re.Match[str], now: datetime) -> str:
        return f"Today is {now:%A}, {now:%B} {_ordinal(now.day)}, {now.year}."

    def _start(self, found: re.Match[str], now: datetime) -> str:
        length = _length(found.string)
        if length is None:
            return "For how long? Say, for example: set a timer for five minutes."
        if length > _LONGEST:
            return "That is too long for me. A day is the most I can keep."
        self._rings_at = now + length
        return f"The timer runs for {_said(length)}. I cannot ring: ask me how long is left."

    def _left(self, _: re.Match[str], now: datetime) -> str:
        if self._rings_at is None:
            return "There is no timer."
        if now >= self._rings_at:
            return f"The timer ended {_said(now - self._rings_at)} ago."
        return f"{_said(self._rings_at - now)} left.".capitalize()

    def _forget(self, _: re.Match[str], __: datetime) -> str:
        ran, self._rings_at = self._rings_at, None
        return "There is no timer." if ran is None else "The timer is cancelled."


def _length(text: str) -> timedelta | None:
    """The length of time a sentence names: "an hour and 20 minutes"; None if it names none."""
    text = re.sub(r"\bhalf an hour\b", "30 minutes", text)
    text = in_digits(re.sub(r"\ban?(?= (?:second|minute|hour)\b)", "1", text))
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*-?\s*(second|minute|hour)", text)
    if not parts or max(len(number) for number, _ in parts) > 9:
        return None
    length = timedelta(seconds=sum(float(number) * _UNITS_S[unit] for number, unit in parts))
    return length or None


def _said(length: timedelta) -> str:
    """A length of time in words, whole seconds: "1 hour and 20 minutes"."""
    rest = round(length.total_seconds())
    parts: list[str] = []
    for unit, seconds in sorted(_UNITS_S.items(), key=lambda one: -one[1]):
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    *before, last = parts or ["0 seconds"]
    return f"{', '.join(before)} and {last}" if before else last


def _ordinal(day: int) -> str:
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
