"""A card that fails while it is read, or is torn out, and is there again at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import parse
from device.lastgood import settings
from device.provision.card import Card
from provision.cut import stops
from provision.device_and_card import BAD, GOOD, KEY, STORED, Device
from provision.mounts import dead, mounted, tear_out

UNREADABLE = Path("/proc/self/mem")
"""A file whose first byte cannot be read: EIO, from the kernel itself."""
NEW_KEY = KEY.replace("A1b2", "C3d4")
NEW = GOOD.replace(KEY, NEW_KEY).replace("volume: 60", "volume: 20")


def spoil(device: Device) -> Path:
    """Let the card's file be there and not be readable; returns where it waits meanwhile."""
    aside = device.root / "aside"
    if device.file.exists():
        device.file.rename(aside)
    device.file.symlink_to(UNREADABLE)
    return aside


def mend(device: Device, aside: Path) -> None:
    device.file.unlink()
    aside.rename(device.file)


def kept(device: Device) -> list[bytes]:
    return [path.read_bytes() for path in (device.settings, device.key, device.memory)]


def test_a_file_that_cannot_be_read_is_stated_and_no_failure_of_ours(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(device)
    assert device.command() == 0
    said = capfd.readouterr().err
    assert "the file pressel.yaml cannot be read: Input/output error; write it anew, or use" in said
    assert (
        "STATUS: NOT READ. The file pressel.yaml cannot be read: Input/output error." in device.told
    )
    assert "The device has no settings: it does nothing until it has some." in device.told
    assert "mistake" not in device.told


def test_what_was_in_force_stays_and_all_is_as_before_when_the_card_is_back(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    device.given(GOOD)
    before = kept(device)
    aside = spoil(device)
    for late in (False, True):
        device.start(late=late)
        assert "STATUS: NOT READ." in device.told
        assert "The device goes on with the settings it has." in device.told
        assert kept(device) == before
    mend(device, aside)
    capfd.readouterr()
    device.start()
    assert capfd.readouterr().err == "", "nothing is read anew"
    device.start(late=True)
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told
    assert kept(device) == before


def test_the_light_tells_of_it_until_the_card_is_back(device: Device) -> None:
    device.given(GOOD)
    aside = spoil(device)
    device.start()
    mistake = settings(device.settings, environ={}, refused=device.refused).mistake
    assert "Input/output error" in str(mistake)
    mend(device, aside)
    device.start()
    assert not device.refused.exists()


def test_mistakes_are_not_forgotten_over_it(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    aside = spoil(device)
    device.start()
    assert "apikey" not in device.told
    mend(device, aside)
    device.start()
    device.start(late=True)
    assert "'apikey' is not a setting" in device.told
    assert "apikey" in device.refused.read_text()


@pytest.mark.parametrize("trouble", ["unreadable", "a second file"])
def test_half_a_removal_is_finished_after_it_too(
    device: Device, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    whole = Card.patch

    def torn(card: Card, path: Path, patches: tuple[tuple[int, bytes], ...]) -> None:
        ((offset, content),) = patches
        whole(card, path, [(offset, content[:9])])
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Card, "patch", torn)
        device.given(GOOD)
    if trouble == "unreadable":
        aside = spoil(device)
        device.start()
        mend(device, aside)
    else:
        device.given(GOOD, name="pressel.yml")
        (device.card / "pressel.yml").unlink()
    device.start()
    assert device.key.read_text() == KEY
    assert STORED in device.file.read_text()


def test_a_key_on_a_file_that_is_gone_is_not_said_to_be_on_the_card(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Card, "patch", read_only)
        device.given(GOOD)
    device.file.unlink()
    device.start(late=True)
    assert "The key is still on this card" not in device.told


def test_a_card_that_died_is_stated_and_nothing_is_lost(
    device: Device, capfd: pytest.CaptureFixture[str]
) -> None:
    device.given(GOOD)
    device.given(BAD)
    before = kept(device)
    with dead(device.card):
        for words in ((), ("--report",)):
            capfd.readouterr()
            assert device.command(*words) == 0
            said = capfd.readouterr().err
            assert "the card cannot be read: Transport endpoint is not connected" in said
            assert kept(device) == before
    device.start()
    device.start(late=True)
    assert "'apikey' is not a setting" in device.told


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    place = tmp_path / "shelf"
    place.mkdir()
    return place


def volume(device: Device) -> int:
    return parse(device.settings.read_bytes(), source="f").config.speaker.volume


def test_whenever_it_is_torn_out_nothing_is_lost_and_the_next_start_completes(
    tmp_path: Path, shelf: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unread = reached = 0
    for moment in range(1, 1000, 13):
        device = Device(tmp_path / str(moment))
        with mounted(device.card, "--bind", str(shelf)):
            device.given(GOOD)
            device.file.write_text(NEW)
            capfd.readouterr()
            for reached in stops(device.start):
                if reached == moment:
                    tear_out(device.card)
            said = capfd.readouterr().err
        unread += "pressel.yaml cannot be read: No such file or directory" in said
        assert volume(device) in (20, 60)
        assert device.key.read_text() in (KEY, NEW_KEY)
        with mounted(device.card, "--bind", str(shelf)):
            device.start()
            device.start(late=True)
            assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told
            assert STORED.replace("A1b2", "C3d4") in device.file.read_text()
        assert (volume(device), device.key.read_text()) == (20, NEW_KEY)
        if reached < moment:
            break
    assert reached > 200
    assert unread > 0
