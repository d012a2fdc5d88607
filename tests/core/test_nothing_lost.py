"""A drop at any moment: what was said is said again, what was answered is not."""

from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.audio import Frames
from device.core.ledger import CUE, Heard
from device.core.light import LightState


def times(stage: Stage, *, since: int = 0) -> list[float]:
    """When what was sent after the `since`th block was captured."""
    return [sent.captured[0] for sent in stage.audio[since:] if sent.captured]


def test_a_turn_cut_by_a_drop_is_sent_again_from_its_first_sample() -> None:
    stage = Stage()
    stage.press()
    began = stage.now
    stage.speak(2.0)
    stage.lose()
    stage.speak(1.0)
    before = len(stage.audio)
    stage.connect()
    stage.speak(0.5)
    again = times(stage, since=before)
    assert again[0] == pytest.approx(began)
    assert again == sorted(set(again))
    assert len(again) == 87


def test_while_words_wait_every_failed_dial_is_followed_by_the_next_at_once() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.lose()
    stage.post(ev.Dialing(stage.now))
    before = len(stage.effects)
    stage.lose("dns")
    assert ev.DialNow(0.2) in stage.effects[before:]
    stage.wait(61.0)
    before = len(stage.effects)
    stage.post(ev.Dialing(stage.now))
    stage.lose("dns")
    assert not any(isinstance(it, ev.DialNow) for it in stage.effects[before:])


def test_a_held_turn_the_lost_server_had_taken_is_asked_again() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(0.5)
    assert stage.reply == "awaited"
    stage.lose()
    assert (stage.gate, stage.light) == ("tail", LightState.OFFLINE), "the words wait, and why"
    stage.wait(2.0)
    before = len(stage.audio)
    stage.connect()
    stage.wait(1.0)
    assert len(times(stage, since=before)) == 25
    assert stage.messages(wire.CreateResponse) == [wire.CreateResponse()] * 2
    assert stage.codes() == []


def test_a_hands_free_turn_the_lost_server_had_taken_is_asked_again() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    began = stage.now
    stage.speak(1.0)
    stage.notices("u1")
    stage.wait(0.5)
    stage.takes("u1", until=1.1)
    stage.lose()
    assert stage.reply == "quiet"
    before = len(stage.audio)
    stage.connect()
    stage.wait(0.1)
    assert times(stage, since=before)[0] <= began
    stage.notices("u2")
    stage.takes("u2")
    stage.answers("r2", "a2", 1.0)
    stage.wait(2.0)
    assert stage.audible("a2") == 1.0
    assert len(stage.lines("turn")) == 1


def test_what_was_answered_is_never_sent_again() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.wait(1.0)
    stage.takes("u1", until=1.1)
    stage.answers("r1", "a1", 3.0)
    answered = stage.now
    stage.wait(1.0)
    stage.lose()
    before = len(stage.audio)
    stage.connect()
    stage.wait(0.1)
    assert times(stage, since=before)[0] >= answered - 1.04
    assert stage.audible("a1") == pytest.approx(1.1, abs=0.05)
    stage.wait(3.0)
    assert stage.audible("a1") == 3.0


def test_an_answer_that_sounds_is_played_to_its_end_and_not_asked_for_again() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.5)
    stage.begins("r1")
    stage.sounds("r1", "a1", 3.0)
    stage.wait(1.0)
    stage.lose()
    stage.connect()
    stage.wait(3.0)
    assert stage.audible("a1") == 3.0
    assert stage.messages(wire.CreateResponse) == [wire.CreateResponse()]
    assert stage.gate == "closed"


def test_an_answer_that_breaks_off_is_said_to_be_broken() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.1)
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    stage.piece("r1", "a1", 3.0)
    stage.lose()
    assert stage.codes() == ["broken-answer"]
    stage.wait(4.0)
    assert stage.lines("turn")[0]["trouble"] == "broken-answer"


def test_an_answer_of_which_all_sound_had_come_is_not_broken() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.1)
    stage.begins("r1")
    stage.sounds("r1", "a1", 3.0)
    stage.lose()
    stage.wait(4.0)
    assert stage.codes() == []
    assert stage.audible("a1") == 3.0


def test_a_turn_is_asked_again_once_and_then_given_up_aloud() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    for _ in range(2):
        stage.wait(0.5)
        assert stage.reply == "awaited"
        stage.lose()
        stage.connect()
    stage.wait(1.0)
    assert stage.codes() == ["no-answer"]
    assert stage.lines("turn")[0]["trouble"] == "no-answer"
    assert (stage.gate, stage.reply) == ("closed", "quiet")


