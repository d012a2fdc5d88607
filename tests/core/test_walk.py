from __future__ import annotations

from typing import Literal

import pytest

from core.watch import Walk, Watched
from device.core import events as ev
from device.core.audio import frames_of

WALKS, STEPS = 17, 400


@pytest.mark.parametrize("release", ["commit", "server"])
@pytest.mark.parametrize("style", ["auto", "tap", "hold"])
@pytest.mark.parametrize("duplex", ["half", "full", "guarded"])
def test_no_walk_breaks_a_promise(
    style: Literal["auto", "tap", "hold"],
    release: Literal["commit", "server"],
    *,
    duplex: str,
) -> None:
    """Eighteen ways to converse, 17 walks each: 306 walks of 400 steps."""
    for seed in range(WALKS):
        preroll = frames_of(500 if seed % 4 == 3 else 0)
        stage = Watched(
            style=style,
            release=release,
            duplex=duplex,
            preroll=preroll,
            linger_s=2.0,
            tells="all" if seed % 3 == 2 else "failures",
        )
        walk = Walk(stage, seed)
        walk.go(STEPS)
        if seed % 2:
            walk.rest()
        stage.post(ev.Stopping(stage.now))
        assert stage.gate in ("closed", "muted")
