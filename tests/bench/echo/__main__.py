"""`python -m bench.echo`: judge each canceller in each condition, and keep the figures.

It wants pressel[aec] and libspeexdsp1; who lacks one is told so, and can have the other alone. For
each pair 17 minutes of sound are heard: 10 of our own voice alone, the rest with people.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

from bench.echo import noises, told
from bench.echo.listening import CANCELLERS, Task, row
from bench.echo.scenes import CONDITIONS, unseen
from bench.rounds import say
from contract import docs

ALONE_S: Final = 600.0
COUNT: Final = 40
"""Interruptions at each level."""


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(prog="bench.echo", description=__doc__)
    parser.add_argument("--canceller", choices=CANCELLERS, action="append")
    parser.add_argument("--condition", metavar="WORDS", default="", help="only those with it")
    parser.add_argument("--unseen", type=int, metavar="N", help="N drawn by lot in their place")
    parser.add_argument("--seconds", type=float, default=ALONE_S, help="of our voice alone")
    parser.add_argument("--count", type=int, default=COUNT, help="interruptions at each level")
    parser.add_argument("--jobs", type=int, default=1, help="at once; CPU figures want 1")
    parser.add_argument("--keep", action="store_true", help="state the figures in README")
    words = parser.parse_args()
    for name in words.canceller or CANCELLERS:
        try:
            CANCELLERS[name]()
        except (ImportError, OSError) as problem:
            parser.exit(69, f"{name} is not installed ({problem})\n")
    tasks = [
        (name, condition, words.seconds, words.count)
        for name in words.canceller or CANCELLERS
        for condition in (unseen(words.unseen) if words.unseen else CONDITIONS)
        if words.condition in condition.name
    ]
    result = _result(words.seconds, words.count, list(_rows(tasks, words.jobs)))
    print(told.cancellers(result))
    print(told.detector(result))
    if words.keep:
        told.JSON.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
        docs.write()
        say("the bench's README has the figures and the picture")
    return 0 if told.safe(result) else 1


def _rows(tasks: list[Task], jobs: int) -> Iterator[dict[str, Any]]:
    # AEC3's native threads do not outlive a fork.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(row, tasks):
            say(f"{found['canceller']}, {found['condition']}: {found['erle_late']:.0f} dB")
            yield found


def _result(seconds: float, count: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        },
        "alone_s": seconds,
        "count": count,
        "rows": rows,
        "noises": noises.table(),
    }


if __name__ == "__main__":
    sys.exit(main())
