"""Drops: what becomes of every word and every answer when the link breaks at random moments.

Several devices converse at once, each on a card, through a proxy, with a server of its own. In each
turn somebody presses, says a noise of which every sample can be told, and the link is cut at a
random moment for 0.2 to 8 s. Judged from what arrived at the server and what the room heard.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bench.lanes import device_of_a_lane, in_lanes, one_by_one
from bench.report import Row
from daemon.proxy import Proxy
from daemon.running import KEY, Line, RunningDevice, noise
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script
from virtual_card import Samples

LANES: Final = 4
COUNT: Final = 200
OUTAGE_S: Final = (0.2, 8.0)
TURN_END_S: Final = 0.3
FIRST_DELTA_S: Final = 0.4
ANSWER_S: Final = 0.8
LINGER_S: Final = 1.0
PATIENCE_S: Final = 45.0
"""Past the end of the outage: what has not happened by then does not happen."""
SETTLED_S: Final = 1.0
"""A device that is up and quiet for so long does nothing more about this turn."""
BACK_S: Final = 0.3
TURN_S: Final = 60.0
"""Card time of the longest turn."""
GRAIN: Final = 4
"""Frames by which a place in a noise is known: 2^-52 for two alike."""

EDGE: Final = 1200
"""Frames by which the beginning and the end of an answer are known: 50 ms."""
REPLY: Final = noise(ANSWER_S, seed=99)
SCRIPT: Final = Script(
    [Answer(REPLY.tobytes(), "Yes.", first_delta_s=FIRST_DELTA_S, speed=2.0)], turn_end_s=TURN_END_S
)

Phase = Literal["listening", "speaking", "awaiting", "answering"]
Way = Literal["tap", "hold"]
Manner = Literal["drop", "reset"]
PHASES: Final[Sequence[Phase]] = ("listening", "speaking", "awaiting", "answering")
WAYS: Final[Sequence[Way]] = ("tap", "hold")
MANNERS: Final[Sequence[Manner]] = ("drop", "reset")


@dataclass(frozen=True, slots=True)
class Plan:
    """One turn and its drop. Times in seconds, from the press where nothing else is said."""

    seed: int
    how: Way
    phase: Phase
    manner: Manner
    begin_s: float
    """When the person begins to speak."""
    speech_s: float
    cut_s: float
    outage_s: float


@dataclass(frozen=True, slots=True)
class Fared:
    """What became of a turn."""

    plan: Plan
    missing: int
    """Frames of the speech that the session which answered never got."""
    doubled: int
    begins: int
    """How often the answer began in the room, and how often it came to its end."""
    ends: int
    reasons: Sequence[str]
    """Codes of what the journal complained about meanwhile."""
    back_s: float | None
    """From the server's return to the first audio, where words waited for it."""
    dial_s: float | None
    """Of this, what came after the device had dialled."""
    words: str = field(default="", repr=False)
    """The journal's lines of this turn, where something is wrong."""

    @property
    def answered(self) -> bool:
        """It was answered to its end, or to where the link broke in it."""
        return self.ends > 0 or (self.begins > 0 and self.plan.phase == "answering")

    @property
    def explained(self) -> bool:
        """There is an answer, or a reason for there being none."""
        return self.answered or bool(self.reasons)

    @property
    def flaws(self) -> list[str]:
        """What may not be."""
        found = {
            "missing": self.answered and self.missing,
            "doubled": self.doubled,
            "answered twice": self.ends > 1,
            "unexplained": not self.explained,
            "unanswered": not self.answered,
        }
        return [name for name, wrong in found.items() if wrong]


def plans(count: int, *, seed: int) -> list[Plan]:
    """So many turns: on each lane every phase with both ways of the button, all else at random."""
    source = random.Random(seed)
    return [_plan(source, number) for number in range(count)]


