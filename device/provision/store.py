"""The device's side: the settings and the key in force, and what is known of the card.

/etc/pressel/pressel.yaml              the last good settings, without secrets
/etc/pressel/previous.yaml             those before
/etc/pressel/credentials.d/api_key     the key (0600 in 0700)
/var/lib/pressel-provision/memory.json what the card was last seen to be (0600)
/var/lib/pressel-provision/salt        of the digests in it, made once (0600)
/run/pressel-provision/refused.json    why the card's settings are not in use; until power-off
/run/pressel-provision/fault           what is wrong with the device's disk; until power-off
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from device import atomic
from device.errors import Problem
from device.provision.removal import Removal

_SALT_BYTES: Final = 32
_SALTED: Final = "hmac-sha256:"
"""How a digest begins; those of the first Pressel were plain SHA-256, and had no beginning."""


class Memory(Struct, frozen=True):
    """What an import left behind. `seen` is a digest of the card's file as it was left then.

    `read_at` says when that was; `name` is the file; `refused` its mistakes, and `held` meanwhile
    the file whose settings stay in force ('' if they are from elsewhere); `notes` is what else is
    worth saying; `stored` is a digest of the key that came from a card, `tail` its last letters;
    `removal` is what must still be written over the card.
    """

    seen: str = ""
    read_at: str = ""
    name: str = ""
    refused: tuple[Problem, ...] = ()
    held: str = ""
    notes: tuple[str, ...] = ()
    stored: str = ""
    tail: str = ""
    removal: Removal | None = None


class Store:
    """The directories of the device's side, below `root`; they are made where they are missing."""

    def __init__(self, root: Path) -> None:
        etc = root / "etc/pressel"
        state, run = root / "var/lib/pressel-provision", root / "run/pressel-provision"
        self.settings = etc / "pressel.yaml"
        self.key = etc / "credentials.d" / "api_key"
        self._previous = etc / "previous.yaml"
        self._memory = state / "memory.json"
        self._salt = state / "salt"
        self._refused = run / "refused.json"
        self._fault = run / "fault"
        # The one in memory first: what is wrong with the others is told there.
        self._folders = ((run, 0o755), (etc, 0o755), (self.key.parent, 0o700), (state, 0o700))

    def prepare(self) -> Memory:
        """Make the directories, sweep up after a power cut, and say what is remembered."""
        for folder, mode in self._folders:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            atomic.sweep(folder)
        atomic.remove(self._fault)
        if not self._salt_is():
            atomic.write(self._salt, os.urandom(_SALT_BYTES), mode=0o600)
        return self._salted(self.memory())

    def memory(self) -> Memory:
        """What is remembered of the card; nothing is written for that."""
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=Memory)
        except (OSError, msgspec.DecodeError):
            return Memory()

    def remember(self, memory: Memory) -> None:
        """Keep this for the next start, and tell the daemon whether the card was refused.

        What is remembered already is not written.
        """
        if memory != self.memory():
            atomic.write(self._memory, msgspec.json.encode(memory), mode=0o600)
        self.announce(memory.name, memory.refused)

    def digest(self, content: bytes) -> str:
        """What tells one content from another. A guess at it can be tried only with the salt."""
        return _SALTED + hmac.new(self._salt_is(), content, hashlib.sha256).hexdigest()

    def is_of(self, digest: str, content: bytes) -> bool:
        """Whether this is the content's digest, or was it to an older Pressel."""
        if digest.startswith(_SALTED):
            return digest == self.digest(content)
        return digest == hashlib.sha256(content).hexdigest()

    def announce(self, name: str, problems: Sequence[Problem]) -> None:
        """Tell the daemon why this file is not in use, for as long as the power is on. OSError."""
        if problems:
            first = (name, problems[0])
            atomic.write(self._refused, msgspec.json.encode(first), mode=0o644)
        else:
            atomic.remove(self._refused)

    def tell_fault(self, why: str) -> None:
        """Tell the report that comes later what is wrong with the disk. Raises OSError."""
        atomic.write(self._fault, why.encode(), mode=0o644)

    def fault(self) -> str:
        """What was wrong with the disk at this start; '' for nothing."""
        try:
            return self._fault.read_text()
        except OSError:
            return ""

    def install(self, settings: bytes) -> None:
        """Put settings in force at the next start of the daemon; those before are kept."""
        if self.settings.exists():
            old = self.settings.read_bytes()
            if old == settings:
                return
            atomic.write(self._previous, old, mode=0o600)
        atomic.write(self.settings, settings, mode=0o644)

    def store_key(self, text: str) -> None:
        """Keep the key where only root, and the daemon by systemd's hand, can read it."""
        if not self.key.exists() or self.key.read_bytes() != text.encode():
            atomic.write(self.key, text.encode(), mode=0o600)

    def forget_key(self, digest: str) -> None:
        """Remove the key, if it is the one that came from a card."""
        if self.key.exists() and self.is_of(digest, self.key.read_bytes()):
            atomic.remove(self.key)

    def _salt_is(self) -> bytes:
        """The salt; b'' where there is none. Another one costs one more reading of the card."""
        try:
            return self._salt.read_bytes()
        except OSError:
            return b""

    def _salted(self, memory: Memory) -> Memory:
        """The memory with a digest of the card's key that has the salt, also where it had none."""
        if not memory.stored or memory.stored.startswith(_SALTED):
            return memory
        key = self.key.read_bytes() if self.key.exists() else b""
        return replace(memory, stored=self.digest(key) if self.is_of(memory.stored, key) else "")
