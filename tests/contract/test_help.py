from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

import pytest

from contract.source import ROOT

COMMANDS = [
    "bundle", "check", "config", "demo", "devices", "press", "provision", "release", "run",
    "simulate", "stats", "status", "tap",
]  # fmt: skip
VERBS = {
    "Ask",
    "Count",
    "Import",
    "List",
    "Press",
    "Print",
    "Release",
    "Run",
    "Tap",
    "Test",
    "Write",
}


@cache
def said(*words: str) -> str:
    """What `pressel WORDS --help` prints, on a wide terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "device", *words, "--help"],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200"}, check=True, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def summaries() -> dict[str, str]:
    """Each command with its line in the overview."""
    return dict(re.findall(r"^    (\w+)\s+(\S.*)$", said(), re.MULTILINE))


def test_the_overview_names_every_command() -> None:
    assert sorted(summaries()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_summary_begins_with_a_verb_and_ends_without_a_period(command: str) -> None:
    summary = summaries()[command]
    assert summary.split()[0] in VERBS
    assert not summary.endswith(".")


@pytest.mark.parametrize("command", ["run", "demo", "simulate", "tap"])
def test_the_help_of_a_command_is_its_summary_as_a_sentence(command: str) -> None:
    assert f"{summaries()[command]}." in said(command)


DOCUMENTS = ["README.md", "hardware.md", "provisioning/README.md", "systemd/README.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_tells_to_type_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    typed = re.findall(r"(?:`|^ +)(?:sudo )?pressel ([a-z]+)([^`\n]*)", text, re.MULTILINE)
    assert typed
    for command, rest in typed:
        assert command in COMMANDS
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in said(command), f"pressel {command} {option}"


def test_the_overview_fits_a_screen() -> None:
    assert len(said().splitlines()) <= 30
