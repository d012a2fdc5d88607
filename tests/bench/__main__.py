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

from bench import crowd, figures, picture, report, soak
from bench.clients import OURS
from bench.measure import overruns
from bench.process import Usage
from bench.report import FAST, FULL, Row
from bench.rounds import Bench, say
from bench.scenario import load
from bench.scene import play
from device import __version__

CACHE: Final = Path(__file__).parents[2] / ".cache"
FORMS: Final = ("fast", "full", "soak", "crowd")
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
    words = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        if words.form == "soak":
            status = long_run(Path(scratch), seconds=words.seconds)
        elif words.form == "crowd":
            status = many(Path(scratch))
        elif words.form == "full":
            status = full(Path(scratch), rounds=words.rounds or FULL_ROUNDS)
        else:
            status = fast(Path(scratch), rounds=words.rounds or FAST_ROUNDS)
    say(f"{time.monotonic() - began:.0f} s")
    return status


def fast(scratch: Path, *, rounds: int) -> int:
    """The gate. A time that was missed is measured once more before it counts."""
    bench = Bench(scratch, talk=load("brief"), limits=FAST)
    bench.starts()
    for _ in range(rounds):
        bench.talks()
    bench.rest(drop=load("drop", seconds=FAST_DROP_S), idle=load("idle"))
    if any(not row.count for row in report.missed(bench.table(), quiet=True)):
        bench.talks()
    return _finish(bench, "fast")


def full(scratch: Path, *, rounds: int) -> int:
    """The figures of a release: minutes of conversation, against the aims."""
    bench = Bench(scratch, talk=load("talk"), limits=FULL)
    bench.starts()
    for _ in range(rounds):
        bench.talks()
    bench.rest(drop=load("drop"), idle=load("idle"))
    return _finish(bench, "full")


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
    quiet, pressure = bool(figures.quiet([run])), {OURS.name: [round(run.pressure, 1)]}
    return _keep("soak", table, svg, quiet=quiet, pressure=pressure)


def many(scratch: Path) -> int:
    """Fifty callers of the server, which has one core."""
    say(f"{crowd.CALLERS} callers speak for {crowd.SECONDS:.0f} s")
    found = crowd.crowd(scratch)
    pressure = {"all": [round(found.pressure, 1)]}
    return _keep("crowd", crowd.rows(found), None, quiet=found.quiet, pressure=pressure)


def _finish(bench: Bench, form: str) -> int:
    table, quiet = bench.table(), bench.quiet
    svg = picture.bars(table, title=f"Pressel against a plain client ({form} bench)", quiet=quiet)
    return _keep(form, table, svg, quiet=quiet, pressure=bench.pressure)


def _keep(
    form: str,
    table: Sequence[Row],
    svg: str | None,
    *,
    quiet: bool,
    pressure: dict[str, list[float]],
) -> int:
    """Show the table, write JSON and picture; 1 when something judged was missed."""
    print(report.text(table, quiet=quiet))
    CACHE.mkdir(exist_ok=True)
    name = "bench" if form == "fast" else f"bench-{form}"
    machine = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }
    result = {
        "form": form,
        "version": __version__,
        "quiet": quiet,
        "pressure_percent": pressure,
        "machine": machine,
        "rows": report.as_data(table),
    }
    (CACHE / f"{name}.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    say(f"the figures are in {CACHE / name}.json")
    if svg is not None:
        (CACHE / f"{name}.svg").write_text(svg)
        say(f"the picture is in {CACHE / name}.svg")
    return 1 if report.missed(table, quiet=quiet) else 0


if __name__ == "__main__":
    sys.exit(main())
