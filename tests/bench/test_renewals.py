"""The verdicts on renewals are believed only because they have been seen to change.

No renewal is played here: a session that is believed lives a minute at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench import report
from bench.renewals import LANES, MOMENTS, REASON, REPLY, Fared, Heard, heard_of, plans, rows
from virtual_card import Samples

PAUSE = np.zeros(999, np.int16)
WELL = Fared(
    plans(2, seed=1)[1],
    links=[REASON],
    late_s=0.3,
    missing=0,
    doubled=0,
    heard=Heard(begins=2, whole=2, gaps=0),
    openings=1,
    xruns=0,
    complaints=[],
)


def missed(*found: Fared) -> set[str]:
    return {row.name for row in report.missed(rows(found), quiet=True)}


def test_what_goes_well_misses_nothing() -> None:
    assert missed(WELL, WELL) == set()


@pytest.mark.parametrize(
    ("flawed", "row"),
    [
        (replace(WELL, links=[]), "not renewed, or the link was down"),
        (replace(WELL, links=[REASON, REASON]), "not renewed, or the link was down"),
        (replace(WELL, links=["over", "configured"]), "not renewed, or the link was down"),
        (replace(WELL, missing=1), "samples missing at the server"),
        (replace(WELL, doubled=1), "samples doubled in a session"),
        (replace(WELL, heard=Heard(2, 2, 1)), "zero frames inside answers"),
        (replace(WELL, heard=Heard(2, 1, 0)), "answers not whole"),
        (replace(WELL, heard=Heard(3, 2, 0)), "answers not whole"),
        (replace(WELL, heard=Heard(3, 3, 0)), "answered twice"),
        (replace(WELL, openings=2), "microphone not opened just once"),
        (replace(WELL, xruns=1), "xruns"),
        (replace(WELL, complaints=["broken-answer"]), "complaints in the journal"),
    ],
)
def test_each_flaw_misses_its_row(flawed: Fared, row: str) -> None:
    assert missed(WELL, flawed) == {row}


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([PAUSE, REPLY, PAUSE, REPLY, PAUSE], Heard(begins=2, whole=2, gaps=0)),
        ([REPLY[:5000], PAUSE, REPLY[5000:]], Heard(begins=1, whole=1, gaps=len(PAUSE))),
        ([REPLY[:5000], REPLY[5001:]], Heard(begins=1, whole=0, gaps=0)),
        ([REPLY[:-1], PAUSE], Heard(begins=1, whole=0, gaps=0)),
        ([PAUSE], Heard(begins=0, whole=0, gaps=0)),
    ],
)
def test_an_answer_is_whole_frame_for_frame_or_not(parts: Sequence[Samples], found: Heard) -> None:
    assert heard_of(np.concatenate(parts)) == found


def test_each_lane_meets_every_moment_and_the_same_seed_plans_the_same() -> None:
    planned = plans(50, seed=3)
    assert planned == plans(50, seed=3)
    assert planned != plans(50, seed=4)
    for lane in range(LANES):
        assert {plan.moment for plan in planned[lane::LANES]} == set(MOMENTS)


def test_no_two_speeches_of_a_conversation_are_the_same_or_overlap() -> None:
    for plan in plans(50, seed=5):
        ends = [begin + length for begin, length in plan.speeches]
        assert all(end < begin for end, (begin, _) in zip(ends, plan.speeches[1:], strict=False))
        assert plan.tap_s < plan.speeches[0][0]
