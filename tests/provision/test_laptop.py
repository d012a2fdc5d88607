"""The same judgement on any computer: no sound, no pins, no systemd, no Unix."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from device.errors import EXIT_UNAVAILABLE
from device.provision import EXAMPLES
from provision.device_and_card import BAD, GOOD

ABSENT = (
    "alsaaudio", "fcntl", "gpiozero", "grp", "lgpio", "numpy", "pwd", "resource", "systemd",
    "termios", "websockets",
)  # fmt: skip
"""Not on Windows, or not needed: a laptop may lack them."""
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = f"""
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(name)
for name in {ABSENT!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
from device.cli import main
sys.exit(main(sys.argv[1:]))
"""


def elsewhere(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ELSEWHERE, "provision", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_good_file_is_good_there(tmp_path: Path) -> None:
    (tmp_path / "pressel.yaml").write_text(GOOD)
    done = elsewhere("--check", str(tmp_path / "pressel.yaml"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/pressel.yaml: good\n"


def test_each_mistake_is_a_line_that_editors_jump_to(tmp_path: Path) -> None:
    file = tmp_path / "pressel.yaml"
    file.write_text(BAD + "panel: {led: {gpio: 99}}\n")
    done = elsewhere("--check", str(file))
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        f"{file}:2:10: 'apikey' is not a setting in server; did you mean api_key?",
        f"{file}:5:21: panel.led.gpio is '99', more than 27; type a whole number from 0 to 27",
    ]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = elsewhere("--check", str(tmp_path / "absent.yaml"))
    assert done.returncode == 78
    assert done.stderr == (
        f"{tmp_path}/absent.yaml:1:1: the file cannot be read: No such file or directory; copy "
        "pressel.example.yaml to this place, or name another file with --check\n"
    )


def test_the_files_for_a_card_are_written_and_none_is_overwritten(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "pressel.example.yaml").write_text("mine")
    done = elsewhere("--write-example", str(card))
    assert done.returncode == 0
    assert (card / "pressel.example.yaml").read_text() == "mine"
    assert "is there already" in done.stdout
    assert {path.name for path in card.iterdir()} == {path.name for path in EXAMPLES.iterdir()}


@pytest.mark.parametrize("place", ["/proc/x", "/dev/null", "/proc"])
def test_a_directory_that_cannot_be_written_is_named_with_what_to_do(place: str) -> None:
    done = elsewhere("--write-example", place)
    assert done.returncode == EXIT_UNAVAILABLE
    assert done.stderr.startswith(f"pressel: {place} cannot be written: ")
    assert done.stderr.endswith("; run with sudo, or name another directory\n")
    assert done.stderr.count("\n") == 1


def test_the_example_becomes_good_settings_by_a_copy(tmp_path: Path) -> None:
    elsewhere("--write-example", str(tmp_path))
    file = tmp_path / "pressel.yaml"
    (tmp_path / "pressel.example.yaml").rename(file)
    assert elsewhere("--check", str(file)).returncode == 0


@pytest.mark.parametrize(
    "words", [("--check", "a", "--report"), ("--report", "--write-example", "d")]
)
def test_one_thing_at_a_time(words: tuple[str, ...]) -> None:
    assert elsewhere(*words).returncode == 2


def wanted(lines: list[str], platform: str) -> set[str]:
    """The names among these requirements that apply there."""
    found = [Requirement(line) for line in lines]
    there = {"sys_platform": platform}
    return {one.name.lower() for one in found if not one.marker or one.marker.evaluate(there)}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_what_only_linux_has_is_not_asked_for_there(platform: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "provisioning/device.lock").read_text()
    locked = re.findall(r"^[a-z].*?(?= \\$)", lock, re.MULTILINE)
    for lines in (
        project["dependencies"],
        locked,
    ):  # the lock has what the packages ask for in turn
        names = wanted(lines, platform)
        assert {"msgspec", "pyyaml"} <= names
        assert not [name for name in names if re.search("alsa|gpio|systemd|colorzero", name)]
        assert "pyalsaaudio" in wanted(lines, "linux")
