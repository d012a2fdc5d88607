"""What can befall a device and its machine: a light, a line, and it works again by itself.

What of it is tested where:

| what happens | test |
| --- | --- |
| absent at boot, busy, other terms, pulled out in use | `test_cards` |
| pulled out while idle, plugged in as another card | here |
| pulled out in mid-conversation, words before it | here, `core/test_parts` |
| no frame moves (stalled), pure zeros | here, `drivers/test_capture`, `drivers/test_playout` |
| xruns, a storm of them | `drivers/test_capture`, `core/test_parts` |
| the machine was asleep (ESTRPIPE) | `drivers/test_capture`, `drivers/test_playout` |
| the disk is full, everything is read-only | here |
| no memory | here |
| the processor is busy | here |
| the clock jumps by ten years | here |
| open files stay as many | here |
| button bounce, presses in a storm | `drivers/test_panel`, here |
| SIGTERM in any state | `test_end` |
| a loop of ours is blocked, or a thread dead | `test_watch` |
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.conftest import Bench
from daemon.network import COMPILER, FalseClock
from daemon.running import KEY, RunningDevice, answer, eventually, noise
from daemon.test_cards import works
from virtual_card import VirtualCard

FAULT_S = 1.0
"""From the unplug to the light."""
WORKS_S = 3.0
"""From the replug to a device that works."""


def at_once(device: RunningDevice, state: str, since: float, within: float) -> None:
    line = device.light(state)
    assert line["t"] - since < within, f"{state} came after {line['t'] - since:.2f} s"


def test_a_card_pulled_out_while_idle_is_noticed_at_once_and_works_soon_after_it_is_back(
    bench: Bench,
) -> None:
    device = bench()
    for _ in range(3):
        pulled = time.monotonic()
        device.card.unplug()
        at_once(device, "fault", pulled, FAULT_S)
        back = time.monotonic()
        device.card.plug()
        at_once(device, "idle", back, WORKS_S)
    device.tap()
    device.say(noise(0.4))
    assert device.wait_for("turn")["heard_ms"] > 0
    assert device.do("status")["link"] == "up"
    assert len(device.all("link")) == 1, "the link did not suffer"


def test_a_card_that_comes_back_under_another_number_is_found_by_its_name(
    bench: Bench, tmp_path: Path
) -> None:
    device = bench()
    first = device.card
    first.unplug()
    device.light("fault")
    with VirtualCard(tmp_path / "other", seconds=60) as other:
        names = other.conf.read_text()
        first.conf.with_suffix(".new").write_text(names)
        first.conf.with_suffix(".new").rename(first.conf)
        device.card = other
        works(device)
        assert not [event for event in other.events() if event.what == "unplug"]
        device.terminate()


def test_what_was_said_before_the_microphone_was_pulled_out_is_answered(
    bench: Bench, tmp_path: Path
) -> None:
    device = bench.prepare(answer(1.0))
    with VirtualCard(tmp_path / "speaker", seconds=60) as speaker:
        names = device.card.conf.read_text()
        rest, _, plugs = names.partition("pcm.speaker")
        there = plugs.replace(str(device.card.directory), str(speaker.directory), 1)
        device.card.conf.write_text(f"{rest}pcm.speaker{there}")
        device.start()
        device.light("idle")
        device.tap()
        device.say(noise(0.6))
        time.sleep(0.8)
        device.card.unplug()
        device.wait_for("error", code="microphone-lost")
        device.wait_for("gate", state="closed")
        turn = device.wait_for("turn")
        assert (turn["heard_ms"], turn["interrupted"]) == (1000, False)
        device.light("fault")
        device.card.plug()
        device.light("idle")
        assert device.do("status")["link"] == "up"
        device.terminate()


def test_a_microphone_that_stalls_is_a_fault_and_is_opened_anew(bench: Bench) -> None:
    device = bench()
    device.tap()
    device.card.freeze()
    error = device.wait_for("error", code="microphone-stalled")
    assert "is open and delivers nothing" in error["what"]
    device.card.thaw()
    device.wait_for("recovered", part="microphone")
    works(device)


def test_a_microphone_that_is_muted_by_its_own_switch_is_told(bench: Bench) -> None:
    device = bench()
    device.tap()
    error = device.wait_for("error", code="microphone-silent")
    assert "unmute it" in error["cure"]
    device.do("tap")
    device.light("fault", code="microphone-silent")
    device.tap()
    device.say(noise(0.4))
    device.wait_for("recovered", code="microphone-silent")
    assert device.wait_for("turn")["heard_ms"] > 0
    device.do("tap")
    device.light("idle")


def test_a_storm_of_presses_leaves_one_state_and_a_device_that_works(bench: Bench) -> None:
    device = bench(answer(3.0))
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)
    for _ in range(41):
        device.do("tap")
        time.sleep(0.05)
    eventually(lambda: device.do("status")["reply"] == "quiet" or None, "quiet")
    if device.do("status")["gate"] == "latched":
        device.do("tap")
    eventually(lambda: device.do("status")["light"] == "idle" or None, "rest")
    begun = device.tap()
    device.say(noise(0.4))
    device.first_sound(begun)


def privileged(*words: str) -> list[str]:
    """Words that run a command where mounts are its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    script = "; ".join([*words, 'exec "$@"'])
    return ["unshare", "--mount", "sh", "-ec", script, "sh"]


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_device_runs_without_a_byte_of_disk(bench: Bench, disk: str) -> None:
    device = bench.prepare()
    place = device.config.parent / "disk"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=16k pressel {place}"
    fill = f"dd if=/dev/zero of={place}/all bs=1k 2>/dev/null || true"
    seal = f"mount -o remount,ro {place}"
    spoil = fill if disk == "full" else seal
    command = privileged(mount, spoil, f"cd {place}")
    held = device.within
    device.within = command
    device.start(HOME=str(place), TMPDIR=str(place), XDG_CACHE_HOME=str(place))
    device.within = held
    works(device)


