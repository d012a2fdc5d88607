"""Played inside the guest that is cut off: what a cut has left is finished, then comes a new card.

The files of /mnt/host tell the outside how far it has come.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from device.cli import main as pressel

HOST: Final = Path("/mnt/host")
DEVICE: Final = Path("/mnt/device")
AFTERWARDS_S: Final = 1.0


def main() -> None:
    """Import and report, as at each start; put the next card in; say so; import."""
    _provision()
    _provision("--report")
    os.sync()
    (HOST / "finished").touch()
    while not (HOST / "next").exists():
        time.sleep(0.01)  # meanwhile its disks are looked at
    card = DEVICE / "boot/firmware/pressel.yaml"
    card.write_bytes((HOST / "next").read_bytes())
    os.sync()
    (HOST / "begun").touch()
    begun = time.monotonic()
    _provision()
    (HOST / "done").write_text(str(time.monotonic() - begun))
    # The kernel writes what nobody has asked it to after seconds; the end would ask it to now.
    time.sleep(AFTERWARDS_S)


def _provision(*words: str) -> None:
    status = pressel(["provision", "--root", str(DEVICE), *words])
    if status:
        raise RuntimeError(f"pressel provision ended with {status}")


if __name__ == "__main__":
    main()
