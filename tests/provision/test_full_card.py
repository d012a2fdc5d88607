"""A card that is full: what can be done is done, and nothing half-written stays on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.errors import EXIT_UNAVAILABLE
from device.provision import EXAMPLES
from provision.device_and_card import GOOD, KEY, STORED, Device
from provision.mounts import fill, small

STATUS = "pressel-status.txt"


@pytest.fixture
def card(device: Device) -> Iterator[Device]:
    """A device whose card has room for four small files."""
    with small(device.card):
        yield device


def names(device: Device) -> set[str]:
    return {path.name for path in device.card.iterdir()}


def test_an_answer_that_has_no_room_leaves_nothing(
    card: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    card.file.write_text(GOOD)
    fill(card.card)
    assert card.command() == 0
    assert names(card) == {"pressel.yaml", "holiday.jpg"}, "an empty one would say nothing"
    said = capfd.readouterr().err
    assert f"{STATUS} cannot be written: No space left on device; see whether the card is" in said


def test_the_settings_are_in_force_all_the_same_and_the_key_is_off_the_card(card: Device) -> None:
    card.file.write_text(GOOD)
    fill(card.card)
    card.start()
    assert card.key.read_text() == KEY
    assert STORED in card.file.read_text()
    assert card.settings.exists()


def test_the_answer_comes_when_there_is_room(card: Device) -> None:
    card.file.write_text(GOOD)
    rubbish = fill(card.card)
    card.start()
    rubbish.unlink()
    card.start(late=True)
    assert "STATUS: OK. The settings of pressel.yaml are in use." in card.told


def test_an_answer_that_was_there_is_replaced_in_its_place(card: Device) -> None:
    card.given(GOOD)
    fill(card.card)
    card.given(GOOD.replace("volume", "volum"))
    assert "STATUS: MISTAKES" in card.told


def test_what_an_earlier_cut_left_of_an_answer_goes_too(card: Device) -> None:
    card.file.write_text(GOOD)
    (card.card / STATUS).touch()
    fill(card.card)
    assert card.command() == 0
    assert STATUS not in names(card)


def test_no_example_is_left_by_half(card: Device, capsys: pytest.CaptureFixture[str]) -> None:
    assert card.command("--write-example", str(card.card)) == EXIT_UNAVAILABLE
    assert f"{card.card} cannot be written: No space left on device" in capsys.readouterr().err
    for path in card.card.iterdir():
        assert path.read_bytes() == (EXAMPLES / path.name).read_bytes()
