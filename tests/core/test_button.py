from __future__ import annotations

from itertools import pairwise

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.light import LightState


def test_a_press_opens_the_microphone_at_once_and_the_light_says_so_first() -> None:
    stage = Stage()
    effects = stage.talk.handle(ev.Pressed(stage.now))
    assert isinstance(effects[0], ev.ShowLight)
    assert effects[0].light.state is LightState.LISTENING
    assert ev.OpenMicrophone() in effects


def test_before_the_first_press_the_microphone_is_closed_and_nothing_leaves() -> None:
    stage = Stage()
    stage.speak(5.0)
    assert not stage.microphone_open
    assert not stage.audio


def test_a_tap_stays_open_and_lets_out_every_block() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(2.0)
    assert stage.gate == "latched"
    assert stage.light is LightState.HEARING
    assert stage.spoken_out == pytest.approx(2.1, abs=0.05)


def test_after_a_tap_the_server_alone_ends_the_turn() -> None:
    stage = Stage()
    stage.tap()
    stage.asked_and_answered(1, 1.0)
    stage.wait(2.0)
    assert stage.sent == []
    assert stage.gate == "latched"
    assert stage.light is LightState.LISTENING


def test_a_second_tap_sends_what_was_said_and_closes() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.tap()
    stage.wait(0.2)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]
    assert stage.gate == "closed"
    assert stage.light is LightState.THINKING


def test_a_second_tap_after_silence_closes_with_nothing_sent_for() -> None:
    stage = Stage()
    stage.tap()
    stage.wait(1.0)
    stage.tap()
    stage.wait(1.0)
    assert stage.sent == [wire.Clear()]
    assert stage.light is LightState.IDLE


@pytest.mark.parametrize("duplex", ["half", "full"])
def test_a_tap_after_the_answer_asks_for_nothing_more(*, duplex: str) -> None:
    stage = Stage(duplex=duplex)
    stage.tap()
    stage.asked_and_answered(1, 1.0)
    stage.speak(0.8)  # the loudspeaker's own voice, or the end of the sentence
    if duplex == "full":
        stage.notices("u2")
        stage.takes("u2")
        stage.answers("r2", "a2", 0.1)
    stage.wait(2.0)
    stage.tap()
    stage.wait(1.0)
    assert not stage.messages(wire.CreateResponse)
    assert stage.gate == "closed"


def test_a_hold_ends_its_turn_at_the_release() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(0.05)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]
    assert not stage.microphone_open
    assert stage.light is LightState.THINKING


def test_release_commits_exactly_what_the_gate_let_through() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.01)
    stage.notices("u1")
    stage.release()
    stage.wait(0.5)
    assert stage.spoken_out == pytest.approx(1.01)
    spans = [sent.captured for sent in stage.audio if sent.captured]
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(spans))


def test_the_last_block_is_sent_before_the_commit() -> None:
    stage = Stage()
    stage.press()
    stage.speak(0.99)
    stage.notices("u1")
    stage.release()
    stage.wait(0.1)
    order = [type(it) for it in stage.effects if isinstance(it, ev.SendAudio | ev.Send)]
    assert order[-3:] == [ev.SendAudio, ev.Send, ev.Send]


def test_a_turn_whose_last_block_never_comes_ends_without_it() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.microphone_open = False  # the driver hangs: it will not say that it has closed
    stage.release()
    stage.wait(0.4)
    assert stage.gate == "closing"
    stage.wait(0.2)
    assert stage.messages(wire.Commit) == [wire.Commit()]


@pytest.mark.parametrize(("held", "gate"), [(0.34, "latched"), (0.36, "closing")])
def test_auto_tells_a_tap_from_a_hold_by_its_length(held: float, gate: str) -> None:
    stage = Stage(style="auto")
    stage.press()
    stage.wait(held)
    stage.release()
    assert stage.gate == gate


def test_style_tap_takes_every_press_for_a_tap() -> None:
    stage = Stage(style="tap")
    stage.hold(2.0)
    assert stage.gate == "latched"
    assert {line["how"] for line in stage.lines("gate")} == {"tap"}


def test_style_hold_takes_every_press_for_a_hold() -> None:
    stage = Stage(style="hold")
    stage.press()
    stage.wait(0.1)
    stage.release()
    assert stage.gate == "closing"


def test_a_remote_tap_is_a_tap() -> None:
    stage = Stage()
    stage.post(ev.Tapped(stage.now))
    assert stage.gate == "latched"


def test_the_journal_tells_when_the_gate_opens_and_closes_and_how() -> None:
    stage = Stage(linger_s=2.0)
    stage.tap()
    stage.wait(4.0)
    assert stage.lines("gate") == [
        {"state": "open", "how": "hold"},
        {"state": "open", "how": "tap"},
        {"state": "closed", "how": "tap"},
    ]


def test_a_quiet_spell_closes_the_microphone() -> None:
    stage = Stage(linger_s=8.0)
    stage.tap()
    stage.wait(7.9)
    assert stage.microphone_open
    stage.wait(0.3)
    assert not stage.microphone_open
    assert stage.sent == [wire.Clear()]
    assert stage.light is LightState.IDLE


def test_the_quiet_spell_begins_anew_after_each_word_and_after_the_reply() -> None:
    stage = Stage(linger_s=3.0)
    stage.tap()
    stage.wait(2.5)
    stage.asked_and_answered(1, 4.0)
    stage.wait(4.0 + 0.3 + 2.9)
    assert stage.microphone_open
    stage.wait(0.3)
    assert not stage.microphone_open


