"""The board's own LED when the daemon is dead. A folder stands for the kernel's /sys/class/leds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "systemd" / "crash-light"


@pytest.fixture
def led(tmp_path: Path) -> Path:
    led = tmp_path / "leds" / "ACT"
    led.mkdir(parents=True)
    (led / "trigger").write_text("none timer [mmc0] heartbeat\n")
    return led


def crash_light(led: Path, *words: str, result: str = "success") -> None:
    surroundings = {
        "PRESSEL_LEDS": str(led.parent),
        "PRESSEL_LED_KEPT": str(led.parent.parent / "kept"),
        "SERVICE_RESULT": result,
    }
    subprocess.run([SCRIPT, *words], env=os.environ | surroundings, check=True, timeout=10)


def trigger(led: Path) -> str:
    return (led / "trigger").read_text().strip()


def test_a_service_that_ended_well_leaves_the_led_alone(led: Path) -> None:
    crash_light(led)
    assert "[mmc0]" in trigger(led)


@pytest.mark.parametrize("result", ["watchdog", "exit-code", "signal", "core-dump", "oom-kill"])
def test_a_service_that_died_blinks_until_it_is_up_again(led: Path, result: str) -> None:
    crash_light(led, result=result)
    assert trigger(led) == "timer"
    crash_light(led, result=result)  # and once more, before it came up
    crash_light(led, "off")
    assert trigger(led) == "mmc0"


def test_a_board_without_an_led_has_none(tmp_path: Path) -> None:
    (tmp_path / "leds").mkdir()
    crash_light(tmp_path / "leds" / "ACT", result="watchdog")
    crash_light(tmp_path / "leds" / "ACT", "off")
