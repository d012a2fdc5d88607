"""What is written over a key is valid for itself, whatever the key was."""

from __future__ import annotations

import pytest

from device.config import is_kept, parse, spots
from device.provision.removal import Removal, removal
from provision.device_and_card import GOOD, KEY, Device


@pytest.mark.parametrize("typed", [f'{KEY[:-1]}"', f"'{KEY[:-2]}\\q'", f"{KEY[:-1]}\\"])
def test_what_stands_in_for_a_key_can_be_read_whatever_its_last_letters(typed: str) -> None:
    raw = GOOD.replace(f'"{KEY}"', typed).encode()
    (own,) = spots(raw)
    left = removal(raw, (own,), own=own).applied(raw)
    parse(left, source="f")
    (now,) = spots(left)
    assert now.text == "stored on device"
    assert is_kept(now.text)


def test_what_could_not_be_read_again_is_never_put_in_force(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.given(GOOD)
    before = device.settings.read_bytes()
    monkeypatch.setattr(Removal, "applied", lambda *_: b'version: 1\nspeaker: "never closed\n')
    changed = GOOD.replace("volume: 60", "volume: 20")
    device.given(changed)
    assert device.settings.read_bytes() == before
    assert device.file.read_text() == changed
    assert "STATUS: MISTAKES" in device.told
    assert "this quote is never closed" in device.told
