"""The crowd's figures are believed only because they have been seen to change."""

from dataclasses import replace

import pytest

from bench import report
from bench.crowd import ROUND_S, Crowd, Voice, crowd, rows


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    return crowd(tmp_path_factory.mktemp("crowd"), callers=3, seconds=ROUND_S)


def missed(found: Crowd, *, quiet: bool = True) -> set[str]:
    return {row.name for row in report.missed(rows(found), quiet=quiet)}


def test_a_few_callers_are_all_answered(found: Crowd) -> None:
    assert missed(found, quiet=False) == set()
    assert found.share > 0
    assert found.start_s > 0
    assert all(len(voice.late_ms) == 1 for voice in found.voices)


def test_an_answer_that_is_not_whole_is_missed(found: Crowd) -> None:
    voices = [*found.voices[:-1], replace(found.voices[-1], complete=0)]
    assert missed(replace(found, voices=voices), quiet=False) == {"answers complete"}


def test_a_lost_sample_a_full_core_and_a_late_delta_are_missed(found: Crowd) -> None:
    late = Voice(late_ms=[300.0], complete=1, turns=1)
    broken = replace(found, voices=[late], delivered=0.999, share=95.0, start_s=0.6)
    told = {"samples delivered, %", "CPU, % of the one core"}
    assert missed(broken, quiet=False) == told
    assert missed(broken) == told | {"first delta late, p99 ms", "start of pressel simulate, s"}
