"""Sessions come and go: what the next one is told, when it is taken, when there is none."""

from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.audio import Frames
from device.core.ledger import Heard, ItemId
from device.core.light import LightState


def times(stage: Stage, *, since: int = 0) -> list[float]:
    """When what was sent after the `since`th block was captured."""
    return [sent.captured[0] for sent in stage.audio[since:] if sent.captured]


# The next server is told what was said.


def conversed(**habits: object) -> Stage:
    """A turn, asked and heard to its end."""
    stage = Stage(**habits)  # type: ignore[arg-type]
    stage.hold(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.writes("u1", "What is a pressel?")
    stage.begins("r1")
    stage.words("a1", "too early to be of use")
    stage.sounds("r1", "a1", 2.0)
    stage.words("a1", "A button ")
    stage.words("a1", "on a radio.")
    stage.finishes("r1")
    stage.wait(3.0)
    return stage


def test_a_new_server_is_told_both_sides_in_order() -> None:
    stage = conversed()
    assert stage.told == []
    stage.lose()
    stage.connect()
    assert stage.told == [("user", "What is a pressel?"), ("assistant", "A button on a radio.")]


def test_it_is_told_once_per_server() -> None:
    stage = conversed()
    for _ in range(2):
        stage.lose()
        stage.connect()
    stage.hold(1.0)
    stage.wait(1.0)
    assert len(stage.told) == 4


def test_of_an_interrupted_answer_only_what_was_heard_is_told() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.1)
    stage.begins("r1")
    stage.sounds("r1", "a1", 10.0)
    stage.words("a1", "one two three four five six seven eight nine ten")
    stage.wait(4.8)
    stage.press()
    stage.wait(0.5)
    stage.lose()
    stage.connect()
    assert stage.told == [("assistant", "one two three four")]


def test_an_answer_that_still_sounds_is_told_when_it_is_known_how_much_was_heard() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.1)
    stage.begins("r1")
    stage.sounds("r1", "a1", 4.0)
    stage.words("a1", "one two three four")
    stage.wait(1.0)
    stage.lose()
    stage.connect()
    assert stage.told == []
    stage.press()
    stage.wait(0.1)
    assert stage.told == [("assistant", "one")]


def test_a_question_that_is_asked_again_is_not_told_as_well() -> None:
    stage = conversed()
    stage.hold(1.0)
    stage.notices("u2")
    stage.takes("u2")
    stage.writes("u2", "And a squelch?")
    assert stage.reply == "awaited"
    stage.lose()
    stage.connect()
    assert [text for _, text in stage.told] == ["What is a pressel?", "A button on a radio."]


def test_words_of_strangers_are_not_remembered() -> None:
    stage = conversed()
    stage.writes("somebody", "else")
    stage.post(ev.PlayoutEnded(stage.now, (Heard(ItemId("unknown"), Frames(1), Frames(1)),), 0))
    stage.lose()
    stage.connect()
    assert len(stage.told) == 2


def test_what_is_told_is_bounded() -> None:
    stage = Stage()
    for number in range(60):
        stage.says(wire.Committed(f"u{number}"))
        stage.writes(f"u{number}", f"{number} " + "word " * 100)
    stage.lose()
    stage.connect()
    assert sum(len(text) for _, text in stage.told) <= 8000
    assert stage.told[-1][1].startswith("59 ")
    assert stage.told == sorted(stage.told, key=lambda one: int(one[1].split()[0]))


# A session is renewed before it ends.


def renewals(stage: Stage) -> int:
    return sum(isinstance(it, ev.Renew) for it in stage.effects)


def test_an_idle_session_is_renewed_after_fifty_minutes() -> None:
    stage = Stage()
    stage.wait(49 * 60)
    assert renewals(stage) == 0
    stage.wait(61)
    assert renewals(stage) == 1
    stage.wait(60)
    assert renewals(stage) == 1


