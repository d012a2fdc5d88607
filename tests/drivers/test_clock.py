from __future__ import annotations

import time
from pathlib import Path

import pytest

from device.drivers import clock
from device.drivers.clock import Clock, read_clock


@pytest.mark.parametrize(
    ("now", "synced", "doubtful"),
    [(2e9, True, False), (2e9, False, True), (1e9, True, True), (1e9, False, True)],
)
def test_a_clock_is_doubtful_until_it_is_set_and_past_what_must_be_past(
    now: float, *, synced: bool, doubtful: bool
) -> None:
    assert Clock(now, synced=synced, built=1.5e9).doubtful is doubtful


def test_the_clock_of_this_machine_can_be_read() -> None:
    facts = read_clock()
    assert abs(facts.now - time.time()) < 5.0
    assert 1.7e9 < facts.built < facts.now
    assert isinstance(facts.synced, bool)


def test_the_file_of_timesyncd_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock, "SYNCHRONIZED", mark)
    monkeypatch.setattr(clock, "UNSYNCHRONIZED", range(-1, 100))
    assert not read_clock().synced
    mark.touch()
    assert read_clock().synced
