"""Settings in force that are lost or broken come back from a card that still holds them."""

from __future__ import annotations

import pytest

from device.config import parse
from provision.device_and_card import GOOD, KEY, STORED, Device

ILL = {"lost": None, "empty": "", "broken": 'version: "', "of a newer Pressel": GOOD + "later: 1\n"}


def spoil(device: Device, content: str | None) -> None:
    device.settings.unlink()
    if content is not None:
        device.settings.write_text(content)


@pytest.mark.parametrize("content", ILL.values(), ids=ILL)
def test_the_card_restores_them(device: Device, content: str | None) -> None:
    device.given(GOOD)
    spoil(device, content)
    device.start()
    assert parse(device.settings.read_bytes(), source="f").config.speaker.volume == 60
    assert device.key.read_text() == KEY
    assert STORED in device.file.read_text()
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told


@pytest.mark.parametrize("content", ILL.values(), ids=ILL)
def test_until_then_the_answer_does_not_deny_the_file(device: Device, content: str | None) -> None:
    device.given(GOOD)
    spoil(device, content)
    device.start(late=True)
    assert "STATUS: NO SETTINGS. Those of pressel.yaml are lost or broken" in device.told
    assert "it takes them from this card at its start" in device.told
    assert "There is no pressel.yaml" not in device.told


def test_a_change_made_on_the_device_itself_stays(device: Device) -> None:
    device.given(GOOD)
    own = device.settings.read_text().replace("volume: 60", "volume: 20")
    device.settings.write_text(own)
    device.start()
    assert device.settings.read_text() == own
