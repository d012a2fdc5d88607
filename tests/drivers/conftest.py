from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from device.core.audio import Frames
from device.core.events import Event
from device.drivers.aloud import Aloud
from device.drivers.playout import Playout
from drivers.loudspeaker import LOUD
from virtual_card import VirtualCard

Kind = TypeVar("Kind")
PATIENCE_S = 10.0


class Inbox:
    """What a driver has posted; `next` reads it forward, one kind at a time."""

    def __init__(self) -> None:
        self.posted: list[Event] = []
        self._taken: dict[type, int] = {}
        self._news = threading.Condition()

    def post(self, event: Event) -> None:
        with self._news:
            self.posted.append(event)
            self._news.notify_all()

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in list(self.posted) if isinstance(event, kind)]

    def next(self, kind: type[Kind], *, timeout: float = PATIENCE_S) -> Kind:
        deadline = time.monotonic() + timeout
        taken = self._taken.get(kind, 0)
        with self._news:
            while len(self.all(kind)) <= taken:
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"no {kind.__name__} came, only {self.posted}")
        self._taken[kind] = taken + 1
        return self.all(kind)[taken]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def make_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., VirtualCard]]:
    """A card whose PCMs this process opens from now on."""
    with ExitStack() as stack:

        def make(**options: Any) -> VirtualCard:
            place = tmp_path / f"card{len(list(tmp_path.iterdir()))}"
            card = stack.enter_context(VirtualCard(place, **options))
            for name, value in card.environment.items():
                monkeypatch.setenv(name, value)
            return card

        yield make


@pytest.fixture
def make(inbox: Inbox) -> Iterator[Callable[..., Playout]]:
    """Playouts of this process, started, as the daemon makes them."""
    made: list[Playout] = []

    def one(device: str = "speaker", **wish: Any) -> Playout:
        usual = {"loudness": LOUD, "latency": Frames(0), "aloud": Aloud()}
        made.append(Playout(device, **{**usual, **wish}, post=inbox.post))
        made[-1].start()
        return made[-1]

    yield one
    for playout in made:
        playout.stop(2.0)
