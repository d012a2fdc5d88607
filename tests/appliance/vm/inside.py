"""Played inside the guest, as root: presses, speaks, hangs, pulls the plug; writes it all down.

The button is a pin of gpio-sim, pulled by the kernel; the microphone and the loudspeaker are
snd-aloop, whose other ends are the room. What the kernel says of its streams in /proc/asound is
the oracle: it does not care what the daemon believes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import alsaaudio
import numpy as np

from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script

MUSTER: Final = Path("/host")
UNITS: Final = Path("/repo/systemd")
CHIP: Final = Path("/sys/kernel/config/gpio-sim/pi")
CAPTURE: Final = Path("/proc/asound/Loopback/pcm1c/sub0/status")
BUTTON, LED = 17, 18
RATE: Final = 24_000
PERIOD: Final = 480
PATIENCE_S: Final = 20.0
CONFIG: Final = """\
version: 1
server: {{url: "{url}", profile: local}}
microphone: {{device: "hw:CARD=Loopback,DEV=1,SUBDEV=0", echo: hardware}}
speaker: {{device: "hw:CARD=Loopback,DEV=1,SUBDEV=1", volume: 100}}
panel: {{button: {{gpio: 17}}, led: {{gpio: 18}}}}
"""
DROP_IN: Final = "[Service]\nWatchdogSec=4s\nBindReadOnlyPaths=/run/cpuinfo:/proc/cpuinfo\n"
"""The sandbox has a /proc of its own; on a board it says by itself that it is a Pi's."""
Record = dict[str, Any]


def main() -> None:
    """Play it all; whatever happens, leave a record."""
    record: Record = {}
    try:
        _pins()
        answers = Script([_answer(0.8), _answer(4.0), _answer(0.8)], turn_end_s=0.3)
        with BackgroundSimulator(answers) as server:
            _install(server.url)
            _play(record, server)
    except BaseException:
        record["trouble"] = traceback.format_exc()
    record["journal"] = _run("journalctl -q -o cat -u pressel", check=False)[-20_000:]
    (MUSTER / "record.json").write_text(json.dumps(record))


def _play(record: Record, server: BackgroundSimulator) -> None:
    begun = time.monotonic()
    _run("systemctl start pressel")
    record["ready_s"] = time.monotonic() - begun
    _until(lambda: _status().get("light") == "idle", "the light idle")
    record["manager_watchdog"] = _run("systemctl show -p RuntimeWatchdogUSec --value").strip()
    record["watchdog_device"] = Path("/sys/class/watchdog/watchdog0/state").read_text().strip()
    with _Watching() as watching, _Room() as room:
        record["turn"] = _turn(watching, room, server)
        record["interruption"] = _interruption(room, server)
        _until(lambda: _stream() == "closed", "a closed microphone")
        time.sleep(0.3)
        record["watched"] = watching.record()
    record["hang"] = _hang()
    record["plug"] = _plug()
    record["uptime_s"] = float(Path("/proc/uptime").read_text().split()[0])
    begun = time.monotonic()
    _run("systemctl stop pressel")
    record["end"] = {
        "seconds": time.monotonic() - begun,
        "result": _run("systemctl show -p Result --value pressel").strip(),
        "microphone": _stream(),
    }


def _turn(watching: _Watching, room: _Room, server: BackgroundSimulator) -> Record:
    """Hold the button, speak for two seconds, let go; hear the answer."""
    before, dark = _stream(), []
    for _ in range(30):
        dark.append(_level(LED))
        time.sleep(0.01)
    pressed = time.monotonic()
    _pull(BUTTON, up=False)
    opened = _until(lambda: _stream() == "RUNNING", "a running microphone")
    time.sleep(0.3)
    lit = _level(LED)
    room.say(2.0)
    _pull(BUTTON, up=True)
    released = time.monotonic()
    closed = _until(lambda: _stream() == "closed", "a closed microphone")
    room.wait_for_sound(released)
    sent = b"".join(entry.audio for entry in server.log if entry.audio)
    said = [room.voice[at : at + PERIOD].tobytes() for at in range(0, room.spoken, PERIOD)]
    return {
        "before": before,
        "open_s": opened - pressed,
        "close_s": closed - released,
        "led": lit,
        "led_idle": dark,
        "spoken": len(said),
        "arrived": sum(period in sent for period in said),
        "led_samples": watching.led_while("RUNNING"),
    }