def test_a_session_that_ends_sooner_is_renewed_sooner() -> None:
    stage = Stage(online=False)
    stage.post(ev.Dialing(stage.now))
    stage.post(ev.LinkUp(stage.now, lasts_s=60.0))
    stage.wait(51.0)
    assert renewals(stage) == 1


def test_a_conversation_is_not_disturbed_until_it_must_be() -> None:
    stage = Stage(linger_s=600.0, duplex="full")
    stage.wait(49 * 60)
    stage.tap()
    stage.voice = True
    stage.wait(8 * 60)
    assert renewals(stage) == 0
    stage.wait(70)
    assert renewals(stage) == 1


def test_a_reply_that_is_being_made_is_let_finish_even_then() -> None:
    stage = Stage(online=False)
    stage.post(ev.Dialing(stage.now))
    stage.post(ev.LinkUp(stage.now, lasts_s=60.0))
    stage.wait(45.0)
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.5)
    stage.begins("r1")
    stage.sounds("r1", "a1", 30.0)
    stage.wait(20.0)
    assert renewals(stage) == 0
    assert stage.talk.busy
    stage.finishes("r1")
    assert not stage.talk.busy
    stage.wait(10.5)
    assert renewals(stage) == 1


def test_a_conversation_that_ends_in_time_is_followed_by_the_renewal() -> None:
    stage = Stage()
    stage.wait(50 * 60 - 2)
    stage.press()
    stage.speak(5.0)
    assert renewals(stage) == 0
    stage.release()
    stage.wait(0.5)
    stage.answers("r1", "a1", 1.0)
    assert renewals(stage) == 0
    stage.wait(2.0)
    assert renewals(stage) == 1


def test_a_renewal_that_fails_is_tried_again_every_half_minute() -> None:
    stage = Stage()
    stage.wait(50 * 60 + 1)
    for count in (2, 3):
        stage.post(ev.RenewFailed(stage.now, "server", "HTTP 503"))
        stage.wait(31.0)
        assert renewals(stage) == count
    assert stage.light is LightState.IDLE


def test_a_swap_in_mid_sentence_says_it_all_to_the_new_server() -> None:
    stage = conversed()
    stage.press()
    began = stage.now
    stage.speak(1.0)
    before = len(stage.audio)
    stage.renew()
    assert stage.told == [("user", "What is a pressel?"), ("assistant", "A button on a radio.")]
    stage.speak(1.0)
    again = times(stage, since=before)
    assert again[0] == pytest.approx(began)
    assert len(again) == 50
    assert {light.state for light in stage.lights[-2:]} <= {
        LightState.LISTENING,
        LightState.HEARING,
    }
    assert [line["state"] for line in stage.lines("link")] == ["up", "up"]


# An idle link may rest.


def test_an_idle_link_rests_after_its_time_and_a_press_wakes_it() -> None:
    stage = Stage(keep_warm_s=300.0)
    stage.wait(301.0)
    assert stage.talk.link.value == "resting"
    assert stage.light is LightState.IDLE
    assert stage.lines("link")[-1]["code"] == "resting"
    stage.post(ev.Dialing(stage.now))
    assert stage.light is LightState.STARTING
    assert ev.DialNow() in stage.post(ev.Pressed(stage.now))
    stage.speak(1.0)
    stage.connect()
    stage.speak(0.1)
    assert stage.spoken_out == pytest.approx(1.1, abs=0.05)


def test_the_time_runs_from_the_end_of_the_last_conversation() -> None:
    stage = Stage(keep_warm_s=60.0)
    stage.wait(50.0)
    stage.hold(1.0)
    stage.wait(0.5)
    stage.answers("r1", "a1", 1.0)
    stage.wait(55.0)
    assert stage.talk.link.value == "up"
    stage.wait(10.0)
    assert stage.talk.link.value == "resting"


def test_a_conversation_that_begins_in_the_last_moment_is_not_cut() -> None:
    stage = Stage(keep_warm_s=60.0)
    stage.press()
    stage.post(ev.TimerFired(stage.now, ev.Timer.WARM))
    assert not any(isinstance(it, ev.Rest) for it in stage.effects)
