"""A machine that QEMU emulates, with the image as its card: switched on, listened to, switched off.

Debian's kernel for arm64 on the board `virt`, with a Pi 4's processor and no acceleration: it boots
as a Pi does, some times slower. What the journal says is forwarded to the console by words on the
kernel's command line; the image is not touched for it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from appliance.disks import Ext4, Fat
from appliance.roots import ROOT
from device import __version__

IMAGE: Final = ROOT / "dist" / f"pressel-{__version__}-arm64.img"
QEMU: Final = "qemu-system-aarch64"
BOOT_S: Final = 300.0
OFF_S: Final = 120.0
CONSOLE: Final = (
    "console=ttyAMA0", "root=LABEL=rootfs", "rw", "quiet", "systemd.show_status=0",
    "systemd.journald.forward_to_console=1", "systemd.journald.max_level_console=info",
)  # fmt: skip


def parts(image: Path) -> tuple[Fat, Ext4]:
    """The partitions of an image, as its table says."""
    listed = subprocess.run(
        ["sfdisk", "--dump", str(image)], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    boot, root = (int(sector) * 512 for sector in re.findall(r"start= *(\d+)", listed))
    return Fat(image, boot), Ext4(image, root)


class Card:
    """A copy of the image, to write on and to boot from."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "card.img"
        subprocess.run(["cp", "--sparse=always", str(IMAGE), str(self.image)], check=True)
        self.boot, self.root = parts(self.image)
        self.kernel, self.initrd = folder / "kernel", folder / "initrd"
        names = self.root.names("/boot")
        for file, start in ((self.kernel, "vmlinuz-"), (self.initrd, "initrd.img-")):
            name = next(name for name in names if name.startswith(start))
            file.write_bytes(self.root.read(f"/boot/{name}") or b"")

    def raw(self, *, boot: bool) -> bytes:
        """All bytes of one partition, whether a file has them or not."""
        begin, end = self.boot.offset, self.root.offset
        with self.image.open("rb") as file:
            file.seek(begin if boot else end)
            return file.read(end - begin) if boot else file.read()


class Machine:
    """A running machine; its power is cut at the end of the block, if it is still on."""

    def __init__(self, card: Card, console: Path, words: Sequence[str] = ()) -> None:
        self._console = console
        console.touch()
        self._begun = time.monotonic()
        self._qemu = subprocess.Popen(
            [QEMU, "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024",
             "-accel", "tcg,thread=multi", "-nodefaults", "-no-user-config", "-display", "none",
             "-kernel", str(card.kernel), "-initrd", str(card.initrd),
             "-append", " ".join((*CONSOLE, *words)),
             "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
             "-drive", f"file={card.image},if=none,id=card,format=raw",
             "-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci",
             # A network that gives an address and leads nowhere, hence without a router: one of
             # documentation's (RFC 5737), to which the report's question leads. romfile: no boot.
             "-netdev", "user,id=net,net=192.0.2.0/24,restrict=on",
             "-device", "virtio-net-pci,netdev=net,romfile=",
             "-monitor", "stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._qemu.poll() is None:
            self._qemu.kill()
        self._qemu.wait()

    @property
    def said(self) -> str:
        """All that it wrote on its console."""
        return self._console.read_text(errors="replace")

    def hears(self, text: str) -> float:
        """Wait until the console has this; returns the seconds since power-on."""
        while time.monotonic() < self._begun + BOOT_S and self._qemu.poll() is None:
            if text in self.said:
                return time.monotonic() - self._begun
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {text!r}; the console:\n{self.said[-5000:]}")

    def switch_off(self) -> None:
        """Press the machine's power button, once somebody looks at it, and wait."""
        self.hears("Watching system buttons")
        assert self._qemu.stdin is not None
        self._qemu.stdin.write(b"system_powerdown\n")
        self._qemu.stdin.flush()
        try:
            self._qemu.wait(OFF_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it stays on:\n{self.said[-3000:]}") from None


def why_not() -> str:
    """The reason why the image cannot be tested here; '' when it can."""
    if not IMAGE.exists():
        return f"{IMAGE.name} is not built: make image"
    if not shutil.which(QEMU):
        return f"{QEMU} is missing: apt install qemu-system-arm"
    return ""
