"""What the device's own ear takes of its own voice: a few seconds of speech, played and heard.

The first sentence lets the canceller find its way; the better of the other two is judged as the
daemon's guard would judge it, for a machine that was late for once is no echo. It opens nothing:
the first replies do that, over a minute of speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from device import voice, wishes
from device.check.analysis import Signal
from device.check.duplex import Recording, pcm_of, track
from device.check.finding import Finding
from device.config import Config
from device.core.audio import FRAME_BYTES, PERIOD, RATE, Frames
from device.core.duplex import LOUD_DBFS, MOST_DBFS, PAUSE, PROVING
from device.core.events import Echo
from device.core.vad import Vad
from device.drivers.aloud import Aloud
from device.drivers.ear import Ear
from device.errors import EchoError

SENTENCE: Final = "lost"
"""The most harmless of them: who hears it in passing is asked to say something again."""
TIMES: Final = 3
LEAST: Final = 25
"""Half a second of loud speech: less judges nothing."""
REMEMBERED: Final = Frames(60 * RATE)
NOTHING: Final[Signal] = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What there is to try: an `ear` and what the speaker `says` for it, or a finding beforehand.

    The ear knows by `aloud` what sounds; so the speaker must be told of it.
    """

    config: Config
    known: Finding | None = None
    ear: Ear | None = None
    aloud: Aloud = field(default_factory=Aloud)
    says: Signal = field(default_factory=lambda: NOTHING)

    def judge(self, recording: Recording, mono: Signal, *, audible: float) -> Finding:
        """What is left of a sentence; the track was `audible` from that instant on."""
        assert self.ear is not None
        loopback = wishes.loopback(self.config)
        channel = None if loopback is None else recording.samples[:, loopback]
        echoes = list(_echoes(self.ear, mono, channel, begun=recording.begun))
        ends = round((audible - recording.begun) * RATE) + len(track(self.says))
        long = len(self.says) // TIMES
        begins = (ends - long, ends - 2 * long)
        tries = [rest_of(echoes, after=begin, until=begin + long) for begin in begins]
        rest = min(tries, key=lambda one: (one.suspicious, -len(one.taken)))
        if len(rest.taken) < LEAST and loopback is not None:
            what = f"microphone.loopback is channel {loopback}, which gives nothing back"
            return Finding("canceller", "FAIL", what, "name the channel that does, or type none")
        if len(rest.taken) < LEAST:
            return Finding("canceller", "skip", f"{self.ear.name}: the speaker plays too softly")
        facts = (
            f"{self.ear.name} takes {np.mean(rest.taken):.0f} dB of its own voice and leaves "
            f"{max(rest.left):.0f} dBFS at most"
        )
        if not rest.suspicious:
            proof = "a voice may interrupt once a minute of speech has shown the same"
            return Finding("canceller", "ok", f"{facts}: {proof}")
        cure = "turn the volume down, put the speaker away from the microphone, stop what rattles"
        more = "" if self.ear.name == "aec3" else ", or install pressel[aec], which copes with more"
        return _half(self.config, f"{facts}: it will stay half duplex", cure + more)


def trial(config: Config) -> Trial:
    """What there is to try here."""
    aloud = Aloud(REMEMBERED)
    if not wishes.guarded(config):
        what = f"microphone.echo is {config.microphone.echo}"
        return Trial(config, Finding("canceller", "skip", what))
    try:
        ear = wishes.cancelling(aloud)
    except EchoError as problem:
        return Trial(config, _half(config, problem.what, problem.cure))
    said = voice.clip(SENTENCE, config.assistant.language) or b""
    once = np.frombuffer(said, "<i2") / 32768
    return Trial(config, ear=ear, aloud=aloud, says=np.tile(once, TIMES))


def _half(config: Config, facts: str, cure: str) -> Finding:
    """Half duplex is well where nobody asked for more."""
    wanted = config.microphone.echo == "software"
    return Finding("canceller", "FAIL" if wanted else "ok", facts, cure)


@dataclass(slots=True)
class Rest:
    """Of each loud 20 ms: dB taken, dBFS left. `suspicious`: the guard would not have it."""

    taken: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    suspicious: bool = False


def rest_of(echoes: Iterable[Echo], *, after: int, until: int) -> Rest:
    """Judge what lies between two frames, as `core.duplex` does; the detector hears all."""
    rest, ear, at, silent = Rest(), Vad(PROVING), 0, 0
    for echo in echoes:
        for played, before, left in zip(echo.played, echo.before, echo.after, strict=True):
            at += PERIOD
            silent = silent + 1 if played <= LOUD_DBFS else 0
            if silent == PAUSE:
                ear.reset()
            if silent:
                continue
            suspicious = bool(ear.hear((left,))) or left > MOST_DBFS
            if after < at <= until:
                rest.taken.append(before - left)
                rest.left.append(left)
                rest.suspicious |= suspicious
    return rest


def _echoes(ear: Ear, mono: Signal, loopback: Signal | None, *, begun: float) -> Iterator[Echo]:
    """The ear hears it all, in steps of a period."""
    ear.begin()
    heard = pcm_of(mono)
    played = None if loopback is None else pcm_of(loopback)
    size = PERIOD * FRAME_BYTES
    for start in range(0, len(heard) - size + 1, size):
        at = begun + (start + size) / FRAME_BYTES / RATE
        piece = None if played is None else played[start : start + size]
        yield ear.hear(heard[start : start + size], at, piece).echo
