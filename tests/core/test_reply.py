from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import events as ev
from device.core import wire
from device.core.audio import RATE, Frames, Ms
from device.core.habits import BENIGN
from device.core.ledger import Heard, ItemId
from device.core.light import LightState
from device.core.reply import REMEMBERED, Recent


def asked(**habits: object) -> Stage:
    """Hands-free; the server has taken a question."""
    stage = Stage(**habits)  # type: ignore[arg-type]
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    return stage


def test_a_turn_from_the_press_to_the_last_sound() -> None:
    stage = asked()
    assert stage.reply == "awaited"
    stage.wait(0.5)
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    assert stage.reply == "speaking"
    stage.finishes("r1")
    stage.wait(2.0)
    assert stage.audible("a1") == 1.0
    assert stage.lines("turn") == [
        {
            "turn": 1,
            "item": "a1",
            "press_to_first_block_ms": 40.0,
            "commit_to_first_delta_ms": 500.0,
            "first_delta_to_sound_ms": 0.0,
            "heard_ms": 1000,
            "received_ms": 1000,
            "interrupted": False,
            "trouble": "",
            "input_tokens": 100,
            "output_tokens": 50,
            "input_audio_tokens": 0,
            "cached_tokens": 0,
            "output_audio_tokens": 0,
            "cost_usd": None,
        }
    ]


def test_the_second_turn_of_a_hands_free_conversation_has_no_press() -> None:
    stage = asked()
    stage.answers("r1", "a1", 0.5)
    stage.wait(1.0)
    stage.asked_and_answered(2, 0.5)
    stage.wait(1.0)
    assert [line["press_to_first_block_ms"] for line in stage.lines("turn")] == [40.0, None]


def test_a_later_press_is_not_older_than_its_first_block() -> None:
    stage = asked(linger_s=2.0)
    stage.answers("r1", "a1", 0.5)
    stage.wait(5.0)
    assert stage.gate == "closed"
    stage.tap()
    stage.asked_and_answered(2, 0.5)
    stage.wait(1.0)
    assert [line["press_to_first_block_ms"] for line in stage.lines("turn")] == [40.0, 40.0]


def test_sound_that_is_announced_after_its_cut_belongs_to_no_turn() -> None:
    stage = asked(duplex="full")
    stage.answers("r1", "a1", 5.0)
    stage.notices("u2")
    stage.post(ev.Sounded(stage.now, ItemId("a1")))
    stage.takes("u2")
    stage.wait(1.0)
    stage.answers("r2", "a2", 0.5)
    stage.wait(1.0)
    assert stage.lines("turn")[-1]["first_delta_to_sound_ms"] == 0.0


def test_what_the_server_repeats_counts_once() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(1.0)
    for _ in range(9):
        stage.notices("u1")
    for _ in range(9):
        stage.takes("u1")
    for _ in range(9):
        stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    for _ in range(9):
        stage.finishes("r1")
    stage.wait(2.0)
    assert stage.sent == []
    assert stage.audible("a1") == 1.0
    assert len(stage.lines("turn")) == 1
    assert stage.lines("turn")[0]["input_tokens"] == 100
    assert stage.talk.ignored["response.created: repeated"] == 8
    assert stage.talk.ignored["committed: no news"] == 8
    assert stage.talk.ignored["speech_started: no news"] == 8


@pytest.mark.parametrize(
    ("response", "item"), [("r1", "stranger"), ("stranger", "a1"), ("stranger", "stranger")]
)
def test_audio_of_an_unknown_reply_or_item_is_never_played(response: str, item: str) -> None:
    stage = asked()
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    stage.piece(response, item, 0.2)
    assert stage.played("a1") == stage.played("stranger") == 0
    assert stage.talk.ignored["audio of an unknown or cancelled item"] == 1


def test_an_item_of_an_unknown_reply_is_not_announced_by_it() -> None:
    stage = asked()
    stage.sounds("stranger", "a1", 0.2)
    assert stage.played("a1") == 0


