"""Renewals: what the room and the server notice when a session is replaced before its end.

Several devices at once, each on a card, with a server whose sessions live little longer than a
minute and a line that takes its time. So each renews again and again: at rest, or in a conversation
that was timed so that the renewal falls into speech, its end, a pause, or the sound of an answer.
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

from bench.drops import brief, compared
from bench.lanes import device_of_a_lane, in_lanes, one_by_one
from bench.report import Row
from daemon.proxy import Toxics
from daemon.running import KEY, Line, RunningDevice, noise
from device.core.habits import RENEW_FROM, RENEW_LOOK_S
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script
from virtual_card import Samples

LANES: Final = 8
COUNT: Final = 50
SESSION_S: Final = 69.0
"""A life under 60 s is not believed. The last look at this one is 1.5 s before its end: a swap
may have to wait a second for a reply."""
LATENCY_S: Final = 0.1
"""Each way: a session takes 0.4 s to open, in which people go on and turns end."""
TURN_END_S: Final = 0.3
FIRST_DELTA_S: Final = 0.1
ANSWER_S: Final = 4.0
SPEED: Final = 8.0
MADE_S: Final = FIRST_DELTA_S + ANSWER_S / SPEED + 2 * LATENCY_S
"""From the end of a turn until its answer is made; it goes on sounding."""
BEFORE_S: Final = 13.0
"""A conversation is opened so long before the renewal: the device is not idle when it might be."""
LINGER_S: Final = 10.0
PATIENCE_S: Final = 15.0
SETTLED_S: Final = 1.0
EDGE: Final = 1200
"""Frames by which the beginning and the end of an answer are known: 50 ms."""
REPLY: Final = noise(ANSWER_S, seed=99)
SCRIPT: Final = Script(
    [Answer(REPLY.tobytes(), "Yes.", first_delta_s=FIRST_DELTA_S, speed=SPEED)],
    turn_end_s=TURN_END_S,
)
REASON: Final = "renewed before its hour was over"

Moment = Literal["idle", "speaking", "speaking long", "ending", "answering", "pausing"]
MOMENTS: Final[Sequence[Moment]] = (
    "idle", "speaking", "answering", "ending", "speaking long", "pausing",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """One renewal. Times in seconds after the instant at which it is due."""

    moment: Moment
    tap_s: float
    speeches: Sequence[tuple[float, float]]
    """When somebody begins to speak, and for how long."""
    seed: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What of the answers was in the room."""

    begins: int
    whole: int
    """Answers that are there frame for frame."""
    gaps: int
    """Zero frames inside of them."""


@dataclass(frozen=True, slots=True)
class Fared:
    """What became of a renewal and of the conversation around it."""

    plan: Plan
    links: Sequence[str]
    """What the journal told of the link: the one line of a renewal, if it went well."""
    late_s: float
    """From the instant at which it was due to the new session."""
    missing: int
    """Frames of speech that no session got together with the rest of that speech."""
    doubled: int
    """Frames that one session got more than once."""
    heard: Heard
    openings: int
    """How often the microphone was started."""
    xruns: int
    """The card's of the microphone, and the journal's; at its end every answer runs dry."""
    complaints: Sequence[str]
    words: str = field(default="", repr=False)
    """The journal's lines, where something is wrong."""

    @property
    def flaws(self) -> list[str]:
        """What may not be."""
        turns = len(self.plan.speeches)
        found = {
            "not renewed": list(self.links) != [REASON],
            "missing": self.missing,
            "doubled": self.doubled,
            "gaps": self.heard.gaps,
            "answer not whole": self.heard.whole < turns or self.heard.begins > self.heard.whole,
            "answered twice": self.heard.whole > turns,
            "microphone": self.openings != 1,
            "xruns": self.xruns,
            "complaints": self.complaints,
        }
        return [name for name, wrong in found.items() if wrong]


def plans(count: int, *, seed: int) -> list[Plan]:
    """So many renewals: on each lane every moment in turn, all else at random."""
    source = random.Random(seed)
    return [_plan(source, number) for number in range(count)]


