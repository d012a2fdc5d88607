"""A device that hears itself must not interrupt itself, and must prove that it does not."""

from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.duplex import ALARMS_S, DOUBT, PROOF, Duplex
from device.core.events import Echo, Timer
from device.core.habits import HELD_MOST_S
from device.core.light import LightState
from device.core.outlet import Outlet

SECONDS = 90.0


def guarded(echo_db: float | None = 60.0) -> Stage:
    """A hands-free conversation in which an answer of a minute and a half begins."""
    stage = Stage(duplex="guarded", linger_s=30.0)
    stage.echo_db = echo_db
    stage.tap()
    asked(stage, "1")
    return stage


def asked(stage: Stage, number: str) -> None:
    stage.voice = True
    stage.wait(0.6)
    stage.voice = False
    stage.takes(f"u{number}")
    stage.begins(f"r{number}")
    stage.sounds(f"r{number}", f"a{number}", SECONDS)
    stage.finishes(f"r{number}")


def states(stage: Stage) -> list[str]:
    return [line["state"] for line in stage.lines("duplex")]


def test_without_a_proof_it_is_half_duplex() -> None:
    stage = guarded(echo_db=None)
    stage.wait(5.0)
    assert stage.talk.half_duplex
    assert stage.light is LightState.SPEAKING


def test_a_canceller_that_takes_our_voice_away_opens_the_way_for_a_voice() -> None:
    stage = guarded()
    stage.wait(PROOF * 0.02 - 0.5)
    assert stage.talk.half_duplex
    stage.wait(1.0)
    assert not stage.talk.half_duplex
    assert states(stage) == ["full"]
    assert stage.lines("duplex")[0]["taken_db"] > 40.0
    assert stage.light is LightState.LISTENING, "for now what is heard is sent"


@pytest.mark.parametrize("echo_db", [0.0, 5.0, 15.0])
def test_one_that_leaves_too_much_does_not(echo_db: float) -> None:
    stage = guarded(echo_db)
    stage.wait(SECONDS - 1.0)
    assert stage.talk.half_duplex
    assert states(stage) == []


def test_what_is_soft_proves_nothing() -> None:
    stage = guarded(echo_db=None)
    for _ in range(PROOF * 2):
        quiet = Echo((-60.0,), (-70.0,), (-75.0,))
        stage.talk._duplex.heard(quiet)
    assert stage.talk.half_duplex


def proven() -> Stage:
    stage = guarded()
    stage.wait(PROOF * 0.02 + 1.0)
    assert not stage.talk.half_duplex
    stage.effects.clear()
    return stage


def test_a_voice_silences_the_answer_before_the_server_says_so() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.3)
    assert stage.reply == "held"
    assert ev.Hold() in stage.effects
    assert ev.Cut() not in stage.effects
    heard = stage.audible("a1")
    stage.wait(0.2)
    assert stage.audible("a1") == heard, "not a sample more"


def test_when_the_server_hears_it_too_the_answer_is_cut_where_it_fell_silent() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.3)
    heard = stage.audible("a1")
    stage.wait(0.2)
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.reply == "quiet"
    ((cut,),) = [[it for it in stage.sent if isinstance(it, wire.TruncateItem)]]
    assert abs(cut.audio_end_ms - heard * 1000) < 5


def test_a_false_alarm_goes_on_with_what_was_not_heard() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.2)
    stage.voice = False
    assert stage.reply == "held"
    stage.wait(1.5)
    assert stage.reply == "speaking"
    assert ev.GoOn() in stage.effects
    stage.wait(SECONDS)
    assert stage.reply == "quiet"
    assert stage.audible("a1") == pytest.approx(SECONDS, abs=0.001), "nothing of it is missing"
    assert stage.messages(wire.TruncateItem) == []


@pytest.mark.parametrize("sound_s", [0.15, 0.3, 0.4])
def test_after_a_short_sound_it_goes_on_within_six_tenths_of_a_second(sound_s: float) -> None:
    stage = proven()
    stage.voice = True
    stage.wait(sound_s)
    stage.voice = False
    assert stage.reply == "held"
    stage.wait(0.9 - sound_s)
    assert stage.reply == "speaking", "a moment to hear it, and 0.6 s"


def test_while_somebody_goes_on_speaking_the_server_is_waited_for() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(1.5)
    assert stage.reply == "held"
    assert Timer.VOICE in stage.timers
    stage.voice = False
    stage.wait(0.5)
    assert stage.reply == "speaking"
    stage.wait(5.0)
    assert not stage.talk.half_duplex, "it was no echo"


def test_a_noise_that_begins_and_stays_holds_it_for_two_seconds_once() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(HELD_MOST_S + 0.3)
    assert stage.reply == "speaking"
    stage.wait(1.0)
    assert stage.reply == "speaking"


def echoed(stage: Stage, number: int, *, answered_s: float = 1.0) -> None:
    """The rest of our own voice interrupts us, and the server takes it for a voice, too."""
    stage.echo_db = 20.0
    stage.wait(0.3)
    assert stage.reply in ("held", "speaking"), "by us, or by the server alone"
    stage.notices(f"e{number}")
    assert stage.reply == "quiet"
    stage.wait(answered_s)
    stage.takes(f"e{number}")
    stage.begins(f"re{number}")
    stage.sounds(f"re{number}", f"ae{number}", SECONDS)
    stage.finishes(f"re{number}")


@pytest.mark.parametrize("answered_s", [0.1, 0.3, 1.0])
def test_our_own_voice_that_the_server_takes_for_a_person_closes_the_way_all_the_same(
    answered_s: float,
) -> None:
    stage = proven()
    echoed(stage, 1, answered_s=answered_s)
    assert not stage.talk.half_duplex, "once may be a cough"
    echoed(stage, 2, answered_s=answered_s)
    stage.wait(0.5)
    assert stage.talk.half_duplex
    assert "false alarms" in stage.lines("duplex")[1]["why"]


