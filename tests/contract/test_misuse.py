"""What must not be written cannot be written: mypy rejects every misuse in `misuse/`.

A line that must be rejected ends in `# rejected: CODE`. Every such line gives exactly this error,
and no other line gives any.
"""

from __future__ import annotations

import re
import subprocess
import sys

from contract.source import ROOT

MISUSES = sorted((ROOT / "tests/contract/misuse").glob("*.py"))
MARK = re.compile(r"# rejected: ([\w-]+)")
ERROR = re.compile(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$")


def marked() -> list[tuple[str, int, str]]:
    return [
        (str(path.relative_to(ROOT)), number, mark[1])
        for path in MISUSES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
    ]


def rejected() -> list[tuple[str, int, str]]:
    """What mypy says of all of them, in one run."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", "--",
         *(str(path.relative_to(ROOT)) for path in MISUSES)],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    found = [ERROR.match(line) for line in errors]
    assert all(found), f"{done.stdout}\n{done.stderr}"
    return [(match[1], int(match[2]), match[3]) for match in found if match]


def test_every_misuse_is_rejected_for_its_reason_and_nothing_else_is() -> None:
    expected = marked()
    assert len(expected) > 40
    assert sorted(rejected()) == sorted(expected)
