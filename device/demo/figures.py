"""What was measured: the sound card's record and the server's, compared frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from device.demo.narrator import first_sound
from device.demo.stage import Ending
from device.simulator import Entry

if TYPE_CHECKING:
    from virtual_card import VirtualCard

Samples = NDArray[np.int16]

RATE: Final = 24_000
BLOCK: Final = 480
"""Frames of 20 ms: what is looked for where a stretch is not there as a whole."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of the person: when it was in the air, from `start` up to `end`."""

    words: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Records:
    """All there is to measure from. Times are monotonic seconds."""

    card: VirtualCard
    log: Sequence[Entry]
    uplink: bytes
    journal: Sequence[Mapping[str, Any]]
    said: Sequence[Said]
    since: float
    until: float
    tapped_at: float
    ending: Ending


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when, and how many frames of it came and were truly audible."""

    turn_ended_at: float
    delta_at: float
    sound_at: float
    received: int
    audible: int
    claimed_ms: int
    """What the daemon says was heard."""
    sound: Samples

    @property
    def device_s(self) -> float:
        """First delta to first sound, without the silence that the answer begins with."""
        return self.sound_at - self.delta_at - int(self.sound.nonzero()[0][0]) / RATE


@dataclass(frozen=True, slots=True)
class Cut:
    """The interruption: first word, noticed by the server, silence; and what it was told."""

    spoken_at: float
    noticed_at: float
    silent_at: float
    claimed_ms: int

    @property
    def early_s(self) -> float:
        """By how much our own detector was ahead of the server."""
        return self.noticed_at - self.silent_at


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run."""

    answers: Sequence[Answered]
    cut: Cut
    spoken_frames: int
    delivered_frames: int
    unbroken: bool
    """All that was uploaded is one stretch of what the microphone heard, frame for frame."""
    first_frame_at: float
    """When the first uploaded frame was in the air; only if it is unbroken."""
    first_block_at: float
    closed_at: float
    xruns: int


def measure(records: Records) -> Figures:
    """Measure one run. Raises LookupError if something never happened."""
    card = records.card
    air = card.spoken(records.since, records.until).tobytes()
    found = air.find(records.uplink)
    spoken = [card.spoken(one.start, one.end) for one in records.said]
    start = card.instant(card.index(records.since) + found // 2)
    return Figures(
        answers=_answers(records),
        cut=_cut(records),
        spoken_frames=sum(len(one) for one in spoken),
        delivered_frames=sum(delivered(one, records.uplink) for one in spoken),
        unbroken=found >= 0 and found % 2 == 0,
        first_frame_at=start,
        first_block_at=_first(records.log, "input_audio_buffer.append").at,
        closed_at=_closed_at(records),
        xruns=sum(one["event"] == "xrun" for one in records.journal),
    )


def delivered(words: Samples, uplink: bytes) -> int:
    """How many frames of `words` are in `uplink`, in their order; whole, or by blocks of 20 ms."""
    if uplink.find(words.tobytes()) >= 0:
        return len(words)
    frames = place = 0
    for first in range(0, len(words), BLOCK):
        block = words[first : first + BLOCK]
        found = uplink.find(block.tobytes(), place)
        if found >= 0:
            frames, place = frames + len(block), found + block.nbytes
    return frames


def audible(answer: Samples, heard: Samples) -> int:
    """How many frames of `answer` are in `heard`, from its first sound on; gaps are skipped."""
    if not answer.any() or not heard.any():
        return 0
    rest = heard[max(int(heard.nonzero()[0][0]) - int(answer.nonzero()[0][0]), 0) :]
    frames = 0
    while True:
        length = min(len(answer) - frames, len(rest))
        differs = np.flatnonzero(answer[frames : frames + length] != rest[:length])
        same = int(differs[0]) if len(differs) else length
        frames, rest = frames + same, rest[same:]
        gap = rest.tobytes().find(answer[frames : frames + BLOCK].tobytes())
        if frames == len(answer) or gap < 0 or gap % 2:
            return frames
        rest = rest[gap // 2 :]


def _answers(records: Records) -> list[Answered]:
    card, log = records.card, records.log
    turns = [one for one in records.journal if one["event"] == "turn"]
    deltas: dict[str, list[Entry]] = {}
    for entry in log:
        if entry.event.get("type") == "response.output_audio.delta":
            deltas.setdefault(entry.event["response_id"], []).append(entry)
    starts = [own[0].at for own in deltas.values()]
    answers = []
    for turn, own, until in zip(turns, deltas.values(), [*starts[1:], records.until], strict=True):
        since = own[0].at
        sound = np.frombuffer(b"".join(entry.audio for entry in own), "<i2").astype(np.int16)
        sound_at = first_sound(card, since, until=until)
        if sound_at is None:
            raise LookupError("an answer was never audible")
        heard = audible(sound, card.heard(since, _stopped(card, since, until)))
        ended = _last(log, "input_audio_buffer.committed", before=since).at
        claimed = int(turn["heard_ms"])
        answers.append(Answered(ended, since, sound_at, len(sound), heard, claimed, sound))
    return answers


def _stopped(card: VirtualCard, since: float, until: float) -> float:
    """When the loudspeaker was silenced in between; `until` if it was not."""
    stops = [one.at for one in card.events("playback") if one.what == "stop"]
    return next((at for at in stops if since < at < until), until)


def _cut(records: Records) -> Cut:
    truncate = _first(records.log, "conversation.item.truncate")
    noticed = _last(records.log, "input_audio_buffer.speech_started", before=truncate.at)
    spoken_at = max(one.start for one in records.said if one.start < truncate.at)
    silent_at = _stopped(records.card, spoken_at, truncate.at + 0.1)
    return Cut(spoken_at, noticed.at, silent_at, int(truncate.event["audio_end_ms"]))


def _closed_at(records: Records) -> float:
    closes = [one.at for one in records.card.events("capture") if one.what == "close"]
    return closes[-1]


def _first(log: Sequence[Entry], kind: str) -> Entry:
    for entry in log:
        if entry.event.get("type") == kind:
            return entry
    raise LookupError(f"no {kind} was ever sent")


def _last(log: Sequence[Entry], kind: str, *, before: float) -> Entry:
    return _first([entry for entry in reversed(log) if entry.at <= before], kind)
