"""Settings that somebody breaks: the last good ones stay in use, and the light says so."""

from __future__ import annotations

from pathlib import Path

from daemon.conftest import Bench
from daemon.running import KEY, noise


def test_a_daemon_whose_file_is_broken_starts_with_the_last_good_one_and_works(
    bench: Bench, tmp_path: Path
) -> None:
    device = bench.prepare()
    device.start(STATE_DIRECTORY=str(tmp_path))
    device.light("idle")
    device.terminate()
    device.config.write_text(device.config.read_text().replace('"echo"', '"ecko"'))
    device.start(STATE_DIRECTORY=str(tmp_path), PRESSEL_API_KEY=KEY)
    device.light("fault", code="config")
    said = device.wait_for("config")
    assert f"stay: {device.config}:3:38: 'ecko' is not a setting" in said["message"]
    since = device.tap()
    device.say(noise(0.6))
    device.first_sound(since)
    device.wait_for("turn")


def test_a_mistake_that_is_made_and_mended_in_between_is_a_light_for_as_long(
    bench: Bench, tmp_path: Path
) -> None:
    device = bench()
    device.wait_for("link", state="up")
    good = device.config.read_text()
    device.config.write_text(good.replace('"volume": 100', '"volume": 101'))
    device.server.drop()
    device.light("fault", code="config")
    device.wait_for("link", state="up")
    device.config.write_text(good)
    device.server.drop()
    device.light("idle")
