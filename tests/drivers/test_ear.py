"""The ear with a loopback: what the board itself says that it plays is what the canceller knows.

The ear hears the microphone `LEAD` later than the loopback: where the loopback comes so much later
than the room, the two are the same to the sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from device.core import events as ev
from device.core.audio import RATE, Format, Frames
from device.drivers.aloud import LENGTH, Aloud, frame_at
from device.drivers.capture import Capture
from device.drivers.ear import AROUND, LEAD, Ear
from device.drivers.playout import Playout
from drivers.conftest import Inbox
from drivers.loudspeaker import ITEM, MakeCard, babble
from virtual_card import Samples

MakeCapture = Callable[..., Capture]
LATE_MS = 250.0
"""The card is so late, and does not say so."""

WAYS = np.eye(2, LEAD + 1)
WAYS[1] = np.roll(WAYS[0], LEAD)


class Exact:
    """Takes the reference away sample by sample: nothing is left if both are of the same frame."""

    name = "exact"
    delay = Frames(0)

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:
        heard, played = (np.frombuffer(one, "<i2") for one in (microphone, reference))
        rest: Samples = heard - played
        return rest.tobytes()


@pytest.fixture
def aloud() -> Aloud:
    return Aloud()


@pytest.fixture
def listening(inbox: Inbox, aloud: Aloud) -> Iterator[MakeCapture]:
    """A capture with an exact canceller, and a second channel that gives back what is played."""
    made: list[Capture] = []

    def one(**wish: Any) -> Capture:
        wish = {"loopback": 1, "block": Frames(960), **wish}
        form = Format(channels=2)
        made.append(
            Capture(
                "microphone", form, use=(0,), post=inbox.post, ear=lambda: Ear(Exact(), aloud),
                **wish,
            )
        )  # fmt: skip
        made[-1].start()
        made[-1].open()
        inbox.next(ev.MicHeard)
        return made[-1]

    yield one
    for capture in made:
        capture.stop(2.0)


def both(sound: Samples) -> Samples:
    """In the room, and `LEAD` later in the loopback."""
    late = np.zeros(LEAD, np.int16)
    return np.stack([np.concatenate([sound, late]), np.concatenate([late, sound])], axis=1)


def heard(inbox: Inbox) -> Samples:
    return np.frombuffer(b"".join(one.block.pcm for one in inbox.all(ev.MicHeard)), "<i2")


@pytest.mark.parametrize("sample", ["S16_LE", "S32_LE"])
@pytest.mark.parametrize("block", [480, 2400])
def test_the_loopback_is_of_the_very_frames_that_the_microphone_heard(
    make_card: MakeCard,
    listening: MakeCapture,
    inbox: Inbox,
    aloud: Aloud,
    sample: str,
    block: int,
) -> None:
    card = make_card(microphone_channels=2, sample=sample)
    listening(block=Frames(block))
    aloud.sounds(frame_at(card.now()), babble(600).tobytes())
    card.say(both(babble(400)))
    time.sleep(0.8)
    assert not heard(inbox).any(), "all of it is taken away, to the sample"
    echoes = [one.echo for one in inbox.all(ev.MicHeard)]
    assert max(level for echo in echoes if echo for level in echo.played) > -30


@pytest.mark.parametrize(("loopback", "taken"), [(1, True), (None, False)])
def test_what_the_playout_cannot_know_the_loopback_does(
    make_card: MakeCard,
    make: Callable[..., Playout],
    listening: MakeCapture,
    inbox: Inbox,
    aloud: Aloud,
    loopback: int | None,
    taken: bool,
) -> None:
    make_card(microphone_channels=2, echo_gain=1.0, echo_delay_ms=LATE_MS, echo_response=WAYS)
    listening(loopback=loopback)
    playout = make(aloud=aloud)
    playout.play(ITEM, babble(600).tobytes())
    playout.end()
    inbox.next(ev.PlayoutEnded)
    time.sleep(LATE_MS / 1000 + 0.1)
    assert heard(inbox).any() != taken


def test_a_channel_that_sounds_while_nothing_plays_takes_no_words_away(
    make_card: MakeCard, listening: MakeCapture, inbox: Inbox
) -> None:
    card = make_card(microphone_channels=2)
    listening()
    words = babble(400)
    card.say(words)
    time.sleep(0.8)
    assert words.tobytes() in heard(inbox).tobytes()


def test_after_the_microphone_was_lost_the_two_are_in_step_again(
    make_card: MakeCard, listening: MakeCapture, inbox: Inbox, aloud: Aloud
) -> None:
    card = make_card(microphone_channels=2)
    capture = listening(block=Frames(2400))
    time.sleep(0.05)
    capture.ask(lambda: None)  # it takes what is there of a block, too
    time.sleep(0.01)
    card.unplug()
    inbox.next(ev.PartFailed)
    card.plug()
    capture.open()
    inbox.next(ev.PartReady)
    aloud.sounds(frame_at(card.now()), babble(600).tobytes())
    card.say(both(babble(400)))
    time.sleep(0.8)
    assert not heard(inbox).any()


def test_the_loopback_counts_around_our_own_sound_only(aloud: Aloud) -> None:
    assert 2 * AROUND + LEAD + RATE // 10 < LENGTH, "as far as the playout is remembered"
    ear, sound = Ear(Exact(), aloud), babble(40)
    late = np.concatenate([np.zeros(LEAD, np.int16), sound])[: len(sound)].tobytes()
    aloud.sounds(100 * RATE, babble(100).tobytes())
    apart = {}
    for ms in range(-800, 800, 40):
        ear.begin()
        at = 100 + ms / 1000
        apart[ms] = not any(ear.hear(sound.tobytes(), at + len(sound) / RATE, late).block.pcm)
    assert [ms for ms, taken in apart.items() if taken] == [ms for ms in apart if -540 < ms <= 600]


def test_a_block_is_dated_as_late_as_the_microphone_is_heard(aloud: Aloud) -> None:
    ear, sound = Ear(Exact(), aloud), babble(40).tobytes()
    ear.begin()
    assert ear.hear(sound, 10.0).block.at == 10.0
    assert ear.hear(sound, 10.04, sound).block.at == pytest.approx(10.04 - LEAD / RATE)
    (before, after) = (ear.hear(sound, 10.08 + n / 25, sound).block.pcm for n in (0, 1))
    assert before == after == sound[-2 * LEAD :] + sound[: -2 * LEAD], "and no frame is lost"
