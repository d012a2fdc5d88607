"""`python -m bench [FORM]`: measure, show the table, keep the figures; 0 when reached."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import (
    arrays,
    cancelling,
    crowd,
    drops,
    figures,
    measured,
    picture,
    reconnects,
    renewals,
    report,
    soak,
    unplugs,
)  # fmt: skip
from bench.clients import OURS
from bench.measure import overruns
from bench.process import Usage, waited_s
from bench.report import FAST, FULL, Row
from bench.rounds import Bench, say
from bench.scenario import load
from bench.scene import play
from contract import docs
from device import __version__

CACHE: Final = Path(__file__).parents[2] / ".cache"
FORMS: Final = (
    "fast",
    "full",
    "soak",
    "crowd",
    "drops",
    "reconnects",
    "renewals",
    "unplugs",
    "cancelling",
    "array",
)
SAMPLE_S: Final = 2.0
FAST_ROUNDS: Final = 2
FULL_ROUNDS: Final = 3
FAST_DROP_S: Final = 6.0


def main() -> int:
    """Run one form of the bench."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("form", nargs="?", choices=FORMS, default="fast")
    parser.add_argument("--rounds", type=int, metavar="N", help="conversations of each client")
    parser.add_argument("--seconds", type=float, metavar="S", help="card time of a soak")
    parser.add_argument(
        "--count", type=int, metavar="N", help="drops, reconnects, renewals, unplugs"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of drops, renewals, unplugs"
    )
    parser.add_argument(
        "--keep", action="store_true", help="state the figures in README and its picture"
    )
    words = parser.parse_args()
    if words.keep and words.form not in ("fast", "full"):
        parser.error("README states the figures of the fast or the full form")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        if words.form == "soak":
            status = long_run(Path(scratch), seconds=words.seconds)
        elif words.form == "crowd":
            status = many(Path(scratch))
        elif words.form == "drops":
            status = broken(Path(scratch), count=words.count or drops.COUNT, seed=words.seed)
        elif words.form == "reconnects":
            status = again(words.count or reconnects.COUNT)
        elif words.form == "renewals":
            status = seamless(Path(scratch), count=words.count or renewals.COUNT, seed=words.seed)
        elif words.form == "unplugs":
            status = pulled(Path(scratch), count=words.count or unplugs.COUNT, seed=words.seed)
        elif words.form == "cancelling":
            status = clean(Path(scratch), rounds=words.rounds or cancelling.ROUNDS)
        elif words.form == "array":
            status = several()
        elif words.form == "full":
            status = full(Path(scratch), rounds=words.rounds or FULL_ROUNDS, keep=words.keep)
        else:
            status = fast(Path(scratch), rounds=words.rounds or FAST_ROUNDS, keep=words.keep)
    say(f"{time.monotonic() - began:.0f} s")
    return status


def fast(scratch: Path, *, rounds: int, keep: bool) -> int:
    """The gate. A time that was missed is measured once more before it counts."""
    bench = Bench(scratch, talk=load("brief"), limits=FAST)
    bench.starts()
    for _ in range(rounds):
        bench.talks()
    bench.rest(drop=load("drop", seconds=FAST_DROP_S), idle=load("idle"))
    if any(not row.count for row in report.missed(bench.table(), quiet=True)):
        bench.talks()
    return _finish(bench, "fast", keep=keep)


def full(scratch: Path, *, rounds: int, keep: bool) -> int:
    """The figures of a release: minutes of conversation, against the aims."""
    bench = Bench(scratch, talk=load("talk"), limits=FULL)
    bench.starts()
    for _ in range(rounds):
        bench.talks()
    bench.rest(drop=load("drop"), idle=load("idle"))
    return _finish(bench, "full", keep=keep)


def long_run(scratch: Path, *, seconds: float | None) -> int:
    """Hours of conversation for growth."""
    scene = load("soak", seconds=seconds)
    say(f"{scene.seconds / 3600:.1f} h of sound in {scene.seconds / scene.speed / 60:.0f} min")
    samples: list[Usage] = []
    run = play(scene, OURS, directory=scratch / "soak", watch=samples.append, every_s=SAMPLE_S)
    lines = [json.loads(line) for line in (scratch / "soak" / "stderr").read_text().splitlines()]
    turns = [line for line in lines if line.get("event") == "turn"]
    table = soak.rows(
        soak.growth(samples, speed=scene.speed),
        overruns=overruns(run),
        turns=len(turns),
        interrupted=sum(bool(turn.get("interrupted")) for turn in turns),
    )
    svg = picture.curve(samples, speed=scene.speed, title="Memory over a long conversation")
    pressure = {OURS.name: [round(run.pressure, 1)]}
    result = _result("soak", table, quiet=bool(figures.quiet([run])), pressure=pressure)
    return _show(result, table, svg)


def many(scratch: Path) -> int:
    """Fifty callers of the server, which has one core."""
    say(f"{crowd.CALLERS} callers speak for {crowd.SECONDS:.0f} s")
    found = crowd.crowd(scratch)
    table, pressure = crowd.rows(found), {"all": [round(found.pressure, 1)]}
    return _show(_result("crowd", table, quiet=found.quiet, pressure=pressure), table)


