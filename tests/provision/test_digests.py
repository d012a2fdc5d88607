"""What is remembered of a card and a key gives neither away, and an older memory is understood."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest

from provision.device_and_card import GOOD, KEY, Device

KEYLESS = "version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n"


def plain(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def as_the_first_pressel_left_it(device: Device, *, stored: str = KEY) -> None:
    """Digests without salt, as its first version made them."""
    memory = json.loads(device.memory.read_bytes())
    memory["seen"] = plain(device.file.read_bytes())
    memory["stored"] = plain(stored.encode())
    device.memory.write_text(json.dumps(memory))
    device.salt.unlink()


def test_the_same_card_leaves_another_digest_in_each_device(tmp_path: Path) -> None:
    one, other = Device(tmp_path / "one"), Device(tmp_path / "other")
    for device in (one, other):
        device.given(GOOD)
    first, second = (json.loads(device.memory.read_bytes()) for device in (one, other))
    assert first["seen"] != second["seen"]
    assert first["stored"] != second["stored"]


def test_a_guess_at_the_key_cannot_be_tried_on_what_is_remembered(device: Device) -> None:
    device.given(GOOD)
    kept = device.memory.read_text()
    for guess in (GOOD.encode(), device.file.read_bytes(), KEY.encode()):
        assert plain(guess) not in kept


def test_the_salt_is_made_once_and_is_nobodys_but_roots(device: Device) -> None:
    device.given(GOOD)
    salt = device.salt.read_bytes()
    assert len(salt) == 32
    assert stat.S_IMODE(device.salt.stat().st_mode) == 0o600
    device.given(GOOD.replace("60", "20"))
    assert device.salt.read_bytes() == salt


def test_a_memory_without_salt_knows_its_card_again(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    device.given(GOOD)
    as_the_first_pressel_left_it(device)
    told = device.told
    capfd.readouterr()
    device.start()
    device.start()
    assert capfd.readouterr().err == "", "nothing was read anew"
    assert device.told == told
    kept = device.memory.read_text()
    assert plain(device.file.read_bytes()) not in kept
    assert plain(KEY.encode()) not in kept


def test_a_memory_without_salt_knows_its_key_again(device: Device) -> None:
    device.given(GOOD)
    as_the_first_pressel_left_it(device)
    device.given(KEYLESS)
    assert not device.key.exists()


def test_the_key_of_an_administrator_is_left_alone_after_that_too(device: Device) -> None:
    device.given(GOOD)
    earlier = "sk-card-of-an-earlier-time"
    as_the_first_pressel_left_it(device, stored=earlier)
    device.start()
    assert plain(earlier.encode()) not in device.memory.read_text()
    device.given(KEYLESS)
    assert device.key.read_text() == KEY


def test_a_salt_that_is_lost_costs_one_more_reading(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    device.given(GOOD)
    device.salt.unlink()
    capfd.readouterr()
    device.start()
    assert "are in force" in capfd.readouterr().err
    device.start()
    assert capfd.readouterr().err == ""
