from __future__ import annotations

from pathlib import Path

import pytest

from device.drivers.memo import Memo


def test_what_was_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    assert not Memo(str(tmp_path)).muted
    Memo(str(tmp_path)).keep(muted=True)
    assert Memo(str(tmp_path)).muted
    Memo(str(tmp_path)).keep(muted=True)
    Memo(str(tmp_path)).keep(muted=False)
    Memo(str(tmp_path)).keep(muted=False)
    assert not Memo(str(tmp_path)).muted


def test_where_there_is_no_state_directory_nothing_is_kept() -> None:
    Memo(None).keep(muted=True)
    assert not Memo(None).muted


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Memo(str(tmp_path / "gone")).keep(muted=True)
