from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.events import Part, Timer
from device.core.light import LightState


def test_at_the_start_every_part_is_tried() -> None:
    stage = Stage(online=False)
    assert isinstance(stage.effects[0], ev.ShowLight)
    assert [it.part for it in stage.effects if isinstance(it, ev.Probe)] == list(Part)


@pytest.mark.parametrize("part", list(Part))
def test_a_missing_part_is_a_light_a_sentence_and_a_retry(part: Part) -> None:
    stage = Stage()
    stage.fail(part, "busy")
    assert stage.lights[-1].code == "busy"
    assert stage.light is LightState.FAULT
    assert stage.lines("error") == [{"code": "busy", "what": "it is gone", "cure": "plug it in"}]
    stage.effects.clear()
    stage.wait(2.1)
    assert ev.Probe(part) in stage.effects


def test_a_failure_is_said_once_as_long_as_it_is_the_same() -> None:
    stage = Stage()
    for code in ["busy", "busy", "absent"]:
        stage.fail(Part.SPEAKER, code)
    assert stage.codes() == ["busy", "absent"]


def test_a_part_that_comes_back_ends_the_fault() -> None:
    stage = Stage()
    stage.fail(Part.SPEAKER)
    stage.post(ev.PartReady(stage.now, Part.SPEAKER))
    assert stage.light is LightState.IDLE
    assert stage.lines("recovered") == [{"part": "speaker"}]
    assert set(stage.timers) == {Timer.RENEW}


@pytest.mark.parametrize("how", ["held", "latched"])
def test_a_microphone_that_fails_before_a_word_closes_the_gate_at_once(how: str) -> None:
    stage = Stage()
    stage.press() if how == "held" else stage.tap()
    stage.wait(1.0)
    stage.fail(Part.MICROPHONE)
    assert stage.gate == "closed"
    assert stage.light is LightState.FAULT
    assert stage.sent == [wire.Clear()]


@pytest.mark.parametrize("how", ["held", "latched"])
def test_what_was_said_before_the_microphone_failed_is_answered(how: str) -> None:
    stage = Stage()
    stage.press() if how == "held" else stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.fail(Part.MICROPHONE, "microphone-lost")
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]
    assert (stage.gate, stage.light) == ("closed", LightState.THINKING)
    stage.says(wire.Committed("u1"))
    stage.answers("r1", "a1", 1.0)
    stage.wait(1.5)
    assert stage.audible("a1") == 1.0
    assert stage.lights[-1].code == "microphone-lost"
    assert stage.talk.link == "up"


def test_what_was_said_and_not_yet_noticed_by_the_server_is_a_turn_too() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(1.0)
    stage.fail(Part.MICROPHONE)
    assert stage.gate == "tail"
    stage.wait(0.5)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]


def test_what_was_said_before_link_and_microphone_failed_waits_for_the_link() -> None:
    stage = Stage()
    stage.tap()
    stage.lose()
    stage.speak(1.0)
    stage.fail(Part.MICROPHONE)
    stage.wait(5.0)
    stage.connect()
    stage.wait(1.0)
    assert stage.spoken_out > 0.9
    assert wire.Commit() in stage.sent


def test_a_microphone_that_fails_after_the_release_costs_the_last_block_only() -> None:
    stage = Stage()
    stage.press()
    stage.speak(1.0)
    stage.notices("u1")
    stage.release()
    stage.fail(Part.MICROPHONE)
    assert stage.sent == [wire.Commit(), wire.CreateResponse()]


def test_a_withheld_reply_is_let_out_when_the_microphone_fails() -> None:
    stage = Stage()
    stage.press()
    stage.takes("u1")
    stage.answers("r1", "a1", 1.0)
    stage.fail(Part.MICROPHONE)
    stage.wait(1.5)
    assert stage.audible("a1") == 1.0
    assert stage.reply == "quiet"


def test_a_press_tries_a_missing_microphone_at_once() -> None:
    stage = Stage()
    stage.fail(Part.MICROPHONE)
    effects = stage.post(ev.Pressed(stage.now))
    assert ev.Probe(Part.MICROPHONE) in effects
    assert stage.light is LightState.LISTENING
    stage.fail(Part.MICROPHONE)
    assert stage.light is LightState.FAULT


def test_a_microphone_that_is_back_is_listened_to_at_the_next_press() -> None:
    stage = Stage()
    stage.tap()
    stage.fail(Part.MICROPHONE)
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    stage.tap()
    stage.speak(1.0)
    assert stage.light is LightState.HEARING
    assert stage.spoken_out > 1.0


