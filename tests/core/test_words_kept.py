from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.light import Light, LightState


def test_a_press_while_the_link_is_down_listens_and_dials() -> None:
    stage = Stage(online=False)
    effects = stage.post(ev.Pressed(stage.now))
    assert ev.DialNow() in effects
    assert stage.light is LightState.LISTENING
    assert stage.microphone_open


def test_a_press_while_the_link_is_up_does_not_dial() -> None:
    stage = Stage()
    assert ev.DialNow() not in stage.post(ev.Pressed(stage.now))


def test_words_spoken_before_the_link_is_up_are_sent_when_it_is() -> None:
    stage = Stage(online=False)
    stage.press()
    stage.speak(3.0)
    assert stage.audio == []
    stage.connect()
    stage.speak(0.1)
    assert stage.spoken_out == pytest.approx(3.1, abs=0.05)
    starts = [sent.captured[0] for sent in stage.audio if sent.captured]
    assert starts == sorted(starts)
    assert stage.codes() == []


def test_a_turn_that_ended_before_the_link_was_up_is_sent_and_committed() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    stage.wait(5.0)
    assert stage.gate == "tail"
    assert not stage.microphone_open
    assert stage.audio == []
    stage.connect()
    stage.wait(1.0)
    assert stage.spoken_out == pytest.approx(2.0)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]


def test_kept_words_leave_while_the_light_says_so() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    stage.wait(5.0)
    stage.connect()
    stage.wait(1.0)
    assert {sent.light for sent in stage.audio if sent.captured} == {LightState.LISTENING}
    assert stage.light is LightState.THINKING


def test_no_commit_overtakes_the_words_it_is_for() -> None:
    stage = Stage(online=False)
    stage.hold(1.0)
    stage.wait(1.0)
    stage.connect()
    stage.notices("u1")
    stage.wait(0.2)
    order = [type(it) for it in stage.effects if isinstance(it, ev.SendAudio | ev.Send)]
    assert order == [*[ev.SendAudio] * 25, ev.Send, ev.Send]


def test_a_hands_free_turn_that_ended_before_the_link_was_up_is_not_lost() -> None:
    stage = Stage(online=False, linger_s=2.0)
    stage.tap()
    stage.speak(2.0)
    stage.wait(5.0)
    assert stage.gate == "tail"
    stage.connect()
    stage.wait(1.0)
    assert stage.spoken_out > 2.0
    assert stage.messages(wire.Commit) == [wire.Commit()]


def test_a_quiet_spell_without_words_closes_even_while_the_link_is_down() -> None:
    stage = Stage(online=False, linger_s=2.0)
    stage.tap()
    stage.wait(3.0)
    assert stage.gate == "closed"
    assert stage.sent == []


def test_words_that_left_before_the_link_went_down_are_not_taken_for_kept_ones() -> None:
    stage = Stage(linger_s=2.0)
    stage.tap()
    stage.asked_and_answered(1, 0.5)
    stage.wait(1.0)
    stage.lose()
    stage.wait(3.0)
    assert stage.gate == "closed"


def test_a_drop_in_mid_turn_keeps_what_is_said_until_the_link_is_back() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    sent = stage.spoken_out
    stage.lose()
    stage.speak(2.0)
    assert stage.spoken_out == sent
    assert stage.light is LightState.HEARING
    stage.connect()
    stage.speak(0.1)
    assert stage.spoken_out - sent == pytest.approx(3.1, abs=0.05)


def test_no_more_than_thirty_seconds_are_kept_and_the_loss_is_said() -> None:
    stage = Stage(online=False)
    stage.press()
    stage.speak(40.0)
    stage.connect()
    stage.speak(0.04)
    assert stage.spoken_out == pytest.approx(30.0, abs=0.05)
    assert stage.codes() == ["lost-words"]
    assert "10.0 s" in stage.lines("error")[0]["what"]
    oldest = stage.audio[0].captured
    assert oldest is not None
    assert oldest[0] == pytest.approx(1010.0, abs=0.1)


def test_a_turn_waits_a_minute_for_the_link_and_then_says_how_much_is_lost() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    stage.wait(59.5)
    assert stage.gate == "tail"
    stage.wait(1.0)
    assert stage.gate == "closed"
    assert stage.codes() == ["lost-words"]
    assert "2.0 s" in stage.lines("error")[0]["what"]
    assert stage.cues == [ev.Cue.LOST_WORDS]
    assert stage.lights[-1] == Light(LightState.FAULT, "lost-words")
    stage.connect()
    stage.wait(1.0)
    assert stage.audio == []


