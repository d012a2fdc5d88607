"""Quiet hours and the loudness of tones: how they are typed, and what they come to mean."""

from __future__ import annotations

import pytest
from config_text import SMALLEST, accepted, complaints

from device import wishes
from device.core.loudness import Loudness, Quiet
from device.errors import ConfigError

NIGHT = SMALLEST.replace(
    "{device: out}", '{device: out, volume: 100, quiet: {start: "22:00", end: "07:30"}}'
)


def test_without_them_all_is_as_loud_as_the_volume() -> None:
    config = accepted(SMALLEST.replace("{device: out}", "{device: out, volume: 50}"))
    assert wishes.loudness(config) == Loudness(answers=0.25, tells=0.25)


def test_quiet_hours_have_a_volume_if_none_is_typed() -> None:
    found = wishes.loudness(accepted(NIGHT))
    assert found == Loudness(answers=1.0, tells=1.0, quiet=Quiet(22 * 60, 7 * 60 + 30, 0.09))


def test_tones_may_be_softer_than_answers() -> None:
    config = accepted(SMALLEST.replace("{device: out}", "{device: out, tells_volume: 10}"))
    assert wishes.loudness(config).tells == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('{start: "22:00", end: "22:00"}', "is the time at which it starts"),
        ('{start: "24:00", end: "07:00"}', 'type a time of day in quotes, such as "22:00"'),
        ('{start: 22, end: "07:00"}', 'type a time of day in quotes, such as "22:00"'),
        ('{start: "22:00"}', "speaker.quiet.end is missing"),
        ('{from: "22:00", end: "07:00"}', "'from' is not a setting in speaker.quiet"),
        ("night", "is 'night', which is not one of its values"),
    ],
)
def test_what_is_no_quiet_hours_is_said(typed: str, said: str) -> None:
    found = complaints(SMALLEST.replace("{device: out}", f"{{device: out, quiet: {typed}}}"))
    assert said in " ".join(text for _, _, text in found)


def test_a_setting_that_failed_is_complained_about_once() -> None:
    with pytest.raises(ConfigError) as refused:
        accepted(NIGHT.replace("22:00", "25:00"))
    assert len(refused.value.problems) == 1