def test_a_cut_item_cannot_be_announced_again_for_another_reply() -> None:
    stage = asked(duplex="full")
    stage.begins("r1")
    stage.sounds("r1", "a1", 3.0)
    stage.wait(1.0)
    stage.notices("u2")
    stage.begins("r2")
    stage.sounds("r2", "a1", 1.0)
    assert stage.played("a1") == 3.0


def test_audio_without_a_sample_is_passed_over() -> None:
    stage = asked()
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    stage.says(wire.AudioDelta("r1", "a1", b""))
    assert stage.reply == "awaited"
    assert stage.talk.ignored["audio without a sample"] == 1


def test_beta_spellings_are_understood() -> None:
    stage = asked()
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    stage.says(wire.BetaAudioDelta("r1", "a1", bytes(2 * RATE)))
    stage.says(wire.BetaAudioDone("r1", "a1"))
    stage.finishes("r1")
    stage.wait(1.5)
    assert stage.audible("a1") == 1.0


def test_the_end_of_sound_of_an_unknown_item_is_nothing() -> None:
    stage = Stage()
    stage.says(wire.AudioDone("r9", "a9"))
    assert stage.reply == "quiet"


def test_no_more_of_a_reply_is_kept_than_the_longest_one() -> None:
    stage = asked(duplex="full", longest_reply=Frames(2 * RATE))
    stage.answers("r1", "a1", 5.0)
    assert stage.played("a1") == 2.0
    stage.wait(3.0)
    assert stage.talk.ignored["audio beyond the longest reply"] == 15
    assert stage.sent == [wire.TruncateItem("a1", Ms(2000))], "the server must know"
    stage.asked_and_answered(2, 1.0)
    assert stage.played("a2") == 1.0


def held(seconds: float) -> Stage:
    """A held question that was committed."""
    stage = Stage()
    stage.press()
    stage.speak(seconds)
    stage.notices("u1")
    stage.release()
    stage.wait(0.05)
    assert stage.reply == "awaited"
    return stage


def test_a_reply_that_comes_too_late_is_asked_for_once_more_over_a_new_link() -> None:
    stage = held(1.0)
    stage.wait(11.9)
    assert stage.reply == "awaited"
    stage.wait(0.2)
    assert any(isinstance(it, ev.Redial) for it in stage.effects)
    stage.connect()
    stage.wait(1.0)
    assert stage.spoken_out == pytest.approx(2.0)
    assert stage.messages(wire.Commit) == [wire.Commit()] * 2
    assert stage.codes() == []
    stage.answers("r2", "a2", 1.0)
    stage.wait(2.0)
    assert stage.audible("a2") == 1.0
    assert len(stage.lines("turn")) == 1


def test_a_reply_that_is_too_late_twice_is_given_up_aloud() -> None:
    stage = held(1.0)
    stage.wait(12.1)
    stage.connect()
    stage.wait(15.0)
    assert stage.codes() == ["no-answer"]
    assert stage.reply == "quiet"
    stage.connect()
    stage.wait(2.0)
    assert stage.spoken_out == pytest.approx(2.0)


def test_a_slow_reply_is_told_in_steps() -> None:
    stage = asked()
    stage.wait(1.9)
    assert stage.cues == []
    stage.wait(0.2)
    assert stage.lines("slow") == []
    stage.wait(4.0)
    assert [line["waited_s"] for line in stage.lines("slow")] == [6.0]


def test_a_reply_that_was_announced_is_waited_for_anew() -> None:
    stage = asked()
    stage.wait(11.0)
    stage.begins("r1")
    stage.wait(11.0)
    assert stage.reply == "awaited"
    stage.sounds("r1", "a1", 1.0)
    assert stage.reply == "speaking"


def test_a_reply_in_time_stops_the_clock() -> None:
    stage = asked()
    stage.wait(11.0)
    stage.answers("r1", "a1", 10.0)
    stage.wait(20.0)
    assert stage.codes() == []


def test_a_failed_reply_is_said_and_the_device_goes_on() -> None:
    stage = asked()
    stage.begins("r1")
    stage.finishes("r1", "failed", error={"code": "server_error", "message": "no capacity"})
    assert stage.codes() == ["server_error"]
    assert "no capacity" in stage.lines("error")[0]["what"]
    assert stage.reply == "quiet"
    stage.asked_and_answered(2, 1.0)
    assert stage.reply == "speaking"