def _plan(source: random.Random, number: int) -> Plan:
    lap, lane = divmod(number, LANES)
    phase = PHASES[(lap + lane) % len(PHASES)]
    begin, speech = source.uniform(0.3, 0.9), source.uniform(0.8, 2.0)
    over = begin + speech
    first, last = {
        "listening": (0.02, begin),
        "speaking": (begin + 0.05, over - 0.05),
        "awaiting": (over, over + TURN_END_S + FIRST_DELTA_S),
        "answering": (over + TURN_END_S + FIRST_DELTA_S, over + TURN_END_S + FIRST_DELTA_S + 0.7),
    }[phase]
    return Plan(
        seed=1000 + number,
        how=WAYS[(lap // len(PHASES) + lane) % len(WAYS)],
        phase=phase,
        manner=source.choice(MANNERS),
        begin_s=begin,
        speech_s=speech,
        cut_s=source.uniform(first, last),
        outage_s=source.uniform(*OUTAGE_S),
    )


def drops(
    scratch: Path, planned: Sequence[Plan], *, told: Callable[[Fared], None] | None = None
) -> list[Fared]:
    """Play them all, on several devices at once. `told` hears of each turn when it is over."""
    return in_lanes(scratch, planned, lambda place, share: _lane(place, share, told), lanes=LANES)


def _lane(
    place: Path, planned: Sequence[Plan], told: Callable[[Fared], None] | None
) -> list[Fared]:
    """One device and its turns, one after the other."""
    server = BackgroundSimulator(SCRIPT, key=KEY)
    seconds = TURN_S * (len(planned) + 1)
    with (
        server,
        device_of_a_lane(place, server, seconds=seconds, linger_s=LINGER_S) as (
            device,
            proxy,
        ),
    ):
        device.start()
        device.light("idle")
        return one_by_one(device, planned, lambda plan: _turn(device, proxy, plan), told=told)


def _turn(device: RunningDevice, proxy: Proxy, plan: Plan) -> Fared:
    """Play one turn to its end, and judge it."""
    speech = noise(plan.speech_s, seed=plan.seed)
    first_line = len(device.lines)
    begun = time.monotonic()
    device.card.say(speech, at=begun + plan.begin_s)
    device.do("tap" if plan.how == "tap" else "press")
    steps: list[tuple[float, Callable[[], object]]] = [
        (plan.cut_s, lambda: _cut(proxy, plan)),
        (plan.cut_s + plan.outage_s, lambda: back.append(proxy.accept())),
    ]
    if plan.how == "hold":
        steps.append((plan.begin_s + plan.speech_s + 0.15, lambda: device.do("release")))
    back: list[float] = []
    for after, step in sorted(steps, key=lambda one: one[0]):
        time.sleep(max(0.0, begun + after - time.monotonic()))
        step()
    _settle(device, until=time.monotonic() + PATIENCE_S)
    return _judge(device, proxy, plan, speech=speech, begun=begun, back=back[0], first=first_line)


def _cut(proxy: Proxy, plan: Plan) -> None:
    proxy.refuse()
    (proxy.drop if plan.manner == "drop" else proxy.reset)()


def _settle(device: RunningDevice, *, until: float) -> None:
    """Wait until the device is up and has been quiet for a while, or all patience is gone."""
    quiet_since = time.monotonic()
    while (now := time.monotonic()) < min(until, quiet_since + SETTLED_S):
        time.sleep(0.05)
        status = device.do("status")
        if (status["link"], status["gate"], status["reply"]) != ("up", "closed", "quiet"):
            quiet_since = now


# Judging.


def _judge(
    device: RunningDevice,
    proxy: Proxy,
    plan: Plan,
    *,
    speech: Samples,
    begun: float,
    back: float,
    first: int,
) -> Fared:
    lines = device.lines[first:]
    log = [entry for entry in device.server.log if entry.at >= begun]
    sent = [entry for entry in log if entry.event.get("type") == "input_audio_buffer.append"]
    uplinks: dict[int, bytearray] = {}
    for entry in sent:
        uplinks.setdefault(entry.session, bytearray()).extend(entry.audio)
    fates = {
        number: compared(speech, np.frombuffer(bytes(uplink), "<i2"))
        for number, uplink in uplinks.items()
    }
    answering = {e.session for e in log if e.event.get("type") == "response.output_audio.delta"}
    holds = [fate for number, fate in fates.items() if number in answering] or list(fates.values())
    heard = device.card.heard(begun)
    sound = heard[heard != 0].tobytes()
    late = [entry for entry in sent if entry.at >= back]
    came = late[0].at if late and (_open(lines, back) or late[0].session in answering) else None
    dialled = max((at for at in proxy.accepted if came is not None and at <= came), default=None)
    fared = Fared(
        plan,
        missing=min((missing for missing, _ in holds), default=len(speech)),
        doubled=max((doubled for _, doubled in fates.values()), default=0),
        begins=sound.count(REPLY[:EDGE].tobytes()),
        ends=sound.count(REPLY[-EDGE:].tobytes()),
        reasons=_reasons(lines),
        back_s=None if came is None else came - back,
        dial_s=None if came is None or dialled is None else came - dialled,
    )
    if not fared.flaws:
        return fared
    words = "\n".join(f"{line['t'] - begun:7.3f} {brief(line)}" for line in lines)
    return replace(fared, words=words)


def _reasons(lines: Sequence[Line]) -> list[str]:
    """What was complained about; a line that was written a minute ago is not written again."""
    errors = [str(line.get("code", "")) for line in lines if line["event"] == "error"]
    turns = [str(line["trouble"]) for line in lines if line["event"] == "turn" and line["trouble"]]
    return errors + turns


def _open(lines: Sequence[Line], at: float) -> bool:
    """The gate was open then."""
    states = [line["state"] for line in lines if line["event"] == "gate" and line["t"] <= at]
    return states[-1:] == ["open"]


def brief(line: Line) -> str:
    """A line of the journal, on one line."""
    kept = {name: value for name, value in line.items() if name not in ("t", "message", "level")}
    return " ".join(f"{name}={value}" for name, value in kept.items())


def compared(speech: Samples, uplink: Samples) -> tuple[int, int]:
    """Frames of the speech that are not in the uplink, and those that are there more than once."""
    places, times = np.unique(_grains(uplink), return_counts=True)
    wanted = _grains(speech)
    at = np.searchsorted(places, wanted)
    at[at == len(places)] = 0
    found = places[at] == wanted if len(places) else np.zeros(len(wanted), bool)
    counts = np.where(found, times[at] if len(times) else 0, 0)
    # A frame is in every grain that covers it: it came as often as the most frequent of them.
    often = np.zeros(len(speech), int)
    for shift in range(GRAIN):
        part = often[shift : shift + len(counts)]
        np.maximum(part, counts, out=part)
    return int(np.count_nonzero(often == 0)), int(np.sum(np.maximum(often - 1, 0)))


def _grains(sound: Samples) -> NDArray[np.int64]:
    """Every run of so many frames as one number."""
    wide = sound.astype(np.int64) & 0xFFFF
    last = max(0, len(sound) - GRAIN + 1)
    grains = np.zeros(last, np.int64)
    for shift in range(GRAIN):
        grains = (grains << 16) | wide[shift : shift + last]
    return grains


# Telling.


def rows(found: Sequence[Fared]) -> list[Row]:
    """The table."""
    back = [fared.back_s for fared in found if fared.back_s is not None]
    dial = [fared.dial_s for fared in found if fared.dial_s is not None]
    answered = [fared for fared in found if fared.answered]
    missing, doubled = sum(f.missing for f in answered), sum(f.doubled for f in found)
    twice = sum(fared.ends > 1 for fared in found)
    unexplained = sum(not fared.explained for fared in found)
    lost = sum(not fared.answered for fared in found)
    return [
        Row("drops", len(found), digits=0),
        Row("seconds of speech", sum(fared.plan.speech_s for fared in found)),
        Row("samples missing at the server", missing, limit="0", kept=missing == 0, count=True,
            digits=0),
        Row("samples doubled at the server", doubled, limit="0", kept=doubled == 0, count=True,
            digits=0),
        Row("turns answered twice", twice, limit="0", kept=twice == 0, count=True, digits=0),
        Row("turns not answered", lost, digits=0),
        Row("of them without a reason", unexplained, limit="0", kept=unexplained == 0, count=True,
            digits=0),
        Row("server back to first audio, p50 s", _median(back), digits=2),
        Row("server back to first audio, max s", max(back, default=float("nan")),
            limit=f"<= {BACK_S}", kept=max(back, default=0.0) <= BACK_S, digits=2),
        Row("of it, from the dial on, max s", max(dial, default=float("nan")), digits=2),
    ]  # fmt: skip


def _median(figures: Sequence[float]) -> float:
    return statistics.median(figures) if figures else float("nan")


def as_data(found: Sequence[Fared]) -> list[dict[str, object]]:
    """Every turn for machines."""
    return [{**asdict(fared), "flaws": fared.flaws} for fared in found]


def in_words(found: Sequence[Fared]) -> str:
    """What went wrong, and in which phase, so that one knows where to look."""
    wrong = Counter(
        (flaw, fared.plan.how, fared.plan.phase) for fared in found for flaw in fared.flaws
    )
    return "\n".join(f"{n:4} {' '.join(what)}" for what, n in wrong.most_common())
