"""The figures are counted, not assumed: a lost block or a frame too many would show."""

import numpy as np
import pytest

from device.demo.figures import BLOCK, RATE, Answered, Samples, audible, delivered

NOISE = np.random.default_rng(3).integers(1, 20_000, 10 * BLOCK).astype(np.int16)


def silence(frames: int) -> Samples:
    return np.zeros(frames, np.int16)


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def test_words_that_arrive_whole_count_whole() -> None:
    assert delivered(NOISE, joined(silence(77), NOISE, silence(5)).tobytes()) == len(NOISE)


def test_a_lost_block_is_missing_from_the_figure() -> None:
    torn = joined(NOISE[: 3 * BLOCK], NOISE[4 * BLOCK :])

    assert delivered(NOISE, torn.tobytes()) == len(NOISE) - BLOCK


def test_blocks_in_the_wrong_order_do_not_count() -> None:
    turned = joined(NOISE[5 * BLOCK :], NOISE[: 5 * BLOCK])

    assert delivered(NOISE, turned.tobytes()) == 5 * BLOCK


def test_an_answer_played_whole_is_audible_whole() -> None:
    assert audible(NOISE, joined(silence(123), NOISE, silence(1000))) == len(NOISE)


def test_an_answer_is_audible_up_to_the_very_frame_of_the_cut() -> None:
    assert audible(NOISE, joined(silence(123), NOISE[:2001], silence(5000))) == 2001


def test_a_gap_in_the_sound_is_not_counted_as_heard() -> None:
    heard = joined(NOISE[:2001], silence(333), NOISE[2001:])

    assert audible(NOISE, heard) == len(NOISE)
    assert audible(NOISE, heard[:3000]) == 3000 - 333


def test_of_silence_nothing_is_audible() -> None:
    assert audible(NOISE, silence(5000)) == 0


def test_the_silence_an_answer_begins_with_is_part_of_it() -> None:
    answer = joined(silence(6), NOISE)

    assert audible(answer, joined(silence(500), NOISE[:600], silence(900))) == 606


def test_the_silence_an_answer_begins_with_is_no_delay_of_the_device() -> None:
    sound = joined(silence(RATE // 5), NOISE)
    answer = Answered(0.0, 1.0, 1.203, len(sound), len(sound), 400, sound)

    assert answer.device_s == pytest.approx(0.003)
