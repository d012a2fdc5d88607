"""The card's clock sets the pace: when a program wakes, how often, and how fast time runs."""

import resource
import select
from collections.abc import Callable

import alsaaudio
import numpy as np

from virtual_card import Samples
from virtual_card.conftest import Desk, read, stop

PERIOD = 480
Babble = Callable[[int], Samples]


def test_a_blocked_program_wakes_once_for_each_period(desk: Desk, babble: Babble) -> None:
    card = desk.card()
    for pcm, act in (
        (recorder := desk.recorder(card), recorder.read),
        (player := desk.player(card), lambda: player.write(babble(PERIOD).tobytes())),
    ):
        for _ in range(4):
            act()
        before = resource.getrusage(resource.RUSAGE_THREAD)
        for _ in range(50):
            act()
        after = resource.getrusage(resource.RUSAGE_THREAD)
        assert after.ru_nvcsw - before.ru_nvcsw <= 60
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.1
        stop(pcm)


def test_writing_other_lengths_than_a_period_does_not_spin(desk: Desk, babble: Babble) -> None:
    player = desk.player(desk.card())
    before = resource.getrusage(resource.RUSAGE_THREAD)
    for _ in range(50):
        assert player.write(babble(300).tobytes()) == 300
    after = resource.getrusage(resource.RUSAGE_THREAD)
    assert after.ru_nvcsw - before.ru_nvcsw <= 40
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.06


def test_a_block_arrives_as_soon_as_it_is_complete(desk: Desk) -> None:
    recorder = desk.recorder(desk.card())
    late = []
    for _ in range(25):
        recorder.read()
        late.append(recorder.avail())
    assert np.mean(late) < PERIOD / 3


def test_poll_returns_when_a_period_can_be_moved_and_not_before(desk: Desk, babble: Babble) -> None:
    card = desk.card()
    player = desk.player(card, mode=alsaaudio.PCM_NONBLOCK)
    poller = select.poll()
    for fd, mask in player.polldescriptors():
        poller.register(fd, mask)
    assert player.write(babble(1920).tobytes()) == 1920
    for _ in range(10):
        ready = poller.poll(1000)
        assert player.polldescriptors_revents(ready) & select.POLLOUT
        assert player.avail() >= PERIOD
        assert player.write(babble(PERIOD).tobytes()) == PERIOD
        # Nor does the bare descriptor, which is all that an event loop looks at.
        assert not poller.poll(0) or player.avail() >= PERIOD


def test_a_program_wakes_at_period_boundaries_only(desk: Desk, babble: Babble) -> None:
    player = desk.player(desk.card(), mode=alsaaudio.PCM_NONBLOCK)
    poller = select.poll()
    for fd, mask in player.polldescriptors():
        poller.register(fd, mask)
    assert player.write(babble(1920).tobytes()) == 1920
    poller.poll(1000)
    assert player.write(babble(PERIOD // 2).tobytes()) == PERIOD // 2
    while player.avail() >= PERIOD:  # a slow machine is a few periods late
        assert player.write(babble(PERIOD).tobytes()) == PERIOD
    poller.poll(1000)
    assert player.avail() >= PERIOD * 3 // 2


def test_draining_sleeps_until_the_end(desk: Desk, babble: Babble) -> None:
    card = desk.card()
    player = desk.player(card, periods=20)
    began = card.now()
    assert player.write(babble(20 * PERIOD).tobytes()) == 20 * PERIOD
    before = resource.getrusage(resource.RUSAGE_THREAD)
    player.drain()
    after = resource.getrusage(resource.RUSAGE_THREAD)
    assert card.now() - began >= 0.4
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.1


def test_a_fast_clock_asks_for_frames_faster(desk: Desk) -> None:
    card = desk.card(ppm=250_000.0)
    recorder = desk.recorder(card)
    recorder.read()
    before = card.now()
    read(recorder, 24000)
    assert 0.74 < card.now() - before < 0.95
    assert card.index(before + 1.0) - card.index(before) in (30000, 30001)
