"""The ring of words against a plain list."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from device.core.audio import PERIOD, RATE, Frames, MicBlock, Ms
from device.core.gate import Closed, Held, Uplink, step
from device.core.memory import Memory
from device.core.words import KEPT, Words

SECOND = Frames(RATE)


def uplink(number: int, frames: int = PERIOD) -> Uplink:
    gate = step(Closed(), Held)
    assert isinstance(gate, Held)
    return gate.mic.admit(MicBlock(number.to_bytes(2, "little") * frames, 0.0))


def number(said: Uplink) -> int:
    return int.from_bytes(said.pcm[:2], "little")


def said(words: Words, *numbers: int, frames: int = PERIOD, spoken: int = 20) -> None:
    for one in numbers:
        words.keep(uplink(one, frames), spoken=Ms(spoken))


def left(words: Words) -> list[int]:
    return [number(one) for one in words.leave()]


def test_what_was_sent_and_not_answered_waits_again_before_what_waits() -> None:
    words = Words()
    said(words, 1, 2, 3)
    assert left(words) == [1, 2, 3]
    said(words, 4)
    words.link_lost()
    assert left(words) == [1, 2, 3, 4]
    words.link_lost()
    assert left(words) == [1, 2, 3, 4]


def test_an_answer_ends_the_words_up_to_where_the_server_took_them() -> None:
    words = Words()
    said(words, 1, 2, 3, 4)
    words.leave()
    words.took(Frames(2 * PERIOD))
    words.answered()
    words.link_lost()
    assert left(words) == [3, 4]


def test_our_own_silence_moves_the_servers_clock() -> None:
    words = Words()
    words.silence(Frames(5 * PERIOD))
    said(words, 1, 2)
    words.leave()
    words.took(Frames(6 * PERIOD))
    words.answered()
    words.link_lost()
    assert left(words) == [2]


def test_the_clock_of_the_next_server_begins_at_nothing() -> None:
    words = Words()
    words.silence(SECOND)
    said(words, 1)
    words.leave()
    words.took()
    words.link_lost()
    words.leave()
    said(words, 2)
    words.leave()
    words.took(Frames(PERIOD))
    words.answered()
    words.link_lost()
    assert left(words) == [2]


def test_a_server_that_takes_an_older_turn_again_changes_nothing() -> None:
    words = Words()
    said(words, 1, 2)
    words.leave()
    words.took()
    words.took(Frames(PERIOD))
    assert words.untaken_spoken == 0


def test_an_answer_without_any_turn_taken_is_to_all_that_was_sent() -> None:
    words = Words()
    said(words, 1)
    words.leave()
    said(words, 2)
    words.answered()
    words.link_lost()
    assert left(words) == [2]


def test_thirty_seconds_are_kept_of_what_was_sent() -> None:
    words = Words()
    for one in range(40):
        said(words, one, frames=SECOND)
        words.leave()
    words.link_lost()
    assert left(words) == list(range(10, 40))
    assert words.take_loss() == 10 * RATE
    assert words.take_loss() == 0


def test_thirty_seconds_are_kept_of_both_together() -> None:
    words = Words()
    said(words, *range(20), frames=SECOND)
    words.leave()
    said(words, *range(20, 40), frames=SECOND)
    words.link_lost()
    assert left(words) == list(range(10, 40))
    assert words.take_loss() == 10 * RATE


def test_an_answer_wipes_the_loss_and_the_count_of_repeats() -> None:
    words = Words()
    said(words, *range(31), frames=SECOND)
    words.repeats = 1
    for one in range(32):
        said(words, one, frames=SECOND)
        words.leave()
    words.take_loss()
    words.answered()
    words.link_lost()
    assert words.take_loss() == 0
    assert words.repeats == 0


def test_silence_before_the_first_word_is_no_loss_and_pauses_after_it_are() -> None:
    words = Words()
    said(words, *range(10), frames=SECOND, spoken=0)
    said(words, 10, frames=SECOND)
    said(words, 11, frames=SECOND, spoken=0)
    said(words, *range(12, 42), frames=SECOND)
    assert words.take_loss() == 2 * RATE


def test_what_is_held_back_is_forgotten_and_what_was_sent_is_not() -> None:
    words = Words()
    said(words, 1)
    words.leave()
    said(words, 2)
    words.hold_back()
    assert not words.waiting
    words.link_lost()
    assert left(words) == [1]


Move = st.sampled_from(["say", "say", "say", "leave", "lose", "answer"])


@settings(max_examples=200, deadline=None)
@given(st.lists(Move, max_size=60))
def test_no_order_of_things_loses_or_doubles_a_word(moves: list[str]) -> None:
    words, waiting, sent, count = Words(), list[int](), list[int](), 0
    for move in moves:
        match move:
            case "say":
                said(words, count)
                waiting.append(count)
                count += 1
            case "leave":
                assert left(words) == waiting
                sent += waiting
                waiting = []
            case "lose":
                words.link_lost()
                waiting, sent = sent + waiting, []
            case _:
                words.took()
                words.answered()
                sent = []
    words.link_lost()
    assert left(words) == sent + waiting
    assert sum(map(len, [sent, waiting])) * PERIOD <= KEPT


def test_the_memory_forgets_the_oldest_and_cuts_the_longest() -> None:
    memory = Memory()
    for one in range(50):
        memory.asked(f"u{one}")
        memory.wrote(f"u{one}", f"{one}")
    memory.asked("long")
    memory.wrote("long", "x" * 5000)
    memory.link_lost()
    told = [create.item.content[0].text for create in memory.untold()]
    assert told[:-1] == [str(one) for one in range(11, 50)]
    assert len(told[-1]) == 4000
    assert memory.untold() == []


def test_a_question_after_an_answer_nobody_heard_is_to_be_asked_again_with_the_one_before() -> None:
    memory = Memory()
    memory.asked("u1")
    memory.wrote("u1", "first")
    memory.announced("a1")
    memory.wrote("a1", "never heard")
    memory.asked("u2")
    memory.wrote("u2", "second")
    memory.unanswered()
    memory.link_lost()
    assert memory.untold() == []
