"""A microphone without an array: heard as it is, and watched as an array is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from core.air import Signal, always, hush, interleaved, run, voice, white
from core.test_channels import KINDS, ill, room
from device.core import events as ev
from device.core.array import Array
from device.core.audio import PERIOD, RATE, Format, Sample, to_mono
from device.core.channels import CLIPS
from device.core.plain import Plain

ALL = (0, 1, 2, 3)


def loud(seconds: float, *, channels: int = 1) -> Signal:
    return (room(seconds, channels=channels) * 5000).clip(-1, 32767 / 32768)


@pytest.mark.parametrize("use", [(2,), (0, 3), ALL])
@pytest.mark.parametrize("sample", ["S16_LE", "S32_LE"])
def test_one_channel_or_the_average_is_heard(use: tuple[int, ...], sample: Sample) -> None:
    form, plain = Format(channels=4, sample=sample), Plain(use)
    for frames in (PERIOD, 0, 17, 1):
        sound = interleaved(white(-30.0, frames=frames), sample)
        assert plain.mix(sound, form, hearing=None) == to_mono(sound, form, use)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_ill_is_told_as_an_array_tells_it(kind: str) -> None:
    sound = np.concatenate([ill(kind, room(3.0)), room(3.0, seed=1)], axis=1)
    told = run(Plain(ALL), sound, always(False))
    assert told.turned == [(2, kind), (2, "")]
    assert told.told == run(Array("best", channels=4), sound, always(False)).told


@pytest.mark.parametrize("dbfs", [-90.0, -75.0, -60.0])
def test_a_small_offset_makes_no_quiet_channel_weaker_or_dead(dbfs: float) -> None:
    sound = white(dbfs, frames=3 * RATE)
    sound[2] += 0.009
    assert run(Plain(ALL), sound, always(False)).turned == []


@pytest.mark.parametrize(("offset", "told"), [(0.0, []), (0.3, [(0, "has a DC offset of +30%")])])
def test_a_channel_in_which_one_bit_moves_is_not_dead(
    offset: float, told: list[tuple[int, str]]
) -> None:
    sound = np.full((1, 3 * RATE), offset)
    sound[0, ::PERIOD] += 1 / 32768
    assert run(Plain((0,)), sound, always(False)).turned == told


@pytest.mark.parametrize(("frames", "told"), [(1, []), (2, []), (3, [(0, "clips")])])
def test_a_loud_sound_may_touch_the_rail_and_not_stay_there(
    frames: int, told: list[tuple[int, str]]
) -> None:
    sound = room(2.0, channels=1)
    for n in range(frames):
        sound[0, n::PERIOD] = -1.0
    assert run(Plain((0,)), sound).turned == told


@pytest.mark.parametrize("kind", KINDS[:4])
def test_an_ill_channel_is_left_out_of_the_average(kind: str) -> None:
    sound = ill(kind, room(3.0))
    found = run(Plain(ALL), sound, always(False))
    well = to_mono(interleaved(sound[:, 2 * RATE :]), Format(channels=4), (0, 1, 3))
    assert (found.mono[2 * RATE :] * 32768).astype("<i2").tobytes() == well
    assert [event.left_out for event in found.told if isinstance(event, ev.ChannelTurned)] == [True]


def test_a_single_channel_is_heard_on_when_it_is_ill() -> None:
    sound = room(3.0, channels=2) + 0.05
    found = run(Plain((1,)), sound, always(False))
    assert found.turned == [(1, "has a DC offset of +5%")]
    assert [event.left_out for event in found.told if isinstance(event, ev.ChannelTurned)] == [
        False
    ]
    assert np.abs(found.mono - sound[1]).max() <= 1 / 32768


def test_a_channel_that_is_not_used_is_not_judged() -> None:
    assert run(Plain((0, 1)), ill("clips", room(3.0)), always(False)).told == []


@pytest.mark.parametrize("hearing", [True, None])
def test_only_while_nobody_speaks_is_a_channel_too_noisy(hearing: bool | None) -> None:
    assert run(Plain(ALL), ill(KINDS[5], room(3.0)), always(hearing)).turned == []


def test_a_voice_in_a_quiet_room_is_no_illness() -> None:
    sound = np.concatenate([hush(1.0), *[voice()] * 3, hush(1.0)])
    assert run(Plain((0,)), (sound + room(8.0)[0, : len(sound)])[None, :]).told == []


def poorly(found: list[ev.Event]) -> list[ev.Event]:
    return [event for event in found if isinstance(event, ev.PartPoor | ev.PartFine)]


@pytest.mark.parametrize("front", [Plain((0,)), Array("best", channels=1)], ids=["plain", "array"])
def test_a_microphone_that_always_clips_is_poor_until_it_does_not(front: Plain | Array) -> None:
    (poor,) = poorly(run(front, loud(7.0)).told)
    assert isinstance(poor, ev.PartPoor)
    assert (poor.part, poor.code) == (ev.Part.MICROPHONE, CLIPS)
    assert poor.at == pytest.approx(5.5, abs=0.05)
    assert poorly(run(front, loud(3.0)).told) == [], "told once"
    (fine,) = poorly(run(front, room(4.0, channels=1)).told)
    assert fine == ev.PartFine(fine.at, ev.Part.MICROPHONE, CLIPS)


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_who_shouts_makes_no_microphone_poor(seconds: float) -> None:
    plain = Plain((0,))
    for _ in range(5):
        assert poorly(run(plain, loud(seconds)).told) == []
        assert poorly(run(plain, room(2.5, channels=1)).told) == []


def test_one_channel_that_clips_makes_no_microphone_poor() -> None:
    assert poorly(run(Plain(ALL), ill("clips", room(9.0)), always(False)).told) == []


def test_it_needs_no_numpy() -> None:
    code = "import sys, device.drivers.capture; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