def test_a_turn_the_person_gave_up_is_not_asked_again() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.5)
    stage.press()
    before = len(stage.audio)
    stage.speak(0.4)
    stage.lose()
    stage.connect()
    stage.speak(0.4)
    assert len(set(times(stage, since=before))) == 20


def test_a_withheld_reply_that_is_lost_is_asked_for_again() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.answers("r1", "a1", 2.0)
    assert stage.reply == "withheld"
    stage.lose()
    assert stage.reply == "quiet"
    stage.connect()
    stage.wait(0.2)
    stage.release()
    stage.wait(1.0)
    assert stage.played("a1") == 0
    assert stage.messages(wire.CreateResponse) == [wire.CreateResponse()]


def test_the_tail_of_a_kept_turn_waits_for_its_last_utterance() -> None:
    stage = Stage(online=False, release="server")
    stage.press()
    stage.speak(1.0)
    stage.wait(0.8)
    stage.speak(1.0)
    stage.release()
    stage.connect()
    stage.wait(0.1)
    stage.notices("u1")
    stage.takes("u1", until=1.2)
    stage.answers("r1", "a1", 1.0)
    assert (stage.gate, stage.reply) == ("tail", "withheld")
    stage.notices("u2")
    stage.takes("u2", until=2.9)
    assert stage.gate == "closed"
    stage.answers("r2", "a2", 1.0)
    stage.wait(2.0)
    assert stage.audible("a1") == 0.0
    assert stage.audible("a2") == 1.0


def test_more_than_thirty_seconds_of_one_turn_are_lost_aloud() -> None:
    stage = Stage()
    stage.press()
    stage.speak(40.0)
    stage.lose()
    stage.connect()
    before = len(stage.audio)
    stage.speak(0.04)
    assert len(times(stage, since=before)) == 750
    assert stage.codes() == ["lost-words"]
    assert "10.0 s" in stage.lines("error")[0]["what"]


def test_of_a_turn_that_was_taken_and_not_answered_the_loss_is_said_too() -> None:
    stage = Stage(duplex="full", linger_s=600.0)
    stage.tap()
    stage.speak(25.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.speak(10.0)
    stage.lose()
    stage.connect()
    stage.speak(0.1)
    assert stage.codes() == ["lost-words"]


@pytest.mark.parametrize(("duplex", "cues"), [("half", []), ("full", [ev.Cue.LOST_WORDS])])
def test_a_tone_tells_of_the_loss_where_no_microphone_takes_it_for_speech(
    *, duplex: str, cues: list[ev.Cue]
) -> None:
    stage = Stage(duplex=duplex)
    stage.press()
    stage.speak(40.0)
    stage.lose()
    stage.connect()
    stage.speak(0.04)
    assert stage.cues == cues


def test_silence_that_is_too_old_is_no_loss() -> None:
    stage = Stage(linger_s=600.0)
    stage.tap()
    stage.wait(60.0)
    stage.lose()
    stage.wait(5.0)
    stage.connect()
    stage.wait(0.1)
    assert stage.codes() == []


def test_our_silence_counts_on_the_servers_clock() -> None:
    stage = Stage(release="server", duplex="full", backstop_s=4.0)
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(1.0)
    stage.takes("u1", until=1.0)
    stage.answers("r1", "a1", 0.5)
    stage.wait(1.0)
    clock = stage.spoken_out + stage.silence_out
    stage.tap()
    stage.speak(1.0)
    stage.notices("u2")
    stage.wait(0.5)
    stage.takes("u2", until=clock + 1.3)
    stage.answers("r2", "a2", 0.5)
    before, answered = len(stage.audio), stage.now
    stage.lose()
    stage.connect()
    stage.wait(0.1)
    assert answered - 0.34 < times(stage, since=before)[0] < answered - 0.1


def test_a_cue_is_no_part_of_an_answer() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.1)
    stage.answers("r1", "a1", 3.0)
    stage.post(ev.Sounded(stage.now - 1.0, CUE))
    stage.wait(1.0)
    stage.post(ev.PlayoutEnded(stage.now, (Heard(CUE, Frames(1920), Frames(1920)),), 0))
    stage.wait(3.0)
    turn = stage.lines("turn")[0]
    assert (turn["heard_ms"], turn["received_ms"]) == (3000, 3000)
    assert turn["first_delta_to_sound_ms"] == 0.0
