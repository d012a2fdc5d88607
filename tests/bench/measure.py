"""From the records of a run to its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.scene import Run
from device.simulator.script import RATE
from virtual_card import Samples

FRAMES_PER_MS: Final = RATE / 1000


@dataclass(frozen=True, slots=True)
class Uplink:
    """What became of the microphone's audio."""

    lateness_ms: list[float]
    """Of each append: its arrival after the capture of its newest sample."""
    delivered: float
    """Share of the microphone's frames between the first and the last append."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """One answer that was talked over."""

    silence_ms: float
    """From the server's word to the last audible sample."""
    claim_ms: int | None
    """`audio_end_ms`; 0 for a deleted item, None when nothing was said about it."""
    heard_ms: float
    """What was truly audible."""


@dataclass(frozen=True, slots=True)
class _Item:
    sound: Samples
    heard: int
    ended: float
    """When its last audible sample was over."""


def uplink(run: Run) -> Uplink:
    """Find every append in the microphone's timeline, by its bytes."""
    card = run.card
    spoken = card.spoken(card.instant(0), run.ended).tobytes()
    lateness, found, first, place = [], 0, -1, 0
    for append in run.record.appends:
        begin = 2 * append.first_frame
        sound = run.record.uplink[begin : begin + 2 * append.frames]
        if not spoken.startswith(sound, place):
            elsewhere = spoken.find(sound, place)
            if elsewhere < 0 or elsewhere % 2:
                continue
            place = elsewhere
        first = place if first < 0 else first
        place += len(sound)
        found += len(sound)
        lateness.append(1000 * (append.at - card.instant(place // 2)))
    return Uplink(lateness, found / (place - first) if found else 0.0)


def overruns(run: Run) -> int:
    """How often the card's capture stopped because the client was late."""
    return sum(event.what == "xrun" and event.direction == "capture" for event in run.events)


def interruptions(run: Run) -> list[Interruption]:
    """Every answer that still sounded when the server said that somebody speaks."""
    log, items = run.record.log, dict(_items(run))
    claims: dict[str, int] = {}
    for entry in log:
        if entry.event.get("type") == "conversation.item.truncate":
            claims[str(entry.event["item_id"])] = int(entry.event["audio_end_ms"])
        elif entry.event.get("type") == "conversation.item.delete":
            claims[str(entry.event["item_id"])] = 0
    found, latest = [], ""
    for entry in log:
        match entry.event.get("type"):
            case "response.output_audio.delta":
                latest = entry.event["item_id"]
            case "input_audio_buffer.speech_started" if latest in items:
                item = items.pop(latest)
                if item.heard < len(item.sound):
                    silence = max(0.0, 1000 * (item.ended - entry.at))
                    heard = item.heard / FRAMES_PER_MS
                    found.append(Interruption(silence, claims.get(latest), heard))
            case _:
                pass
    return found


def foreign_frames(run: Run) -> int:
    """Audible frames that are no beginning of an answer, in order: there must be none."""
    audible = int(np.count_nonzero(_played(run)))
    return audible - sum(item.heard for _, item in _items(run))


def _items(run: Run) -> Iterator[tuple[str, _Item]]:
    """Each item with what the room heard of it: the answers hold no zero, silence nothing else."""
    sounds: dict[str, list[bytes]] = {}
    for entry in run.record.log:
        if entry.audio and entry.direction == "server":
            sounds.setdefault(entry.event["item_id"], []).append(entry.audio)
    played = _played(run)
    loud = np.flatnonzero(played)
    cursor = 0
    for name, pieces in sounds.items():
        sound = np.frombuffer(b"".join(pieces), "<i2")
        room = played[loud[cursor : cursor + len(sound)]]
        differs = np.flatnonzero(room != sound[: len(room)])
        heard = int(differs[0]) if len(differs) else len(room)
        cursor += heard
        last = int(loud[cursor - 1]) + 1 if heard else 0
        yield name, _Item(sound, heard, run.card.instant(last))


def _played(run: Run) -> Samples:
    return run.card.heard(run.card.instant(0), run.ended)
