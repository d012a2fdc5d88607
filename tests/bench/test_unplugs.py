"""A few unplugs, and verdicts that have been seen to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import report
from bench.process import Usage
from bench.unplugs import Found, Pulled, rows, unplugs

REST = Usage(
    at=0.0, cpu_s=1.0, switches=100, peak_kb=1, rss_kb=1, pss_kb=1, threads=4, fds=20
)  # fmt: skip
LATER = replace(REST, at=10.0, cpu_s=1.001, switches=105)
WELL = Found([Pulled(0.2, 0.4)] * 2, (REST, LATER), fds=0, links=1, converses=True)


def missed(found: Found) -> set[str]:
    return {row.name for row in report.missed(rows(found), quiet=True)}


def test_a_few_unplugs_are_noticed_and_survived(tmp_path: Path) -> None:
    told: list[Pulled] = []
    found = unplugs(tmp_path, count=6, seed=2, idle_s=3.0, told=told.append)
    assert found.pulls == told
    assert report.missed(rows(found), quiet=False) == []


def test_what_goes_well_misses_nothing() -> None:
    assert missed(WELL) == set()


@pytest.mark.parametrize(
    ("flawed", "row"),
    [
        (replace(WELL, pulls=[Pulled(1.1, 0.4)]), "unplug to light, s (slowest)"),
        (replace(WELL, pulls=[Pulled(0.2, 3.1)]), "replug to idle, s (slowest)"),
        (replace(WELL, idle=(REST, replace(LATER, cpu_s=1.04))), "idle: CPU, %"),
        (replace(WELL, idle=(REST, replace(LATER, switches=150))), "idle: context switches per s"),
        (replace(WELL, fds=1), "more file descriptors"),
        (replace(WELL, links=3), "link lost"),
        (replace(WELL, converses=False), "does not converse"),
    ],
)
def test_each_flaw_misses_its_row(flawed: Found, row: str) -> None:
    assert missed(flawed) == {row}
