"""The files that go onto a card, put where somebody wants them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device.errors import OutputError

EXAMPLES: Final = Path(__file__).parent / "card"


def write_example(directory: Path) -> Iterator[str]:
    """Put them into a directory, which is made; none that is there already is touched.

    Yields a line on each. Raises `OutputError`; half a file is never left.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for source in sorted(EXAMPLES.iterdir()):
            target = directory / source.name
            if target.exists():
                yield f"{target} is there already"
            else:
                _copy(source, target)
                yield str(target)
    except OSError as error:
        what = f"{directory} cannot be written: {error.strerror or error}"
        raise OutputError(what, cure="run with sudo, or name another directory") from error


def _copy(source: Path, target: Path) -> None:
    try:
        target.write_bytes(source.read_bytes())
    except OSError:
        with contextlib.suppress(OSError):
            target.unlink(missing_ok=True)  # a full card; the next try would find it there already
        raise
