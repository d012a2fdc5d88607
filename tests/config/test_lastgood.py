"""What the daemon runs with when its file has become wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_text import SMALLEST

from device.errors import ConfigError
from device.lastgood import Settings, settings

WRONG = "version: 1\nmicrofone: {}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "pressel.yaml"
    file.write_text(SMALLEST + "talk: {linger_s: 3}\n")
    (tmp_path / "state").mkdir()
    return file


def meant(file: Path, *, state: bool = True) -> Settings:
    environ = {"STATE_DIRECTORY": str(file.parent / "state")} if state else {}
    return settings(file, environ=environ, refused=file.parent / "refused.json")


def test_a_good_file_is_what_it_runs_with(file: Path) -> None:
    assert meant(file).loaded.config.talk.linger_s == 3
    assert meant(file).mistake is None


def test_a_file_that_was_good_stays_in_use_when_it_is_broken(file: Path) -> None:
    meant(file)
    file.write_text(WRONG)
    found = meant(file)
    assert found.loaded.config.talk.linger_s == 3
    assert found.mistake is not None
    assert found.mistake.source == str(file)
    assert "did you mean microphone?" in str(found.mistake)


def test_a_file_that_is_gone_is_no_reason_to_stop(file: Path) -> None:
    meant(file)
    file.unlink()
    assert meant(file).loaded.config.talk.linger_s == 3


def test_the_newest_good_one_counts(file: Path) -> None:
    meant(file)
    file.write_text(SMALLEST + "talk: {linger_s: 5}\n")
    meant(file)
    file.write_text(WRONG)
    assert meant(file).loaded.config.talk.linger_s == 5


def test_nobody_else_reads_what_is_kept(file: Path) -> None:
    meant(file)
    assert (file.parent / "state" / "last-good.yaml").stat().st_mode & 0o777 == 0o600


def test_without_a_good_one_the_mistake_is_what_there_is_to_say(file: Path) -> None:
    file.write_text(WRONG)
    for state in (True, False):
        with pytest.raises(ConfigError, match="did you mean microphone"):
            meant(file, state=state)


def test_one_that_is_no_good_any_more_does_not_hide_the_mistake(file: Path) -> None:
    (file.parent / "state" / "last-good.yaml").write_text("version: 0\n")
    file.write_text(WRONG)
    with pytest.raises(ConfigError, match="did you mean microphone"):
        meant(file)


def test_why_the_card_is_not_in_use_is_told(file: Path) -> None:
    refused = '["PRESSEL.YML", {"line": 7, "column": 2, "what": "a Tab", "cure": "type spaces"}]'
    (file.parent / "refused.json").write_text(refused)
    found = meant(file)
    assert str(found.mistake) == "PRESSEL.YML:7:2: a Tab; type spaces"
    assert found.loaded.config.talk.linger_s == 3


@pytest.mark.parametrize("rubbish", ["", "[]", "{}", '["f", {"line": 1}]', "\0"])
def test_a_torn_word_about_the_card_is_no_word(file: Path, rubbish: str) -> None:
    (file.parent / "refused.json").write_text(rubbish)
    assert meant(file).mistake is None
