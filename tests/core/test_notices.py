"""What is told by sound besides answers, to whom, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from core.stage import SENTENCE_S, Stage
from device.core import events as ev
from device.core.audio import Frames
from device.core.events import Cue, Part
from device.core.ledger import CUE, Heard
from device.core.light import LightState
from device.core.notices import TELL_AFTER_S, TOLD_S


def offline(code: str = "network", **habits: Any) -> Stage:
    stage = Stage(**habits)
    stage.lose(code)
    return stage


def failed(**habits: Any) -> Stage:
    """A device whose microphone cannot be opened, and a press on its button."""
    stage = Stage(**habits)
    stage.press()
    stage.fail(Part.MICROPHONE, "microphone-absent")
    return stage


def test_nothing_is_told_to_an_empty_room() -> None:
    stage = offline()
    stage.fail(Part.MICROPHONE, "microphone-absent")
    stage.wait(30.0)
    assert (stage.said, stage.cues) == ([], [])


def test_a_press_that_opens_nothing_is_answered_with_the_reason() -> None:
    stage = failed()
    stage.wait(0.1)
    assert stage.said == ["microphone-absent"]
    assert stage.light is LightState.FAULT


def test_a_hold_without_a_link_is_answered_after_the_release() -> None:
    stage = offline("dns")
    stage.hold(2.0)
    assert stage.said == []
    stage.wait(TELL_AFTER_S + 0.1)
    assert stage.said == ["dns"]
    assert (stage.gate, stage.light) == ("tail", LightState.OFFLINE), "its words wait on"


def test_a_link_that_is_back_at_once_needs_no_sentence() -> None:
    stage = offline()
    stage.hold(1.0)
    stage.wait(TELL_AFTER_S / 2)
    stage.connect()
    stage.wait(5.0)
    assert stage.said == []


def test_a_person_who_mutes_meanwhile_is_told_nothing() -> None:
    stage = offline()
    stage.hold(1.0)
    stage.wait(0.2)
    stage.mute(on=True)
    stage.wait(5.0)
    assert (stage.said, stage.light) == ([], LightState.MUTED)


def test_a_hands_free_conversation_without_a_link_closes_soon_and_is_told_why() -> None:
    stage = offline(linger_s=60.0)
    stage.tap()
    stage.speak(1.0)
    stage.wait(3.5)
    assert stage.gate != "latched"
    stage.wait(TELL_AFTER_S)
    assert stage.said == ["network"]


def test_a_link_lost_while_an_answer_is_awaited_is_told() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.takes("u1")
    stage.lose()
    stage.wait(TELL_AFTER_S + 0.1)
    assert stage.said == ["network"]


def test_the_same_sentence_is_said_once_a_minute_and_a_tone_stands_for_it() -> None:
    stage = failed()
    for _ in range(3):
        stage.wait(5.0)
        stage.press()
        stage.fail(Part.MICROPHONE, "microphone-absent")
    stage.wait(1.0)
    assert (stage.said, stage.cues) == (["microphone-absent"], [Cue.ERROR] * 3)
    stage.wait(TOLD_S)
    stage.press()
    stage.fail(Part.MICROPHONE, "microphone-absent")
    stage.wait(1.0)
    assert stage.said == ["microphone-absent"] * 2


def test_another_press_ends_the_sentence_at_once() -> None:
    stage = offline()
    stage.hold(1.0)
    stage.wait(TELL_AFTER_S + 0.3)
    assert stage.speaker.sounding
    stage.press()
    stage.wait(0.01)
    assert not stage.speaker.sounding


def test_an_answer_ends_the_sentence_and_is_heard_whole() -> None:
    stage = offline()
    stage.hold(1.0)
    stage.wait(TELL_AFTER_S + 0.1)
    assert stage.said == ["network"]
    stage.connect()
    stage.wait(0.1)
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    stage.finishes("r1")
    stage.wait(SENTENCE_S + 2.0)
    assert stage.audible("a1") == pytest.approx(1.0)
    assert stage.reply == "quiet"
    assert ev.Hush() in stage.effects


def test_a_sentence_that_waits_for_a_cut_sound_can_be_ended_too() -> None:
    stage = offline()
    stage.hold(1.0)
    stage.wait(TELL_AFTER_S + 0.1)
    stage.post(ev.PlayoutEnded(stage.now, (Heard(CUE, Frames(9), Frames(9)),), 0))
    stage.press()
    assert ev.Hush() in stage.effects


def test_the_links_return_does_not_end_a_sentence_on_the_microphone() -> None:
    stage = Stage(online=False)
    stage.press()
    stage.fail(Part.MICROPHONE, "microphone-absent")
    stage.wait(0.1)
    stage.connect()
    stage.wait(0.1)
    assert stage.speaker.sounding


def test_a_microphone_that_is_back_at_once_needs_no_sentence() -> None:
    stage = failed()
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    stage.wait(1.0)
    assert stage.said == []


def test_half_duplex_does_not_hear_its_own_sentence() -> None:
    stage = offline(duplex="half")
    stage.hold(1.0)
    stage.wait(TELL_AFTER_S + 0.5)
    stage.press()
    told_until = stage.now + 0.01
    stage.speak(1.0)
    stage.connect()
    stage.wait(0.5)
    captured = [
        sent.captured
        for sent in stage.audio
        if sent.captured and sent.captured[1] > told_until - 0.5
    ]
    assert captured
    assert all(began >= told_until - 0.01 for began, _ in captured)


def test_a_speaker_that_is_missing_is_not_told_by_the_speaker() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    stage.fail(Part.SPEAKER, "speaker-lost")
    stage.wait(10.0)
    assert (stage.said, stage.cues) == ([], [])


def test_lost_words_have_a_sentence_too() -> None:
    stage = offline()
    stage.hold(35.0)
    stage.wait(0.5)
    stage.connect()
    stage.wait(0.5)
    assert Cue.LOST_WORDS in stage.cues
    assert stage.said == ["lost-words"]


def test_an_owner_can_have_silence() -> None:
    stage = offline(tells="nothing")
    stage.hold(1.0)
    stage.wait(70.0)
    assert (stage.said, stage.cues) == ([], [])


def test_an_owner_can_have_a_tone_when_the_microphone_opens_and_when_it_closes() -> None:
    stage = Stage(tells="all", duplex="full")
    stage.press()
    assert stage.cues == [Cue.LISTENING]
    stage.speak(1.0)
    stage.release()
    stage.wait(0.1)
    assert stage.cues == [Cue.LISTENING, Cue.DONE]
