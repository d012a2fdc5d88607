"""The device's own disk fails: the card says so at once, and goes on saying so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.errors import EXIT_UNAVAILABLE
from device.lastgood import settings
from provision.device_and_card import BAD, GOOD, KEY, STORED, Device
from provision.mounts import fill, seal, small, unseal

NEW = GOOD.replace("A1b2", "C3d4").replace("volume: 60", "volume: 20")
Spoil = Callable[[Path], object]
WAYS = pytest.mark.parametrize(
    ("spoil", "why"),
    [(fill, "No space left on device"), (seal, "Read-only file system")],
    ids=["full", "read-only"],
)


@pytest.fixture
def disk(device: Device) -> Iterator[Path]:
    """The file system of what the device keeps; card and /run are others."""
    place = device.root / "disk"
    place.mkdir()
    with small(place, pages=40):
        for name in ("etc", "var"):
            (place / name).mkdir()
            (device.root / name).symlink_to(place / name)
        yield place


def mend(disk: Path) -> None:
    unseal(disk)
    (disk / "holiday.jpg").unlink(missing_ok=True)


@WAYS
def test_a_first_card_is_not_said_to_be_missing(
    device: Device, disk: Path, spoil: Spoil, why: str
) -> None:
    device.file.write_text(GOOD)
    spoil(disk)
    assert device.command() == EXIT_UNAVAILABLE
    for late in (False, True):
        if late:
            device.start(late=True)
        assert f"STATUS: NOT STORED. The device's disk is full or read-only ({why})" in device.told
        assert "The device has no settings: it does nothing until it has some." in device.told
        assert "Make room over SSH" in device.told
        assert "another SD card if this one has become read-only" in device.told
        assert "A key in the file stays there until the file is in use." in device.told


@WAYS
def test_a_changed_card_is_not_said_to_be_in_use(
    device: Device, disk: Path, spoil: Spoil, why: str
) -> None:
    device.given(GOOD)
    device.file.write_text(NEW)
    spoil(disk)
    assert device.command() == EXIT_UNAVAILABLE
    for late in (False, True):
        if late:
            device.start(late=True)
        assert f"STATUS: NOT STORED. The device's disk is full or read-only ({why})" in device.told
        assert "The device goes on with the settings it has." in device.told
        assert "A1b2" not in device.told, "whose key it has is not known"
        assert "last read" not in device.told


@WAYS
def test_a_start_with_a_disk_that_works_makes_all_of_it_good(
    device: Device, disk: Path, spoil: Spoil, why: str
) -> None:
    device.given(GOOD)
    device.file.write_text(NEW)
    spoil(disk)
    device.command()
    mend(disk)
    device.start()
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told
    assert device.key.read_text() == KEY.replace("A1b2", "C3d4")
    assert STORED.replace("A1b2", "C3d4") in device.file.read_text()
    device.file.write_text(BAD)
    device.start(late=True)
    assert "STATUS: NOT READ YET" in device.told, "the disk is forgiven"


@WAYS
def test_the_journal_says_it_without_a_traceback(
    device: Device, disk: Path, spoil: Spoil, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    device.file.write_text(GOOD)
    spoil(disk)
    device.command()
    said = capfd.readouterr().err
    assert said.startswith("pressel: ")
    assert said.endswith(f" cannot be written: {why}; see whether the disk is full or read-only\n")
    assert said.count("\n") == 1


def test_the_light_says_that_the_card_is_not_in_use(device: Device, disk: Path) -> None:
    device.given(GOOD)
    device.file.write_text(NEW)
    fill(disk)
    device.command()
    mistake = settings(device.settings, environ={}, refused=device.refused).mistake
    assert mistake is not None
    assert "was not stored" in str(mistake)
    mend(disk)
    device.start()
    assert settings(device.settings, environ={}, refused=device.refused).mistake is None


def test_mistakes_of_an_earlier_file_are_not_repeated(device: Device, disk: Path) -> None:
    device.given(BAD)
    device.file.write_text(GOOD)
    fill(disk)
    device.command()
    assert "STATUS: NOT STORED" in device.told
    assert "apikey" not in device.told + device.refused.read_text()


def test_a_card_that_was_read_before_the_disk_failed_is_in_use(device: Device, disk: Path) -> None:
    device.given(GOOD)
    fill(disk)
    assert device.command() == 0
    device.start(late=True)
    assert "STATUS: OK" in device.told


def test_without_a_byte_anywhere_the_late_report_claims_nothing(device: Device, disk: Path) -> None:
    (disk / "run").mkdir()
    (device.root / "run").symlink_to(disk / "run")
    device.given(GOOD)
    device.file.write_text(NEW)
    fill(disk)
    assert device.command() == EXIT_UNAVAILABLE
    assert "STATUS: NOT STORED" in device.told
    device.start(late=True)
    assert "STATUS: NOT READ YET" in device.told


def test_a_file_put_there_after_the_start_is_not_read_yet(device: Device) -> None:
    device.given(GOOD)
    device.file.write_text(NEW)
    device.start(late=True)
    assert (
        "STATUS: NOT READ YET. What is on this card now is not what the device last read.\n"
        "The device goes on with the settings it has.\n"
        "Start the device again: it reads the card at its start.\n"
    ) in device.told
    device.start()
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told


def test_a_first_file_put_there_after_the_start_is_not_read_yet(device: Device) -> None:
    device.start()
    assert "STATUS: NO SETTINGS" in device.told
    device.file.write_text(GOOD)
    device.start(late=True)
    assert "STATUS: NOT READ YET" in device.told
    assert "The device has no settings: it does nothing until it has some." in device.told


def test_a_refused_file_taken_away_after_the_start_is_not_read_yet(device: Device) -> None:
    device.given(BAD)
    device.file.unlink()
    device.start(late=True)
    assert "STATUS: NOT READ YET" in device.told
    assert "apikey" not in device.told


@pytest.mark.parametrize("text", [GOOD, BAD])
def test_a_file_that_was_read_is_what_was_read(device: Device, text: str) -> None:
    device.given(text)
    told = device.told.splitlines()[2]
    device.start(late=True)
    assert device.told.splitlines()[2] == told


def test_two_files_that_were_refused_are_what_was_read(device: Device) -> None:
    (device.card / "pressel.yml").write_text(GOOD)
    device.given(GOOD)
    device.start(late=True)
    assert "there are two files of settings" in device.told
