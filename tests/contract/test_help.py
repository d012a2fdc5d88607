from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

import pytest

from contract.source import ROOT

COMMANDS = [
    "bundle", "check", "config", "demo", "devices", "press", "release", "run", "simulate", "stats",
    "status", "tap",
]  # fmt: skip
VERBS = {"Ask", "Count", "List", "Press", "Print", "Release", "Run", "Tap", "Test", "Write"}


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
    return dict(re.findall(r"^    (\w+) +(\S.*)$", said(), re.MULTILINE))


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


def test_the_overview_fits_a_screen() -> None:
    assert len(said().splitlines()) <= 30
