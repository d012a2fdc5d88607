"""What a microphone of several channels can be told, and what is answered to it."""

from __future__ import annotations

import pytest
from config_text import accepted, only_complaint, warned

from device import wishes

PAIR = "[[-29, 0], [29, 0]]"


def text(use: str, geometry: str = "none", *, channels: int = 2) -> str:
    return (
        "version: 1\nspeaker: {device: out}\nmicrophone:\n  device: in\n"
        f"  channels: {channels}\n  use: {use}\n  geometry: {geometry}\n"
    )


def test_a_position_is_told_in_millimetres_and_used_in_metres() -> None:
    config = accepted(text("beam", "[none, [32, 0], [0, 32.5]]", channels=3))
    assert wishes.positions(config) == {1: (0.032, 0.0), 2: (0.0, 0.0325)}
    assert wishes.used_channels(config) == (1, 2)


def test_without_positions_every_channel_is_a_microphone() -> None:
    config = accepted(text("best", channels=4))
    assert wishes.positions(config) == {}
    assert wishes.used_channels(config) == (0, 1, 2, 3)
    assert wishes.array(config) is not None


@pytest.mark.parametrize("use", ["1", "[0, 1]"])
def test_one_channel_and_an_average_need_no_array(use: str) -> None:
    assert wishes.array(accepted(text(use))) is None


@pytest.mark.parametrize("geometry", ["none", "[none, [29, 0]]", "[[29, 0], [29, 0]]"])
def test_a_beam_without_two_places_is_a_mistake_with_a_cure(geometry: str) -> None:
    line, column, said = only_complaint(text("beam", geometry))
    assert (line, column) == (6, 8)
    assert "needs to know where two microphones are; type their places" in said


@pytest.mark.parametrize(
    ("geometry", "place", "said"),
    [
        ("[[0, 0]]", (7, 13), "has 1 positions, but microphone.channels is 2"),
        ("[[0, 0], [1]]", (7, 22), "has a position of 1 number, not of 2; type [x, y]"),
        ("[[0, 0], [1, 2, 3]]", (7, 22), "has 3 entries, more than 2"),
        ("[[0, 0], [1, x]]", (7, 26), "not a number"),
        ("[[0, 0], [1, 1001]]", (7, 26), "more than 1000"),
        ("[]", (7, 13), "is an empty list"),
    ],
)
def test_a_geometry_that_cannot_be_is_answered_at_its_place(
    geometry: str, place: tuple[int, int], said: str
) -> None:
    line, column, what = only_complaint(text("0", geometry))
    assert (line, column) == place
    assert said in what


@pytest.mark.parametrize(
    ("use", "geometry", "said"),
    [
        ("[0, 1]", "none", "that are perhaps apart: their sum loses tones"),
        ("[0, 1]", "[[0, 0], none]", "that are perhaps apart"),
        ("[0, 1]", PAIR, "that are 58 mm apart: their sum loses tones"),
    ],
)
def test_an_average_of_channels_that_lie_apart_is_warned_of(
    use: str, geometry: str, said: str
) -> None:
    ((line, column, what),) = warned(text(use, geometry))
    assert (line, column) == (6, 8)
    assert said in what
    assert what.endswith("type best, beam, or one channel")


@pytest.mark.parametrize(
    ("use", "geometry"),
    [("[0, 1]", "[[0, 0], [10, 0]]"), ("[1]", "none"), ("best", "none"), ("beam", PAIR)],
)
def test_what_loses_no_tones_is_not_warned_of(use: str, geometry: str) -> None:
    assert warned(text(use, geometry)) == []


@pytest.mark.parametrize("echo", ["hardware", "auto"])
def test_a_board_cannot_take_away_what_another_card_plays(echo: str) -> None:
    text = f"""\
version: 1
microphone: {{device: "plughw:CARD=ArrayUAC10", echo: {echo}}}
speaker: {{device: "plughw:CARD=Headphones"}}
"""
    found = [what for line, _, what in warned(text) if line == 3]
    assert len(found) == (echo == "hardware")
    assert all("play through the board that listens" in what for what in found)


@pytest.mark.parametrize(("use", "told"), [("best", 1), ("beam", 1), ("0", 0), ("[0]", 0)])
def test_an_array_is_not_what_a_board_cancels_in(use: str, told: int) -> None:
    text = f"""\
version: 1
board: respeaker-usb-4mic
microphone:
  use: {use}
"""
    found = [what for line, _, what in warned(text) if line == 4]
    assert len(found) == told
    assert all("the board's processed channel" in what for what in found)