def test_the_light_tells_of_lost_words_for_three_seconds() -> None:
    stage = Stage(online=False)
    stage.hold(1.0)
    stage.wait(60.5)
    assert stage.light is LightState.FAULT
    stage.wait(3.0)
    assert stage.light is LightState.STARTING


def test_failed_dials_do_not_lengthen_the_wait() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    for _ in range(16):
        stage.wait(4.0)
        stage.lose("dns")
    assert stage.gate == "closed"
    assert "lost-words" in stage.codes()


def test_a_press_while_words_wait_goes_on_with_the_turn() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    stage.wait(1.0)
    stage.hold(1.0)
    stage.wait(1.0)
    stage.connect()
    stage.wait(1.0)
    assert stage.spoken_out == pytest.approx(3.0)
    assert len(stage.messages(wire.Commit)) == 1


def test_a_press_without_a_further_word_does_not_lose_those_that_wait() -> None:
    stage = Stage(online=False)
    stage.hold(2.0)
    stage.wait(1.0)
    stage.press()
    stage.wait(0.5)
    stage.release()
    stage.connect()
    stage.wait(1.0)
    assert stage.messages(wire.Commit) == [wire.Commit()]


def test_a_slow_reply_is_no_lost_word() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.wait(10.0)
    stage.answers("r1", "a1", 1.0)
    stage.wait(3.0)
    assert stage.codes() == []


def test_the_link_going_down_while_idle_shows_offline_and_why() -> None:
    stage = Stage()
    stage.lose("tls")
    assert (stage.light, stage.lights[-1].code) == (LightState.OFFLINE, "tls")
    stage.connect()
    assert stage.light is LightState.IDLE
    assert [line["state"] for line in stage.lines("link")] == ["up", "down", "up"]


def test_before_the_first_connection_the_light_says_starting_until_it_fails() -> None:
    stage = Stage(online=False)
    assert stage.light is LightState.STARTING
    stage.post(ev.Dialing(stage.now))
    assert stage.light is LightState.STARTING
    stage.lose("dns")
    assert stage.light is LightState.OFFLINE
    stage.lose("dns")
    assert len(stage.lines("link")) == 1


def test_a_server_that_differs_from_what_was_asked_is_reported() -> None:
    stage = Stage(online=False)
    stage.connect("session.audio.output.voice is 'alloy', not 'marin'")
    assert stage.codes() == ["settings"]
    assert "alloy" in stage.lines("error")[0]["what"]


def test_a_reply_plays_on_when_the_link_goes_down_and_nothing_is_sent_for_it() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(0.5)
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 3.0)
    stage.wait(1.0)
    stage.lose()
    stage.wait(3.0)
    assert stage.audible("a1") == 3.0
    assert stage.reply == "quiet"
    assert stage.sent == []


@pytest.mark.parametrize("stillness", [False, True])
def test_nothing_is_cancelled_or_corrected_over_a_link_that_is_down(*, stillness: bool) -> None:
    stage = Stage()
    stage.press()
    stage.takes("u1")
    stage.begins("r1")
    if not stillness:
        stage.release()
        stage.wait(0.1)
    stage.sounds("r1", "a1", 3.0)
    stage.wait(0.5)
    stage.lose()
    stage.press()
    stage.wait(1.0)
    assert stage.sent == []
    assert not stage.speaker.sounding


@pytest.mark.parametrize("state", ["awaited", "withheld"])
def test_a_reply_that_had_not_begun_is_given_up_with_the_link(state: str) -> None:
    stage = Stage()
    stage.press()
    stage.takes("u1")
    stage.begins("r1")
    if state == "withheld":
        stage.sounds("r1", "a1", 1.0)
    assert stage.reply == state
    stage.lose()
    assert stage.reply == "quiet"
    assert len(stage.lines("turn")) == 1


def test_a_new_connection_knows_nothing_of_the_old_ones_items() -> None:
    stage = Stage()
    stage.tap()
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 5.0)
    stage.wait(1.0)
    stage.lose()
    stage.connect()
    stage.piece("r1", "a1", 1.0)
    assert stage.played("a1") == 5.0
    stage.press()
    stage.wait(0.1)
    assert stage.sent == []