def _plan(source: random.Random, number: int) -> Plan:
    lap, lane = divmod(number, LANES)
    moment = MOMENTS[(lap + lane) % len(MOMENTS)]
    length = source.uniform(1.0, 1.4)
    first = (0.4 - BEFORE_S, source.uniform(1.0, 1.4))
    if moment == "idle":
        speeches, tap = [(1.5, length)], 1.0
    elif moment == "speaking long":
        begin = 2.0 - BEFORE_S
        speeches, tap = [(begin, source.uniform(0.5, 3.0) - begin)], -BEFORE_S
    else:
        over = TURN_END_S + MADE_S
        begin = {
            "speaking": -source.uniform(0.1, length - 0.1),
            "ending": -length - source.uniform(0.02, 0.25),
            "answering": -length - source.uniform(over + 0.2, over + 2.5),
            "pausing": source.uniform(0.5, 1.5),
        }[moment]
        speeches, tap = [first, (begin, length)], -BEFORE_S
    return Plan(moment, tap, speeches, seed=1000 + 10 * number)


def renewals(
    scratch: Path, planned: Sequence[Plan], *, told: Callable[[Fared], None] | None = None
) -> list[Fared]:
    """Play them all, on several devices at once. `told` hears of each when it is over."""
    return in_lanes(scratch, planned, lambda place, share: _lane(place, share, told), lanes=LANES)


def _lane(
    place: Path, planned: Sequence[Plan], told: Callable[[Fared], None] | None
) -> list[Fared]:
    """One device and its renewals, one after the other."""
    server = BackgroundSimulator(SCRIPT, key=KEY, session_s=SESSION_S)
    seconds = SESSION_S * (len(planned) + 1)
    with (
        server,
        device_of_a_lane(place, server, seconds=seconds, linger_s=LINGER_S) as (
            device,
            proxy,
        ),
    ):
        proxy.poison(up=Toxics(latency_s=LATENCY_S), down=Toxics(latency_s=LATENCY_S))
        device.start()
        device.wait_for("link", state="up")
        return one_by_one(device, planned, lambda plan: _renewal(device, plan), told=told)


def _renewal(device: RunningDevice, plan: Plan) -> Fared:
    """Wait for the renewal in the midst of its conversation, and judge it."""
    first_line, begun = len(device.lines), time.monotonic()
    due = _due(device, plan)
    _sleep_until(due + plan.tap_s)
    device.do("tap")
    speeches = []
    for number, (begin, length) in enumerate(plan.speeches):
        speeches.append(noise(length, seed=plan.seed + number))
        device.card.say(speeches[-1], at=due + begin)
    _sleep_until(due + max(0.0, *(sum(speech) for speech in plan.speeches)))
    _settle(device, turns=len(speeches), first=first_line)
    return _judge(device, plan, speeches=speeches, due=due, begun=begun, first=first_line)


