from __future__ import annotations

import pytest

from core.stage import Stage
from device.core import wire
from device.core.audio import Ms


def speaking(*, seconds: float = 9.0, generating: bool = False) -> Stage:
    """Hands-free and full duplex; the reply `r1` has sounded for two seconds."""
    stage = Stage(duplex="full")
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", seconds)
    if not generating:
        stage.finishes("r1")
    stage.wait(2.0)
    return stage


def test_case_a_the_person_speaks_while_the_reply_is_generated() -> None:
    stage = speaking(generating=True)
    stage.notices("u2")
    stage.piece("r1", "a1", 1.0)  # already in flight
    stage.finishes("r1", "cancelled", reason="turn_detected")
    stage.wait(0.1)
    assert stage.played("a1") == 9.0
    assert stage.sent == [wire.TruncateItem("a1", Ms(2005))]
    assert stage.reply == "quiet"


def test_case_b_the_item_was_complete_and_its_reply_was_not() -> None:
    stage = speaking(generating=True)
    stage.says(wire.AudioDone("r1", "a1"))
    stage.notices("u2")
    stage.finishes("r1", "cancelled", reason="turn_detected")
    stage.wait(0.1)
    assert [type(it) for it in stage.sent] == [wire.TruncateItem]


def test_case_c_the_person_goes_on_before_anything_came() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    for number in range(1, 4):
        stage.speak(0.5)
        stage.notices(f"u{number}")
        stage.takes(f"u{number}")
        stage.begins(f"r{number}")
        stage.notices(f"u{number}b")
        assert stage.reply == "quiet"
        stage.finishes(f"r{number}", "cancelled", reason="turn_detected")
        stage.takes(f"u{number}b")
    stage.answers("r9", "a9", 1.0)
    stage.wait(1.5)
    assert stage.sent == []
    assert stage.audible("a9") == 1.0
    assert len(stage.lines("turn")) == 1


def test_case_d_only_speech_started_arrives() -> None:
    stage = speaking()
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.sent == [wire.TruncateItem("a1", Ms(2005))]
    assert stage.audible("a1") == 2.005
    assert not stage.speaker.sounding


def test_a_server_that_cancels_before_it_says_why_is_understood() -> None:
    stage = speaking(generating=True)
    stage.finishes("r1", "cancelled", reason="turn_detected")
    stage.wait(0.1)
    assert not stage.speaker.sounding
    stage.notices("u2")
    stage.wait(0.1)
    assert [type(it) for it in stage.sent] == [wire.TruncateItem]
    assert stage.reply == "quiet"


def test_a_press_cancels_what_is_still_generated() -> None:
    stage = speaking(generating=True)
    stage.press()
    stage.wait(0.1)
    assert [type(it) for it in stage.sent] == [wire.CancelResponse, wire.TruncateItem]


def test_a_press_over_a_complete_reply_cancels_nothing() -> None:
    stage = speaking()
    stage.press()
    stage.wait(0.1)
    assert [type(it) for it in stage.sent] == [wire.TruncateItem]


def test_a_press_before_anything_was_announced_cancels_the_reply_when_it_comes() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(1.0)
    stage.notices("u1")
    stage.takes("u1")
    stage.press()
    stage.release()
    assert stage.sent == []
    stage.begins("r1")
    assert stage.sent == [wire.CancelResponse("r1")]
    stage.sounds("r1", "a1", 2.0)
    assert stage.played("a1") == 0
    stage.asked_and_answered(2, 1.0)
    stage.wait(2.0)
    assert stage.audible("a2") == 1.0


def test_a_refusal_ends_the_wait_for_a_reply_that_was_to_be_cancelled() -> None:
    stage = Stage()
    stage.tap()
    stage.takes("u1")
    stage.press()
    stage.release()
    stage.says(wire.ServerError(wire.Fault("busy", "server_error")))
    stage.asked_and_answered(2, 1.0)
    assert stage.sent == []
    assert stage.reply == "speaking"


def test_the_journal_says_that_a_reply_was_interrupted_and_how_much_was_heard() -> None:
    stage = speaking()
    stage.press()
    stage.wait(0.1)
    assert stage.lines("turn") == [
        {
            "turn": 1,
            "item": "a1",
            "press_to_first_block_ms": 40.0,
            "commit_to_first_delta_ms": 0.0,
            "first_delta_to_sound_ms": 0.0,
            "heard_ms": 2005,
            "received_ms": 9000,
            "interrupted": True,
            "trouble": "",
            "input_tokens": 100,
            "output_tokens": 50,
            "input_audio_tokens": 0,
            "cached_tokens": 0,
            "output_audio_tokens": 0,
            "cost_usd": None,
        }
    ]


