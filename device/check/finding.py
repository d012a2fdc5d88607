"""What was found of one part: the line that a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part. `str()` is its line.

    `skip` means that nothing was tried, and the facts say why: it is neither good nor bad news.
    """

    part: str
    verdict: Literal["ok", "FAIL", "skip"]
    facts: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f"  ; {self.cure}" if self.cure else ""
        return f"{self.part:<10}  {self.verdict:<4}  {self.facts}{cure}"
