"""One canceller in one condition: the device's own ear, detector and guard, and their figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np

from bench.echo import scenes
from bench.echo.rooms import Signal
from bench.echo.scenes import Condition
from device.core.audio import FRAME_BYTES, PERIOD, RATE
from device.core.duplex import LOUD_DBFS, Duplex
from device.core.events import Echo
from device.core.outlet import Outlet
from device.core.vad import STRICT, Terms, Vad, levels
from device.drivers.aloud import Aloud, Position
from device.drivers.ear import Ear
from device.drivers.echo import Aec3, Canceller, Speex

CANCELLERS: Final[dict[str, type[Canceller]]] = {"aec3": Aec3, "speex": Speex}

AHEAD_S: Final = 0.16
"""So far ahead of its sound the speaker's buffer is written."""
EARLY: Final = (0.0, 5.0)
LATE: Final = (20.0, 43.0)
SOON_S: Final = 0.3
SIZE: Final = PERIOD * FRAME_BYTES
Fresh = Callable[[], Canceller]
Task = tuple[str, Condition, float, int]
"""A canceller's name, the condition, seconds of our voice alone, interruptions at each level."""


@dataclass
class Run:
    """What came out, block by block of 20 ms."""

    clean: bytes = b""
    echoes: list[Echo] = field(default_factory=list)
    cpu: float = 0.0
    """Seconds of a core for each second of sound."""


