"""The playout thread: what is played exactly, and what is claimed as heard, never too much."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from device.core import events as ev
from device.core.audio import Frames
from device.core.ledger import CUE, Heard, ItemId
from device.drivers.aloud import Aloud, frame_at
from device.drivers.playout import GUARD, PREBUFFER_S
from drivers.conftest import Inbox
from drivers.loudspeaker import ITEM, LATE_MS, MS, RATE, MakeCard, MakePlayout, babble, heard


def test_a_reply_is_heard_exactly_and_accounted_whole(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(523)
    since = card.now()
    for start in range(0, len(sound), 2400):
        playout.play(ITEM, sound[start : start + 2400].tobytes())
    playout.end()
    sounded = inbox.next(ev.Sounded)
    ended = inbox.next(ev.PlayoutEnded)
    assert np.array_equal(heard(card, since), sound)
    assert ended.account == (Heard(ITEM, Frames(len(sound)), Frames(len(sound))),)
    loud = since + np.flatnonzero(card.heard(since))[0] / RATE
    assert abs(sounded.at - loud) < 0.02
    assert not inbox.all(ev.Xrun)


def test_the_first_sound_comes_at_once_and_a_lone_crumb_soon(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    make_card()
    playout = make()
    asked = time.monotonic()
    playout.play(ITEM, babble(200).tobytes())
    assert inbox.next(ev.Sounded).at - asked < 0.05
    playout.cut()
    inbox.next(ev.PlayoutEnded)
    asked = time.monotonic()
    playout.play(ItemId("crumb"), babble(10).tobytes())
    assert inbox.next(ev.Sounded).at - asked < PREBUFFER_S + 0.1
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 10 * MS


def test_several_items_are_played_in_order_and_accounted_apart(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    since = card.now()
    parts = [babble(100 + 7 * n, seed=n + 1) for n in range(3)]
    for n, part in enumerate(parts):
        playout.play(ItemId(f"item{n}"), part.tobytes())
    playout.end()
    ended = inbox.next(ev.PlayoutEnded)
    assert [item.heard for item in ended.account] == [len(part) for part in parts]
    assert [event.item for event in inbox.all(ev.Sounded)] == ["item0", "item1", "item2"]
    assert np.array_equal(heard(card, since), np.concatenate(parts))


@pytest.mark.parametrize(
    ("device", "card"),
    [
        ("speaker", {}),
        ("plugspeaker", {"rate": 48000, "speaker_channels": 2, "sample": "S32_LE"}),
    ],
)
def test_what_is_claimed_after_a_cut_was_heard_and_little_more_was(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox, device: str, card: dict[str, Any]
) -> None:
    virtual = make_card(**card)
    playout = make(device)
    source = np.random.default_rng(5)
    level = np.full(3000 * MS, 8000, np.int16).tobytes()
    errors = []
    for n in range(20):
        since = virtual.now()
        playout.play(ItemId(f"item{n}"), level)
        inbox.next(ev.Sounded)
        time.sleep(source.uniform(0.05, 0.35))
        playout.cut()
        (account,) = inbox.next(ev.PlayoutEnded).account
        # Loud until it is cut: each frame at least half as loud as it was sent is heard.
        sound = np.abs(virtual.heard(since).astype(int))
        truth_ms = 1000 * np.count_nonzero(sound > 4000) / virtual.rate
        errors.append(1000 * account.heard / RATE - truth_ms)
    assert max(errors) <= 0.0, f"over-claimed: {errors}"
    assert np.median(errors) >= -3.0, errors
    assert min(errors) >= -LATE_MS, errors


def test_tones_of_the_device_are_counted_when_they_are_taken_cut_ones_too(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    make_card()
    playout = make()
    for _ in range(2):
        playout.play(CUE, babble(40).tobytes())
        playout.end()
    playout.play(ITEM, babble(1000).tobytes())
    inbox.next(ev.Sounded)
    playout.cut()
    playout.play(CUE, babble(40).tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).tones == 2
    assert inbox.next(ev.PlayoutEnded).tones == 3
    playout.cut()
    ended = inbox.next(ev.PlayoutEnded)
    assert (ended.account, ended.tones) == ((), 3)


def test_what_alsa_cannot_know_of_is_not_claimed(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make(latency=Frames(100 * MS))
    since = card.now()
    playout.play(ITEM, babble(1000).tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.3)
    playout.cut()
    (account,) = inbox.next(ev.PlayoutEnded).account
    truth = len(heard(card, since))
    assert 100 * MS + GUARD <= truth - account.heard <= (100 + LATE_MS) * MS


def test_a_cut_is_silence_within_a_period_and_erases_what_was_written(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(2000)
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.25)
    cut = card.now()
    playout.cut()
    inbox.next(ev.PlayoutEnded)
    time.sleep(0.2)
    last = card.last_sound(since)
    assert last is not None
    assert last - cut < 0.05
    rest = heard(card, since)
    assert np.array_equal(rest, sound[: len(rest)])


def test_a_cut_with_nothing_to_cut_is_answered(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    make_card()
    playout = make()
    playout.cut()
    assert inbox.next(ev.PlayoutEnded).account == ()


def test_a_cut_before_the_first_sound_claims_nothing(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.play(ITEM, babble(10).tobytes())
    playout.cut()
    assert inbox.next(ev.PlayoutEnded).account == (Heard(ITEM, Frames(0), Frames(10 * MS)),)
    assert card.last_sound(card.now() - 0.5) is None


def test_silence_bridges_a_gap_and_is_not_counted(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    since = card.now()
    first, second = babble(150), babble(150, seed=2)
    playout.play(ITEM, first.tobytes())
    time.sleep(0.5)
    playout.play(ITEM, second.tobytes())
    playout.end()
    ended = inbox.next(ev.PlayoutEnded)
    sound = card.heard(since)
    assert np.array_equal(sound[sound != 0], np.concatenate([first, second]))
    assert ended.account[0].heard == 300 * MS
    assert not inbox.all(ev.Xrun), "the gap was bridged"
    assert not any(event.what == "xrun" and event.at < since + 0.5 for event in card.events())


def test_a_cut_in_a_gap_claims_what_came_before_it(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    make_card()
    playout = make()
    playout.play(ITEM, babble(150).tobytes())
    time.sleep(0.5)
    playout.cut()
    (account,) = inbox.next(ev.PlayoutEnded).account
    assert account.heard == account.received == 150 * MS


def test_an_underrun_is_reported_and_everything_is_still_heard_once(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(1000)
    since = card.now()
    post = inbox.post

    def slow(event: ev.Event) -> None:
        post(event)
        if isinstance(event, ev.Sounded):
            time.sleep(0.4)  # longer than the buffer: somebody held the thread up

    playout._post = slow
    playout.play(ITEM, sound.tobytes())
    playout.end()
    ended = inbox.next(ev.PlayoutEnded)
    found = card.heard(since)
    assert np.array_equal(found[found != 0], sound)
    assert ended.account[0].heard == 1000 * MS
    assert inbox.next(ev.Xrun).part is ev.Part.SPEAKER


def test_a_second_reply_follows_on_the_same_open_card(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    for n in range(3):
        since = card.now()
        playout.play(ItemId(str(n)), babble(130).tobytes())
        playout.end()
        inbox.next(ev.PlayoutEnded)
        assert np.array_equal(heard(card, since), babble(130))
    assert sum(event.what == "open" for event in card.events()) == 1


def test_a_card_pulled_out_in_mid_reply_is_a_failure_that_claims_nothing_unheard(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    since = card.now()
    playout.play(ITEM, babble(2000).tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.3)
    card.unplug()
    lost = inbox.next(ev.PartFailed)
    assert lost.code == "speaker-lost"
    (account,) = inbox.next(ev.PlayoutEnded).account
    assert 0 < account.heard <= len(heard(card, since))
    playout.probe()
    assert inbox.next(ev.PartFailed).code == "speaker-absent"
    card.plug()
    playout.probe()
    inbox.next(ev.PartReady)
    since = card.now()
    playout.play(ItemId("next"), babble(130).tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 130 * MS
    assert np.array_equal(heard(card, since), babble(130))


def test_a_card_replugged_between_two_replies_is_opened_anew_without_a_word(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.play(ITEM, babble(130).tobytes())
    playout.end()
    inbox.next(ev.PlayoutEnded)
    card.unplug()
    time.sleep(0.05)
    card.plug()
    since = card.now()
    playout.play(ItemId("next"), babble(130).tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 130 * MS
    assert np.array_equal(heard(card, since), babble(130))
    assert not inbox.all(ev.PartFailed)


def test_stopping_in_mid_reply_is_silence_and_a_closed_card(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.play(ITEM, babble(2000).tobytes())
    inbox.next(ev.Sounded)
    begun = time.monotonic()
    playout.stop(1.0)
    assert time.monotonic() - begun < 0.3, "closing played the rest"
    assert card.events("playback")[-1].what == "close"


def test_what_is_queued_behind_a_cut_is_the_next_reply_and_played_whole(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(200)
    playout.play(ITEM, babble(2000, seed=2).tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.1)
    playout.cut()
    playout.play(ItemId("next"), sound.tobytes())
    playout.end()
    assert [account.item for account in inbox.next(ev.PlayoutEnded).account] == [ITEM]
    silent = card.now()
    ended = inbox.next(ev.PlayoutEnded)
    assert ended.account == (Heard(ItemId("next"), Frames(len(sound)), Frames(len(sound))),)
    assert np.array_equal(heard(card, silent - 0.2)[-len(sound) :], sound)


def test_a_speaker_that_takes_nothing_is_stalled_and_claims_nothing_more(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.play(ITEM, babble(4000).tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.3)
    card.freeze()
    stalled = inbox.next(ev.PartFailed)
    assert stalled.code == "speaker-stalled"
    assert "speaker 'speaker' is open and takes nothing" in stalled.what
    assert inbox.next(ev.PlayoutEnded).account[0].heard < 500 * MS
    assert card.events("playback")[-1].what == "close"
    card.thaw()
    playout.play(ItemId("next"), babble(100).tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 100 * MS


def test_a_speaker_that_was_suspended_plays_on(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.play(ITEM, babble(600).tobytes())
    playout.end()
    inbox.next(ev.Sounded)
    time.sleep(0.2)
    card.suspend()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 600 * MS
    assert not inbox.all(ev.PartFailed)


def test_a_probe_tells_that_an_idle_speaker_was_pulled_out_and_gives_it_back(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout = make_card(), make()
    playout.probe()
    inbox.next(ev.PartReady)
    card.unplug()
    playout.probe()
    assert inbox.next(ev.PartFailed).code == "speaker-absent"
    assert card.events("playback")[-1].what == "close"
    card.plug()
    playout.probe()
    inbox.next(ev.PartReady)


@pytest.mark.parametrize("late_ms", [0, 200])
def test_a_canceller_is_told_the_moment_at_which_it_sounds(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox, late_ms: int
) -> None:
    card, aloud = make_card(), Aloud()
    playout = make(aloud=aloud, latency=Frames(late_ms * MS), unsure=Frames(50 * MS))
    late = []
    for n in range(5):
        since = card.now()
        playout.play(ItemId(f"item{n}"), babble(100).tobytes())
        playout.end()
        inbox.next(ev.PlayoutEnded)
        loud = round((since + np.flatnonzero(card.heard(since))[0] / RATE) * RATE) + late_ms * MS
        told = np.frombuffer(aloud.heard(loud - 50 * MS, 100 * MS), "<i2")
        late.append(int(np.flatnonzero(told)[0]) - 50 * MS)
        time.sleep(0.1)
    assert abs(np.median(late)) <= MS // 2, "AEC3 leaves 30 dB more over where it is told late"


def test_a_cut_takes_nothing_back_that_has_left_the_device(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    make_card()
    aloud = Aloud()
    playout = make(aloud=aloud, latency=Frames(200 * MS))
    playout.play(ITEM, babble(1000).tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.3)
    playout.cut()
    ended = frame_at(inbox.next(ev.PlayoutEnded).at)
    told = np.frombuffer(aloud.heard(ended, 400 * MS), "<i2")
    assert 150 * MS < np.flatnonzero(told)[-1] < 201 * MS
