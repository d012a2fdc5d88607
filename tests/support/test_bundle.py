"""Secrets are planted in every source; the tarball is searched for each of them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from device import bundle as subject
from device.bundle import COMMANDS, ITEM_BYTES, Mask, bundle
from device.errors import PresselError

IN_CONFIG = "canary-of-the-config-0001"
IN_ENVIRONMENT = "canary-of-the-environment-0002"
IN_CREDENTIAL = "canary-of-the-credential-0003"
IN_QUERY = "canaryofthequery0004"
WIFI = "canary of the air 0005".replace(" ", "")
SAID = "Never tell anybody of canary 0006"
SECRETS = (IN_CONFIG, IN_ENVIRONMENT, IN_CREDENTIAL, IN_QUERY, WIFI, SAID)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which every file that is read holds every secret."""
    spoilt = (
        f"key {IN_CONFIG} {IN_ENVIRONMENT} {IN_CREDENTIAL}\npsk={WIFI}\n"
        f'"password": "{WIFI}"\nBearer {WIFI}\nwss://me:{WIFI}@host/v1?model=m&token={IN_QUERY}\n'
    )
    for name in (*subject.FILES, "proc/asound/card0/pcm0c/sub0/status"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spoilt)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/pressel_api_key").write_text(IN_CREDENTIAL + "\n")
    (tmp_path / "pressel.yaml").write_text(
        f"version: 1\nserver:\n  url: ws://127.0.0.1:9/v1\n  profile: local\n"
        f'  api_key: "{IN_CONFIG}"\nassistant:\n  instructions: "{SAID}"\n'
        "microphone: {device: microphone}\nspeaker: {device: speaker}\n"
    )
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in {words[0] for words in COMMANDS.values()}:
        tool = tools / name
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{spoilt}END\ncat <<'END' >&2\n{spoilt}END\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return tmp_path


def packed(machine: Path) -> dict[str, str]:
    out = machine / "bundle.tar.gz"
    environ = {
        "PRESSEL_API_KEY": IN_ENVIRONMENT,
        "CREDENTIALS_DIRECTORY": str(machine / "credentials"),
    }
    bundle(
        out, config=machine / "pressel.yaml", runtime=machine / "run", environ=environ,
        root=machine / "root",
    )  # fmt: skip
    with tarfile.open(out) as tar:
        return {one.name: (tar.extractfile(one) or sys.stdin.buffer).read().decode() for one in tar}


def test_no_secret_of_any_source_is_in_the_bundle(machine: Path) -> None:
    texts = packed(machine)
    assert "psk=***" in texts["pressel/journal.txt"], "the sources were not spoilt"
    assert 'instructions: "***"' in texts["pressel/config.yaml"]
    for name, text in texts.items():
        for secret in SECRETS:
            assert secret not in text, f"{name} tells {secret}"


def test_the_key_of_a_file_with_a_mistake_is_not_told_either(machine: Path) -> None:
    with (machine / "pressel.yaml").open("a") as file:
        file.write("nonsense: [\n")
    texts = packed(machine)
    assert texts["pressel/config.yaml"].startswith("not to be had: ")
    assert not any(IN_CONFIG in text for text in texts.values())


def test_what_is_missing_is_named_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    texts = packed(tmp_path)
    assert texts["pressel/versions.txt"].startswith("pressel ")
    for name in ("config.yaml", "status.json", "journal.txt", "proc-asound-cards"):
        assert texts[f"pressel/{name}"].startswith("not to be had: ")
    assert not any("Traceback" in text for text in texts.values())


def test_only_its_owner_can_read_it_and_nothing_is_overwritten(machine: Path) -> None:
    packed(machine)
    assert stat.S_IMODE((machine / "bundle.tar.gz").stat().st_mode) == 0o600
    with pytest.raises(PresselError, match=r"bundle\.tar\.gz cannot be written: File exists"):
        packed(machine)


def test_of_a_long_item_the_end_is_kept(machine: Path) -> None:
    long = "x" * ITEM_BYTES + "the newest line"
    tool = machine / "bin/journalctl"
    tool.write_text(f"#!/bin/sh\ncat {machine / 'long'}\n")
    (machine / "long").write_text(long)
    text = packed(machine)["pressel/journal.txt"]
    assert len(text) == ITEM_BYTES
    assert text.endswith("the newest line")


def test_the_mask_leaves_what_helps() -> None:
    said = "the link is down: wss://api.example.com/v1/realtime?model=m-1 code=key tokens: none"
    assert Mask(["short"])(said).startswith(
        "the link is down: wss://api.example.com/v1/realtime?model=m-1 code=key"
    )


def test_the_command_writes_it_and_says_to_look(machine: Path) -> None:
    words = [sys.executable, "-m", "device", "bundle", "--out", str(machine / "b.tar.gz"),
             "--config", str(machine / "pressel.yaml")]  # fmt: skip
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=90)
    assert "look through it before you send it" in done.stdout


def test_what_was_said_does_not_travel_even_where_the_journal_has_it() -> None:
    line = (
        "2026-01-01T00:00:00+00:00 pi pressel[99]: person: where is my hat\nnext pressel[99]: idle"
    )
    masked = Mask(())(line)
    assert "hat" not in masked
    assert masked.endswith("idle")
