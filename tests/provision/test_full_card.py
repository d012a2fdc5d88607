"""A card that is full: what can be done is done, and nothing half-written stays on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.cli import main
from device.errors import EXIT_UNAVAILABLE
from device.provision import EXAMPLES
from provision.device_and_card import Device


def fill(card: Path) -> Path:
    """Leave not one page of room."""
    rubbish = card / "holiday.jpg"
    with rubbish.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return rubbish


def test_no_example_is_left_by_half(mounted: Device, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["provision", "--write-example", str(mounted.card)]
    assert main(words) == EXIT_UNAVAILABLE
    assert f"{mounted.card} cannot be written: No space left on device" in capsys.readouterr().err
    for path in mounted.card.iterdir():
        assert path.read_bytes() == (EXAMPLES / path.name).read_bytes()
