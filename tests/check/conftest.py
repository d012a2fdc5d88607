from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.config import Config, load_file
from drivers.conftest import make_card

__all__ = ["make_card"]

Configure = Callable[..., Config]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """A configuration of the virtual card, with these keys of microphone and speaker."""

    def configured(
        *,
        speaker: str = "speaker",
        volume: int = 100,
        quiet: str = "none",
        panel: str = "",
        **microphone: Any,
    ) -> Config:
        keys = {"device": "microphone", "echo": "half_duplex", **microphone}
        path = tmp_path / "pressel.yaml"
        path.write_text(
            "version: 1\nserver: {profile: local, url: 'ws://127.0.0.1:9'}\n"
            f"microphone: {{{', '.join(f'{name}: {value}' for name, value in keys.items())}}}\n"
            f"speaker: {{device: {speaker}, volume: {volume}, quiet: {quiet}}}\n{panel}"
        )
        return load_file(path).config

    return configured
