"""Numbers as people and transcripts write them, and the one sum that a person asks for.

`sum_in("what is twelve times 3.5")` is `Sum("12 times 3.5", 42)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Final, NamedTuple

_ONES: Final = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
]  # fmt: skip
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL: Final = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
}
_LARGE: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_MOST_DIGITS: Final = 12

_NUMBER: Final = r"\d+(?:\.\d+)?"
_OPERATION: Final[dict[str, tuple[str, Callable[[Fraction, Fraction], Fraction]]]] = {
    r"plus|\+": ("plus", lambda a, b: a + b),
    r"minus|-|−|less": ("minus", lambda a, b: a - b),
    r"times|x|\*|×|multiplied by": ("times", lambda a, b: a * b),
    r"divided by|over|/|÷": ("divided by", lambda a, b: a / b),
    r"(?:percent|%) of": ("percent of", lambda a, b: a * b / 100),
}
"""How the sign is written, how it is said, what it does."""


class Sum(NamedTuple):
    """A sum and its result; None where there is none, as when dividing by zero."""

    said: str
    result: Fraction | None


def in_digits(words: str) -> str:
    """The words with every spelled number in digits: "twenty-one apples" as "21 apples"."""
    words = re.sub(r"(?<=\d),(?=\d{3}\b)", "", words.lower())
    tokens = re.findall(r"\d+(?:\.\d+)?|[a-z']+|\S", _unhyphenated(words))
    done: list[str] = []
    at = 0
    while at < len(tokens):
        value, after = _spelled(tokens, at)
        done.append(tokens[at] if after == at else str(value))
        at = max(after, at + 1)
    return " ".join(done)


def sum_in(words: str) -> Sum | None:
    """The sum in a sentence that names two numbers; None for any other, also for a longer one."""
    text = in_digits(words)
    if len(re.findall(_NUMBER, text)) != 2:
        return None
    for sign, (said, compute) in _OPERATION.items():
        found = re.search(rf"({_NUMBER})\s*(?:{sign})\s*({_NUMBER})", text)
        if found is None or max(map(len, found.groups())) > _MOST_DIGITS:
            continue
        if text[: found.start()].rstrip().endswith(("minus", "-")):
            return None
        first, second = (Fraction(number) for number in found.groups())
        sentence = f"{spoken(first)} {said} {spoken(second)}"
        try:
            return Sum(sentence, compute(first, second))
        except ZeroDivisionError:
            return Sum(sentence, None)
    return None


def spoken(value: Fraction) -> str:
    """A number to be said: whole, or with at most three decimals after "about"."""
    if value.denominator == 1:
        return _signed(str(abs(value.numerator)), value)
    rounded = round(value, 3)
    text = _signed(f"{float(abs(rounded)):.3f}".rstrip("0").rstrip("."), value)
    return text if rounded == value else f"about {text}"


def _signed(digits: str, value: Fraction) -> str:
    return f"minus {digits}" if value < 0 else digits


def _unhyphenated(words: str) -> str:
    ones, tens = "|".join(_ONES[1:10]), "|".join(_TENS)
    return re.sub(rf"\b({tens})-({ones})\b", r"\1 \2", words)


def _spelled(tokens: list[str], at: int) -> tuple[int, int]:
    """The number spelled from this token on, and the token after it (`at` if there is none)."""
    total = group = 0
    start, last = at, 0
    while at < len(tokens):
        word = tokens[at]
        joins = word == "and" and last in _LARGE.values() and _continues(tokens, at + 1)
        if word in _SMALL and _fits(_SMALL[word], last, first=at == start):
            last = _SMALL[word]
            group += last
        elif word in _LARGE and at > start:
            last = _LARGE[word]
            if last == 100:
                group *= last
            else:
                total, group = total + group * last, 0
        elif not joins:
            break
        at += 1
    return total + group, at


def _continues(tokens: list[str], at: int) -> bool:
    return at < len(tokens) and tokens[at] in _SMALL


def _fits(value: int, last: int, *, first: bool) -> bool:
    """May a word of this value follow one of that, within one number?"""
    return first or last >= 100 or (last >= 20 and 0 < value < 10)
