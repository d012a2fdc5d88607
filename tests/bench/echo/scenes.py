"""Rooms, loudspeakers and people: what the microphone hears in each condition of the lab."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bench.echo import rooms
from bench.echo.rooms import Signal
from device import demo
from device.core.audio import RATE
from device.voice import clip
from device.voice.sentences import SENTENCES

FULL: Final = 32768.0
VOICE_DBFS: Final = -20.0
"""Of our own voice at the loudspeaker, while it speaks."""
ECHO_DBFS: Final = -26.0
"""The same at the microphone."""
PAUSE_S: Final = 0.3
EVERY_S: Final = 5.0
"""Between two interruptions."""
FIRST_S: Final = 6.0
OURS: Final = ("en", "fr", "it", "zh")
THEIRS: Final = ("de", "es", "pt", "ja")
"""Languages, and with them voices: the device's in the lab, and the people's."""


@dataclass(frozen=True)
class Condition:
    """How our own voice comes back. `clip` is where the loudspeaker saturates, 1 is full scale."""

    name: str
    rt60_s: float = 0.15
    delay_ms: int = 120
    clip: float = 0.0
    ppm: float = 0.0
    noise_dbfs: float = -75.0
    microphones: int = 1
    order: int = 3
    """In which our sentences follow each other."""
    sway_db: float = 0.0
    """By how much some are louder than others, up and down."""
    louder_db: float = 0.0
    """Than usual is the echo: more than the microphone can take."""
    later: Condition | None = None
    """What it becomes in the second half."""

    @property
    def allowed(self) -> int:
        """False starts: one by which a sudden change is noticed, and no other."""
        return int(self.later is not None)

    @property
    def least_db(self) -> float:
        """How much of the echo is to go: 40 dB, 35 of a clipped one; noise hides what is below."""
        return min(35.0 if self.clip else 40.0, ECHO_DBFS - self.noise_dbfs)


CONDITIONS: Final = (
    Condition("linear"),
    Condition("clipped", clip=0.5),
    Condition("clipped hard", clip=0.15),
    Condition("20 ppm", ppm=20),
    Condition("100 ppm", ppm=100),
    Condition("RT60 300 ms", rt60_s=0.3),
    Condition("RT60 500 ms", rt60_s=0.5),
    Condition("delay 40 ms", delay_ms=40),
    Condition("delay 250 ms", delay_ms=250),
    Condition("RT60 300 ms, clipped", rt60_s=0.3, clip=0.5),
    Condition("RT60 500 ms, clipped hard, 100 ppm", rt60_s=0.5, clip=0.15, ppm=100),
    Condition("four microphones, noise", noise_dbfs=-55.0, microphones=4),
    Condition("clipped hard from half-way", later=Condition("", clip=0.15)),
    Condition("100 ppm from half-way", later=Condition("", ppm=100)),
    Condition("another room from half-way", later=Condition("", rt60_s=0.5, delay_ms=200)),
    Condition("microphone overdriven from half-way", later=Condition("", louder_db=24.0)),
)


def unseen(count: int) -> list[Condition]:
    """Conditions drawn by lot, most of them with a loudspeaker that is about to distort."""
    lot = np.random.default_rng(17)
    found = []
    for number in range(count):
        rt60_s, clip = round(lot.uniform(0.15, 0.5), 2), round(lot.uniform(0.12, 0.45), 2)
        name = f"unseen {number}: RT60 {1000 * rt60_s:.0f} ms, clip {clip}"
        found.append(Condition(
            name, rt60_s=rt60_s, clip=clip, delay_ms=int(lot.integers(20, 250)),
            ppm=round(lot.uniform(0, 60), 1), order=100 + number, sway_db=3.0,
        ))  # fmt: skip
    return found


def ours(seconds: float, *, order: int = 3, sway_db: float = 0.0) -> Signal:
    """Our own voice, for so long: sentence after sentence of the device's languages."""
    return _track([*_clips(OURS), *_spoken("answer")], seconds, order, sway_db)


def theirs() -> list[Signal]:
    """What people say: sentences of other voices than ours, each at the level of ours."""
    return [level(one, VOICE_DBFS) for one in [*_spoken("question"), *_clips(THEIRS)]]


