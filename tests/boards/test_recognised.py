"""`pressel devices` knows the boards by what the kernel says of them in /proc/asound."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import board
from device.boards import suggestions
from device.check import devices


def machine(root: Path, *cards: tuple[str, str, str, str]) -> Path:
    """A machine with these cards: ALSA name, description, codec of its devices, USB id."""
    place = root / "proc/asound"
    listed = []
    for number, (name, text, codec, usb) in enumerate(cards):
        for device in ("pcm0c", "pcm0p"):
            folder = place / f"card{number}" / device
            folder.mkdir(parents=True)
            (folder / "info").write_text(f"card: {number}\ndevice: 0\nid: {codec}\nname: \n")
        if usb:
            (place / f"card{number}/usbid").write_text(f"{usb}\n")
        listed.append(f" {number} [{name:<15}]: USB-Audio - {text}\n                      {text}\n")
    (place / "cards").write_text("".join(listed))
    return root


def told(root: Path) -> list[str]:
    return list(suggestions(board.cards(root)))


def test_a_usb_device_is_known_by_its_id_whatever_its_card_is_called(tmp_path: Path) -> None:
    card = ("Array", "reSpeaker XVF3800 4-Mic Array", "USB Audio", "2886:001a")
    assert told(machine(tmp_path, card)) == [
        "Array: this looks like the ReSpeaker XVF3800 USB 4-Mic Array: "
        "type board: respeaker-xvf3800"
    ]


def test_another_usb_device_of_a_known_card_name_is_not_taken_for_it(tmp_path: Path) -> None:
    assert told(machine(tmp_path, ("Array", "Some Array", "USB Audio", "1234:5678"))) == []


def test_a_card_under_another_name_is_named_for_the_two_devices(tmp_path: Path) -> None:
    (line,) = told(machine(tmp_path, ("S3", "PowerConf S3", "USB Audio", "291a:3301")))
    assert line == (
        "S3: this looks like the USB speakerphone: type board: usb-speakerphone, "
        'and device: "plughw:CARD=S3" below microphone: and speaker:'
    )


def test_a_microphone_alone_is_not_named_for_a_speaker(tmp_path: Path) -> None:
    card = ("CameraB409241_1", "USB Camera-B4.09.24.1", "USB Audio", "1415:2000")
    (line,) = told(machine(tmp_path, card))
    assert line.endswith('device: "plughw:CARD=CameraB409241_1" below microphone:')


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("fe203000.i2s-tlv320aic3x-hifi tlv320aic3x-hifi-0", "respeaker-2mic-v2"),
        ("bcm2835-i2s-wm8960-hifi wm8960-hifi-0", "respeaker-2mic-v1"),
    ],
)
def test_two_boards_with_one_card_name_are_told_apart_by_their_codec(
    tmp_path: Path, codec: str, name: str
) -> None:
    (line,) = told(machine(tmp_path, ("seeed2micvoicec", "seeed2micvoicec", codec, "")))
    assert f"board: {name}" in line
    assert ("respeaker-2mic-v1" in line) == (name == "respeaker-2mic-v1")


def test_where_the_kernel_cannot_tell_two_boards_apart_both_are_said(tmp_path: Path) -> None:
    name = "sndrpigooglevoi"
    (line,) = told(machine(tmp_path, (name, "snd_rpi_googlevoicehat_soundcar", "voicehat", "")))
    assert line == (
        "sndrpigooglevoi: this looks like the Google AIY Voice HAT v1 or the INMP441 microphones "
        "and MAX98357A amplifier: type board: aiy-voice-hat or board: inmp441-max98357a"
    )


def test_cards_that_no_profile_knows_get_no_line(tmp_path: Path) -> None:
    cards = (
        ("vc4hdmi0", "vc4-hdmi-0", "MAI PCM i2s-hifi-0", ""),
        ("Device", "Stick", "", "0d8c:14"),
    )
    assert told(machine(tmp_path, *cards)) == []
    assert told(tmp_path / "no machine at all") == []


def test_pressel_devices_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = machine(tmp_path, ("ArrayUAC10", "ReSpeaker 4 Mic Array", "USB Audio", "2886:0018"))
    assert devices(root) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "ArrayUAC10: this looks like the ReSpeaker USB Mic Array (XVF3000): "
        "type board: respeaker-usb-4mic"
    )
