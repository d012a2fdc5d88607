from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.device_and_card import Device


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


@pytest.fixture
def mounted(device: Device) -> Iterator[Device]:
    """A device whose card is a file system of its own, with room for four small files."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    words = ["mount", "-t", "tmpfs", "-o", "size=16k", "pressel-card", str(device.card)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    try:
        yield device
    finally:
        subprocess.run(["umount", "-l", str(device.card)], timeout=60, check=True)
