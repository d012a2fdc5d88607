"""Played inside the guest, as root: what the boot has made of the card, a turn, ten bad cards."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path
from typing import Any, Final

from appliance.card.cards import BAD, KEY, PORT
from appliance.vm.machine import BUTTON, MUSTER, pull, run, status, stream, until
from appliance.vm.room import PERIOD, Room, answer
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Script

CARD: Final = Path("/boot/firmware")
SETTINGS: Final = Path("/etc/pressel/pressel.yaml")
Record = dict[str, Any]


def main() -> None:
    """Play it all; whatever happens, leave a record."""
    record: Record = {}
    try:
        with BackgroundSimulator(Script([answer(0.8)], turn_end_s=0.3), port=PORT, key=KEY) as it:
            _booted(record)
            record["turn"] = _turn(it)
            record["bad"] = {name: _bad(raw) for name, (raw, *_) in BAD.items()}
    except BaseException:
        record["trouble"] = traceback.format_exc()
    record["journal"] = run("journalctl -q -o cat -t pressel", check=False)[-20_000:]
    (MUSTER / "record.json").write_text(json.dumps(record))


def _booted(record: Record) -> None:
    """Pressel has been started by the boot, and by nothing here."""
    until(lambda: "ActiveState=active" in run("systemctl show pressel"), "a running daemon")
    until(lambda: status().get("light") == "idle", "the light idle")
    record["ready_s"] = _moment("pressel", "ActiveEnter")
    record["import_s"] = _moment("pressel-provision", "ActiveEnter") - _moment(
        "pressel-provision", "InactiveExit"
    )
    until(lambda: "ExecMainExitTimestampMonotonic=0\n" not in _shown("pressel-report"), "a report")
    record["report"] = run("systemctl show -p Result --value pressel-report").strip()
    record["settings"] = SETTINGS.read_text()
    record["key"] = (SETTINGS.parent / "credentials.d/api_key").read_text()
    record["modes"] = run("stat -c %a /etc/pressel/credentials.d /etc/pressel/credentials.d/*")
    record["status"] = (CARD / "pressel-status.txt").read_text()
    record["key_in"] = run(f"grep -rlF -e {KEY} /etc /var /run /boot /tmp", check=False).split()


def _turn(server: BackgroundSimulator) -> Record:
    """Hold the button, speak for a second, let go; hear the answer."""
    with Room() as room:
        pull(BUTTON, up=False)
        until(lambda: stream() == "RUNNING", "a running microphone")
        time.sleep(0.3)
        room.say(1.0)
        pull(BUTTON, up=True)
        released = time.monotonic()
        heard = room.wait_for_sound(released)
        sent = b"".join(entry.audio for entry in server.log if entry.audio)
        said = [room.voice[at : at + PERIOD].tobytes() for at in range(0, room.spoken, PERIOD)]
    return {
        "answer_s": heard - released,
        "spoken": len(said),
        "arrived": sum(period in sent for period in said),
    }


def _bad(raw: bytes) -> Record:
    """Somebody has put this on the card: import it as the next boot would."""
    (CARD / "pressel.yaml").write_bytes(raw)
    before = SETTINGS.read_bytes()
    begun = time.monotonic()
    done = run("systemctl restart pressel-provision && echo done; systemctl reset-failed")
    return {
        "seconds": time.monotonic() - begun,
        "started": done.strip() == "done",
        "status": (CARD / "pressel-status.txt").read_bytes().decode(),
        "untouched": (CARD / "pressel.yaml").read_bytes() == raw,
        "kept": SETTINGS.read_bytes() == before,
    }


def _moment(unit: str, what: str) -> float:
    """When the manager says that it happened, in seconds since the start of the kernel."""
    said = run(f"systemctl show -p {what}TimestampMonotonic --value {unit}")
    return int(said) / 1e6


def _shown(unit: str) -> str:
    return run(f"systemctl show {unit}")


if __name__ == "__main__":
    main()
