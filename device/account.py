"""What the daemon can say of itself: since when, how many turns, the last trouble.

It reads along what is reported to the journal and keeps counts and faults only: no word, no sound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from device.core.events import Report
from device.core.light import Light, sentence

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


class Account:
    """Counts since `now`, the start; times in seconds of the monotonic clock."""

    def __init__(self, now: float) -> None:
        self._started = now
        self._linked = now
        self._counts: Counter[str] = Counter()
        self._trouble: tuple[float, str, str] | None = None
        self._channels: dict[int, str] = {}
        """What is wrong with which channels of the microphone, each as a sentence."""

    def note(self, line: Report, now: float) -> None:
        """One line that went to the journal."""
        self._counts[line.event] += 1
        if line.event == "turn" and line.fields.get("interrupted"):
            self._counts["interrupted"] += 1
        if line.event == "link":
            self._linked = now
        if line.event == "channel":
            self._channels.pop(channel := int(str(line.fields["channel"])), None)
            if "what" in line.fields:
                self._channels[channel] = line.sentence
        troubled = line.event == "error" or (line.event == "link" and line.level == "warning")
        if troubled:
            self._trouble = (now, str(line.fields.get("code", "")), line.sentence)

    def sentences(self, light: Light, *, up: bool, now: float) -> Iterator[str]:
        """What a person wants to know, most important first."""
        yield _full(sentence(light))
        if up:
            yield f"The link has been up for {span(now - self._linked)}."
        else:
            yield f"The link has been down for {span(now - self._linked)}."
        turns = self._counts["turn"]
        cut = f", {self._counts['interrupted']} of them interrupted" if turns else ""
        yield f"{turns} turns{cut} since the start {span(now - self._started)} ago."
        if self._counts["xrun"]:
            yield f"Sound was interrupted {self._counts['xrun']} times: the machine was late."
        yield from (_full(said) for _, said in sorted(self._channels.items()))
        if self._trouble is not None:
            at, code, said = self._trouble
            yield f"The last trouble, {span(now - at)} ago ({code}): {_full(said)}"

    def figures(self, now: float) -> dict[str, object]:
        """The same for programs."""
        told = self._trouble
        return {
            "up_s": round(now - self._started),
            "turns": self._counts["turn"],
            "interrupted": self._counts["interrupted"],
            "xruns": self._counts["xrun"],
            "ill_channels": {str(n): said for n, said in sorted(self._channels.items())},
            "trouble": None if told is None else {
                "code": told[1], "what": told[2], "ago_s": round(now - told[0])
            },
        }  # fmt: skip


def span(seconds: float) -> str:
    """A length of time in the words of people, to one unit."""
    for size, unit in ((DAY_S, "days"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * size or (size < DAY_S and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _full(clause: str) -> str:
    """A clause as a sentence."""
    return clause[:1].upper() + clause[1:].rstrip(".") + "."
