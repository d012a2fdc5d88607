"""What others may rely on: events and fields, words, exit statuses, configuration, secrets."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path

import pytest

from daemon.conftest import Bench
from daemon.running import KEY, PATIENCE_S, RunningDevice, answer, noise, pressel
from device.simulator.script import Script

ALWAYS = {"t", "level", "event"}
FIELDS = {
    "ready": set(),
    "link": {"state", "reason"},
    "light": {"state", "code"},
    "gate": {"state", "how"},
    "turn": {
        "press_to_first_block_ms",
        "commit_to_first_delta_ms",
        "first_delta_to_sound_ms",
        "heard_ms",
        "received_ms",
        "interrupted",
        "input_tokens",
        "output_tokens",
    },
    "error": {"code", "what", "cure"},
}
EXAMPLE = Path(__file__).parents[1] / "config" / "data" / "design.yaml"


def run(device: RunningDevice, word: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*pressel(word), "--runtime-dir", str(device.runtime), *more],
        env=device.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_every_line_of_the_log_has_the_promised_fields(bench: Bench) -> None:
    device = bench(talk={"linger_s": 0.5})
    device.tap()
    device.say(noise(0.5))
    device.wait_for("turn")
    device.microphone("close", after=4)
    with device.card.busy("capture"):
        device.do("tap")
        device.wait_for("error")
    device.server.drop()
    device.wait_for("link", state="down")
    assert all(text.startswith("{") for text in device.text.splitlines())
    assert {line["event"] for line in device.lines} >= set(FIELDS)
    for line in device.lines:
        assert FIELDS.get(line["event"], set()) | ALWAYS <= set(line), line
        assert isinstance(line["t"], float)
        assert line["level"] in ("debug", "info", "warning", "error")
    times = [line["t"] for line in device.lines]
    assert times == sorted(times)
    assert abs(times[-1] - time.monotonic()) < PATIENCE_S
    assert {line["state"] for line in device.all("light")} <= {
        "starting", "offline", "idle", "listening", "hearing", "thinking", "speaking", "muted",
        "fault",
    }  # fmt: skip
    turn = device.all("turn")[0]
    for name in FIELDS["turn"] - {"interrupted"}:
        assert isinstance(turn[name], int | float), name
        assert 0 < turn[name] < 5000 or name == "first_delta_to_sound_ms", name
    assert turn["interrupted"] is False


def test_a_turn_whose_sound_came_late_says_so_in_its_figures(bench: Bench) -> None:
    device = bench(Script([answer(0.5, first_delta_s=0.6)], turn_end_s=0.3))
    pressed = time.monotonic()
    began = device.tap()
    device.say(noise(0.4))
    turn = device.wait_for("turn")
    assert 600 <= turn["commit_to_first_delta_ms"] < 1500
    assert turn["press_to_first_block_ms"] >= 39
    assert turn["press_to_first_block_ms"] / 1000 < began - pressed + 0.2
    assert turn["input_tokens"] > 0
    assert turn["output_tokens"] > 0


def test_the_words_of_the_command_line_reach_the_daemon(bench: Bench) -> None:
    device = bench()
    assert run(device, "tap").returncode == 0
    device.wait_for("gate", state="open", how="tap")
    said = run(device, "status")
    assert said.stdout.startswith("Listening.\nThe link has been up for ")
    status = run(device, "status", "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["light"] == "listening"
    assert run(device, "press").returncode == 0
    assert run(device, "release").returncode == 0
    device.wait_for("gate", state="closed")


@pytest.mark.parametrize("word", ["tap", "press", "release", "status"])
def test_a_word_to_no_daemon_is_answered_with_69_and_a_sentence(bench: Bench, word: str) -> None:
    done = run(bench.prepare(), word)
    assert done.returncode == 69
    assert "no pressel daemon runs in" in done.stderr
    assert "pressel run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_second_daemon_in_the_same_directory_refuses_and_the_first_goes_on(
    bench: Bench,
) -> None:
    device = bench()
    second = run(device, "run", "--config", str(device.config))
    assert second.returncode == 69
    assert "already runs" in second.stderr
    assert "Traceback" not in second.stderr
    device.tap()
    device.say(noise(0.4))
    device.wait_for("turn")


def test_every_mistake_in_the_configuration_has_its_line_and_column(bench: Bench) -> None:
    device = bench.prepare()
    device.config.write_text(
        "version: 1\nmicrophone:\n  device: x\n  chunk_ms: 50\n"
        "speaker: {device: y, volume: loud}\ntalk: {stile: tap}\n"
    )
    done = run(device, "run", "--config", str(device.config))
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        [str(device.config), number] for number in ("4", "5", "6")
    ]
    assert lines[0].startswith(f"{device.config}:4:13: ")
    assert "style" in lines[2]


def test_a_configuration_that_is_not_there_is_named(bench: Bench) -> None:
    device = bench.prepare()
    done = run(device, "run", "--config", str(device.config) + ".not")
    assert done.returncode == 78
    assert done.stderr.startswith(f"{device.config}.not:1:1: ")


def test_the_example_of_the_design_starts_as_it_stands(bench: Bench) -> None:
    device = bench.prepare(card={"microphone_channels": 6})
    text = EXAMPLE.read_text().replace("ws://127.0.0.1:9/v1/realtime", device.server.url)
    for name in ("microphone", "speaker"):
        text = text.replace("plughw:CARD=ArrayUAC10", f"plug{name}", 1)
    device.config.write_text(text.replace("sk-...", KEY))
    device.start(GPIOZERO_PIN_FACTORY="mock")
    device.wait_for("config", level="warning")
    device.light("idle")
    warned = [line["message"] for line in device.all("config")]
    assert all("limits" in text or "daily" in text or "reply_s" in text for text in warned)
    device.tap()
    device.say(noise(0.5))
    assert device.wait_for("turn")["heard_ms"] == 600


@pytest.mark.unjudged("server")
def test_the_key_is_nowhere_in_the_log_nor_in_the_effective_configuration(bench: Bench) -> None:
    device = bench.prepare(log={"level": "debug"})
    device.start()
    device.light("idle")
    device.server.inject(json.dumps({"type": "error", "error": {"message": f"key {KEY} is bad"}}))
    device.wait_for("error")
    shown = run(device, "config", "--config", str(device.config))
    assert shown.returncode == 0
    assert "api_key" in shown.stdout
    assert KEY not in shown.stdout + shown.stderr
    assert KEY not in Path(f"/proc/{device.pid}/cmdline").read_text()
    assert device.terminate().status == 0
    assert KEY not in device.text
    assert KEY[8:] not in device.text


def test_runtime_directory_of_the_service_manager_goes_before_the_option(
    bench: Bench, tmp_path: Path
) -> None:
    device = bench.prepare()
    device.runtime = tmp_path / "systemd"
    device.runtime.mkdir(mode=0o700)
    device.start(RUNTIME_DIRECTORY=str(device.runtime))
    device.light("idle")
    assert json.loads(run(device, "status", "--json").stdout)["link"] == "up"
    assert math.isfinite(device.lines[0]["t"])
