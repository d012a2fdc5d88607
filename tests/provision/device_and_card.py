"""A device and its card, as two directories; the import runs as the command does."""

from __future__ import annotations

from pathlib import Path

from device.cli import main
from device.drivers.journal import Journal
from device.provision import provision

KEY = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyzA1b2"
STORED = '"stored on device (...A1b2)"'
GOOD = f"""\
version: 1
server:
  api_key: "{KEY}"  # from the console
microphone: {{device: in}}
speaker: {{device: out, volume: 60}}
"""
BAD = "version: 1\nserver: {apikey: 12}\nmicrophone: {device: in}\nspeaker: {device: out}\n"


class Device:
    """One device below a directory, with a card in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.card = root / "boot/firmware"
        self.card.mkdir(parents=True, exist_ok=True)
        self.file = self.card / "pressel.yaml"
        self.settings = root / "etc/pressel/pressel.yaml"
        self.previous = root / "etc/pressel/previous.yaml"
        self.key = root / "etc/pressel/credentials.d/api_key"
        self.memory = root / "var/lib/pressel-provision/memory.json"
        self.salt = root / "var/lib/pressel-provision/salt"
        self.refused = root / "run/pressel-provision/refused.json"

    def start(self, *, late: bool = False) -> None:
        """What happens at each start of the machine."""
        journal = Journal("text", descriptor=2)
        provision(journal, root=self.root, late=late)

    def command(self, *words: str) -> int:
        """The same as the unit's command; returns its exit status."""
        return main(["provision", "--root", str(self.root), "--log-format", "text", *words])

    def given(self, text: str | bytes, *, name: str = "pressel.yaml") -> None:
        """Put this on the card and start."""
        content = text if isinstance(text, bytes) else text.encode()
        (self.card / name).write_bytes(content)
        self.start()

    @property
    def told(self) -> str:
        """What the card says to its reader."""
        raw = (self.card / "pressel-status.txt").read_bytes()
        assert len(raw) == 4096
        return raw.decode().replace("\r\n", "\n").rstrip() + "\n"