def test_the_failure_of_a_reply_that_is_not_ours_is_not_said() -> None:
    stage = asked()
    stage.finishes("r0", "failed", error={"code": "server_error", "message": "old"})
    assert stage.codes() == []
    assert stage.reply == "awaited"


def test_a_reply_without_sound_ends_the_wait() -> None:
    stage = asked()
    stage.begins("r1")
    stage.finishes("r1")
    assert stage.reply == "quiet"
    assert stage.light is LightState.HEARING
    assert stage.lines("turn")[0]["received_ms"] == 0


def test_a_reply_nobody_asked_for_is_played() -> None:
    stage = Stage()
    stage.answers("r1", "a1", 1.0)
    assert stage.light is LightState.SPEAKING
    stage.wait(2.0)
    assert stage.audible("a1") == 1.0


@pytest.mark.parametrize("code", sorted(BENIGN))
def test_a_race_that_both_sides_may_lose_is_no_error(code: str) -> None:
    stage = Stage()
    stage.says(wire.ServerError(wire.Fault("no", code)))
    assert stage.codes() == []
    assert stage.talk.ignored[f"race: {code}"] == 1


def test_another_refusal_is_an_error_with_its_code() -> None:
    stage = Stage()
    stage.says(wire.ServerError(wire.Fault("x" * 999, None, "invalid_request_error")))
    stage.says(wire.ServerError(wire.Fault()))
    assert stage.codes() == ["invalid_request_error", "server"]
    assert len(stage.lines("error")[0]["what"]) < 300


def test_garbage_is_counted_and_said() -> None:
    stage = Stage()
    stage.post(ev.Garbled(stage.now, "x" * 999))
    stage.says(wire.Unknown("rate_limits.updated"))
    assert stage.talk.ignored == {"garbage": 1, "event of no use": 1}
    assert stage.lines("garbage") == [{"what": "x" * 200}]


def test_speech_between_holds_is_no_news() -> None:
    stage = Stage()
    stage.notices("u1")
    assert stage.reply == "quiet"
    stage.takes("u1")
    assert stage.reply == "quiet"


def test_only_the_latest_ids_are_remembered() -> None:
    recent: Recent[int] = Recent()
    for number in range(3 * REMEMBERED):
        recent.add(number)
    assert 3 * REMEMBERED - 1 in recent
    assert 2 * REMEMBERED in recent
    assert 2 * REMEMBERED - 1 not in recent


def test_the_items_of_a_long_conversation_are_forgotten_one_by_one() -> None:
    stage = asked()
    stage.begins("r1")
    for number in range(REMEMBERED + 1):
        stage.says(wire.OutputItemAdded("r1", wire.ItemInfo(f"a{number}")))
    stage.piece("r1", "a0", 0.1)
    stage.piece("r1", "a1", 0.1)
    assert (stage.played("a0"), stage.played("a1")) == (0, 0.1)


def test_a_server_that_does_not_say_what_it_cost_leaves_the_figures_open() -> None:
    stage = asked()
    stage.begins("r1")
    stage.sounds("r1", "a1", 0.5)
    stage.says(wire.ResponseDone(wire.ResponseInfo("r1", "completed")))
    stage.wait(1.0)
    line = stage.lines("turn")[0]
    assert (line["input_tokens"], line["output_tokens"]) == (None, None)


def test_sound_that_crosses_the_end_of_the_sound_before_it_is_still_part_of_the_reply() -> None:
    stage = asked()
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    stage.piece("r1", "a1", 0.2)
    stage.piece("r1", "a1", 0.2)
    stage.jam()  # the speaker's own answers: they are given by hand
    fifth = Frames(RATE // 5)
    stage.post(ev.PlayoutEnded(stage.now, (Heard(ItemId("a1"), fifth, fifth),), 0))
    stage.wait(1.0)
    assert stage.reply == "speaking"
    stage.post(ev.PlayoutEnded(stage.now, (Heard(ItemId("a1"), fifth, fifth),), 0))
    stage.wait(1.0)
    assert stage.reply == "quiet"