def _due(device: RunningDevice, plan: Plan) -> float:
    """When the newest session will be renewed: while nobody talks, or at the look after that."""
    up = [line["t"] for line in device.all("link") if line["state"] == "up"][-1]
    expires = [
        entry.event["session"]["expires_at"]
        for entry in device.server.log
        if entry.event.get("type") == "session.created"
    ][-1]
    lasts = expires - time.time() + time.monotonic() - up
    look = RENEW_LOOK_S if plan.moment != "idle" else 0.0
    return float(up + RENEW_FROM * lasts + look)


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _settle(device: RunningDevice, *, turns: int, first: int) -> None:
    """Wait until so many answers are over, and for what may follow; then end the conversation."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if sum(line["event"] == "turn" for line in device.lines[first:]) >= turns:
            break
        time.sleep(0.05)
    time.sleep(SETTLED_S)
    if device.do("status")["gate"] != "closed":
        device.do("tap")
    time.sleep(SETTLED_S)


# Judging.


def _judge(
    device: RunningDevice,
    plan: Plan,
    *,
    speeches: Sequence[Samples],
    due: float,
    begun: float,
    first: int,
) -> Fared:
    lines = device.lines[first:]
    links = [line for line in lines if line["event"] == "link"]
    uplinks: dict[int, bytearray] = {}
    for entry in device.server.log:
        if entry.at >= begun and entry.event.get("type") == "input_audio_buffer.append":
            uplinks.setdefault(entry.session, bytearray()).extend(entry.audio)
    got = [np.frombuffer(bytes(uplink), "<i2") for uplink in uplinks.values()]
    fates = [[compared(speech, uplink) for uplink in got] for speech in speeches]
    microphone = [seen.what for seen in device.card.events("capture") if seen.at >= begun]
    fared = Fared(
        plan,
        links=[str(line["reason"]) for line in links],
        late_s=links[0]["t"] - due if links else float("nan"),
        missing=sum(
            min((missing for missing, _ in fate), default=len(speech))
            for fate, speech in zip(fates, speeches, strict=True)
        ),
        doubled=sum(doubled for fate in fates for _, doubled in fate),
        heard=heard_of(device.card.heard(begun)),
        openings=microphone.count("start"),
        xruns=microphone.count("xrun") + sum(line["event"] == "xrun" for line in lines),
        complaints=[str(line.get("code", "")) for line in lines if line["event"] == "error"],
    )
    return replace(fared, words=_words(lines, since=due)) if fared.flaws else fared


def heard_of(sound: Samples) -> Heard:
    """Find the answers in what the room heard. No frame of them is 0, no pause is anything else."""
    loud = np.flatnonzero(sound)
    solid = sound[loud].tobytes()
    gaps, at, whole = 0, solid.find(REPLY.tobytes()), 0
    while at >= 0:
        first = at // REPLY.itemsize
        span = loud[first + len(REPLY) - 1] - loud[first] + 1
        gaps, whole = gaps + int(span) - len(REPLY), whole + 1
        at = solid.find(REPLY.tobytes(), at + REPLY.nbytes)
    return Heard(solid.count(REPLY[:EDGE].tobytes()), whole, gaps)


def _words(lines: Sequence[Line], *, since: float) -> str:
    return "\n".join(f"{line['t'] - since:7.3f} {brief(line)}" for line in lines)


# Telling.


def rows(found: Sequence[Fared]) -> list[Row]:
    """The table."""
    late = [1000 * fared.late_s for fared in found if fared.links]
    flaws = Counter(flaw for fared in found for flaw in fared.flaws)

    def none(name: str, figure: float) -> Row:
        return Row(name, figure, limit="0", kept=figure == 0, count=True, digits=0)

    return [
        Row("renewals", len(found), digits=0),
        Row("in a conversation", sum(f.plan.moment != "idle" for f in found), digits=0),
        Row("seconds of speech", sum(s for f in found for _, s in f.plan.speeches)),
        none("not renewed, or the link was down", flaws["not renewed"]),
        none("samples missing at the server", sum(fared.missing for fared in found)),
        none("samples doubled in a session", sum(fared.doubled for fared in found)),
        none("zero frames inside answers", sum(fared.heard.gaps for fared in found)),
        none("answers not whole", flaws["answer not whole"]),
        none("answered twice", flaws["answered twice"]),
        none("xruns", sum(fared.xruns for fared in found)),
        none("microphone not opened just once", flaws["microphone"]),
        none("complaints in the journal", sum(len(fared.complaints) for fared in found)),
        Row("due to new session, p50 ms", statistics.median(late) if late else float("nan")),
        Row("due to new session, max ms", max(late, default=float("nan"))),
    ]


def as_data(found: Sequence[Fared]) -> list[dict[str, object]]:
    """Every renewal for machines."""
    return [
        {**asdict(fared), "late_s": round(fared.late_s, 4) if fared.links else None,
         "flaws": fared.flaws}
        for fared in found
    ]  # fmt: skip


def in_words(found: Sequence[Fared]) -> str:
    """How often each moment was tried, and what went wrong in it."""
    tried = Counter(fared.plan.moment for fared in found)
    wrong = Counter((flaw, fared.plan.moment) for fared in found for flaw in fared.flaws)
    told = [f"{n:4} {moment}" for moment, n in tried.most_common()]
    return "\n".join(told + [f"{n:4} {flaw}, {moment}" for (flaw, moment), n in wrong.items()])
