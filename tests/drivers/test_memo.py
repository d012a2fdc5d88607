from __future__ import annotations

import threading
from pathlib import Path

import pytest

from device.drivers.memo import Memo


def keep(directory: Path | None, *, muted: bool) -> None:
    memo = Memo(None if directory is None else str(directory))
    memo.wish(muted=muted)
    memo.keep()


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    assert not Memo(str(tmp_path)).muted
    keep(tmp_path, muted=True)
    assert Memo(str(tmp_path)).muted
    keep(tmp_path, muted=True)
    keep(tmp_path, muted=False)
    keep(tmp_path, muted=False)
    assert not Memo(str(tmp_path)).muted


def test_of_two_quick_presses_the_last_is_kept_however_slow_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = Memo(str(tmp_path))
    begun, go_on = threading.Event(), threading.Event()
    touch = Path.touch

    def touch_late(path: Path, mode: int) -> None:
        begun.set()
        assert go_on.wait(10)
        touch(path, mode)

    monkeypatch.setattr(Path, "touch", touch_late)
    first, second = (threading.Thread(target=memo.keep, name=f"keep {n}") for n in (1, 2))
    memo.wish(muted=True)
    first.start()
    assert begun.wait(10)
    memo.wish(muted=False)
    second.start()
    second.join(0.2)  # if nothing holds it back, it is done before the first
    go_on.set()
    for thread in (first, second):
        thread.join(10)
    assert not memo.muted


def test_where_there_is_no_state_directory_nothing_is_kept() -> None:
    keep(None, muted=True)
    assert not Memo(None).muted


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep(tmp_path / "gone", muted=True)
