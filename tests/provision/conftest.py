from __future__ import annotations

from pathlib import Path

import pytest

from provision.device_and_card import Device


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)
