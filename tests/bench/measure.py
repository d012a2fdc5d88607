"""From the records of a run to its figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.scene import Run
from device.simulator.record import Entry
from device.simulator.script import RATE
from virtual_card import Samples

FRAMES_PER_MS: Final = RATE / 1000
FRAME_BYTES: Final = 2
APPEND: Final = "input_audio_buffer.append"


@dataclass(frozen=True, slots=True)
class Uplink:
    """What became of the microphone's audio."""

    lateness_ms: list[float]
    """Of each append: its arrival after the capture of its newest sample."""
    delivered: float
    """Share of the microphone's frames between the first and the last append."""
    lost_s: float
    """The rest of it."""


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
    sent: float
    """When its first delta was sent."""
    began: float
    """When its first sample was audible."""
    ended: float
    """When its last audible sample was over."""


def uplink(run: Run) -> Uplink:
    """Find every append in the microphone's timeline, by its bytes."""
    card = run.card
    spoken = card.spoken(card.instant(0), run.ended).tobytes()
    lateness, found, first, place = [], 0, -1, 0
    for append in appends(run):
        sound = append.audio
        if not spoken.startswith(sound, place):
            elsewhere = spoken.find(sound, place)
            if elsewhere < 0 or elsewhere % FRAME_BYTES:
                continue
            place = elsewhere
        first = place if first < 0 else first
        place += len(sound)
        found += len(sound)
        lateness.append(1000 * (append.at - card.instant(place // FRAME_BYTES)))
    whole = place - first if found else 0
    lost_s = (whole - found) / FRAME_BYTES / RATE
    return Uplink(lateness, found / whole if found else 0.0, lost_s)


def appends(run: Run) -> list[Entry]:
    """The appends of all sessions, in the order of their arrival."""
    return [entry for entry in run.log if entry.audio and entry.event.get("type") == APPEND]


def overruns(run: Run) -> int:
    """How often the card's capture stopped because the client was late."""
    return sum(event.what == "xrun" and event.direction == "capture" for event in run.events)


def back_in_s(run: Run) -> list[float | None]:
    """For each outage: from the server's return to the first audio; None: it never came."""
    arrivals = [append.at for append in appends(run)]
    return [next((at - back for at in arrivals if at >= back), None) for back in run.returned]


def wire_to_speaker_ms(run: Run) -> list[float]:
    """For each answer that was heard: from its first delta to its first audible sample."""
    return [1000 * (item.began - item.sent) for _, item in _items(run) if item.heard]


def gaps_ms(run: Run) -> float:
    """Silence inside answers, between their first and their last audible sample."""
    return sum(
        1000 * (item.ended - item.began) - item.heard / FRAMES_PER_MS
        for _, item in _items(run)
        if item.heard
    )


def cpu_s_per_min(run: Run) -> float:
    """CPU time per minute of the scene."""
    return 60 * (run.after.cpu_s - run.before.cpu_s) / run.scene.seconds


def wakes_per_s(run: Run) -> float:
    """Context switches per second of the scene."""
    return (run.after.switches - run.before.switches) / run.scene.seconds


def interruptions(run: Run) -> list[Interruption]:
    """Every answer that still sounded when the server said that somebody speaks."""
    items = dict(_items(run))
    claims: dict[str, int] = {}
    for entry in run.log:
        if entry.event.get("type") == "conversation.item.truncate":
            claims[str(entry.event["item_id"])] = int(entry.event["audio_end_ms"])
        elif entry.event.get("type") == "conversation.item.delete":
            claims[str(entry.event["item_id"])] = 0
    found, latest = [], ""
    for entry in run.log:
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
    sounds: dict[str, list[Entry]] = {}
    for entry in run.log:
        if entry.audio and entry.direction == "server":
            sounds.setdefault(entry.event["item_id"], []).append(entry)
    played = _played(run)
    loud = np.flatnonzero(played)
    cursor = 0
    for name, deltas in sounds.items():
        sound = np.frombuffer(b"".join(delta.audio for delta in deltas), "<i2")
        room = played[loud[cursor : cursor + len(sound)]]
        differs = np.flatnonzero(room != sound[: len(room)])
        heard = int(differs[0]) if len(differs) else len(room)
        first, last = (int(loud[cursor]), int(loud[cursor + heard - 1]) + 1) if heard else (0, 0)
        cursor += heard
        began, ended = run.card.instant(first), run.card.instant(last)
        yield name, _Item(sound, heard, deltas[0].at, began, ended)


def _played(run: Run) -> Samples:
    return run.card.heard(run.card.instant(0), run.ended)
