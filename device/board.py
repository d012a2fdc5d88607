"""What the machine says of itself, in plain files: no sound library, no network service asked.

Everything here is for people to read, and empty where the machine does not say it: on a PC, on
macOS or Windows. `root` is where the machine's file system begins.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

HERE: Final = Path("/")
_GET_ESSID: Final = 0x8B1B
"""linux/wireless.h: SIOCGIWESSID."""
_ELSEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation (RFC 5737, RFC 3849): nothing is ever sent there."""


class Card(Struct, frozen=True):
    """One sound card: its ALSA name, its description, and what it is good for.

    `usb` is vendor and product as `lsusb` shows them, '' for a card on another bus; `codec` what
    the driver calls its first device.
    """

    name: str
    text: str
    microphone: bool
    speaker: bool
    usb: str = ""
    codec: str = ""


def serial(root: Path = HERE) -> str:
    """The board's serial number in small letters, as `devices:` has it; '' where there is none."""
    found = _text(root / "proc/device-tree/serial-number")
    if not found:
        line = re.search(r"^Serial\s*:\s*(\S+)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
        found = line[1] if line else ""
    return found.lower()


def model(root: Path = HERE) -> str:
    """'Raspberry Pi 4 Model B Rev 1.4'."""
    return _text(root / "proc/device-tree/model")


def system(root: Path = HERE) -> str:
    """'Debian GNU/Linux 13 (trixie)'."""
    line = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text(root / "etc/os-release"), re.MULTILINE)
    return line[1] if line else ""


def cards(root: Path = HERE) -> tuple[Card, ...]:
    """The sound cards that the kernel has now (/proc/asound)."""
    place = root / "proc/asound"
    found = []
    for number, name, text in re.findall(
        r"^ *(\d+) \[(\S+) *\]: .*? - (.*)$", _text(place / "cards"), re.MULTILINE
    ):
        found.append(_card(name, text, place / f"card{number}"))
    return tuple(found)


def _card(name: str, text: str, folder: Path) -> Card:
    captures, plays = sorted(folder.glob("pcm*c")), sorted(folder.glob("pcm*p"))
    first = next(iter((*captures, *plays)), folder)
    line = re.search(r"^id: (.*)$", _text(first / "info"), re.MULTILINE)
    return Card(
        name, text, bool(captures), bool(plays),
        usb=_text(folder / "usbid"), codec=line[1] if line else "",
    )  # fmt: skip


def addresses(root: Path = HERE) -> tuple[str, ...]:
    """The addresses by which this machine reaches others; without a router, those it has.

    None without a network.
    """
    return tuple(_addresses()) or _own(_text(root / "proc/net/fib_trie"))


def network_name(root: Path = HERE) -> str:
    """The Wi-Fi network this machine has joined; '' for none, or where nobody says."""
    for place in sorted((root / "sys/class/net").glob("*/wireless")):
        joined = _joined(place.parent.name)
        if joined:
            return joined
    return ""


def _addresses() -> Iterator[str]:
    for family, other in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as one:
                one.connect((other, 9))  # of a datagram socket: asks the routes, sends nothing
                yield one.getsockname()[0]
        except OSError:
            continue


def _own(routes: str) -> tuple[str, ...]:
    """The machine's own IPv4 addresses, from the kernel's table of routes."""
    own = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", routes)
    return tuple(dict.fromkeys(one for one in own if not one.startswith("127.")))


def _joined(interface: str) -> str:
    import array
    import fcntl  # not on Windows, which has no /sys either

    name = array.array("B", bytes(32))
    address, length = name.buffer_info()
    request = struct.pack("16sPHH", interface.encode()[:15], address, length, 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, _GET_ESSID, request)
    except OSError:
        return ""
    return name.tobytes().rstrip(b"\0").decode("utf-8", "replace")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""
