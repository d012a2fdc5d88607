from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core.audio import frames_of
from device.core.events import Cue
from device.core.light import LightState


def captured_between(stage: Stage, start: float, end: float) -> list[tuple[float, float]]:
    spans = [sent.captured for sent in stage.audio if sent.captured]
    return [span for span in spans if span[0] < end and start < span[1]]


def test_nothing_is_heard_while_the_reply_sounds_and_three_hundred_ms_after() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.asked_and_answered(1, 2.0)
    start = stage.now
    stage.speak(2.0 + 0.3 + 0.5)
    assert captured_between(stage, start, start + 2.3) == []
    assert min(sent.at for sent in stage.audio if sent.at > start) >= start + 2.3
    assert stage.gate == "latched"


def test_a_loudspeaker_that_is_late_is_waited_for() -> None:
    stage = Stage(duplex="half", output_delay_s=0.4)
    stage.tap()
    stage.asked_and_answered(1, 2.0)
    start = stage.now
    stage.speak(2.0 + 0.3 + 0.4 + 0.5)
    assert captured_between(stage, start, start + 2.7) == []
    assert captured_between(stage, start + 2.75, stage.now)


def test_the_light_says_speaking_while_nobody_is_heard() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.asked_and_answered(1, 2.0)
    stage.speak(1.0)
    assert stage.light is LightState.SPEAKING
    stage.wait(2.0)
    assert stage.light is LightState.LISTENING


def test_full_duplex_hears_the_person_over_the_reply() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.asked_and_answered(1, 2.0)
    before = stage.spoken_out
    stage.speak(1.0)
    assert stage.spoken_out - before == pytest.approx(1.0, abs=0.05)
    assert stage.light is LightState.HEARING


def test_after_a_press_over_the_reply_the_first_words_wait_out_the_echo() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.asked_and_answered(1, 9.0)
    stage.wait(2.0)
    pressed = stage.now
    stage.press()
    stage.speak(0.29)
    assert not [sent for sent in stage.audio if sent.at > pressed]
    stage.speak(0.3)
    assert captured_between(stage, pressed - 1.0, pressed + 0.005) == []
    spans = captured_between(stage, pressed, stage.now)
    assert spans[0][0] < pressed + 0.05


def test_while_a_reply_is_awaited_silence_is_kept_back() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.wait(1.0)
    before = len(stage.audio)
    stage.wait(3.0)
    assert len(stage.audio) == before
    assert stage.light is LightState.THINKING


def test_a_person_who_goes_on_while_a_reply_is_awaited_is_heard_from_the_first_syllable() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.wait(3.0)
    began = stage.now
    stage.speak(0.5)
    assert stage.light is LightState.HEARING
    assert captured_between(stage, began, began + 0.04)


def test_what_was_kept_back_before_the_reply_is_not_sent_after_it() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.wait(3.0)
    stage.answers("r1", "a1", 1.0)
    began = stage.now
    stage.wait(2.0)
    assert captured_between(stage, began - 1.0, began + 1.0) == []


def test_the_light_changes_when_mere_time_lets_words_out() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.asked_and_answered(1, 9.0)
    stage.wait(1.0)
    stage.press()
    stage.wait(0.01)
    stage.begins("r2")
    assert stage.light is LightState.THINKING
    stage.speak(1.0)
    late = [sent for sent in stage.audio if sent.at > stage.now - 0.9]
    assert late
    assert {sent.light for sent in late} <= {LightState.LISTENING, LightState.HEARING}


def test_our_own_voice_is_not_kept_while_the_link_is_down() -> None:
    stage = Stage(duplex="half")
    stage.tap()
    stage.asked_and_answered(1, 3.0)
    start = stage.now
    stage.wait(1.0)
    stage.lose()
    assert stage.light is LightState.SPEAKING
    stage.wait(4.0)
    stage.connect()
    stage.wait(0.1)
    assert captured_between(stage, start, start + 3.0) == []


def test_a_tail_in_the_echo_waits_for_its_end() -> None:
    stage = Stage(duplex="half", style="hold")
    stage.press()
    stage.takes("u1")
    stage.release()
    stage.answers("r1", "a1", 5.0)
    stage.wait(1.0)
    stage.hold(0.25)
    stage.wait(1.0)
    assert stage.codes() == []
    assert stage.gate == "closed"


