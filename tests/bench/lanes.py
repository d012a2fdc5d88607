"""Several devices at once, each on a card and behind a proxy; each plays its share of the plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from daemon.proxy import Proxy
from daemon.running import KEY, RunningDevice
from device.simulator.background import BackgroundSimulator
from virtual_card import VirtualCard

Plan = TypeVar("Plan")
Fared = TypeVar("Fared")


def in_lanes(
    scratch: Path,
    planned: Sequence[Plan],
    lane: Callable[[Path, Sequence[Plan]], list[Fared]],
    *,
    lanes: int,
) -> list[Fared]:
    """Deal the plans out to the lanes and play them; lane by lane, what became of them."""
    dealt = [planned[number::lanes] for number in range(min(lanes, len(planned)))]
    with ThreadPoolExecutor(len(dealt), thread_name_prefix="lane") as pool:
        played = [
            pool.submit(lane, scratch / f"lane-{number}", share)
            for number, share in enumerate(dealt)
        ]
        return [fared for share in played for fared in share.result()]


@contextmanager
def device_of_a_lane(
    place: Path, server: BackgroundSimulator, *, seconds: float, linger_s: float
) -> Iterator[tuple[RunningDevice, Proxy]]:
    """A device that has not started yet, and the proxy before its server. Both end with it."""
    card = VirtualCard(place / "card", seconds=seconds)
    with Proxy(int(server.url.split(":")[2].split("/")[0])) as proxy:
        device = RunningDevice(card, server, place)
        address = {"url": proxy.through(server.url), "profile": "local", "api_key": KEY}
        device.configure(server=address, talk={"linger_s": linger_s})
        try:
            yield device, proxy
        finally:
            device.kill()


def one_by_one(
    device: RunningDevice,
    planned: Sequence[Plan],
    play: Callable[[Plan], Fared],
    *,
    told: Callable[[Fared], None] | None,
) -> list[Fared]:
    """Play the plans of a device. RuntimeError, with its log, when it ends meanwhile."""
    found = []
    for plan in planned:
        found.append(play(plan))
        if told is not None:
            told(found[-1])
        if not device.running:
            raise RuntimeError(f"the daemon ended; its log:\n{device.text[-3000:]}")
    return found
