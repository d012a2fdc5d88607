"""What was said is in the journal only where the owner has asked for it."""

from __future__ import annotations

import pytest

from core.stage import Stage


def talk(stage: Stage) -> None:
    """A question, and an answer that is interrupted half way."""
    stage.tap()
    stage.speak(0.5)
    stage.takes("u1")
    stage.writes("u1", "where is my hat")
    stage.begins("r1")
    stage.sounds("r1", "a1", 4.0)
    stage.words("a1", "on the hook behind the door where it always hangs")
    stage.finishes("r1")
    stage.wait(2.0)
    stage.press()
    stage.wait(1.0)


def test_by_default_no_word_is_written_down() -> None:
    stage = Stage(duplex="full")
    talk(stage)
    assert stage.lines("said") == []
    assert not [line for line in stage.reports if "hat" in line.sentence or "hook" in line.sentence]


def test_with_transcripts_both_sides_are_written_down_as_they_were_heard() -> None:
    stage = Stage(duplex="full", transcripts=True)
    talk(stage)
    said = [report for report in stage.reports if report.event == "said"]
    assert [line.fields["who"] for line in said] == ["person", "assistant"]
    assert said[0].sentence == "person: where is my hat"
    assert said[1].sentence.startswith("assistant: on the hook")
    assert "always hangs" not in said[1].sentence, "that was not heard"


@pytest.mark.parametrize("item", ["", "of nobody"])
def test_what_is_not_known_is_not_written(item: str) -> None:
    stage = Stage(transcripts=True)
    stage.writes(item, "hello")
    assert stage.lines("said") == []
