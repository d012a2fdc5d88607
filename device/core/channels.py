"""The channels of a microphone: what is wrong with which, and when it is told.

The one judgement of a channel, for `pressel check` on a recording, for a running array (`health`,
which measures with numpy) and for a plain microphone (`plain`, which needs none). Levels are in
dBFS: 0 is a full-scale square wave, minus infinity is digital silence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device.core import events as ev
from device.core.audio import PERIOD, RATE
from device.core.events import Event, Part

WEAK_DB: Final = 20.0
"""Channels of one array differ by 3 dB; one so far below the others is broken or covered."""
NOISY_DB: Final = 15.0
"""So far above the others while nobody speaks: a bad contact, or the wind on one of them."""
OFFSET: Final = 0.01
"""-40 dBFS of direct current: no healthy converter has a tenth of it."""
RAIL: Final = 32766 / 32768
CLIPPED: Final = 3
"""So many frames in a row at the rail: a loud sound touches it once, a clipped one stays."""

_CURES: Final = {
    "is dead": "unmute it (alsamixer)",
    "clips": "lower its gain: alsamixer, capture",
    "is weak": "see what covers it, and its gain: alsamixer, capture",
    "is noisy": "see its wiring, its power supply, and what blows on it",
    "has": "the microphone or its wiring is damaged; switch its high-pass on, or replace it",
}

WINDOW: Final = RATE // 2 // PERIOD
"""Periods of one judgement of a running channel: half a second."""
ILL_WINDOWS: Final = 2
WELL_WINDOWS: Final = 4
"""What is ill for a second is ill; it is well again after two without a complaint."""
LOUD_WINDOWS: Final = 10
"""A microphone whose every channel clips is poor when that has been so for five seconds."""
CLIPS: Final = "microphone-clips"


@dataclass(frozen=True, slots=True)
class Level:
    """One channel for a while: RMS without its offset and peak in dBFS, offset as a share."""

    rms: float
    peak: float
    offset: float
    clips: bool


def decibels(ratio: float) -> float:
    """Of an amplitude; less than a thousandth of a 16 bit step is nothing."""
    return 20 * math.log10(ratio) if ratio > 1e-8 else -math.inf


def complaints(levels: Sequence[Level], *, quiet: bool = True) -> dict[int, str]:
    """What is wrong with which channels, by their places in the list.

    `quiet`: nobody spoke, so that a channel can be held against the others.
    """
    told = {n: said for n, one in enumerate(levels) if (said := _alone(one))}
    if quiet:
        for n in range(len(levels)):
            if n not in told and (said := _beside(n, levels)):
                told[n] = said
    return told


def _alone(one: Level) -> str:
    if one.rms == -math.inf:
        return f"is dead ({'stuck at one value' if one.offset else 'nothing but zeros'})"
    if one.clips:
        return "clips"
    if abs(one.offset) > OFFSET:
        return f"has a DC offset of {one.offset:+.0%}"
    return ""


def _beside(number: int, levels: Sequence[Level]) -> str:
    """Against the median of the others. Of two, the weak one is told, for one must be."""
    one = levels[number]
    others = [other.rms for n, other in enumerate(levels) if n != number]
    alive = sorted(rms for rms in others if rms > -math.inf)
    if not alive:
        return ""
    above = one.rms - alive[len(alive) // 2]
    if above < -WEAK_DB:
        return f"is weak ({-above:.0f} dB below the others)"
    if above > NOISY_DB and len(alive) > 1:
        return f"is noisy ({above:.0f} dB above the others)"
    return ""


def cure_of(said: str) -> str:
    """What to do about a complaint; '' about none."""
    return next((cure for begin, cure in _CURES.items() if said.startswith(begin)), "")


class Verdicts:
    """What is wrong with the channels of a running microphone, judged twice a second.

    `channels` are their numbers, for people. While all are dead nothing is told: that is a muted
    microphone, not a broken channel. While all clip for long, the microphone itself is poor.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        self.ill: dict[int, str] = {}
        """The present complaints, by the place of a channel in the list."""
        self._channels = channels
        self._streak = [0] * len(channels)
        self._news: list[tuple[int, str, bool]] = []
        self._loud = 0
        self._turns: list[bool] = []

    def judge(self, levels: Sequence[Level], *, quiet: bool) -> None:
        """Take one window of each; `quiet`: nobody spoke in it."""
        if all(one.rms == -math.inf for one in levels):
            return
        told = complaints(levels, quiet=quiet)
        before = len(self.ill) < len(levels)
        turned = [n for n in range(len(levels)) if self._turned(n, told.get(n, ""), quiet)]
        others = len(self.ill) < len(levels)
        if others is not before:  # with nobody else to be heard, the ill are heard again
            turned = sorted({*turned, *self.ill})
        self._news += [(n, self.ill.get(n, ""), others) for n in turned]
        self._weigh()

    def take(self, at: float) -> list[Event]:
        """What is new, once."""
        events: list[Event] = [
            ev.ChannelTurned(at, self._channels[n], ill, cure_of(ill), left_out=others)
            for n, ill, others in self._news
        ]
        for loud in self._turns:
            events.append(
                ev.PartPoor(at, Part.MICROPHONE, CLIPS, "every channel of the microphone clips")
                if loud
                else ev.PartFine(at, Part.MICROPHONE, CLIPS)
            )
        self._news, self._turns = [], []
        return events

    def _weigh(self) -> None:
        """Who shouts once makes no microphone poor; one that is always too loud is."""
        before = self._loud >= LOUD_WINDOWS
        loud = len(self.ill) == len(self._channels) and set(self.ill.values()) == {"clips"}
        self._loud = min(self._loud + 1, LOUD_WINDOWS) if loud else 0
        if (self._loud == LOUD_WINDOWS) is not before:
            self._turns.append(not before)

    def _turned(self, n: int, said: str, quiet: bool) -> bool:
        """Whether a channel falls ill or gets well with this judgement."""
        before = self.ill.get(n, "")
        if not quiet and before.startswith(("is weak", "is noisy")) and not said:
            return False  # speech does not tell
        if said.split()[:2] == before.split()[:2]:  # less its figures, which differ each time
            self._streak[n] = 0
            return False
        self._streak[n] += 1
        if self._streak[n] < (ILL_WINDOWS if said else WELL_WINDOWS):
            return False
        self._streak[n] = 0
        if said:
            self.ill[n] = said
        else:
            del self.ill[n]
        return True
