"""One file for whoever helps: what this machine is, what the daemon does, what the journal says.

Each item stands alone: what cannot be had is named in its place, with the reason. Everything is
bounded, and all of it goes through `Mask` before it is written: the key, whatever the settings or
the environment hold as a secret, and whatever is written as one (`psk=`, `password:`, `Bearer`).
"""

from __future__ import annotations

import io
import os
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from device.config import Config, find_key, load_file, show
from device.drivers.control import ask
from device.errors import PresselError, Secret

ITEM_BYTES: Final = 400_000
"""Of a longer item the end is kept: it is the newest."""
PATIENCE_S: Final = 10.0
HIDDEN: Final = "***"
_SHORTEST: Final = 6
"""A shorter secret is no secret, and hiding it would tear words apart."""

# fmt: off
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "journal.txt": ("journalctl", "--no-pager", "-o", "short-iso-precise", "-x",
                    "-n", "3000", "-t", "pressel"),
    "unit.txt":    ("systemctl", "--no-pager", "show", "pressel"),
    "kernel.txt":  ("journalctl", "--no-pager", "-k", "-n", "500",
                    "-g", "(?i)alsa|snd|usb|voltage|thrott"),
    "clock.txt":   ("timedatectl", "show"),
    "disk.txt":    ("df", "-h"),
    "memory.txt":  ("free", "-m"),
}
FILES: Final = (
    "proc/asound/cards", "proc/asound/pcm", "proc/device-tree/model", "proc/loadavg",
    "etc/os-release",
)
# fmt: on
_PCM_STATES: Final = "proc/asound/card*/pcm*/sub*/status"
_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|psk|credential", re.IGNORECASE)
_WRITTEN_AS_SECRET: Final = re.compile(
    r"""((?:api_?key|token|secret|passw(?:or)?d|passphrase|psk)["']?\s*[=:]\s*["']?"""
    r"""|\bBearer\s+)(?!\s|$)[^\s"'&,;]+""",
    re.IGNORECASE,
)
_LINE_OF_SECRET: Final = re.compile(r"""(?:key|token|password)["']?:\s*["']?([^\s"'#]+)""")
_SPOKEN: Final = re.compile(r"(?m)(pressel\[\d+\]: (?:person|assistant): ).*$")
"""The journal's lines of what was said, where `log.transcripts` has them written."""
_LOOKS_LIKE_KEY: Final = re.compile(r"(?<![A-Za-z])(sk|ek)[-_][A-Za-z0-9_-]{8,}")
_IN_ADDRESS: Final = re.compile(r"((?:wss?|https?)://)([^\s/@\"']+@)?([^\s?\"']+)(\?[^\s\"']*)?")


class Mask:
    """Takes out of a text all that must not be seen: these secrets, and what looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {one for one in secrets if len(one) >= _SHORTEST}
        self._known = sorted(known, key=len, reverse=True)  # one may be the beginning of another

    def __call__(self, text: str) -> str:
        """`text` without them."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        text = _IN_ADDRESS.sub(_address, text)
        text = _SPOKEN.sub(rf"\1{HIDDEN}", text)
        text = _WRITTEN_AS_SECRET.sub(rf"\1{HIDDEN}", text)
        return _LOOKS_LIKE_KEY.sub(rf"\1-{HIDDEN}", text)


def _address(found: re.Match[str]) -> str:
    """An address without a login and without its query, except for the model."""
    model = re.search(r"[?&](model=[\w.:-]+)", found[4] or "")
    query = f"?{model[1]}" if model else "?" + HIDDEN if found[4] else ""
    return f"{found[1]}{found[3]}{query}"


def bundle(
    out: Path, *, config: Path, runtime: Path, environ: Mapping[str, str], root: Path = Path("/")
) -> None:
    """Write the tarball `out`, readable by its owner only. Raises PresselError if it cannot."""
    items = dict(_items(config, runtime=runtime, root=root))
    texts = {name: _had(make) for name, make in items.items()}
    mask = Mask(_secrets(config, environ))
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        what = f"{out} cannot be written: {error.strerror}"
        raise PresselError(what, cure="name another file: --out FILE") from None
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, text in texts.items():
            body = mask(text).encode("utf-8", "replace")[-ITEM_BYTES:]
            entry = tarfile.TarInfo(f"pressel/{name}")
            entry.size, entry.mode, entry.mtime = len(body), 0o600, int(time.time())
            tar.addfile(entry, io.BytesIO(body))


def _items(config: Path, *, runtime: Path, root: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    from device import __version__

    yield (
        "versions.txt",
        lambda: (
            f"pressel {__version__}\nPython {platform.python_version()}\n"
            + (" ".join(platform.uname()))
        ),
    )
    yield "config.yaml", lambda: _without_words(load_file(config).config)
    yield "status.json", lambda: ask(runtime, "status")
    for name, words in COMMANDS.items():
        yield name, lambda words=words: _said(words)  # type: ignore[misc]
    for path in FILES:
        yield path.replace("/", "-"), lambda path=path: _read(root / path)  # type: ignore[misc]
    yield (
        "pcm-states.txt",
        lambda: "\n".join(f"{one}: {_read(one)}" for one in sorted(root.glob(_PCM_STATES))),
    )


def _without_words(config: Config) -> str:
    """The settings in effect; what somebody wrote to the assistant is their own affair."""
    return re.sub(r"(?m)^(  instructions: ).*$", rf'\1"{HIDDEN}"', show(config))


def _had(make: Callable[[], str]) -> str:
    try:
        return make() or "(empty)\n"
    except (OSError, PresselError, subprocess.SubprocessError, ValueError) as problem:
        return f"not to be had: {problem}\n"


def _said(words: tuple[str, ...]) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
    )
    return done.stdout + done.stderr


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(ITEM_BYTES).decode("utf-8", "replace").replace("\0", "")


def _secrets(path: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Every secret that this machine may show us without meaning to."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            yield value
    directory = environ.get("CREDENTIALS_DIRECTORY")
    for file in Path(directory).glob("*") if directory else ():
        try:
            yield file.read_text(errors="replace").strip()
        except OSError:
            continue
    try:
        config = load_file(path).config
        given = (find_key(config, environ), config.server.api_key)
        yield from (one.reveal() for one in given if isinstance(one, Secret))
    except (PresselError, OSError):  # a file with a mistake has its secrets all the same
        yield from _LINE_OF_SECRET.findall(_read(path)) if path.is_file() else ()