def test_a_speaker_that_fails_in_mid_reply_claims_only_what_is_known_as_heard() -> None:
    stage = Stage()
    stage.tap()
    stage.asked_and_answered(1, 5.0)
    stage.wait(2.0)
    stage.fail(Part.SPEAKER)
    stage.wait(1.0)
    assert [type(it) for it in stage.sent] == [wire.TruncateItem]
    assert stage.messages(wire.TruncateItem)[0].audio_end_ms <= 2000
    assert stage.reply == "quiet"
    assert stage.lines("turn")[0]["interrupted"] is False


def test_an_interruption_of_the_sound_is_told_as_one_line_of_its_kind() -> None:
    stage = Stage()
    stage.post(ev.Xrun(stage.now, Part.MICROPHONE))
    assert stage.lines("xrun") == [{"part": "microphone"}]
    assert stage.reports[-1].repeats == "xrun microphone"


def storm(stage: Stage, *, xruns: int, apart_s: float, part: Part = Part.SPEAKER) -> None:
    for _ in range(xruns):
        stage.wait(apart_s)
        stage.post(ev.Xrun(stage.now, part))


def test_a_storm_of_xruns_is_a_trouble_until_it_has_been_calm_for_long() -> None:
    stage = Stage()
    storm(stage, xruns=5, apart_s=1.0)
    assert stage.codes() == ["speaker-xruns"]
    assert stage.lights[-1].code == "speaker-xruns"
    storm(stage, xruns=5, apart_s=10.0)
    assert stage.lights[-1].code == "speaker-xruns", "not calm yet"
    stage.wait(41.0)
    assert stage.light is LightState.IDLE
    assert stage.lines("recovered") == [{"part": "speaker", "code": "speaker-xruns"}]
    assert stage.codes() == ["speaker-xruns"]


def test_a_few_xruns_are_no_storm() -> None:
    stage = Stage()
    storm(stage, xruns=20, apart_s=3.0)
    assert stage.codes() == []


def test_a_microphone_of_pure_zeros_is_told_when_the_gate_closes() -> None:
    stage = Stage()
    stage.tap()
    poor = ev.PartPoor(stage.now, Part.MICROPHONE, "microphone-silent", "it delivers pure zeros")
    for _ in range(3):
        stage.post(poor)
    assert stage.light is LightState.LISTENING
    stage.tap()
    stage.wait(2.0)
    assert stage.lights[-1].code == "microphone-silent"
    assert stage.codes() == ["microphone-silent"]
    assert stage.said == ["microphone-silent"]
    stage.tap()
    stage.post(ev.PartFine(stage.now, Part.MICROPHONE, "microphone-silent"))
    stage.tap()
    stage.wait(2.0)
    assert stage.light is LightState.IDLE


def poor(stage: Stage, code: str) -> None:
    stage.post(ev.PartPoor(stage.now, Part.MICROPHONE, code, "it is"))


def test_a_poor_microphone_is_still_poor_when_it_was_lost_and_is_back() -> None:
    stage = Stage()
    poor(stage, "microphone-silent")
    stage.fail(Part.MICROPHONE, "microphone-lost")
    assert stage.lights[-1].code == "microphone-lost"
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    assert stage.lights[-1].code == "microphone-silent", "its driver will not say so again"
    assert stage.codes() == ["microphone-silent", "microphone-lost"]


def test_a_storm_that_is_over_leaves_what_else_is_wrong_with_the_microphone() -> None:
    stage = Stage()
    poor(stage, "microphone-clips")
    storm(stage, xruns=5, apart_s=1.0, part=Part.MICROPHONE)
    stage.wait(41.0)
    assert stage.lights[-1].code == "microphone-clips"
    stage.post(ev.PartFine(stage.now, Part.MICROPHONE, "microphone-clips"))
    assert stage.light is LightState.IDLE


def test_a_microphone_that_breaks_in_a_storm_comes_back_without_it() -> None:
    stage = Stage()
    storm(stage, xruns=5, apart_s=1.0, part=Part.MICROPHONE)
    stage.fail(Part.MICROPHONE, "microphone-lost")
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    assert stage.light is LightState.IDLE


def test_when_the_cards_change_every_part_is_tried() -> None:
    stage = Stage()
    effects = stage.post(ev.CardsChanged(stage.now))
    assert effects == [ev.Probe(part) for part in Part]