def test_a_device_without_memory_shows_no_key(patient_bench: Bench) -> None:
    device = patient_bench()
    resource.prlimit(device.pid, resource.RLIMIT_AS, (1, 1))
    device.do("tap")
    device.say(noise(0.4))
    time.sleep(3.0)
    assert KEY not in device.text
    device.kill()
    device.text = ""  # what it says of itself then is a bug's line, and no failure of this test
    device.lines.clear()


def burn() -> None:
    while True:
        pass


def test_a_busy_processor_makes_nothing_untrue(bench: Bench) -> None:
    device = bench(answer(2.0))
    with ExitStack() as stack:
        for _ in range(2 * (os.cpu_count() or 1)):
            load = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
            load.start()
            stack.callback(load.join)
            stack.callback(load.kill)
        begun = device.tap()
        device.say(noise(0.4))
        sounded = device.first_sound(begun)
        time.sleep(0.7)
        device.do("tap")
        claimed = device.wait_sent("conversation.item.truncate")["audio_end_ms"]
        silent = device.card.last_sound(sounded)
        assert silent is not None
        assert claimed <= 1000 * (silent - sounded) + 1


@pytest.mark.skipif(COMPILER is None, reason="compiles a false clock with gcc")
@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_jumps_by_years_moves_nothing(
    bench: Bench, tmp_path: Path, years: int
) -> None:
    clock = FalseClock(tmp_path / "clock")
    clock.make()
    device = bench.prepare()
    device.start(**clock.environment)
    works(device)
    device.do("tap")
    device.light("idle")
    clock.show(365 * years, synced=True)
    device.tap()
    device.say(noise(0.4))
    assert device.wait_for("turn")["heard_ms"] > 0
    assert len(device.all("link")) == 1, "the link did not suffer"


def test_faults_leave_no_file_open(bench: Bench) -> None:
    device = bench()

    def files() -> int:
        return len(list(Path(f"/proc/{device.pid}/fd").iterdir()))

    def fault() -> None:
        device.card.unplug()
        device.light("fault")
        device.card.plug()
        device.light("idle")

    fault()
    before = files()
    for _ in range(5):
        fault()
    assert files() == before
