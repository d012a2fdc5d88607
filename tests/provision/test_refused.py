"""A file with mistakes: judged at each start, and forgotten once it is off the card."""

from __future__ import annotations

import json

import pytest

from device.lastgood import settings
from provision.device_and_card import BAD, GOOD, KEY, STORED, Device

MISTAKE = "'apikey' is not a setting"


def test_what_an_older_pressel_refused_is_in_force_when_this_one_understands_it(
    device: Device,
) -> None:
    device.given(GOOD)
    memory = json.loads(device.memory.read_bytes())
    memory["refused"] = [{"line": 2, "column": 3, "what": "'new' is no setting", "cure": "wait"}]
    device.memory.write_text(json.dumps(memory))
    device.start()
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told
    assert not device.refused.exists()


def test_what_is_refused_again_is_told_once(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    device.given(BAD)
    kept = device.memory.read_bytes()
    capfd.readouterr()
    device.start()
    assert capfd.readouterr().err == ""
    assert device.memory.read_bytes() == kept


def test_its_mistakes_are_gone_with_it(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    assert MISTAKE in device.told
    device.file.unlink()
    device.start()
    assert "STATUS: OK. The settings that pressel.yaml held are in use." in device.told
    assert "The file is gone from the card" in device.told
    assert MISTAKE not in device.told
    assert "...A1b2 is stored on the device" in device.told
    assert device.key.read_text() == KEY


def test_the_daemon_has_nothing_to_blink_about_then(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    assert settings(device.settings, environ={}, refused=device.refused).mistake is not None
    device.file.unlink()
    device.start()
    assert not device.refused.exists()
    assert settings(device.settings, environ={}, refused=device.refused).mistake is None


def test_the_report_that_comes_later_says_the_same(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    device.file.unlink()
    device.start()
    device.start(late=True)
    assert "STATUS: OK. The settings that pressel.yaml held are in use." in device.told


def test_of_two_bad_files_one_after_the_other_nothing_is_left_either(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    device.given(BAD.replace("apikey", "apkey"))
    device.file.unlink()
    device.start()
    assert "STATUS: OK. The settings that pressel.yaml held are in use." in device.told


def test_a_device_that_never_had_others_says_that_there_are_none(device: Device) -> None:
    device.given(BAD)
    device.file.unlink()
    device.start()
    assert "STATUS: NO SETTINGS. There is no pressel.yaml on this card." in device.told
    assert MISTAKE not in device.told


def test_settings_of_an_administrator_are_not_said_to_be_the_cards(device: Device) -> None:
    device.settings.parent.mkdir(parents=True)
    device.settings.write_text(GOOD)
    device.given(BAD)
    device.given(BAD.replace("apikey", "apkey"))
    device.file.unlink()
    for late in (False, True):
        device.start(late=late)
        assert "STATUS: OK. The device has settings of its own" in device.told
    assert "look again in two minutes" not in device.told, "the later one does come"


def test_it_is_said_once(device: Device, capfd: pytest.CaptureFixture[str]) -> None:
    device.given(BAD)
    device.file.unlink()
    capfd.readouterr()
    device.start()
    assert "the file with mistakes is gone from the card" in capfd.readouterr().err
    device.start()
    assert capfd.readouterr().err == ""


def test_the_same_file_put_back_is_refused_anew(device: Device) -> None:
    device.given(BAD)
    device.file.unlink()
    device.start()
    device.given(BAD)
    assert MISTAKE in device.told
    assert device.refused.exists()


def test_a_good_file_that_is_gone_changes_nothing(device: Device) -> None:
    device.given(GOOD)
    kept = device.memory.read_bytes()
    device.file.unlink()
    device.start()
    assert device.memory.read_bytes() == kept
    device.given(GOOD.replace(f'"{KEY}"', STORED.ljust(len(KEY) + 2)))
    assert device.memory.read_bytes() == kept, "it is the file that was read"