def test_people_who_interrupt_twice_are_heard_a_third_time() -> None:
    stage = proven()
    for number in ("5", "6", "7"):
        stage.voice = True
        stage.wait(0.3)
        stage.notices(f"u{number}")
        stage.wait(0.7)
        assert stage.reply == "quiet"
        stage.voice = False
        stage.wait(1.0)
        stage.takes(f"u{number}")
        stage.begins(f"r{number}")
        stage.sounds(f"r{number}", f"a{number}", SECONDS)
        stage.finishes(f"r{number}")
        stage.wait(3.0)
    assert not stage.talk.half_duplex


def test_a_voice_that_the_server_confirmed_is_no_false_alarm() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.3)
    stage.notices("u2")
    stage.post(ev.TimerFired(stage.now, Timer.VOICE))
    assert stage.reply == "quiet"
    assert not stage.talk.half_duplex


def test_two_false_alarms_close_the_way_again() -> None:
    stage = proven()
    for _ in range(2):
        stage.voice = True
        stage.wait(0.2)
        stage.voice = False
        stage.wait(1.5)
    assert stage.talk.half_duplex
    assert states(stage) == ["full", "half"]
    assert "false alarms" in stage.lines("duplex")[1]["why"]
    assert ALARMS_S > 3.4


def test_the_next_proof_is_harder() -> None:
    stage = proven()
    stage.echo_db = 2.0
    stage.wait(3.0)
    stage.echo_db = 60.0
    assert stage.talk.half_duplex
    stage.wait(30.0)
    asked(stage, "2")
    stage.wait(PROOF * 0.02 + 1.0)
    assert stage.talk.half_duplex
    stage.wait(30.0)
    asked(stage, "3")
    stage.wait(PROOF * 0.02 + 1.0)
    assert not stage.talk.half_duplex


def test_however_often_it_was_wrong_a_proof_takes_four_minutes_at_most() -> None:
    duplex = Duplex("guarded", Outlet())
    silent = Echo((-20.0,), (-20.0,), (-80.0,))
    loud = Echo((-20.0,), (-20.0,), (-20.0,))
    lengths = []
    for _ in range(5):
        frames = 0
        while duplex.half:
            duplex.heard(silent)
            frames += 1
        lengths.append(frames)
        for _ in range(DOUBT + 1):
            duplex.heard(loud)
    assert lengths == [PROOF, 2 * PROOF, 4 * PROOF, 4 * PROOF, 4 * PROOF]


def test_a_canceller_that_loses_its_way_closes_it_too() -> None:
    stage = proven()
    stage.echo_db = 2.0
    stage.wait(3.0)
    assert stage.talk.half_duplex
    assert "false alarms" in stage.lines("duplex")[1]["why"]


def test_what_could_nearly_have_interrupted_closes_it_before_it_does() -> None:
    stage = proven()
    stage.echo_db = 36.0
    stage.wait(DOUBT * 0.02 - 0.1)
    assert not stage.talk.half_duplex
    stage.wait(0.3)
    assert stage.talk.half_duplex
    assert "has nearly interrupted" in stage.lines("duplex")[1]["why"]
    assert stage.reply == "speaking", "nobody was taken to speak"


def test_a_moment_of_it_before_a_person_is_heard_is_no_doubt() -> None:
    stage = proven()
    stage.echo_db = 36.0
    stage.wait(0.3)
    stage.echo_db = 60.0
    stage.voice = True
    stage.wait(0.2)
    stage.voice = False
    assert stage.reply == "held"
    stage.wait(5.0)
    assert stage.reply == "speaking"
    assert not stage.talk.half_duplex


def test_where_nothing_comes_back_a_voice_may_interrupt_though_nothing_is_taken_away() -> None:
    stage = guarded(echo_db=None)
    silent = Echo((-20.0,), (-80.0,), (-80.0,))
    for _ in range(PROOF):
        stage.talk._duplex.heard(silent)
    assert not stage.talk.half_duplex


def test_a_press_over_a_held_answer_interrupts_it() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.3)
    stage.press()
    assert stage.reply == "quiet"
    assert ev.Cut() in stage.effects


def test_a_link_that_is_lost_while_it_is_held_lets_it_play_out() -> None:
    stage = proven()
    stage.voice = True
    stage.wait(0.3)
    stage.lose()
    assert stage.reply == "speaking"
    assert ev.GoOn() in stage.effects


def test_it_is_told_whether_there_is_a_canceller() -> None:
    stage = Stage(duplex="guarded")
    stage.post(ev.EchoReady(stage.now, "aec3"))
    stage.post(ev.EchoMissing(stage.now, "no echo canceller is installed", "install it"))
    assert [line["canceller"] for line in stage.lines("duplex")] == ["aec3", "none"]


@pytest.mark.parametrize(("duplex", "half"), [("full", False), ("half", True)])
def test_a_board_that_cancels_needs_no_proof_and_half_duplex_gets_none(
    duplex: str, half: bool
) -> None:
    stage = Stage(duplex=duplex)
    stage.echo_db = 60.0
    stage.tap()
    asked(stage, "1")
    stage.wait(SECONDS)
    assert stage.talk.half_duplex is half
    assert states(stage) == []


def test_an_owner_can_leave_interrupting_to_the_server() -> None:
    stage = Stage(duplex="full", interrupt="server", linger_s=30.0)
    stage.echo_db = 60.0
    stage.tap()
    asked(stage, "1")
    stage.wait(5.0)
    stage.voice = True
    stage.wait(0.5)
    assert stage.reply == "speaking"
    stage.notices("u2")
    assert stage.reply == "quiet"