def _interruption(room: _Room, server: BackgroundSimulator) -> Record:
    """A second question; a press into its answer."""
    _until(lambda: _status().get("light") == "idle", "the light idle")
    _pull(BUTTON, up=False)
    _until(lambda: _stream() == "RUNNING", "a running microphone")
    room.say(1.0)
    released = time.monotonic()
    _pull(BUTTON, up=True)
    room.wait_for_sound(released)
    time.sleep(0.8)
    pressed = time.monotonic()
    _pull(BUTTON, up=False)
    time.sleep(0.6)
    _pull(BUTTON, up=True)
    silent = room.silent_since(pressed)
    cut = _until_found(
        lambda: [
            entry.event["audio_end_ms"]
            for entry in server.log
            if entry.event.get("type") == "conversation.item.truncate"
        ],
        "a truncation",
    )
    return {"silent_s": silent - pressed, "told_ms": cut[0]}


def _hang() -> Record:
    """Stop the process: the manager must notice."""
    pid = int(_run("systemctl show -p MainPID --value pressel"))
    stopped = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    _until(
        lambda: _run("systemctl show -p NRestarts --value pressel").strip() == "1", "a new start"
    )
    _until(lambda: _status().get("light") == "idle", "the light idle")
    return {"seconds": time.monotonic() - stopped}


def _plug() -> Record:
    """Pull the card out of the running system, and put it back."""
    driver = Path("/sys/bus/platform/drivers/snd_aloop")
    pulled = time.monotonic()
    unbinding = threading.Thread(
        target=lambda: (driver / "unbind").write_text("snd_aloop.0"), daemon=True
    )
    unbinding.start()
    fault = _until(lambda: _status().get("light") == "fault", "the light fault")
    unbinding.join(PATIENCE_S)
    gone = _stream()
    back = time.monotonic()
    (driver / "bind").write_text("snd_aloop.0")
    _owners()
    works = _until(lambda: _status().get("light") == "idle", "the light idle")
    _pull(BUTTON, up=False)
    _until(lambda: _stream() == "RUNNING", "a running microphone")
    _pull(BUTTON, up=True)
    _until(lambda: _stream() == "closed", "a closed microphone")
    return {"fault_s": fault - pulled, "works_s": works - back, "stream": gone}


class _Watching:
    """Samples the kernel's word on the microphone, and the light's pin, every 10 ms."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, str, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._samples.append((time.monotonic(), _stream(), _level(LED)))

    def led_while(self, state: str) -> list[int]:
        """The light's level at each sample in this state of the stream."""
        return [led for _, seen, led in self._samples if seen == state]

    def record(self) -> Record:
        """How often the stream changed, and in which order."""
        states = [state for _, state, _ in self._samples]
        return {"samples": len(states), "changes": [state for state, _ in groupby(states)]}


