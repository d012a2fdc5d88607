from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.events import Timer
from device.core.light import LightState


def spoken(stage: Stage, seconds: float = 1.0) -> None:
    stage.hold(seconds)
    stage.wait(0.05)


def test_a_release_before_the_server_noticed_sends_silence_and_then_commits() -> None:
    stage = Stage()
    spoken(stage)
    assert stage.gate == "tail"
    assert stage.light is LightState.THINKING
    stage.wait(0.1)
    assert stage.silence_out > 0
    stage.notices("u1")
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]
    assert stage.gate == "closed"


def test_what_we_heard_ourselves_is_committed_even_if_the_server_never_noticed() -> None:
    stage = Stage()
    spoken(stage)
    stage.wait(0.35)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]
    assert stage.silence_out == pytest.approx(0.32, abs=0.05)


def test_a_cough_is_not_a_turn() -> None:
    stage = Stage()
    stage.press()
    stage.speak(0.1)
    stage.wait(0.9)
    stage.release()
    stage.wait(0.5)
    assert stage.sent == [wire.Clear()]
    assert stage.reply == "quiet"


def test_the_tail_is_silence_and_nothing_else() -> None:
    stage = Stage(release="server")
    spoken(stage)
    before = stage.spoken_out
    stage.speak(0.5)
    assert stage.spoken_out == before
    assert stage.silence_out == pytest.approx(0.5, abs=0.1)


def test_release_server_leaves_the_end_of_the_turn_to_the_server() -> None:
    stage = Stage(release="server")
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(1.0)
    assert stage.sent == []
    assert stage.gate == "tail"
    stage.takes("u1")
    assert stage.gate == "closed"
    assert stage.reply == "awaited"
    stage.wait(0.5)
    assert stage.sent == []


def test_release_server_has_a_backstop() -> None:
    stage = Stage(release="server", backstop_s=2.5)
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(2.4)
    assert stage.sent == []
    stage.wait(0.2)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]


def test_a_reply_that_comes_while_the_button_is_held_waits_for_the_release() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.answers("r1", "a1", 2.0)
    stage.wait(1.0)
    assert stage.reply == "withheld"
    assert not stage.speaker.sounding
    assert stage.light is LightState.LISTENING
    stage.release()
    stage.wait(0.1)
    assert stage.reply == "speaking"
    assert stage.light is LightState.SPEAKING
    stage.wait(3.0)
    assert stage.audible("a1") == 2.0
    assert stage.sent == []


def test_a_withheld_reply_that_is_still_generated_is_played_to_its_end() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    stage.release()
    stage.wait(0.2)
    stage.piece("r1", "a1", 1.0)
    stage.finishes("r1")
    stage.wait(3.0)
    assert stage.audible("a1") == 2.0
    assert stage.reply == "quiet"


def test_a_withheld_reply_is_dropped_if_the_person_goes_on() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.answers("r1", "a1", 2.0)
    stage.speak(1.0)
    stage.notices("u2")
    assert stage.sent == [wire.DeleteItem("a1")]
    stage.release()
    stage.wait(1.0)
    assert stage.played("a1") == 0
    assert stage.sent[1:] == [wire.Commit(), wire.CreateResponse()]


def test_a_new_question_replaces_a_withheld_reply() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u2")
    stage.answers("r1", "a1", 2.0)
    assert stage.reply == "withheld"
    stage.release()
    stage.wait(0.1)
    assert wire.DeleteItem("a1") in stage.sent
    assert stage.reply == "awaited"
    assert stage.played("a1") == 0


def test_a_withheld_reply_is_let_out_when_the_press_turns_out_a_tap() -> None:
    stage = Stage(style="tap")
    stage.press()
    stage.answers("r1", "a1", 1.0)
    assert stage.reply == "withheld"
    stage.wait(1.0)
    stage.release()
    stage.wait(1.5)
    assert stage.audible("a1") == 1.0


def test_a_press_drops_a_withheld_reply() -> None:
    stage = Stage(release="server")
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 2.0)
    stage.press()  # a second button edge, or the remote one
    assert stage.sent == [wire.CancelResponse("r1"), wire.DeleteItem("a1")]
    assert stage.lines("turn")[0]["interrupted"] is True


def test_a_commit_that_the_server_forestalled_is_no_error() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(0.05)
    stage.takes("u1")
    stage.says(wire.ServerError(wire.Fault("empty", "input_audio_buffer_commit_empty")))
    taken = wire.ServerError(wire.Fault("busy", "conversation_already_has_active_response"))
    stage.says(taken)
    stage.answers("r1", "a1", 1.0)
    stage.wait(2.0)
    assert stage.audible("a1") == 1.0
    assert stage.codes() == []
    assert len(stage.lines("turn")) == 1


def test_after_a_lost_race_the_servers_next_decision_counts_again() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(0.05)
    stage.says(wire.ServerError(wire.Fault("empty", "input_audio_buffer_commit_empty")))
    stage.answers("r1", "a1", 0.5)
    stage.wait(1.0)
    stage.tap()
    stage.speak(1.0)
    stage.notices("u2")
    stage.takes("u2")
    assert stage.reply == "awaited"


@pytest.mark.parametrize("timer", [Timer.TAIL, Timer.LINGER, Timer.CLOSING, Timer.ECHO, Timer.TURN])
def test_a_clock_that_runs_out_after_its_time_does_nothing(timer: Timer) -> None:
    stage = Stage()
    assert stage.post(ev.TimerFired(stage.now, timer)) == []
    assert stage.light is LightState.IDLE
