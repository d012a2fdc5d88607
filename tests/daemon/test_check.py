"""`pressel check` and `pressel devices`, run as a person runs them."""

from __future__ import annotations

import ssl
import subprocess
import time
from pathlib import Path

import pytest

from authority import DAY, Authority
from daemon.conftest import Bench
from daemon.network import behind
from daemon.running import KEY, PATIENCE_S, RunningDevice, noise, pressel
from device.check import check, network
from device.errors import EXIT_CONFIG, EXIT_UNAVAILABLE

PARTS = [
    "config", "daemon", "microphone", "speaker", "echo", "canceller", "xruns", "drift", "panel",
    "resampler", "key", "name", "connection", "server", "clock", "power", "memory", "watchdog",
    "priority",
]  # fmt: skip
LONGEST_S = 25.0
MACHINE = PARTS[PARTS.index("clock") :]
"""What these say depends on the machine that runs the tests; `tests/check` has them."""


def run(
    device: RunningDevice, *more: str, parts: list[str] = PARTS, **environment: str
) -> tuple[int, dict[str, str]]:
    """The exit status, and each part's line."""
    words = ["--config", str(device.config), "--runtime-dir", str(device.runtime), *more]
    done = subprocess.run(
        [*pressel("check"), *words],
        env=device.environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert done.stderr == ""
    assert KEY not in done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert list(lines) == parts, done.stdout
    return done.returncode, lines


def verdicts(lines: dict[str, str]) -> str:
    return " ".join(line.split()[1] for part, line in lines.items() if part not in MACHINE)


def test_all_parts_in_order_are_one_line_each_and_0(patient_bench: Bench) -> None:
    device = patient_bench.prepare(card={"echo_gain": 0.05})
    device.card.noise(-50.0)
    begun = time.monotonic()
    status, lines = run(device)
    assert time.monotonic() - begun < LONGEST_S
    assert status == 0
    assert verdicts(lines) == "ok skip ok ok ok skip ok ok skip skip ok skip ok ok"
    assert "'microphone' grants 24000 Hz, 1 ch; RMS/peak dBFS 0: -50/" in lines["microphone"]
    assert "the speaker plays through: 80 ms" in lines["echo"]
    assert "buffer of 160 ms" in lines["speaker"]
    assert "sk-...NARY" in lines["key"]
    assert "TCP in" in lines["connection"]
    assert "confirmed our settings in" in lines["server"]
    assert "model gpt-realtime" in lines["server"]
    assert [event.what for event in device.card.events("capture")][-1] == "close"


def test_a_microphone_of_zeros_is_told(patient_bench: Bench) -> None:
    status, lines = run(patient_bench.prepare(), "--quick")
    assert status == EXIT_UNAVAILABLE
    assert "FAIL" in lines["microphone"]
    assert "dead (nothing but zeros)" in lines["microphone"]
    assert "alsamixer" in lines["microphone"]


def test_everything_broken_is_69_with_a_cure_in_each_line(bench: Bench) -> None:
    device = bench.prepare(
        microphone={"device": "plugmicrophone"},
        speaker={"device": "nonsense"},
        panel={"button": {"gpio": 17}, "led": {"gpio": 17 + 1}},
        server={"url": "ws://127.0.0.1:9/v1/realtime"},
    )
    device.card.unplug()
    status, lines = run(
        device, "--quick", ALSA_PLUGIN_DIR=str(device.config.parent), GPIOZERO_PIN_FACTORY="nopins"
    )
    assert status == EXIT_UNAVAILABLE
    assert verdicts(lines) == "ok skip FAIL FAIL skip skip skip skip FAIL FAIL FAIL skip FAIL skip"
    for part in PARTS:
        assert "FAIL" not in lines[part] or "  ; " in lines[part], lines[part]
    assert "microphone 'plugmicrophone'" in lines["microphone"]
    assert "speaker 'nonsense'" in lines["speaker"]
    assert "apt install libasound2-plugins" in lines["resampler"]
    assert "button: {...}" not in lines["panel"]
    assert "Connection refused (network)" in lines["connection"]
    assert "needs the connection" in lines["server"]


def test_other_terms_and_a_wrong_key_are_told_with_their_cure(bench: Bench) -> None:
    device = bench.prepare(card={"rate": 48000, "microphone_channels": 2})
    server = {"url": device.server.url, "profile": "local", "api_key": "sk-wrong-0123456789abcdef"}
    device.configure(server=server)
    status, lines = run(device, "--quick")
    assert status == EXIT_UNAVAILABLE
    assert "grants 48000 Hz, 2 ch, S16_LE" in lines["microphone"]
    assert "plughw:" in lines["microphone"]
    assert "grants 48000 Hz, 1 ch, S16_LE" in lines["speaker"]
    assert "(key)  ; put a new server.api_key" in lines["server"]


def test_the_key_that_the_card_brought_is_the_one_that_is_tried(patient_bench: Bench) -> None:
    device = patient_bench.prepare()
    device.configure(server={"url": device.server.url, "profile": "local"})
    stored = device.config.parent / "credentials.d/api_key"
    stored.parent.mkdir()
    stored.write_text(KEY)
    _, lines = run(device, "--quick")
    assert "ok    sk-...NARY" in lines["key"]
    assert "confirmed our settings in" in lines["server"]


def test_a_device_that_converts_needs_speexrate(patient_bench: Bench) -> None:
    device = patient_bench.prepare(
        card={"rate": 48000},
        microphone={"device": "plugmicrophone"},
        speaker={"device": "plugspeaker"},
    )
    device.card.noise(-50.0)
    status, lines = run(device, "--quick")
    assert status == 0
    assert "libasound_module_rate_speexrate.so" in lines["resampler"]


def test_pins_that_work_are_named(patient_bench: Bench) -> None:
    device = patient_bench.prepare(panel={"button": {"gpio": 17}, "led": {"gpio": 18}})
    device.card.noise(-50.0)
    after = PARTS.index("panel") + 1
    parts = [*PARTS[:after], "light", "button", *PARTS[after:]]
    status, lines = run(device, "--quick", parts=parts, GPIOZERO_PIN_FACTORY="mock")
    assert status == 0
    assert "ok    button GPIO 17, light GPIO 18" in lines["panel"]
    assert "skip  nobody looks" in lines["light"]
    assert "skip  nobody presses" in lines["button"]


def test_a_running_daemon_keeps_sound_and_panel_and_is_told_how_to_let_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = bench()
    device.tap()
    device.say(noise(0.4))
    device.wait_for("turn")
    for name, value in device.environment().items():
        monkeypatch.setenv(name, value)
    assert check(device.config, runtime=device.runtime) == 0
    printed = capsys.readouterr().out
    assert "runs, light: listening, link: up" in printed
    for part in ("microphone", "speaker", "echo", "canceller", "xruns", "drift"):
        line = (
            f"{part:<10}  skip  in use by the running daemon  ; for the full test: systemctl stop"
        )
        assert line in printed


def test_a_server_that_never_answers_has_a_deadline(
    patient_bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = patient_bench.prepare()
    for name, value in device.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(network, "SERVER_S", 0.0)
    assert check(device.config, runtime=device.runtime, quick=True) == EXIT_UNAVAILABLE
    assert "did not answer within 0 s" in capsys.readouterr().out


def test_a_faulty_configuration_is_78_with_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pressel.yaml"
    path.write_text("version: 1\nmicrophone: {device: x, chunk_ms: 55}\nspeaker: {device: y}\n")
    assert check(path) == EXIT_CONFIG
    printed = capsys.readouterr().out
    assert printed.startswith("config      FAIL  1 to correct")
    assert f"{path}:2:35: " in printed


def test_the_devices_are_listed_with_what_they_can_and_where_to_write_them(bench: Bench) -> None:
    device = bench.prepare(card={"rate": 48000, "sample": "S32_LE", "microphone_channels": 6})
    with device.card.busy("playback"):
        done = subprocess.run(
            pressel("devices"), env=device.environment(), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "microphone: write one of these into microphone.device" in done.stdout
    assert '"microphone"  48000 Hz, 6 channels, S32_LE, converted to 24000 Hz' in done.stdout
    assert "speaker: write one of these into speaker.device" in done.stdout
    assert '"speaker"  cannot be opened now: Device or resource busy' in done.stdout


def test_a_certificate_is_held_against_name_and_authority(
    patient_bench: Bench, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.certify(tls, name="localhost", ends=30.5 * DAY)
    device = patient_bench.prepare()
    device.card.noise(-50.0)
    with behind(device, tls=tls, name="localhost"):
        status, lines = run(device, "--quick", SSL_CERT_FILE=str(authority.trusted))
        assert status == 0
        assert "localhost is 127.0.0.1" in lines["name"] or "::1" in lines["name"]
        assert "TLSv1.3 in" in lines["connection"]
        assert "certificate ok, for 30 days more" in lines["connection"]
        authority.certify(tls, name="login.hotel.example")
        status, lines = run(device, "--quick", SSL_CERT_FILE=str(authority.trusted))
        assert status == EXIT_UNAVAILABLE
        assert "FAIL" in lines["connection"]
        assert "(captive)  ; log in to this network" in lines["connection"]
        assert "skip  needs the connection" in lines["server"]


def test_a_name_that_is_not_found_is_told_before_all_that_needs_it(patient_bench: Bench) -> None:
    device = patient_bench.prepare()
    device.configure(server={"url": "wss://nowhere.invalid/v1/realtime", "api_key": KEY})
    status, lines = run(device, "--quick")
    assert status == EXIT_UNAVAILABLE
    assert "FAIL" in lines["name"]
    assert "(dns)  ; check the network" in lines["name"]
    assert "skip  needs the name" in lines["connection"]
    assert "skip  needs the name" in lines["server"]