def test_settings_that_are_not_in_use_are_told_by_the_light_until_they_are() -> None:
    stage = Stage()
    stage.post(ev.SettingsWrong(stage.now))
    assert (stage.light, stage.lights[-1].code) == (LightState.FAULT, "config")
    stage.fail(Part.MICROPHONE)
    assert stage.lights[-1].code == "busy", "what cannot be used at all goes before"
    stage.post(ev.PartReady(stage.now, Part.MICROPHONE))
    assert stage.lights[-1].code == "config"
    stage.post(ev.SettingsRight(stage.now))
    assert stage.light is LightState.IDLE


def test_the_button_works_with_the_last_good_settings() -> None:
    stage = Stage()
    stage.post(ev.SettingsWrong(stage.now))
    stage.press()
    stage.wait(0.1)
    assert stage.light is LightState.LISTENING


def turned(stage: Stage, ill: str, *, channel: int = 2, left_out: bool = True) -> None:
    cure = "unmute it" if ill else ""
    stage.post(ev.ChannelTurned(stage.now, channel, ill, cure, left_out=left_out))


def test_a_channel_of_an_array_is_a_warning_when_it_falls_ill_and_no_light() -> None:
    stage = Stage()
    turned(stage, "is dead (nothing but zeros)")
    what = "microphone channel 2 is dead (nothing but zeros) and is left out"
    assert stage.lines("channel") == [{"channel": 2, "what": what, "cure": "unmute it"}]
    turned(stage, "")
    assert stage.lines("channel")[1:] == [{"channel": 2}]
    assert stage.light is LightState.IDLE


def test_a_channel_that_is_heard_although_it_is_ill_is_not_said_to_be_left_out() -> None:
    stage = Stage()
    turned(stage, "clips", left_out=False)
    assert stage.reports[-1].sentence == "microphone channel 2 clips; unmute it"


def test_an_illness_that_comes_and_goes_is_one_line_a_minute_for_each_channel_and_kind() -> None:
    stage = Stage()
    keys = []
    for channel, ill in (
        (2, "is noisy (20 dB above the others)"), (2, "is noisy (23 dB above the others)"),
        (2, ""), (2, "is weak (30 dB below the others)"), (1, "is weak (30 dB below the others)"),
    ):  # fmt: skip
        turned(stage, ill, channel=channel)
        keys.append(stage.reports[-1].repeats)
    assert keys[0] == keys[1]
    assert all(keys)
    assert len(set(keys)) == 4


def test_a_bearing_is_a_line_for_developers() -> None:
    stage = Stage()
    stage.post(ev.Bearing(stage.now, 65.0))
    assert stage.lines("bearing") == [{"degrees": 65}]


def pointed(stage: Stage, effects: list[ev.Effect]) -> list[float]:
    return [effect.degrees for effect in effects if isinstance(effect, ev.Point)]


def test_the_light_points_to_who_speaks_while_it_says_that_it_hears_them() -> None:
    stage = Stage()
    stage.tap()
    assert pointed(stage, stage.post(ev.Bearing(stage.now, 65.0))) == [], "listening"
    stage.speak(0.5)
    assert stage.light is LightState.HEARING
    assert pointed(stage, stage.post(ev.Bearing(stage.now, 65.0))) == [65.0]
    stage.mute()
    stage.wait(1.0)
    assert pointed(stage, stage.post(ev.Bearing(stage.now, 65.0))) == []


def test_the_light_turns_ten_times_a_second_at_most() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(0.5)
    found = []
    for n in range(200):
        found += pointed(stage, stage.post(ev.Bearing(stage.now + n / 100, float(n))))
    assert 15 <= len(found) <= 20


def test_whether_somebody_speaks_is_known_while_the_gate_is_open() -> None:
    stage = Stage()
    assert stage.talk.hearing is None
    stage.tap()
    stage.wait(0.5)
    assert stage.talk.hearing is False
    stage.speak(0.5)
    assert stage.talk.hearing is True
    stage.mute()
    assert stage.talk.hearing is None


@pytest.mark.parametrize("duplex", ["half", "full"])
def test_whether_somebody_speaks_is_not_known_while_we_do(duplex: str) -> None:
    stage = Stage(duplex=duplex)
    stage.tap()
    stage.asked_and_answered(1, 2.0)
    stage.wait(1.0)
    assert stage.talk.hearing is None
    stage.press()  # the reply is cut, and still sounds in the room
    stage.wait(0.1)
    assert stage.talk.hearing is None
    stage.wait(1.0)
    assert stage.talk.hearing is False
