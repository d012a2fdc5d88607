"""What is written over a key is valid for itself, whatever the key was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device.config import is_kept, parse, spots
from device.provision.card import Card
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


NEW_KEY = KEY[::-1]
assert len(NEW_KEY) == len(KEY)


@contextmanager
def torn_after(letters: int, *, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A card on which so much of a removal is written, and then nothing more."""
    write = Card.patch

    def torn(card: Card, path: Path, patches: tuple[tuple[int, bytes], ...]) -> None:
        write(card, path, [(offset, content[:letters]) for offset, content in patches])
        raise OSError(30, "Read-only file system")

    with patch.context() as patched:
        patched.setattr(Card, "patch", torn)
        yield


@pytest.mark.parametrize("typed", [f'"{NEW_KEY}"', f"'{NEW_KEY}'", f'"{NEW_KEY[:-9]}"         '])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_new_key_of_the_same_length_is_stored_while_the_old_one_still_had_to_go(
    device: Device, monkeypatch: pytest.MonkeyPatch, encoding: str, typed: str
) -> None:
    with torn_after(0, patch=monkeypatch):
        device.given(GOOD.encode(encoding))
    device.file.write_bytes(GOOD.replace(f'"{KEY}"', typed).encode(encoding))
    device.start(late=True)
    assert "STATUS: NOT READ YET" in device.told
    device.start()
    assert device.key.read_text() == typed.strip("\"' ")
    assert "stored on device" in device.file.read_bytes().decode(encoding)
    assert "still on this card" not in device.told


@pytest.mark.parametrize("letters", [0, 4, 9, 20, 40])
@pytest.mark.parametrize("typed", [f'"{KEY}"', KEY])
def test_a_removal_that_was_cut_is_finished_wherever_the_cut_was(
    device: Device, monkeypatch: pytest.MonkeyPatch, letters: int, typed: str
) -> None:
    with torn_after(letters, patch=monkeypatch):
        device.given(GOOD.replace(f'"{KEY}"  # from the console', typed))
    device.start()
    assert device.key.read_text() == KEY
    assert "stored on device (...A1b2)" in device.file.read_text()


def test_padding_behind_half_a_key_is_a_removal_that_was_begun(device: Device) -> None:
    for typed in (f'"{KEY}"', KEY):
        raw = GOOD.replace(f'"{KEY}"', typed).encode()
        (own,) = spots(raw)
        taking = removal(raw, (own,), own=own)
        half = bytearray(raw)
        half[own.end - 8 : own.end] = b" " * 8
        assert taking.fits(bytes(half))
        assert taking.begun(bytes(half))


@pytest.mark.parametrize("letters", [9, 0])
def test_of_two_files_the_one_that_is_left_is_told_of_alone(
    device: Device, monkeypatch: pytest.MonkeyPatch, letters: int
) -> None:
    with torn_after(letters, patch=monkeypatch):
        device.given(GOOD)
    device.given(GOOD, name="pressel.yml")
    assert "there are two files" in device.told
    (device.card / "pressel.yml").unlink()
    with torn_after(letters, patch=monkeypatch):
        device.start()
    assert "there are two files" not in device.told
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told
    assert "The key is still on this card" in device.told
    assert not device.refused.exists()
    device.start(late=True)
    assert "there are two files" not in device.told
    device.start()
    assert "stored on device (...A1b2)" in device.file.read_text()
    assert "The key is still on this card" not in device.told


def test_a_key_that_stays_on_the_card_is_told_of(device: Device) -> None:
    device.given(f'{GOOD}# api_key: "{NEW_KEY[:-9]}"\n# api_key: "sk-{NEW_KEY}"\n')
    assert "STATUS: OK" in device.told
    assert "line 7: something like a key stands here, and stays in the file; delete it." in (
        device.told
    )
    assert "line 3:" not in device.told