def test_the_line_of_an_interrupted_turn_waits_for_its_usage_but_not_for_long() -> None:
    stage = speaking(generating=True)
    stage.press()
    stage.wait(0.5)
    assert stage.lines("turn") == []
    stage.finishes("r1", "cancelled", reason="client_cancelled")
    assert stage.lines("turn")[0]["output_tokens"] == 50
    silent = speaking(generating=True)
    silent.press()
    silent.wait(2.1)
    assert silent.lines("turn")[0]["output_tokens"] is None


def test_a_reply_asked_for_and_interrupted_has_its_line_too() -> None:
    stage = Stage()
    stage.tap()
    stage.takes("u1")
    stage.press()
    assert [line["interrupted"] for line in stage.lines("turn")] == [True]


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    stage.sounds("r1", "a2", 1.0)
    stage.wait(0.5)
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.sent == [wire.TruncateItem("a1", Ms(505)), wire.DeleteItem("a2")]


def test_an_item_heard_for_less_than_a_millisecond_is_deleted() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.takes("u1")
    stage.answers("r1", "a1", 1.0)
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.sent == [wire.TruncateItem("a1", Ms(5))], "5 ms to fall silent"
    fresh = Stage(duplex="full")
    fresh.tap()
    fresh.takes("u1")
    fresh.answers("r1", "a0", 0.0045)
    fresh.begins("r2")
    fresh.sounds("r2", "a1", 1.0)
    fresh.notices("u2")
    fresh.wait(0.1)
    assert fresh.sent == [wire.DeleteItem("a1")]


def test_an_item_heard_to_its_end_is_never_truncated() -> None:
    stage = speaking(seconds=1.0)
    assert stage.reply == "quiet"
    stage.notices("u2")
    stage.press()
    stage.wait(0.5)
    assert not stage.messages(wire.TruncateItem)
    assert not stage.messages(wire.DeleteItem)


def test_of_two_items_only_the_one_that_was_cut_is_truncated() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 1.0)
    stage.sounds("r1", "a2", 1.0)
    stage.finishes("r1")
    stage.wait(1.5)
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.sent == [wire.TruncateItem("a2", Ms(505))]


def test_a_truncate_is_rounded_down() -> None:
    stage = speaking(seconds=9.0)
    stage.wait(0.00049)
    stage.notices("u2")
    stage.wait(0.1)
    exact = stage.audible("a1") * 1000
    claimed = stage.messages(wire.TruncateItem)[0].audio_end_ms
    assert exact - 1 < claimed <= exact


def test_a_long_gap_in_a_reply_does_not_make_it_forget_what_was_heard_before() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.takes("u1")
    stage.begins("r1")
    stage.sounds("r1", "a1", 2.0)
    stage.wait(6.0)  # the speaker gives up waiting after three seconds
    stage.piece("r1", "a1", 5.0)
    stage.wait(1.0)
    stage.notices("u2")
    stage.wait(0.1)
    assert stage.sent == [wire.TruncateItem("a1", Ms(3005))]


@pytest.mark.parametrize("trigger", ["person", "button"])
def test_what_arrives_late_of_a_cut_reply_is_never_played(trigger: str) -> None:
    stage = speaking(generating=True)
    if trigger == "person":
        stage.notices("u2")
    else:
        stage.press()
    stage.wait(0.1)
    stage.piece("r1", "a1", 1.0)
    stage.sounds("r1", "a2", 1.0)
    assert stage.played("a1") == 9.0
    assert stage.played("a2") == 0
    assert stage.talk.ignored["audio of an unknown or cancelled item"] == 10


def test_a_cut_whose_usage_is_outstanding_does_not_take_the_next_reply_for_its_own() -> None:
    stage = speaking(generating=True)
    stage.notices("u2")
    stage.wait(0.2)
    stage.takes("u2")
    stage.answers("r2", "a2", 0.5)
    stage.wait(1.0)
    assert stage.reply == "quiet"
    assert stage.audible("a2") == 0.5


def test_two_interruptions_in_a_row_each_have_their_line() -> None:
    stage = speaking(generating=True)
    stage.notices("u2")
    stage.wait(0.1)
    stage.takes("u2")
    stage.begins("r2")
    stage.sounds("r2", "a2", 5.0)
    stage.wait(1.0)
    stage.notices("u3")
    stage.wait(3.0)
    assert [line["heard_ms"] for line in stage.lines("turn")] == [2005, 1005]