class _Room:
    """The other ends of the card: what is said into it, and what it says."""

    def __init__(self) -> None:
        source = np.random.default_rng(3)
        self.voice = source.integers(1000, 8000, 60 * RATE).astype(np.int16)
        self.spoken = 0
        self._heard: list[tuple[float, bool]] = []
        self._over = threading.Event()
        self._ear = threading.Thread(target=self._listen)

    def __enter__(self) -> _Room:
        self._ear.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ear.join(PATIENCE_S)

    def say(self, seconds: float) -> None:
        """Speak so long; waits until it is said."""
        mouth = alsaaudio.PCM(
            alsaaudio.PCM_PLAYBACK, device="hw:CARD=Loopback,DEV=0,SUBDEV=0", rate=RATE,
            channels=1, format=alsaaudio.PCM_FORMAT_S16_LE, periodsize=PERIOD, periods=8,
        )  # fmt: skip
        begin, self.spoken = self.spoken, self.spoken + round(seconds * RATE)
        for at in range(begin, self.spoken, PERIOD):
            mouth.write(self.voice[at : at + PERIOD].tobytes())
        mouth.close()

    def _listen(self) -> None:
        ear = alsaaudio.PCM(
            alsaaudio.PCM_CAPTURE, device="hw:CARD=Loopback,DEV=0,SUBDEV=1", rate=RATE,
            channels=1, format=alsaaudio.PCM_FORMAT_S16_LE, periodsize=PERIOD, periods=8,
        )  # fmt: skip
        while not self._over.is_set():
            length, sound = ear.read()
            if length > 0:
                self._heard.append((time.monotonic(), any(sound)))
        ear.close()

    def wait_for_sound(self, since: float) -> float:
        """When it first sounded."""
        found = _until_found(
            lambda: [at for at, loud in list(self._heard) if loud and at >= since], "an answer"
        )
        return float(found[0])

    def silent_since(self, since: float) -> float:
        """When the last sound before half a second of silence was heard."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            last = max((at for at, loud in list(self._heard) if loud), default=since)
            if time.monotonic() - last > 0.5:
                return last
            time.sleep(0.05)
        raise TimeoutError("it speaks on")


# The machine.


def _pins() -> None:
    """A chip of 54 pins that gpiozero takes for a Pi 4's."""
    subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=False)
    bank = CHIP / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text("54")
    (bank / "label").write_text("pinctrl-bcm2711")
    (CHIP / "live").write_text("1")
    told = Path("/proc/cpuinfo").read_text() + "Hardware\t: BCM2835\nRevision\t: c03114\n"
    Path("/run/cpuinfo").write_text(told)
    _pull(BUTTON, up=True)


def _install(url: str) -> None:
    """As the installer will do it."""
    for folder, name, source in (
        ("/usr/lib/sysusers.d", "pressel.conf", "pressel.sysusers"),
        ("/usr/lib/tmpfiles.d", "pressel.conf", "pressel.tmpfiles"),
        ("/etc/systemd/system", "pressel.service", "pressel.service"),
    ):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, name).write_text((UNITS / source).read_text())
    drop_in = Path("/etc/systemd/system/pressel.service.d/test.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(DROP_IN)
    _run("systemd-sysusers && systemd-tmpfiles --create pressel.conf && systemctl daemon-reload")
    Path("/etc/pressel/pressel.yaml").write_text(CONFIG.format(url=url))
    _owners()


def _owners() -> None:
    """What udev's rules do on a board."""
    _run("chgrp audio /dev/snd/* && chmod 660 /dev/snd/*; chgrp gpio /dev/gpiochip0 &&"
         " chmod 660 /dev/gpiochip0")  # fmt: skip


def _pull(pin: int, *, up: bool) -> None:
    (_line(pin) / "pull").write_text("pull-up" if up else "pull-down")


def _level(pin: int) -> int:
    return int((_line(pin) / "value").read_text())


def _line(pin: int) -> Path:
    return next(Path("/sys/devices/platform/gpio-sim.0").glob("gpiochip*")) / f"sim_gpio{pin}"


def _stream() -> str:
    """The kernel's word on the microphone: `closed`, or its state."""
    try:
        first = CAPTURE.read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return "gone"
    return first.removeprefix("state: ").strip()


def _status() -> dict[str, Any]:
    said = _run("/opt/pressel/current/bin/pressel status --json", check=False)
    found: dict[str, Any] = json.loads(said) if said else {}
    return found


def _run(command: str, *, check: bool = True) -> str:
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    if check and done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def _until(condition: Callable[[], bool], what: str) -> float:
    """Wait for it; returns when it was so."""
    _until_found(lambda: [True] if condition() else [], what)
    return time.monotonic()


def _until_found(find: Callable[[], list[Any]], what: str) -> list[Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.002)
    raise TimeoutError(f"waited {PATIENCE_S:.0f} s in vain for {what}")


def _answer(seconds: float) -> Answer:
    source = np.random.default_rng(9)
    sound = source.integers(500, 9000, round(seconds * RATE)).astype(np.int16)
    return Answer(sound.tobytes(), first_delta_s=0.05, speed=float("inf"))


if __name__ == "__main__":
    main()