def broken(scratch: Path, *, count: int, seed: int) -> int:
    """Conversations whose link breaks at random moments."""
    say(f"{count} drops, seed {seed}, {drops.LANES} devices at once")
    waited, began = waited_s(), time.monotonic()

    def told(turn: drops.Fared) -> None:
        flaws = ", ".join(turn.flaws) or "well"
        say(f"{turn.plan.how} {turn.plan.phase} {turn.plan.outage_s:.1f} s: {flaws}")

    turns = drops.drops(scratch, drops.plans(count, seed=seed), told=told)
    pressure = 100 * (waited_s() - waited) / (time.monotonic() - began)
    say(drops.in_words(turns))
    table, calm = drops.rows(turns), not pressure > figures.NOISY_PERCENT
    result = _result("drops", table, quiet=calm, pressure={"all": [round(pressure, 1)]})
    return _show({**result, "seed": seed, "turns": drops.as_data(turns)}, table)


def again(count: int) -> int:
    """The link dials over and over, for growth."""
    say(f"{count} reconnects")
    table = reconnects.rows(reconnects.reconnects(count))
    return _show(_result("reconnects", table, quiet=True, pressure={}), table)


def seamless(scratch: Path, *, count: int, seed: int) -> int:
    """Conversations whose session is replaced in the midst of them."""
    say(f"{count} renewals, seed {seed}, {renewals.LANES} devices at once")
    waited, began = waited_s(), time.monotonic()

    def told(one: renewals.Fared) -> None:
        say(f"{one.plan.moment}, {1000 * one.late_s:.0f} ms: {', '.join(one.flaws) or 'well'}")

    found = renewals.renewals(scratch, renewals.plans(count, seed=seed), told=told)
    pressure = 100 * (waited_s() - waited) / (time.monotonic() - began)
    say(renewals.in_words(found))
    table, calm = renewals.rows(found), not pressure > figures.NOISY_PERCENT
    result = _result("renewals", table, quiet=calm, pressure={"all": [round(pressure, 1)]})
    return _show({**result, "seed": seed, "renewals": renewals.as_data(found)}, table)


def pulled(scratch: Path, *, count: int, seed: int) -> int:
    """An idle device whose card is pulled out over and over."""
    say(f"{unplugs.IDLE_S:.0f} s of idling, then {count} unplugs, seed {seed}")
    waited, began = waited_s(), time.monotonic()

    def told(one: unplugs.Pulled) -> None:
        say(f"light after {one.fault_s:.2f} s, idle again after {one.works_s:.2f} s")

    found = unplugs.unplugs(scratch, count=count, seed=seed, idle_s=unplugs.IDLE_S, told=told)
    pressure = 100 * (waited_s() - waited) / (time.monotonic() - began)
    table, calm = unplugs.rows(found), not pressure > figures.NOISY_PERCENT
    result = _result("unplugs", table, quiet=calm, pressure={"all": [round(pressure, 1)]})
    return _show({**result, "seed": seed}, table)


def clean(scratch: Path, *, rounds: int) -> int:
    """The device with an echo canceller beside itself without."""
    plain, cancelled = cancelling.cancelling(scratch, rounds=rounds)
    table = cancelling.rows(plain, cancelled)
    pressure = {
        name: [round(run.pressure, 1) for run in runs]
        for name, runs in (("without", plain), ("with", cancelled))
    }
    calm = bool(figures.quiet(plain) and figures.quiet(cancelled))
    return _show(_result("cancelling", table, quiet=calm, pressure=pressure), table)


def several() -> int:
    """A microphone of four channels in simulated rooms; no device, no card."""
    found = []
    for scene in arrays.scenes():
        found.append(one := arrays.fared(scene))
        say(f"{scene}: {one.less_db:.1f} dB less noise, bearing {one.off:.0f} degrees off")
    table = [*arrays.rows(found), *arrays.costs()]
    return _show(_result("array", table, quiet=True, pressure={}), table)


def _finish(bench: Bench, form: str, *, keep: bool) -> int:
    table = bench.table()
    result = _result(form, table, quiet=bench.quiet, pressure=bench.pressure)
    if keep:
        measured.JSON.write_text(_json(result))
        docs.write()
        say("README has the figures and the picture; look at both before they are committed")
    return _show(result, table, picture.bars(result))


def _result(
    form: str, table: Sequence[Row], *, quiet: bool, pressure: dict[str, list[float]]
) -> dict[str, object]:
    """The run for machines."""
    machine = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }
    return {
        "form": form,
        "date": time.strftime("%Y-%m-%d"),
        "version": __version__,
        "quiet": quiet,
        "pressure_percent": pressure,
        "machine": machine,
        "rows": report.as_data(table),
    }


def _show(result: dict[str, object], table: Sequence[Row], svg: str = "") -> int:
    """Show the table, write JSON and picture; 1 when something judged was missed."""
    quiet, form = bool(result["quiet"]), result["form"]
    print(report.text(table, quiet=quiet))
    CACHE.mkdir(exist_ok=True)
    name = "bench" if form == "fast" else f"bench-{form}"
    (CACHE / f"{name}.json").write_text(_json(result))
    say(f"the figures are in {CACHE / name}.json")
    if svg:
        (CACHE / f"{name}.svg").write_text(svg)
        say(f"the picture is in {CACHE / name}.svg")
    return 1 if report.missed(table, quiet=quiet) else 0


def _json(result: dict[str, object]) -> str:
    return json.dumps(result, indent=1, allow_nan=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
