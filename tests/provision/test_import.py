"""What a start of the machine makes of the card."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from device import __version__
from device.config import parse
from device.lastgood import settings
from provision.device_and_card import BAD, GOOD, KEY, STORED, Device


def test_good_settings_come_into_force(device: Device) -> None:
    device.given(GOOD)
    assert parse(device.settings.read_bytes(), source="f").config.speaker.volume == 60
    assert "STATUS: OK. The settings of pressel.yaml are in use." in device.told


def test_the_key_moves_from_the_card_into_the_device(device: Device) -> None:
    device.given(GOOD)
    assert device.key.read_text() == KEY
    assert KEY not in device.file.read_text()
    assert STORED in device.file.read_text()
    assert KEY not in device.settings.read_text()
    assert "...A1b2 is stored on the device" in device.told
    assert "revoke" in device.told, "it says that copies can remain"


def test_nobody_but_root_reads_the_key(device: Device) -> None:
    device.given(GOOD)
    assert stat.S_IMODE(device.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(device.key.parent.stat().st_mode) == 0o700


def test_no_byte_of_the_file_moves_but_those_of_the_key(device: Device) -> None:
    device.given(GOOD)
    left = device.file.read_text()
    assert len(left) == len(GOOD)
    before, after = GOOD.split(f'"{KEY}"')
    assert left.startswith(before + STORED)
    assert left.endswith(after)
    assert left.count("  # from the console") == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_file_of_another_editor_is_freed_of_its_key_too(device: Device, encoding: str) -> None:
    device.given(GOOD.replace("\n", "\r\n").encode(encoding))
    left = device.file.read_bytes().decode(encoding)
    assert STORED in left
    assert device.key.read_text() == KEY
    assert "STATUS: OK" in device.told


@pytest.mark.parametrize(
    "typed", [KEY, f"'{KEY}'", "sk-short-0123456", "sk-12", "'sk-1'", "abcd"]
)  # fmt: skip
def test_however_it_was_typed_the_rest_means_keep(device: Device, typed: str) -> None:
    device.given(GOOD.replace(f'"{KEY}"  # from the console', typed))
    kept = device.key.read_text()
    assert kept == typed.strip("'")
    assert kept not in device.file.read_text()
    device.given(device.file.read_text().replace("volume: 60", "volume: 20"))
    assert device.key.read_text() == kept
    assert parse(device.settings.read_bytes(), source="f").config.speaker.volume == 20


def test_the_volume_can_be_changed_without_typing_the_key_again(device: Device) -> None:
    device.given(GOOD)
    device.given(device.file.read_text().replace("volume: 60", "volume: 20"))
    assert device.key.read_text() == KEY
    assert "volume: 60" in device.previous.read_text(), "those before are kept"


def test_another_key_takes_its_place(device: Device) -> None:
    device.given(GOOD)
    device.given(GOOD.replace("A1b2", "C3d4"))
    assert device.key.read_text() == KEY.replace("A1b2", "C3d4")


def test_a_file_that_names_no_key_has_none(device: Device) -> None:
    device.given(GOOD)
    device.given("version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n")
    assert not device.key.exists()
    assert "There is no key: type server.api_key." in device.told


def test_a_key_that_came_otherwise_is_left_alone(device: Device) -> None:
    device.key.parent.mkdir(parents=True)
    device.key.write_text("sk-of-the-administrator")
    device.given("version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n")
    assert device.key.read_text() == "sk-of-the-administrator"


def test_a_card_of_another_device_is_told(device: Device) -> None:
    device.given(GOOD.replace(f'"{KEY}"', STORED))
    assert "this card was in another one" in device.told
    assert device.settings.exists(), "it listens and says that the key is missing"


def test_a_mistake_changes_nothing_and_is_told_with_its_line(device: Device) -> None:
    device.given(GOOD)
    before = device.settings.read_bytes()
    device.given(BAD)
    assert device.settings.read_bytes() == before
    assert device.key.read_text() == KEY
    assert "STATUS: MISTAKES. pressel.yaml has a mistake" in device.told
    assert "line 2, column 10: 'apikey' is not a setting in server; did you mean api_key?" in (
        device.told
    )
    assert "last good settings are in use" in device.told


def test_the_daemon_is_told_why_the_card_is_not_in_use_until_it_is(device: Device) -> None:
    device.given(GOOD)
    device.given(BAD)
    meant = settings(device.settings, environ={}, refused=device.refused)
    assert meant.mistake is not None
    assert meant.mistake.problems[0].line == 2
    device.given(GOOD)
    assert settings(device.settings, environ={}, refused=device.refused).mistake is None


def test_a_refused_card_stays_refused_at_the_next_start(device: Device) -> None:
    device.given(BAD)
    device.refused.unlink()  # its directory is in memory
    device.start()
    assert device.refused.exists()
    assert "it does nothing until this is corrected" in device.told


def test_nothing_is_written_for_a_card_that_has_been_read(device: Device) -> None:
    device.given(GOOD)
    device.start(late=True)
    before = {path: path.stat().st_mtime_ns for path in device.root.rglob("*")}
    device.start()
    device.start(late=True)
    after = {path: path.stat().st_mtime_ns for path in device.root.rglob("*")}
    assert after == before


def test_two_files_are_one_too_many(device: Device) -> None:
    (device.card / "pressel.yml").write_text(GOOD)
    device.given(GOOD)
    assert "there are two files of settings" in device.told
    assert "pressel.yml" in device.told
    assert not device.settings.exists()


@pytest.mark.parametrize("name", ["PRESSEL.YAML", "pressel.yml", "Pressel.yaml.txt"])
def test_the_names_that_editors_give_are_understood(device: Device, name: str) -> None:
    device.given(GOOD, name=name)
    assert f"The settings of {name} are in use" in device.told


def test_what_macos_leaves_beside_a_file_is_no_second_one(device: Device) -> None:
    (device.card / "._pressel.yaml").write_bytes(b"\0\5\26\7")
    device.given(GOOD)
    assert "STATUS: OK" in device.told


def test_a_name_that_is_nearly_right_is_asked_about(device: Device) -> None:
    device.given("{\\rtf1 version: 1}", name="pressel.yaml.rtf")
    assert "STATUS: NO SETTINGS" in device.told
    assert "pressel.yaml.rtf was not read. If it holds your settings, save it" in device.told


@pytest.mark.parametrize("name", ["pressel.yaml.yaml", "pressel (1).yaml", "presel.yml"])
def test_a_name_that_is_nearly_right_is_asked_about_by_a_device_with_settings_too(
    device: Device, name: str
) -> None:
    device.given(GOOD)
    device.file.unlink()
    device.given(GOOD, name=name)
    device.start(late=True)
    assert "STATUS: OK. The settings that pressel.yaml held are in use." in device.told
    assert f"{name} was not read. If it holds your settings, save it as plain text" in device.told
    assert "name pressel.yaml.\n" in device.told
    device.file.write_text(GOOD)
    device.start()
    assert "was not read" not in device.told


def test_it_is_asked_about_by_a_device_with_settings_of_its_own_too(device: Device) -> None:
    device.settings.parent.mkdir(parents=True)
    device.settings.write_text("version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n")
    device.given(GOOD, name="pressel.yaml.yaml")
    device.start(late=True)
    assert "STATUS: OK. The device has settings of its own" in device.told
    assert "pressel.yaml.yaml was not read" in device.told


@pytest.mark.parametrize(
    "name", ["pressel-install.txt", "pressel.example.yaml", "pressel.schema.json"]
)
def test_what_came_with_pressel_is_not_asked_about(device: Device, name: str) -> None:
    device.given("anything", name=name)
    assert "STATUS: NO SETTINGS" in device.told
    assert name not in device.told.replace("Copy pressel.example.yaml to pressel.yaml", "")


def test_an_empty_card_of_a_device_with_settings_of_its_own_is_left_alone(device: Device) -> None:
    device.settings.parent.mkdir(parents=True)
    device.settings.write_text("version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n")
    device.start()
    device.start(late=True)
    assert list(device.card.iterdir()) == []


def test_the_file_of_many_devices_gives_each_its_own(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.board.serial", lambda *_: "10000000abcd1234")
    device.given(
        GOOD
        + "devices:\n  10000000ABCD1234: {speaker: {volume: 9}, server: {api_key: token-mine}}\n"
        "  10000000abcd9999: {speaker: {volume: 8}, server: {api_key: token-yours}}\n"
    )
    left = device.file.read_text()
    assert device.key.read_text() == "token-mine"
    for secret in (KEY, "token-mine", "token-yours"):
        assert secret not in left
    loaded = parse(device.settings.read_bytes(), source="f", serial="10000000abcd1234")
    assert loaded.config.speaker.volume == 9


def test_the_key_on_a_card_that_cannot_be_written_is_told_and_tried_again(
    device: Device, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from device.provision.card import Card

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Card, "patch", read_only)
        device.given(GOOD)
    assert device.key.read_text() == KEY, "the import works"
    assert "the key is still on the card" in capfd.readouterr().err
    assert "The key is still on this card" in device.told
    device.start()
    assert STORED in device.file.read_text()
    assert "The key is still on this card" not in device.told


def test_half_a_removal_is_finished_and_never_taken_for_a_new_key(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from device.provision.card import Card

    whole = Card.patch

    def torn(card: Card, path: Path, patches: tuple[tuple[int, bytes], ...]) -> None:
        ((offset, content),) = patches
        whole(card, path, [(offset, content[:9])])
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Card, "patch", torn)
        device.given(GOOD)
    assert STORED not in device.file.read_text()
    assert KEY not in device.file.read_text()
    device.start()
    assert device.key.read_text() == KEY
    assert STORED in device.file.read_text()


def test_the_late_report_names_a_card_that_is_not_there(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from device import board

    card = board.Card("ArrayUAC10", "ReSpeaker 4 Mic Array", microphone=True, speaker=True)
    monkeypatch.setattr(board, "cards", lambda *_: (card,))
    device.given(GOOD.replace("device: in", 'device: "plughw:CARD=Other,DEV=0"'))
    device.start(late=True)
    assert "microphone.device is plughw:CARD=Other,DEV=0, and there is no such card" in device.told
    assert '"plughw:CARD=ArrayUAC10": ReSpeaker 4 Mic Array (microphone, speaker)' in device.told
    assert "speaker.device is" not in device.told


@pytest.mark.parametrize(
    "name", ["plughw:CARD=ArrayUAC10", "hw:CARD=ArrayUAC10,DEV=0", "plughw:ArrayUAC10"]
)
def test_a_card_that_is_there_is_no_news(
    device: Device, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from device import board

    card = board.Card("ArrayUAC10", "ReSpeaker 4 Mic Array", microphone=True, speaker=True)
    monkeypatch.setattr(board, "cards", lambda *_: (card,))
    device.given(GOOD.replace("device: in", f'device: "{name}"'))
    device.start(late=True)
    assert "no such card" not in device.told


def test_the_card_tells_model_serial_number_and_version(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from device import board

    monkeypatch.setattr(board, "model", lambda: "Raspberry Pi 4 Model B Rev 1.4")
    monkeypatch.setattr(board, "serial", lambda: "10000000abcd1234")
    device.given(GOOD)
    assert "board: Raspberry Pi 4 Model B Rev 1.4 serial 10000000abcd1234\n" in device.told
    assert f"software: Pressel {__version__}, " in device.told


def test_the_report_is_small_whatever_the_mistakes_are(device: Device) -> None:
    many = "".join(f'"{"ä" * 40}{number}": 1\n' for number in range(60))
    device.given("version: 1\n" + many)
    raw = (device.card / "pressel-status.txt").read_bytes()
    assert len(raw) <= 4096
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert "more. Correct these first." in device.told


def test_no_complaint_repeats_the_key(device: Device, capfd: pytest.CaptureFixture[str]) -> None:
    device.given(GOOD.replace("version: 1", "version: one").replace(f'"{KEY}"', f'"{KEY} x"'))
    assert "STATUS: MISTAKES" in device.told
    assert KEY not in device.told + capfd.readouterr().err
    assert "A key in the file stays there until the file is in use." in device.told
