"""What the machine says of itself, from trees of files as boards have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import board

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [ArrayUAC10     ]: USB-Audio - ReSpeaker 4 Mic Array (UAC1.0)
                      SEEED ReSpeaker 4 Mic Array (UAC1.0) at usb-1
"""
ROUTES = """\
Main:
  +-- 0.0.0.0/1 2 0 2
     +-- 192.168.7.0/24 2 0 2
        |-- 192.168.7.3
           /32 host LOCAL
        |-- 192.168.7.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
Local:
        |-- 192.168.7.3
           /32 host LOCAL
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "proc/device-tree/serial-number": "10000000ABCD1234\0",
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/asound/cards": CARDS,
        "proc/net/fib_trie": ROUTES,
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for pcm in ("card0/pcm0p", "card1/pcm0p", "card1/pcm0c"):
        (tmp_path / "proc/asound" / pcm).mkdir(parents=True)
    return tmp_path


def test_a_board_is_known_by_its_serial_number(root: Path) -> None:
    assert board.serial(root) == "10000000abcd1234"
    assert board.model(root) == "Raspberry Pi 4 Model B Rev 1.4"
    assert board.system(root) == "Debian GNU/Linux 13 (trixie)"


def test_an_older_kernel_says_it_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nSerial\t\t: 10000000abcd1234\n")
    assert board.serial(tmp_path) == "10000000abcd1234"


def test_sound_cards_are_known_with_what_they_can_do(root: Path) -> None:
    headphones, array = board.cards(root)
    assert (headphones.name, headphones.microphone, headphones.speaker) == (
        "Headphones", False, True,
    )  # fmt: skip
    assert (array.name, array.microphone, array.speaker) == ("ArrayUAC10", True, True)
    assert array.text == "ReSpeaker 4 Mic Array (UAC1.0)"


def test_without_a_router_the_machine_knows_its_own_address(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "_ELSEWHERE", ())
    assert board.addresses(root) == ("192.168.7.3",)


def test_a_machine_that_says_nothing_is_none(tmp_path: Path) -> None:
    assert board.serial(tmp_path) == board.model(tmp_path) == board.system(tmp_path) == ""
    assert board.cards(tmp_path) == ()
    assert board.network_name(tmp_path) == ""
