from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.simulator.ear import WINDOW, Ear, Onset, TurnEnd
from simulator.caller import silence, speech

WINDOW_MS = 32
TALK = silence(0.75) + speech(1.0) + silence(0.9) + speech(0.5) + silence(1.3)


def reports(pcm: bytes, *, cuts: list[int], prefix_ms: int = 300) -> list[Onset | TurnEnd]:
    ear = Ear(loud_dbfs=-45.0)
    bounds = [0, *sorted(2 * cut for cut in cuts), len(pcm)]
    heard = (
        ear.hear(pcm[first:last], prefix_ms=prefix_ms, patience_ms=lambda: 500)
        for first, last in itertools.pairwise(bounds)
    )
    return [report for some in heard for report in some]


def test_offsets_lie_on_the_grid_of_windows() -> None:
    found = reports(TALK, cuts=[])
    assert [type(report) for report in found] == [Onset, TurnEnd, Onset, TurnEnd]
    for report in found:
        if isinstance(report, Onset):
            assert (report.start_ms + 300) % WINDOW_MS == 0
        else:
            assert report.end_ms % WINDOW_MS == 0


def test_a_turn_starts_before_its_first_word_and_ends_after_the_silence_that_ended_it() -> None:
    onset, end = reports(TALK, cuts=[])[:2]
    assert isinstance(onset, Onset)
    assert isinstance(end, TurnEnd)
    assert 750 - WINDOW_MS <= onset.start_ms + 300 <= 750 + 2 * WINDOW_MS
    assert 1750 + 500 <= end.end_ms <= 1750 + 500 + 2 * WINDOW_MS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(TALK) // 2), max_size=40))
def test_however_the_upload_is_cut_the_offsets_are_the_same(cuts: list[int]) -> None:
    assert reports(TALK, cuts=cuts) == reports(TALK, cuts=[])


def test_the_start_of_a_turn_is_never_before_the_session() -> None:
    first = reports(speech(1.0), cuts=[])[0]
    assert first == Onset(0)


def test_without_audio_no_turn_ends() -> None:
    ear = Ear(loud_dbfs=-45.0)
    assert list(ear.hear(speech(1.0), prefix_ms=300, patience_ms=lambda: 500)) == [Onset(0)]
    assert ear.speaking
    assert list(ear.hear(b"", prefix_ms=300, patience_ms=lambda: 500)) == []
    assert ear.speaking


def test_two_loud_windows_are_a_click_and_three_are_speech() -> None:
    click = silence(0.32) + speech(2 * WINDOW / 24_000) + silence(0.32)
    word = silence(0.32) + speech(3 * WINDOW / 24_000) + silence(0.32)
    assert reports(click, cuts=[]) == []
    assert reports(word, cuts=[]) == [Onset(20)]


@pytest.mark.parametrize(("dbfs", "heard"), [(-50, 0), (-40, 2)])
def test_loudness_decides_what_is_speech(dbfs: int, heard: int) -> None:
    level = round(32_768 * 10 ** (dbfs / 20))
    square = (
        level.to_bytes(2, "little", signed=True) * 12
        + (-level).to_bytes(2, "little", signed=True) * 12
    ) * 1000
    assert len(reports(square + silence(1.0), cuts=[])) == heard


def test_a_quiet_ear_keeps_no_more_than_the_padding() -> None:
    ear = Ear(loud_dbfs=-45.0)
    list(ear.hear(silence(3.2), prefix_ms=300, patience_ms=lambda: 500))
    assert ear.buffered == 300 * 24


def test_what_was_cleared_is_in_no_later_turn() -> None:
    ear = Ear(loud_dbfs=-45.0)
    list(ear.hear(silence(0.96), prefix_ms=300, patience_ms=lambda: 500))
    cleared = ear.appended
    ear.take_all()
    talk = ear.hear(speech(0.5) + silence(0.7), prefix_ms=300, patience_ms=lambda: 500)
    assert isinstance(next(talk), Onset)
    assert isinstance(next(talk), TurnEnd)
    assert ear.take_turn()[0] == cleared
