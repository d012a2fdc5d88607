"""How loud each sound leaves the card: to the sample, by its kind and by the clock."""

from __future__ import annotations

import time

import numpy as np
import pytest

from device.core import events as ev
from device.core.ledger import CUE
from device.core.loudness import Loudness, Quiet
from device.drivers.reel import STEPS, louder
from drivers.conftest import Inbox
from drivers.loudspeaker import ITEM, MS, MakeCard, MakePlayout, babble


@pytest.mark.parametrize("gain", [0.0, 0.25, 0.5])
def test_volume_scales_every_sample(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox, gain: float
) -> None:
    card, playout, sound = (
        make_card(),
        make(loudness=Loudness(answers=gain, tells=1.0)),
        babble(200),
    )
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    playout.end()
    assert inbox.next(ev.PlayoutEnded).account[0].heard == 200 * MS
    found = card.heard(since)
    scaled = (sound * gain).astype(np.int16)
    assert np.array_equal(found[found != 0], scaled[scaled != 0])


def test_tones_have_a_loudness_of_their_own_and_what_follows_them_is_not_faded(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox
) -> None:
    card, sound = make_card(), babble(100)
    playout, since = make(loudness=Loudness(answers=0.5, tells=0.25)), card.now()
    playout.play(CUE, sound.tobytes())
    playout.play(ITEM, sound.tobytes())
    playout.end()
    inbox.next(ev.PlayoutEnded)
    found = card.heard(since)
    expected = np.concatenate([sound * 0.25, sound * 0.5]).astype(np.int16)
    assert np.array_equal(found[found != 0], expected[expected != 0])


def test_a_volume_that_changes_within_a_reply_does_not_click() -> None:
    even = np.full(4000, 8000, np.int16)
    found = np.frombuffer(louder(even.tobytes(), 0.25, before=1.0), np.int16).astype(int)
    assert found[0] <= 8000
    assert set(found[STEPS * MS :]) == {2000}
    assert np.abs(np.diff(found)).max() <= (8000 - 2000) / STEPS + 1
    short = even[:100].tobytes()
    assert len(louder(short, 0.25, before=1.0)) == len(short)


def test_quiet_hours_begin_while_it_speaks(
    make_card: MakeCard, make: MakePlayout, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.struct_time((2026, 11, 26, 21, 59, 59, 3, 330, 0))
    monkeypatch.setattr("device.drivers.playout.time.localtime", lambda: clock)
    quiet = Quiet(22 * 60, 7 * 60, 0.25)
    card, sound = make_card(), np.full(200 * MS, 8000, np.int16)
    playout = make(loudness=Loudness(answers=1.0, tells=1.0, quiet=quiet))
    since = card.now()
    playout.play(ITEM, sound.tobytes())
    inbox.next(ev.Sounded)
    clock = time.struct_time((2026, 11, 26, 22, 0, 0, 3, 330, 0))
    playout.play(ITEM, sound.tobytes())
    playout.end()
    inbox.next(ev.PlayoutEnded)
    found = card.heard(since)
    found = found[found != 0].astype(int)
    assert (found[0], found[-1]) == (8000, 2000)
    assert np.abs(np.diff(found)).max() < 100
