"""A playout under test on a virtual card, and sounds of which every sample is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from device.core.ledger import ItemId
from device.core.loudness import Loudness
from device.drivers.playout import Playout
from virtual_card import Samples, VirtualCard

MakeCard = Callable[..., VirtualCard]
MakePlayout = Callable[..., Playout]
RATE: Final = 24_000
MS: Final = RATE // 1000
ITEM: Final = ItemId("item")
LOUD: Final = Loudness(answers=1.0, tells=1.0)
LATE_MS: Final = 6.0
"""On a busy machine the thread may be kept from the drop after it has read the position."""


def babble(ms: int, *, seed: int = 1) -> Samples:
    """Noise without a silent sample."""
    source = np.random.default_rng(seed)
    return source.integers(1, 20_000, ms * MS).astype(np.int16)


def heard(card: VirtualCard, since: float) -> Samples:
    """What was audible, without the silence before and after it."""
    sound = card.heard(since)
    loud = np.flatnonzero(sound)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:0]
