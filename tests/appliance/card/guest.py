"""The guest of `appliance.vm`, with a card in it: the units start as they do on a device."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from appliance.card.cards import GOOD
from appliance.disks import Ext4, Fat
from appliance.roots import ROOT
from appliance.vm.guest import muster_place, played

CARD_MIB: Final = 64
DISK_MIB: Final = 32
UNITS: Final = ("pressel.service", "pressel-provision.service", "pressel-report.service")
PARTS: Final = {
    "etc/systemd/system/pressel.service.d/test.conf":
        "[Service]\nBindReadOnlyPaths=/run/cpuinfo:/proc/cpuinfo\n",
    # The board: its pins, and whom its devices belong to.
    "etc/systemd/system/board.service":
        "[Unit]\nAfter=local-fs.target\nBefore=pressel.service\n"
        "[Service]\nType=oneshot\nExecStart=/usr/bin/python3 -m appliance.vm.machine\n"
        "Environment=PYTHONPATH=/repo/tests PYTHONDONTWRITEBYTECODE=1\n",
}  # fmt: skip


def booted_with_a_card() -> dict[str, Any]:
    """The record of one run, with what the card looks like afterwards, seen from outside."""
    with muster_place() as muster:
        card, disk = Fat(muster.parent / "card.img"), Ext4(muster.parent / "disk.img")
        card.make(mib=CARD_MIB)
        card.put("PRESSEL.YAML", GOOD.encode())
        disk.make(mib=DISK_MIB)
        _install(muster / "root")
        record = played(muster, "appliance.card.inside", [card.image, disk.image])
        record["raw"] = card.image.read_bytes()
        record["files"] = {name: card.read(name) for name in card.names() if name[-1] != "/"}
        record["faults"] = card.faults()
        return record


def _install(target: Path) -> None:
    """What the installer does, as far as it is not in the test's own system."""
    wanted = target / "etc/systemd/system/guest.target.wants"
    wanted.mkdir(parents=True)
    for name, text in PARTS.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    for unit in UNITS:
        shutil.copy(ROOT / "systemd" / unit, target / "etc/systemd/system")
    for unit in (*UNITS, "board.service"):
        (wanted / unit).symlink_to(f"../{unit}")
    for folder, source in (("sysusers.d", "pressel.sysusers"), ("tmpfiles.d", "pressel.tmpfiles")):
        (target / "usr/lib" / folder).mkdir(parents=True)
        shutil.copy(ROOT / "systemd" / source, target / "usr/lib" / folder / "pressel.conf")