def run(canceller: Canceller, voice: Signal, microphone: Signal, *, ppm: float) -> Run:
    """Let the device's ear hear the microphone while our voice sounds by a clock so much faster."""
    aloud, position = Aloud(), Position()
    ear = Ear(canceller, aloud)
    played, heard = scenes.pcm(voice), scenes.pcm(microphone)
    found, pieces, written = Run(), [], 0
    began = time.process_time()
    for at in range(0, len(heard) - SIZE + 1, SIZE):
        now = (at // FRAME_BYTES + PERIOD) / RATE
        while written < len(played) and _audible(written, ppm) < now + AHEAD_S:
            piece = played[written : written + SIZE]
            aloud.sounds(position.take(_audible(written, ppm), len(piece) // FRAME_BYTES), piece)
            written += SIZE
        one = ear.hear(heard[at : at + SIZE], now)
        pieces.append(one.block.pcm)
        found.echoes.append(one.echo)
    found.cpu = (time.process_time() - began) / (len(heard) / FRAME_BYTES / RATE)
    found.clean = b"".join(pieces)
    return found


def _audible(byte: int, ppm: float) -> float:
    return byte / FRAME_BYTES / RATE / (1 + ppm / 1e6)


def erle(microphone: Signal, clean: bytes, span: tuple[float, float]) -> float:
    """How much of the echo's power is gone between two moments, in dB."""
    window = slice(*(round(second * RATE) for second in span))
    left = np.frombuffer(clean, "<i2")[window] / scenes.FULL
    return float(10 * np.log10(np.sum(microphone[window] ** 2) / (np.sum(left**2) + 1e-9)))


@dataclass(frozen=True)
class Alone:
    """Our own voice and nobody else's: what the guard made of it, and what interrupted."""

    false_starts: int
    guarded_starts: int
    opened_s: float | None
    closed: int
    open_share: float
    residual_p50: float
    residual_p99: float
    taken_db: float


def alone(echoes: Sequence[Echo], terms: Terms = STRICT) -> Alone:
    """Judge ten minutes in which every start is a false one."""
    detector, duplex = Vad(terms), Duplex("guarded", Outlet())
    starts = guarded = closed = opened_blocks = 0
    opened: float | None = None
    hearing = False
    for number, echo in enumerate(echoes):
        was_half = duplex.half
        duplex.heard(echo)
        before, hearing = hearing, detector.hear(echo.after)
        if hearing and not before:
            starts += 1
            if not duplex.half:
                guarded += 1
                duplex.false_alarm(number * 0.02)
        opened_blocks += not duplex.half
        closed += duplex.half and not was_half
        if opened is None and not duplex.half:
            opened = number * 0.02
    loud = [(b, a) for e in echoes for p, b, a in zip(e.played, e.before, e.after, strict=True)
            if p > LOUD_DBFS]  # fmt: skip
    residual = [after for _, after in loud]
    return Alone(
        starts, guarded, opened, closed, opened_blocks / len(echoes),
        float(np.percentile(residual, 50)), float(np.percentile(residual, 99)),
        float(np.mean([before - after for before, after in loud])),
    )  # fmt: skip


@dataclass(frozen=True)
class Over:
    """People who interrupt: what share was heard soon, how late in the middle, what was lost."""

    soon: float
    late_ms: float | None
    missed: int
    loss_db: float
    loss_p10_db: float


def over(
    result: Run, near: Signal, starts: Sequence[int], *, delay: int, terms: Terms = STRICT
) -> Over:
    """Judge a scene with interruptions by the times at which the detector hears somebody."""
    voice = levels(scenes.pcm(np.concatenate((np.zeros(delay), near))))
    after = [level for echo in result.echoes for level in echo.after]
    detector = Vad(terms)
    hearing = [detector.hear((level,)) for level in after]
    lags = []
    for start in starts:
        first = start // PERIOD
        onset = next(k for k in range(first, len(voice)) if voice[k] > STRICT.gate_dbfs)
        until = first + round(3.0 * RATE / PERIOD)
        begun = [k for k in range(onset, until) if hearing[k] and not hearing[k - 1]]
        lags.append((begun[0] + 1 - onset) * 0.02 if begun and not hearing[onset - 1] else np.inf)
    found = [lag for lag in lags if np.isfinite(lag)]
    loud = [k for k, level in enumerate(voice[: len(after)]) if level > np.percentile(voice, 85)]
    loss = [after[k] - voice[k] for k in loud]
    return Over(
        soon=float(np.mean([lag <= SOON_S for lag in lags])),
        late_ms=1000 * float(np.median(found)) if found else None,
        missed=sum(not np.isfinite(lag) for lag in lags),
        loss_db=float(np.mean(loss)),
        loss_p10_db=float(np.percentile(loss, 10)),
    )


def row(task: Task) -> dict[str, Any]:
    """A line of the table."""
    name, condition, seconds, count = task
    figures = judge(condition, CANCELLERS[name], alone_s=seconds, count=count)
    named = {
        "condition": condition.name, "canceller": name, "least_db": condition.least_db,
        "allowed": condition.allowed,
    }  # fmt: skip
    return {**named, **figures}


def judge(condition: Condition, fresh: Fresh, *, alone_s: float, count: int) -> dict[str, Any]:
    """All figures of one canceller in one condition; of several microphones the worst."""
    lasting = max(alone_s / condition.microphones, 45.0)
    voice = scenes.ours(lasting, order=condition.order, sway_db=condition.sway_db)
    found: list[dict[str, Any]] = []
    for number, microphone in enumerate(scenes.echoes(condition, voice)):
        lonely = run(fresh(), voice, microphone, ppm=condition.ppm)
        figures: dict[str, Any] = {
            "erle_early": erle(microphone, lonely.clean, EARLY),
            "erle_late": erle(microphone, lonely.clean, LATE),
            "cpu": lonely.cpu,
            "alone": asdict(alone(lonely.echoes)),
        }
        if number == 0:
            for below in (0, 10):
                figures[f"over_{below}"] = asdict(_interrupted(condition, fresh, count, below))
        found.append(figures)
    return _worst(found)


def _interrupted(condition: Condition, fresh: Fresh, count: int, below_db: float) -> Over:
    condition = replace(condition, later=None)
    near, starts = scenes.interruptions(count, below_db)
    voice = scenes.ours(len(near) / RATE)
    canceller = fresh()
    microphone = scenes.echoes(condition, voice)[0] + near
    return over(
        run(canceller, voice, microphone, ppm=condition.ppm), near, starts, delay=canceller.delay
    )


def _worst(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the microphones: the least that was taken, and the false starts of all."""
    result = dict(found[0])
    for name in ("erle_early", "erle_late"):
        result[name] = min(one[name] for one in found)
    lonely = dict(result["alone"])
    for name in ("false_starts", "guarded_starts", "closed"):
        lonely[name] = sum(one["alone"][name] for one in found)
    result["alone"] = lonely
    return result
