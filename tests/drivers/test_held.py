"""A reply that is held for a moment, and what the rest of the device knows of what sounds."""

from __future__ import annotations

import time

import numpy as np

from device.core import events as ev
from device.core.audio import Frames
from device.core.ledger import Heard, ItemId
from device.drivers.aloud import Aloud
from device.drivers.playout import GUARD
from drivers.conftest import Inbox
from drivers.loudspeaker import ITEM, LATE_MS, MS, RATE, MakeCard, MakePlayout, babble, heard


def test_held_it_is_silent_at_once_and_goes_on_with_what_was_not_heard(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(900)
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    playout.end()
    inbox.next(ev.Sounded)
    time.sleep(0.25)
    playout.hold()
    time.sleep(0.4)
    held = card.now()
    quiet = card.heard(held - 0.3)[: RATE // 4]
    assert not quiet.any(), "silent at once"
    playout.go_on()
    account = inbox.next(ev.PlayoutEnded).account
    assert account == (Heard(ITEM, Frames(len(sound)), Frames(len(sound))),)
    played = heard(card, since)
    first = int(np.argmax(played == 0))
    rest = played[first:]
    again = rest[np.flatnonzero(rest)[0] :]
    missing = len(sound) - first - len(again)
    assert -LATE_MS * MS <= missing <= 0, "nothing is left out; a moment may be heard twice"
    assert np.array_equal(played[:first], sound[:first])
    assert np.array_equal(again, sound[len(sound) - len(again) :])


def test_a_cut_while_it_is_held_accounts_for_what_was_heard_before(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(900)
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.25)
    playout.hold()
    time.sleep(0.2)
    playout.cut()
    ((item,),) = [inbox.next(ev.PlayoutEnded).account]
    audible = len(heard(card, since))
    assert 0 <= audible - item.heard <= GUARD + LATE_MS * MS
    playout.go_on()
    playout.play(ItemId("next"), sound.tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == len(sound), "the next is not held"


def test_to_be_held_with_nothing_to_say_is_nothing(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, playout, sound = make_card(), make(), babble(200)
    playout.hold()
    playout.go_on()
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    playout.end()
    inbox.next(ev.PlayoutEnded)
    assert np.array_equal(heard(card, since), sound)


def test_what_sounds_aloud_is_known_to_the_sample_and_when(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, aloud, sound = make_card(), Aloud(), babble(700)
    playout = make(aloud=aloud)
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    inbox.next(ev.Sounded)
    time.sleep(0.5)
    playout.cut()
    inbox.next(ev.PlayoutEnded)
    truth = card.heard(since)
    known = np.frombuffer(aloud.heard(round(since * RATE), len(truth)), "<i2")
    began, told = np.flatnonzero(truth)[0], np.flatnonzero(known)[0]
    assert abs(int(told) - int(began)) < 3 * MS, "3 ms"
    length = min(len(heard(card, since)), int(np.flatnonzero(known)[-1] - told))
    assert length > 0.4 * RATE
    assert np.array_equal(known[told : told + length], truth[began : began + length])
    assert not known[told + len(heard(card, since)) + 10 * MS :].any(), "the cut is known, too"
