"""The detector alone, in noise: twelve people in a minute of each.

Its numbers were chosen on some; on those in `UNSEEN` nobody has looked before.
"""

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


def rain() -> Signal:
    """On a window: two hundred drops a second, of all sizes, over a soft hiss."""
    lot = np.random.default_rng(14)
    drops = np.zeros(SECONDS * RATE)
    ring = np.exp(-np.arange(RATE // 100) / (RATE / 1000))
    for at in lot.integers(0, len(drops) - len(ring), 200 * SECONDS):
        drops[at : at + len(ring)] += lot.lognormal() * ring * lot.normal(size=len(ring))
    hiss = shaped(0.0, 15)
    return np.asarray(drops + 0.3 * drops.std() * hiss / hiss.std())


def vacuum() -> Signal:
    """A cleaner that is pushed to and fro: a motor at 300 Hz that sags, and rushing air."""
    time = np.arange(SECONDS * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(300 + 15 * np.sin(2 * np.pi * 0.4 * time)) / RATE
    motor = sum(np.sin(n * phase) / n for n in (1, 2, 3, 5, 8))
    air = shaped(0.5, 16)
    return np.asarray(air / air.std() * (1 + 0.3 * np.sin(2 * np.pi * 0.4 * time)) + 0.7 * motor)


def music() -> Signal:
    """Chords that change twice a second, and a drum."""
    lot = np.random.default_rng(17)
    found = np.zeros(SECONDS * RATE)
    beat = np.arange(RATE // 2) / RATE
    for start in range(0, len(found), RATE // 2):
        root = 110 * 2 ** (lot.integers(0, 12) / 12)
        chord = sum(np.sin(2 * np.pi * root * k * beat) / k for k in (1, 1.26, 1.5, 2, 3, 4))
        drum = lot.normal(size=len(beat)) * np.exp(-beat * 40)
        found[start : start + len(beat)] = chord * np.exp(-beat * 3) + drum
    return found


def dishes() -> Signal:
    """Washing up: a clink now and then, with its metal partials, over running water."""
    lot = np.random.default_rng(18)
    found = shaped(0.3, 19)
    found *= 0.1 / found.std()
    time = np.arange(RATE // 3) / RATE
    for at in np.cumsum(lot.exponential(0.8, 2 * SECONDS)):
        first = round(at * RATE)
        if first + len(time) > len(found):
            break
        partials = lot.uniform(700, 6000, 5)
        clink = sum(np.sin(2 * np.pi * hertz * time) for hertz in partials) * np.exp(-time * 25)
        found[first : first + len(time)] += lot.uniform(0.3, 1.5) * clink
    return found


NOISES: Final[dict[str, tuple[Callable[[], Signal], tuple[int, ...]]]] = {
    "pink": (pink, (20, 5, 0)),
    "fan": (fan, (10, 0)),
    "step of 12 dB": (step, (20, 10)),
    "clicks": (clicks, (20,)),
    "babble": (babble, (30, 20, 10)),
    "rain": (rain, (20, 10, 0)),
    "vacuum": (vacuum, (20, 10, 0)),
    "music": (music, (30, 20, 10)),
    "dishes": (dishes, (20, 10)),
}
UNSEEN: Final = ("rain", "vacuum", "music", "dishes")
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
