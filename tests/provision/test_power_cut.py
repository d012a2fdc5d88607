"""The power goes at any moment of an import, or the disk is full: nothing is ever torn."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from device.config import parse
from device.provision import DiskFault
from provision.cut import moments
from provision.device_and_card import GOOD, KEY, STORED, Device

NEW_KEY = KEY.replace("A1b2", "C3d4")
NEW = GOOD.replace(KEY, NEW_KEY).replace("volume: 60", "volume: 20")


def settled(place: Path) -> Device:
    """A device that runs with its first card, and has the second one in it."""
    device = Device(place)
    device.given(GOOD)
    device.file.write_text(NEW)
    return device


def volume(path: Path) -> int:
    return parse(path.read_bytes(), source=path.name).config.speaker.volume


def test_whatever_the_moment_all_files_are_old_or_new_and_the_next_start_completes(
    tmp_path: Path,
) -> None:
    begun = settled(tmp_path / "begun")
    stops, copies = moments(begun.start, begun.root, into=tmp_path / "left")
    assert stops > 200, "before and after each call"
    assert len(copies) > 15
    seen = set()
    for copy in copies:
        device = Device(copy)
        new = device.key.read_text() == NEW_KEY
        assert new or device.key.read_text() == KEY
        seen.add((volume(device.settings), new))
        assert volume(device.previous) == 60 if device.previous.exists() else True
        assert device.told.startswith("PRESSEL STATUS")
        assert device.told.endswith("without any secret\n")
        parse(device.file.read_bytes(), source="the card")
        device.start()
        assert volume(device.settings) == 20
        assert device.key.read_text() == NEW_KEY
        assert STORED.replace("A1b2", "C3d4") in device.file.read_text()
        assert [path for path in device.root.rglob(".pressel-*") if "etc" in path.parts] == []
    assert seen == {(60, False), (60, True), (20, True)}, "the key first, then the settings"


def test_a_writer_that_does_not_care_would_be_caught(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    file = place / "settings"
    file.write_text("old")
    _, copies = moments(lambda: file.write_text("new"), place, into=tmp_path / "left")
    assert {(copy / "settings").read_text() for copy in copies} == {"old", "", "new"}


@pytest.mark.parametrize("room", [0, 1, 40, 160, 300])
def test_a_full_disk_leaves_what_was(tmp_path: Path, room: int) -> None:
    device = settled(tmp_path)
    before = (device.settings.read_bytes(), device.key.read_bytes())
    told = device.told
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))  # no file may be longer
    try:
        with pytest.raises(DiskFault, match=r"cannot be written: .* disk is full"):
            device.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert volume(device.settings) in (20, 60)
    assert device.key.read_text() in (KEY, NEW_KEY)
    if room < len(KEY):
        assert (device.settings.read_bytes(), device.key.read_bytes()) == before
    if room == 0:
        assert device.told == told, "an answer that cannot be replaced stays whole"
    assert [*device.root.rglob(".pressel-*")] == [], "and no rubbish"
    device.start()
    assert volume(device.settings) == 20
