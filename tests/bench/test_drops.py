"""The verdicts on drops are believed only because they have been seen to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import report
from bench.drops import LANES, PHASES, Fared, compared, drops, in_words, plans, rows
from bench.reconnects import Held, reconnects
from bench.reconnects import rows as growth_rows
from daemon.running import noise

SPEECH = noise(0.5)
WELL = Fared(
    plans(1, seed=1)[0], missing=0, doubled=0, begins=1, ends=1, reasons=[], back_s=0.1, dial_s=0.1
)


def missed(*turns: Fared) -> set[str]:
    return {row.name for row in report.missed(rows(turns), quiet=True)}


def test_every_sample_is_told_apart_missing_doubled_or_neither() -> None:
    room = np.zeros(999, np.int16)
    assert compared(SPEECH, np.concatenate([room, SPEECH, room])) == (0, 0)
    assert compared(SPEECH, np.concatenate([SPEECH[:3000], SPEECH[3960:]])) == (960, 0)
    assert compared(SPEECH, np.concatenate([SPEECH[:3000], SPEECH[2040:]])) == (0, 960)
    assert compared(SPEECH, np.concatenate([SPEECH[:-1], room])) == (1, 0)
    assert compared(SPEECH, np.concatenate([SPEECH, SPEECH])) == (0, len(SPEECH))
    assert compared(SPEECH, noise(0.5, seed=2)) == (len(SPEECH), 0)
    assert compared(SPEECH, SPEECH[:0]) == (len(SPEECH), 0)


def test_what_goes_well_misses_nothing_and_each_flaw_misses_its_row() -> None:
    assert missed(WELL) == set()
    assert missed(replace(WELL, missing=1)) == {"samples missing at the server"}
    assert missed(replace(WELL, doubled=1)) == {"samples doubled at the server"}
    assert missed(replace(WELL, ends=2)) == {"turns answered twice"}
    silent = replace(WELL, begins=0, ends=0)
    assert missed(silent) == {"of them without a reason"}
    assert missed(replace(silent, reasons=["lost-words"])) == set()
    assert missed(replace(WELL, back_s=0.4)) == {"server back to first audio, max s"}


def test_half_an_answer_counts_only_where_the_link_broke_in_it() -> None:
    half = replace(WELL, ends=0)
    assert not half.answered
    assert replace(half, plan=replace(WELL.plan, phase="answering")).answered


def test_the_same_seed_plans_the_same_drops_and_each_lane_meets_every_phase() -> None:
    planned = plans(200, seed=3)
    assert planned == plans(200, seed=3)
    assert planned != plans(200, seed=4)
    for lane in range(LANES):
        assert {(plan.phase, plan.how) for plan in planned[lane::LANES]} == {
            (phase, how) for phase in PHASES for how in ("tap", "hold")
        }


@pytest.mark.slow
def test_across_a_dozen_drops_no_word_is_lost_and_no_answer_doubled(tmp_path: Path) -> None:
    turns = drops(tmp_path, plans(12, seed=7))
    wrong = {row.name for row in report.missed(rows(turns), quiet=False)}
    told = "\n\n".join(f"{turn}\n{turn.words}" for turn in turns if turn.flaws)
    assert not wrong, f"{in_words(turns)}\n{told}"


def test_growth_is_seen_in_each_of_the_figures() -> None:
    flat = [Held(n * 100, float(n), 40_000, 12, 2, 4) for n in range(1, 41)]
    assert not report.missed(growth_rows(flat), quiet=True)
    for name, value in {"rss_kb": 20, "fds": 1, "threads": 1, "tasks": 1}.items():
        grown = [
            replace(one, **{name: getattr(one, name) + n * value // 4})
            for n, one in enumerate(flat)
        ]
        assert len(report.missed(growth_rows(grown), quiet=True)) == 1, name


def test_five_hundred_reconnects_leave_nothing_behind() -> None:
    held = reconnects(500)
    counts = [row for row in growth_rows(held) if row.name.startswith("more")]
    assert held[-1].connections == 500
    assert all(row.kept for row in counts), counts