def test_a_speaker_that_does_not_fall_silent_is_not_waited_for_longer_than_a_second() -> None:
    stage = Stage(duplex="half", style="hold")
    stage.press()
    stage.takes("u1")
    stage.release()
    stage.answers("r1", "a1", 5.0)
    stage.wait(1.0)
    pressed = stage.now
    stage.press()
    stage.jam()
    stage.speak(2.0)
    first = stage.audio[0].captured
    assert first is not None
    assert pressed + 0.99 <= first[0] < pressed + 1.1


def test_the_pre_roll_is_sent_before_the_first_block() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.speak(2.0)
    assert stage.audio == []
    assert stage.light is LightState.AWAKE
    stage.press()
    stage.speak(0.1)
    spans = [sent.captured for sent in stage.audio if sent.captured]
    assert spans[0][0] == pytest.approx(stage.now - 0.6, abs=0.05)


def test_the_pre_roll_of_a_press_over_a_reply_leaves_our_own_voice_out() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.press()
    stage.speak(0.5)
    stage.notices("u1")
    stage.release()
    stage.wait(0.1)
    stage.answers("r1", "a1", 5.0)
    began = stage.now
    stage.wait(2.0)
    stage.press()
    pressed = stage.now
    stage.speak(1.0)
    assert captured_between(stage, began, pressed) == []


def test_the_pre_roll_of_a_press_just_after_a_reply_leaves_our_own_voice_out() -> None:
    stage = Stage(preroll=frames_of(800))
    stage.press()
    stage.speak(0.5)
    stage.notices("u1")
    stage.release()
    stage.wait(0.1)
    stage.answers("r1", "a1", 1.0)
    began = stage.now
    stage.wait(1.0 + 0.3 + 0.2)
    stage.press()
    stage.speak(1.0)
    assert captured_between(stage, began, began + 1.0) == []
    assert captured_between(stage, began + 1.3, began + 1.4), "the rest is a pre-roll"


def test_with_a_pre_roll_the_microphone_opens_again_after_each_turn() -> None:
    stage = Stage(preroll=frames_of(500))
    assert stage.microphone_open
    stage.hold(1.0)
    stage.wait(1.0)
    assert stage.gate == "closed"
    assert stage.microphone_open


def test_muted_means_closed_even_with_a_pre_roll() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.speak(1.0)
    stage.mute()
    assert not stage.microphone_open
    stage.wait(1.0)
    stage.mute(on=False)
    assert stage.microphone_open
    unmuted = stage.now
    stage.wait(0.1)
    stage.press()
    stage.wait(0.1)
    assert captured_between(stage, 0.0, unmuted) == []


def test_a_block_on_its_way_when_the_switch_moved_is_forgotten() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.wait(0.02)
    stage.mute()
    stage.wait(1.0)
    stage.mute(on=False)
    unmuted = stage.now
    stage.press()
    stage.wait(0.2)
    assert captured_between(stage, 0.0, unmuted) == []


def test_after_a_failure_the_pre_roll_listens_again() -> None:
    stage = Stage(preroll=frames_of(500))
    stage.fail(ev.Part.MICROPHONE)
    assert not stage.microphone_open
    stage.post(ev.PartReady(stage.now, ev.Part.MICROPHONE))
    assert stage.microphone_open


def test_tones_of_presses_over_a_reply_are_not_sent_though_one_was_cut_with_it() -> None:
    stage = Stage(duplex="half", tells="all", style="hold")
    stage.hold(1.0)
    stage.notices("u1")
    stage.wait(0.01)
    stage.answers("r1", "a1", 3.0)
    stage.wait(0.02)
    pressed = stage.now
    for _ in range(2):
        stage.press()
        stage.release()
    stage.press()
    stage.wait(2.0)
    spans = captured_between(stage, pressed, stage.now)
    assert stage.cues == [Cue.LISTENING, Cue.DONE] * 3 + [Cue.LISTENING]
    assert spans
    assert not any(stage.speaker.sounded_between(*span) for span in spans)
