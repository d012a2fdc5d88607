"""What is wrong with a channel, said once when it begins and once when it ends."""

from __future__ import annotations

import numpy as np
import pytest

from core.air import Signal, white
from device.core import events as ev
from device.core.audio import PERIOD, RATE
from device.core.channels import WINDOW, Level, Verdicts, complaints, cure_of
from device.core.health import Glance, Health, level_of

SECOND = RATE // PERIOD
ROOM = -60.0


def hear(health: Health, sound: Signal, *, quiet: bool = True) -> list[tuple[float, int, str]]:
    """Every news: after how many seconds, of which channel, what."""
    news = []
    for n in range(sound.shape[1] // PERIOD):
        seen = Glance(sound[:, n * PERIOD : (n + 1) * PERIOD].astype(np.float32))
        health.hear(seen, quiet=quiet)
        for event in health.take((n + 1) / SECOND):
            assert isinstance(event, ev.ChannelTurned)
            news.append((event.at, event.channel, event.ill))
    return news


def room(seconds: float, *, channels: int = 4, seed: int = 0) -> Signal:
    return white(ROOM, frames=round(seconds * RATE), channels=channels, seed=seed)


def ill(kind: str, sound: Signal) -> Signal:
    """The sound with channel 2 ill."""
    sound = sound.copy()
    match kind:
        case "is dead (nothing but zeros)":
            sound[2] = 0.0
        case "is dead (stuck at one value)":
            sound[2] = 0.3
        case "clips":
            sound[2] = (sound[2] * 3000).clip(-1, 32767 / 32768)
        case "has a DC offset of +5%":
            sound[2] += 0.05
        case "is weak (30 dB below the others)":
            sound[2] *= 10 ** (-30 / 20)
        case "is noisy (20 dB above the others)":
            sound[2] *= 10
    return sound


KINDS = [
    "is dead (nothing but zeros)", "is dead (stuck at one value)", "clips",
    "has a DC offset of +5%", "is weak (30 dB below the others)",
    "is noisy (20 dB above the others)",
]  # fmt: skip


def test_what_ails_a_channel_may_change_and_that_is_told_too() -> None:
    health = Health(range(4))
    assert hear(health, ill(KINDS[3], room(3.0))) == [(1.0, 2, KINDS[3])]
    assert hear(health, ill("clips", room(3.0))) == [(1.0, 2, "clips")]
    assert hear(health, room(3.0)) == [(2.0, 2, "")]


def test_when_the_last_channel_falls_ill_the_others_are_said_to_be_heard_again() -> None:
    verdicts = Verdicts((4, 7))
    well, bad = Level(-60.0, -40.0, 0.0, False), Level(-60.0, -40.0, 0.05, False)

    def judged(*levels: Level) -> list[tuple[int, str, bool]]:
        for _ in range(4):
            verdicts.judge(levels, quiet=False)
        told = [one for one in verdicts.take(0.0) if isinstance(one, ev.ChannelTurned)]
        return [(one.channel, one.ill[:3], one.left_out) for one in told]

    assert judged(bad, well) == [(4, "has", True)]
    assert judged(bad, bad) == [(4, "has", False), (7, "has", False)]
    assert judged(bad, well) == [(4, "has", True), (7, "", True)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_ill_channel_is_told_once_after_a_second_and_again_when_it_is_well(kind: str) -> None:
    health = Health(range(4))
    assert hear(health, room(3.0)) == []
    assert hear(health, ill(kind, room(10.0, seed=1))) == [(1.0, 2, kind)]
    assert list(health.ill) == [2]
    assert hear(health, room(5.0, seed=2)) == [(2.0, 2, "")]
    assert health.ill == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_running_channel_is_judged_as_a_recording_of_it_is(kind: str) -> None:
    sound = ill(kind, room(1.0))
    assert complaints([level_of(channel) for channel in sound]) == {2: kind}


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_second_of_illness_is_none(kind: str) -> None:
    health = Health(range(4))
    for seed in range(3):
        assert hear(health, ill(kind, room(0.5))) == []
        assert hear(health, room(0.5, seed=seed)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_comes_and_goes_stays_ill(kind: str) -> None:
    health = Health(range(4))
    hear(health, ill(kind, room(2.0)))
    for seed in range(4):
        assert hear(health, room(1.5, seed=seed)) == []
        assert hear(health, ill(kind, room(0.5, seed=seed))) == []
    assert health.ill == {2: kind}


@pytest.mark.parametrize("kind", KINDS[:4])
def test_speech_hides_no_illness_of_the_channel_itself(kind: str) -> None:
    assert hear(Health(range(4)), ill(kind, room(2.0)), quiet=False) == [(1.0, 2, kind)]


@pytest.mark.parametrize("kind", KINDS[4:])
def test_while_somebody_speaks_no_channel_is_held_against_the_others(kind: str) -> None:
    health = Health(range(4))
    assert hear(health, ill(kind, room(5.0)), quiet=False) == []
    hear(health, ill(kind, room(2.0)))
    assert hear(health, room(5.0), quiet=False) == [], "nor is it well because somebody speaks"
    assert health.ill == {2: kind}


def test_a_window_with_a_word_in_it_is_not_a_quiet_one() -> None:
    health = Health(range(4))
    sound = ill(KINDS[5], room(0.02))
    for n in range(8 * WINDOW):
        assert hear(health, sound, quiet=n % WINDOW != 3) == []


def test_a_muted_microphone_has_no_dead_channels() -> None:
    health = Health(range(4))
    assert hear(health, np.zeros((4, 5 * RATE))) == []
    assert health.ill == {}


def test_of_two_channels_only_the_weak_one_is_told() -> None:
    sound = room(2.0, channels=2)
    sound[0] *= 10 ** (-30 / 20)
    assert hear(Health(range(2)), sound) == [(1.0, 0, "is weak (30 dB below the others)")]


def test_one_channel_alone_is_weak_or_noisy_against_nobody() -> None:
    sound = room(3.0)
    sound[1:] = 0.0
    assert [channel for _, channel, _ in hear(Health(range(4)), sound)] == [1, 2, 3]
    assert hear(Health(range(1)), room(2.0, channels=1)) == []


@pytest.mark.parametrize("said", KINDS)
def test_every_complaint_has_a_cure(said: str) -> None:
    assert cure_of(said)
    assert cure_of("") == ""
