"""Played inside the guest, as root: presses, speaks, hangs, pulls the plug; writes it all down.

The button is a pin of gpio-sim, pulled by the kernel; the microphone and the loudspeaker are
snd-aloop, whose other ends are the room. What the kernel says of its streams in /proc/asound is
the oracle: it does not care what the daemon believes.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Final

from appliance.vm.machine import (
    BUTTON,
    LED,
    MUSTER,
    PATIENCE_S,
    level,
    owners,
    pins,
    pull,
    run,
    status,
    stream,
    until,
    until_found,
)
from appliance.vm.room import PERIOD, Room, Watching, answer
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Script

UNITS: Final = Path("/repo/systemd")
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
        pins()
        answers = Script([answer(0.8), answer(4.0), answer(0.8)], turn_end_s=0.3)
        with BackgroundSimulator(answers) as server:
            _install(server.url)
            _play(record, server)
    except BaseException:
        record["trouble"] = traceback.format_exc()
    record["journal"] = run("journalctl -q -o cat -u pressel", check=False)[-20_000:]
    (MUSTER / "record.json").write_text(json.dumps(record))


def _play(record: Record, server: BackgroundSimulator) -> None:
    begun = time.monotonic()
    run("systemctl start pressel")
    record["ready_s"] = time.monotonic() - begun
    until(lambda: status().get("light") == "idle", "the light idle")
    record["manager_watchdog"] = run("systemctl show -p RuntimeWatchdogUSec --value").strip()
    record["watchdog_device"] = Path("/sys/class/watchdog/watchdog0/state").read_text().strip()
    with Watching() as watching, Room() as room:
        record["turn"] = _turn(watching, room, server)
        record["interruption"] = _interruption(room, server)
        until(lambda: stream() == "closed", "a closed microphone")
        time.sleep(0.3)
        record["watched"] = watching.record()
    record["hang"] = _hang()
    record["plug"] = _plug()
    record["uptime_s"] = float(Path("/proc/uptime").read_text().split()[0])
    begun = time.monotonic()
    run("systemctl stop pressel")
    record["end"] = {
        "seconds": time.monotonic() - begun,
        "result": run("systemctl show -p Result --value pressel").strip(),
        "microphone": stream(),
    }


def _turn(watching: Watching, room: Room, server: BackgroundSimulator) -> Record:
    """Hold the button, speak for two seconds, let go; hear the answer."""
    before, dark = stream(), []
    for _ in range(30):
        dark.append(level(LED))
        time.sleep(0.01)
    pressed = time.monotonic()
    pull(BUTTON, up=False)
    opened = until(lambda: stream() == "RUNNING", "a running microphone")
    time.sleep(0.3)
    lit = level(LED)
    room.say(2.0)
    pull(BUTTON, up=True)
    released = time.monotonic()
    closed = until(lambda: stream() == "closed", "a closed microphone")
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


def _interruption(room: Room, server: BackgroundSimulator) -> Record:
    """A second question; a press into its answer."""
    until(lambda: status().get("light") == "idle", "the light idle")
    pull(BUTTON, up=False)
    until(lambda: stream() == "RUNNING", "a running microphone")
    room.say(1.0)
    released = time.monotonic()
    pull(BUTTON, up=True)
    room.wait_for_sound(released)
    time.sleep(0.8)
    pressed = time.monotonic()
    pull(BUTTON, up=False)
    time.sleep(0.6)
    pull(BUTTON, up=True)
    silent = room.silent_since(pressed)
    cut = until_found(
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
    pid = int(run("systemctl show -p MainPID --value pressel"))
    stopped = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: run("systemctl show -p NRestarts --value pressel").strip() == "1", "a new start")
    until(lambda: status().get("light") == "idle", "the light idle")
    return {"seconds": time.monotonic() - stopped}


def _plug() -> Record:
    """Pull the card out of the running system, and put it back."""
    driver = Path("/sys/bus/platform/drivers/snd_aloop")
    pulled = time.monotonic()
    unbinding = threading.Thread(
        target=lambda: (driver / "unbind").write_text("snd_aloop.0"), daemon=True
    )
    unbinding.start()
    fault = until(lambda: status().get("light") == "fault", "the light fault")
    unbinding.join(PATIENCE_S)
    gone = stream()
    back = time.monotonic()
    (driver / "bind").write_text("snd_aloop.0")
    owners()
    works = until(lambda: status().get("light") == "idle", "the light idle")
    pull(BUTTON, up=False)
    until(lambda: stream() == "RUNNING", "a running microphone")
    pull(BUTTON, up=True)
    until(lambda: stream() == "closed", "a closed microphone")
    return {"fault_s": fault - pulled, "works_s": works - back, "stream": gone}


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
    run("systemd-sysusers && systemd-tmpfiles --create pressel.conf && systemctl daemon-reload")
    Path("/etc/pressel/pressel.yaml").write_text(CONFIG.format(url=url))
    owners()


if __name__ == "__main__":
    main()
