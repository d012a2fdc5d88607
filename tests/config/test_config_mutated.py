"""Two thousand files that something has happened to: accepted, or complained about with a place.

From `tests`, `python config/test_config_mutated.py 100000 7` plays as many, of another seed.
"""

import random
import sys
from collections import Counter
from pathlib import Path

from config_text import SMALLEST

from device.config import parse, spots, survey
from device.errors import ConfigError

CARD = Path(__file__).parents[2] / "device" / "provision" / "card"
KEY = "sk-proj-CANARYcanaryCANARYcanary"
FLEET = (
    f'{SMALLEST}server: {{api_key: "{KEY}"}}\ndevices:\n  "10000000abcd1234":\n'
    f"    speaker: {{volume: 4}}\n    server:\n      api_key: {KEY}x\n"
)
SOURCES = [
    FLEET,
    (CARD / "pressel.example.yaml").read_text().replace('#api_key: "sk-..."', f'api_key: "{KEY}"'),
    (Path(__file__).parent / "data" / "design.yaml").read_text().replace("sk-...", KEY),
]
ODD = [
    "\t", "“", "”", "\u200b", "\u00a0", "\x00", "\x85", "\u2028", "\ufeff", "é", "🎤", "&a ", "*a",
    "!!str ", "<<: *a", "{", "[", "}", "]", "'", '"', "|", ">", "%YAML 9.9", "---", "...", "#",
    ": ", "? ", "- ", "@", "`", "\\", "\r", "\n", "0x1F", "1e999", ".inf", "~", "NO", "22:30",
    "9" * 400, "[" * 60, "{a: " * 60, "&a [" * 5, "a" * 5000,
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "latin-1", "utf-32", "utf-7"]


def mutated(chance: random.Random) -> bytes:
    """One file, spoilt a few times, as text or as bytes."""
    text = chance.choice(SOURCES)
    for _ in range(chance.randint(0, 4)):
        text = spoilt(text, chance)
    raw = bytearray(text.encode(chance.choice(ENCODINGS[:1] * 12 + ENCODINGS), "replace"))
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        if raw:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw[: chance.choice([None] * 9 + [chance.randint(0, 400)])])


def spoilt(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    one, other = (chance.randrange(len(lines)) for _ in range(2))
    at = chance.randint(0, len(text))
    match chance.randrange(8):
        case 0:
            return text[:at] + chance.choice(ODD) + text[at:]
        case 1:
            return text[:at] + text[at + chance.randint(1, 30) :]
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines[one:one] = lines[other : other + chance.randint(1, 3)]
        case 4:
            lines[one] = chance.choice(["\t", " ", "   ", "-"]) + lines[one]
        case 5:
            lines[one] = lines[one].replace('"', chance.choice(["“", "”", "'", ""]))
        case 6:
            lines[one] = lines[one].rstrip() + chance.choice([" #", ":", " x", "  ", " : 1", ","])
        case 7:
            lines[one] = lines[one].swapcase()
    return "\n".join(lines)


def verdict(raw: bytes) -> str:
    """Judge one as the device and as a laptop would; every complaint has a place in the file."""
    said = []
    for judge in (parse, survey):
        try:
            judge(raw, source="f")
        except ConfigError as error:
            said.append(error.problems)
    if len(said) < 2:
        for spot in spots(raw):
            assert KEY in raw[spot.start : spot.end].decode(spot.encoding) or KEY not in spot.text
    lines = max(len(raw.decode(one, "replace").splitlines()) for one in ("utf-8", "utf-16-le"))
    for problem in (problem for problems in said for problem in problems):
        assert 1 <= problem.line <= lines + 2, problem
        assert problem.column >= 1, problem
        assert problem.what, problem
        assert problem.cure, problem
        assert KEY[8:24] not in str(problem), problem
    return "refused" if said else "accepted"


def play(count: int, *, seed: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for number in range(count):
        raw = mutated(random.Random(f"{seed}/{number}"))
        try:
            found[verdict(raw)] += 1
        except Exception as problem:
            raise AssertionError(f"number {number} of seed {seed}: {raw[:2000]!r}") from problem
    return found


def test_two_thousand_mutated_files_are_accepted_or_complained_about_with_a_place() -> None:
    found = play(2000, seed=1)
    assert found["accepted"] > 200
    assert found["refused"] > 1000


if __name__ == "__main__":
    sys.stdout.write(f"{play(int(sys.argv[1]), seed=int(sys.argv[2]))}\n")
