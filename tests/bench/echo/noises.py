"""The detector alone, in noises it has not seen: twelve people in a minute of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.echo import scenes
from bench.echo.rooms import Signal
from device.core.audio import PERIOD, RATE
from device.core.vad import NORMAL, STRICT, Terms, Vad, levels

PEOPLE: Final = 12
SECONDS: Final = 66
EVERY_S: Final = 5
FIRST_S: Final = 6
"""Until the first of them: at its very first sound the device takes loud noise for a voice."""
SPEECH_DBFS: Final = -28.0
TALKERS: Final = 6
HANGOVER_S: Final = 0.7
"""A start so shortly after a voice belongs to it."""
TERMS: Final = {"normal": NORMAL, "strict": STRICT}


@dataclass(frozen=True)
class Figures:
    """Of one noise: people heard, how late in the mean, starts at nobody, time heard for nobody."""

    heard: int
    late_ms: float | None
    false_starts: int
    false_share: float


def shaped(slope: float, seed: int) -> Signal:
    """Noise whose power falls with the frequency to the power of `slope`."""
    white = np.random.default_rng(seed).normal(0, 1, SECONDS * RATE)
    hertz = np.maximum(np.fft.rfftfreq(len(white), 1 / RATE), 20.0)
    return np.asarray(np.fft.irfft(np.fft.rfft(white) / hertz ** (slope / 2), len(white)))


def pink() -> Signal:
    """Equally loud in each octave."""
    return shaped(1.0, 11)


def fan() -> Signal:
    """Rumble and the tones of five blades, which beat slowly."""
    time = np.arange(SECONDS * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 117 * n * time + n) / n for n in range(1, 8))
    rumble = shaped(2.0, 12)
    return np.asarray(rumble / rumble.std() + 0.5 * (1 + 0.2 * np.sin(4 * time)) * tones)


def step() -> Signal:
    """Pink, and 12 dB louder from the middle on."""
    return np.asarray(pink() * np.where(np.arange(SECONDS * RATE) < SECONDS * RATE // 2, 1.0, 4.0))


def clicks() -> Signal:
    """Two a second over a little hiss, 8 ms each, 25 dB above it."""
    found = pink()
    burst = np.random.default_rng(13).normal(0, 18 * found.std(), RATE // 125)
    for at in range(0, len(found) - len(burst), RATE // 2):
        found[at : at + len(burst)] += burst
    return found


def babble() -> Signal:
    """Six people at once, all the time."""
    voices = [scenes.ours(SECONDS + 7 * talker)[-SECONDS * RATE :] for talker in range(TALKERS)]
    return np.asarray(sum(voices))


NOISES: Final[dict[str, tuple[Callable[[], Signal], tuple[int, ...]]]] = {
    "pink": (pink, (20, 5, 0)),
    "fan": (fan, (10, 0)),
    "step of 12 dB": (step, (20, 10)),
    "clicks": (clicks, (20,)),
    "babble": (babble, (30, 20, 10)),
}
"""Each with its distances in dB from the voices; of the step that is the louder half's."""


def judge(noise: Signal, terms: Terms) -> Figures:
    """What the detector makes of twelve people in this noise."""
    speech, spans = people()
    vad = Vad(terms)
    hearing = [vad.hear((level,)) for level in levels(scenes.pcm(speech + noise))]
    starts = [k for k in range(1, len(hearing)) if hearing[k] and not hearing[k - 1]]
    mine = [[k for k in starts if first <= k < last] for first, last in spans]
    lags = [(found[0] + 1 - span[0]) * 20 for found, span in zip(mine, spans, strict=True) if found]
    after = round(HANGOVER_S * RATE / PERIOD)
    nobody = np.ones(len(hearing), bool)
    for first, last in spans:
        nobody[first : last + after] = False
    return Figures(
        heard=len(lags),
        late_ms=float(np.mean(lags)) if lags else None,
        false_starts=sum(bool(nobody[k]) for k in starts),
        false_share=float(np.mean(np.asarray(hearing)[nobody])),
    )


def people() -> tuple[Signal, list[tuple[int, int]]]:
    """Twelve sentences, and the frames of 20 ms from their first loud one to their end."""
    track = np.zeros(SECONDS * RATE)
    spans = []
    for number, voice in enumerate(scenes.theirs()[-PEOPLE * 5 :: 5]):
        start = (FIRST_S + number * EVERY_S) * RATE
        said = scenes.level(voice, SPEECH_DBFS)[: 4 * RATE]
        track[start : start + len(said)] = said
        loud = [k for k, one in enumerate(levels(scenes.pcm(said))) if one > NORMAL.gate_dbfs]
        spans.append((start // PERIOD + loud[0], start // PERIOD + loud[-1] + 1))
    return track, spans


def table() -> list[dict[str, object]]:
    """All noises with both sets of terms."""
    rows: list[dict[str, object]] = []
    for name, (make, distances) in NOISES.items():
        noise = make()
        loud = noise[SECONDS * RATE // 2 :]
        for below in distances:
            scaled = noise * 10 ** ((SPEECH_DBFS - below) / 20) / np.sqrt(np.mean(loud**2))
            for terms, numbers in TERMS.items():
                found = judge(scaled, numbers)
                rows.append({"noise": name, "below_db": below, "terms": terms, **vars(found)})
    return rows
