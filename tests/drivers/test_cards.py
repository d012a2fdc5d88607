"""Plugging and unplugging: one piece of news each, whatever happened to the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from device.core.events import CardsChanged
from device.drivers.cards import NODES, SETTLE_S, Cards, folders


def test_the_nodes_of_the_kernel_and_a_configuration_of_its_own_are_watched() -> None:
    assert folders({}) == [NODES]
    assert folders({"ALSA_CONFIG_PATH": "/srv/card/asound.conf"}) == [NODES, Path("/srv/card")]


def test_many_changes_at_once_are_one_piece_of_news(tmp_path: Path) -> None:
    node = tmp_path / "pcmC1D0c"

    changes: list[Callable[[], object]] = [
        lambda: [(tmp_path / f"controlC{n}").write_bytes(b"") for n in range(3)],
        lambda: (tmp_path / "controlC0").chmod(0o660),
        lambda: (tmp_path / "controlC0").unlink(),
        lambda: (tmp_path / "controlC1").rename(node),
        lambda: node.write_text("what is written into a node is no change"),
    ]

    async def watch() -> list[int]:
        news: list[CardsChanged] = []
        cards = Cards([tmp_path, tmp_path / "absent"], post=news.append)
        counts: list[int] = []
        for change in changes:
            change()
            await asyncio.sleep(3 * SETTLE_S)
            counts.append(len(news))
        cards.close()
        node.unlink()
        await asyncio.sleep(2 * SETTLE_S)
        assert len(news) == counts[-1], "it is watched no longer"
        return counts

    assert asyncio.run(watch()) == [1, 2, 3, 4, 4]
