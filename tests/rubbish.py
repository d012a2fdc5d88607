"""What both makers of rubbish need: `simulator.fuzz`, the client gone mad, and `core.fuzz`."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in an event that holds a value."""
    names = range(len(value)) if isinstance(value, list) else value
    for name in names if isinstance(value, list | dict) else ():
        yield value, name
        yield from places_in(value[name])


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
