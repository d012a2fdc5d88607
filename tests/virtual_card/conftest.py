from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import alsaaudio
import numpy as np
import pytest

from virtual_card import Samples, VirtualCard

PERIOD_MS = 20


class Desk:
    """Cards and PCMs of one test; what is open at its end is closed."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._monkeypatch = monkeypatch
        self._cards: list[VirtualCard] = []
        self._pcms: list[Any] = []

    def card(self, **options: Any) -> VirtualCard:
        card = VirtualCard(self._directory / f"card{len(self._cards)}", **options)
        self._cards.append(card)
        return card

    def player(self, card: VirtualCard, device: str = "speaker", **options: Any) -> Any:
        return self._open(alsaaudio.PCM_PLAYBACK, card, device, {"periods": 4, **options})

    def recorder(self, card: VirtualCard, device: str = "microphone", **options: Any) -> Any:
        return self._open(alsaaudio.PCM_CAPTURE, card, device, {"periods": 40, **options})

    def _open(self, kind: int, card: VirtualCard, device: str, options: dict[str, Any]) -> Any:
        for name, value in card.environment.items():
            self._monkeypatch.setenv(name, value)
        asked = {
            "mode": alsaaudio.PCM_NORMAL,
            "rate": card.rate,
            "channels": 1,
            "format": alsaaudio.PCM_FORMAT_S16_LE,
            "periodsize": card.rate * PERIOD_MS // 1000,
        }
        pcm = alsaaudio.PCM(type=kind, device=device, **(asked | options))
        self._pcms.append(pcm)
        return pcm

    def clear(self) -> None:
        for pcm in self._pcms:
            stop(pcm)
            pcm.close()
        for card in self._cards:
            card.close()


def stop(pcm: Any) -> None:
    """Drop what is left, or closing would play it to the end."""
    # It may be closed, or unplugged.
    with suppress(alsaaudio.ALSAAudioError):
        pcm.drop()


def read(pcm: Any, frames: int, *, channels: int = 1, dtype: str = "<i2") -> Samples:
    """At least so many frames, as (frames, channels)."""
    data = b""
    width = channels * np.dtype(dtype).itemsize
    while len(data) < frames * width:
        count, block = pcm.read()
        assert count > 0, f"the recording broke: {count}"
        data += block
    return np.frombuffer(data, dtype).reshape(-1, channels)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path, monkeypatch)
    yield desk
    desk.clear()


@pytest.fixture
def babble() -> Callable[[int], Samples]:
    """Sounds in which every frame can be told: random, never silent, different at each call."""
    source = np.random.default_rng(1)

    def make(frames: int) -> Samples:
        return source.integers(1, 32000, frames).astype(np.int16)

    return make