def test_music_that_no_server_takes_for_a_person_does_not_keep_the_microphone_open() -> None:
    stage = Stage(linger_s=8.0)
    stage.tap()
    for _ in range(20):
        stage.speak(2.0)
        stage.wait(1.0)
    assert stage.microphone_open
    for _ in range(6):
        stage.speak(2.0)
        stage.wait(1.0)
    assert not stage.microphone_open, "a minute, and a quiet spell"


def test_a_person_whom_the_server_hears_may_speak_for_as_long_as_they_like() -> None:
    stage = Stage(linger_s=8.0)
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    for _ in range(30):
        stage.speak(2.0)
        stage.wait(1.0)
    assert stage.microphone_open


def test_while_a_reply_is_awaited_or_played_the_quiet_spell_does_not_run() -> None:
    stage = Stage(linger_s=1.0)
    stage.tap()
    stage.speak(0.5)
    stage.notices("u1")
    stage.takes("u1")
    stage.wait(10.0)
    assert stage.gate == "latched"
    assert stage.light is LightState.THINKING


def test_nothing_is_sent_for_a_press_in_which_nothing_was_said() -> None:
    stage = Stage()
    stage.press()
    stage.wait(1.0)
    stage.release()
    stage.wait(1.0)
    assert stage.sent == [wire.Clear()]
    assert stage.lines("nothing-heard") == [{}]
    assert stage.gate == "closed"
    assert stage.light is LightState.IDLE


@pytest.mark.parametrize("duplex", ["half", "full"])
def test_a_press_over_a_reply_silences_it_and_listens(*, duplex: str) -> None:
    stage = Stage(duplex=duplex)
    stage.tap()
    stage.asked_and_answered(1, 9.0)
    stage.wait(2.0)
    effects = stage.post(ev.Pressed(stage.now))
    assert ev.Cut() in effects
    assert stage.light is LightState.LISTENING
    stage.release()
    stage.wait(0.1)
    assert stage.gate == "latched"
    assert [type(it) for it in stage.sent] == [wire.TruncateItem]


def test_a_press_over_a_reply_works_with_the_gate_closed_too() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.wait(0.1)
    stage.answers("r1", "a1", 5.0)
    stage.wait(1.0)
    assert stage.light is LightState.SPEAKING
    stage.press()
    stage.speak(1.0)
    assert stage.gate == "held"
    assert stage.messages(wire.TruncateItem)[0].audio_end_ms == 1005  # 5 ms to fall silent


def test_twenty_presses_a_second_leave_one_consistent_state() -> None:
    stage = Stage()
    for _ in range(41):
        stage.press()
        stage.wait(0.025)
        stage.release()
        stage.wait(0.025)
    stage.wait(1.0)
    assert (stage.gate == "latched") == stage.microphone_open
    assert stage.light is (LightState.LISTENING if stage.microphone_open else LightState.IDLE)


def test_a_press_in_the_tail_goes_on_with_the_turn() -> None:
    stage = Stage()
    stage.hold(1.0)
    stage.wait(0.1)
    assert stage.gate == "tail"
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.2)
    assert stage.spoken_out == pytest.approx(2.0)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]


@pytest.mark.parametrize("moment", ["closed", "held", "latched", "closing", "tail", "muted"])
def test_mute_closes_the_microphone_in_every_state(moment: str) -> None:
    stage = at(moment)
    stage.mute()
    stage.speak(1.0)
    assert stage.gate == "muted"
    assert stage.light is LightState.MUTED
    assert not stage.microphone_open
    left = len(stage.audio)
    stage.tap()
    stage.speak(1.0)
    assert len(stage.audio) == left
    stage.mute(on=False)
    assert stage.gate == "closed"


def test_mute_silences_a_reply_and_one_that_is_on_its_way() -> None:
    stage = Stage()
    stage.tap()
    stage.asked_and_answered(1, 9.0)
    stage.wait(1.0)
    stage.mute()
    stage.wait(0.1)
    assert not stage.speaker.sounding
    stage.mute(on=False)
    stage.tap()
    stage.speak(1.0)
    stage.takes("u2")
    stage.mute()
    stage.answers("r2", "a2", 1.0)
    assert stage.played("a2") == 0


@pytest.mark.parametrize("moment", ["closed", "held", "latched", "closing", "tail", "muted"])
def test_stopping_closes_the_microphone_in_every_state(moment: str) -> None:
    stage = at(moment)
    stage.post(ev.Stopping(stage.now))
    assert not stage.microphone_open
    assert stage.gate == ("muted" if moment == "muted" else "closed")
    left = len(stage.audio)
    stage.speak(1.0)
    assert len(stage.audio) == left


def test_stopping_in_the_middle_of_a_reply_is_one_thing_less_to_do() -> None:
    stage = Stage()
    stage.tap()
    stage.asked_and_answered(1, 9.0)
    stage.post(ev.Stopping(stage.now))
    assert not stage.microphone_open


def at(moment: str) -> Stage:
    """A stage whose gate is in this state, with something said."""
    stage = Stage()
    match moment:
        case "held":
            stage.press()
            stage.speak(0.5)
        case "latched":
            stage.tap()
            stage.speak(0.5)
        case "closing":
            stage.hold(0.5)
        case "tail":
            stage.hold(0.5)
            stage.wait(0.1)
        case "muted":
            stage.mute()
        case _:
            pass
    assert stage.gate == moment
    return stage