def interruptions(count: int, below_db: float) -> tuple[Signal, list[int]]:
    """So many people in a row, `below_db` softer than the echo, and the frame each begins at."""
    said = theirs()
    order = np.random.default_rng(5).permutation(len(said))
    track = np.zeros(round((FIRST_S + count * EVERY_S) * RATE))
    starts = [round((FIRST_S + place * EVERY_S) * RATE) for place in range(count)]
    room = rooms.response(rooms.TALKER, rooms.MICROPHONE, rt60_s=0.15)
    for place, start in enumerate(starts):
        voice = rooms.through(said[order[place % len(said)]], room)[: round((EVERY_S - 1.5) * RATE)]
        track[start : start + len(voice)] = level(voice, ECHO_DBFS - below_db)
    return track, starts


def echoes(condition: Condition, voice: Signal) -> list[Signal]:
    """What each microphone hears of our voice, and its own noise, without the people."""
    if condition.later is not None:
        half = len(voice) // 2
        both = (echoes(one, voice) for one in (replace(condition, later=None), condition.later))
        pairs = zip(*both, strict=True)
        return [np.concatenate((first[:half], then[half:])) for first, then in pairs]
    played = voice
    if condition.clip:
        played = voice / np.sqrt(1 + (voice / condition.clip) ** 2)
    drifted = _drifted(played, condition.ppm)
    delayed = np.concatenate((np.zeros(condition.delay_ms * RATE // 1000), drifted))[: len(voice)]
    places = [rooms.MICROPHONE] if condition.microphones == 1 else rooms.array_of_four()
    found = []
    for number, place in enumerate(places):
        room = rooms.response(rooms.LOUDSPEAKER, place, rt60_s=condition.rt60_s)
        noise = np.random.default_rng(number).normal(
            0, 10 ** (condition.noise_dbfs / 20), len(voice)
        )
        loud = ECHO_DBFS + condition.louder_db
        found.append(level(rooms.through(delayed, room), loud) + noise)
    return found


def pcm(signal: Signal) -> bytes:
    """As S16_LE; what is beyond full scale saturates."""
    return np.clip(np.rint(signal * FULL), -FULL, FULL - 1).astype("<i2").tobytes()


def _drifted(signal: Signal, ppm: float) -> Signal:
    """As a clock hears it from one that is faster: a cubic between the frames."""
    if not ppm:
        return signal
    at = np.minimum(np.arange(len(signal)) * (1 + ppm / 1e6), len(signal) - 3)
    first = at.astype(int)
    t = at - first
    p, q, r, s = (signal[np.maximum(first + k, 0)] for k in (-1, 0, 1, 2))
    return np.asarray(
        p * -t * (t - 1) * (t - 2) / 6 + q * (t * t - 1) * (t - 2) / 2
        - r * t * (t + 1) * (t - 2) / 2 + s * t * (t * t - 1) / 6
    )  # fmt: skip


def level(signal: Signal, dbfs: float) -> Signal:
    """So loud while there is something: the mean power of what is within 30 dB of the loudest."""
    usable = signal[: len(signal) // 480 * 480].reshape(-1, 480)
    powers = np.mean(usable**2, axis=1)
    power = np.mean(powers[powers > powers.max() / 1000])
    return np.asarray(signal * 10 ** (dbfs / 20) / np.sqrt(power))


def _track(clips: list[Signal], seconds: float, seed: int, sway_db: float) -> Signal:
    order = np.random.default_rng(seed)
    pieces: list[Signal] = []
    length, wanted = 0, round(seconds * RATE)
    while length < wanted:
        for place in order.permutation(len(clips)):
            loud = VOICE_DBFS + (order.uniform(-sway_db, sway_db) if sway_db else 0.0)
            pieces += [level(clips[place], loud), np.zeros(round(PAUSE_S * RATE))]
            length += len(pieces[-2]) + len(pieces[-1])
    return np.concatenate(pieces)[:wanted]


def _clips(languages: tuple[str, ...]) -> Iterator[Signal]:
    for language in languages:
        for name in sorted(SENTENCES[language]):
            if sound := clip(name, language):
                yield np.frombuffer(sound, "<i2") / FULL


def _spoken(beginning: str) -> Iterator[Signal]:
    for path in sorted(Path(demo.__file__).parent.glob(f"{beginning}*.wav")):
        with wave.open(str(path), "rb") as file:
            yield np.frombuffer(file.readframes(file.getnframes()), "<i2") / FULL
