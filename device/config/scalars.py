"""One value: from what was typed to the type that is asked for, or to what to type instead.

Nothing is guessed. Where YAML readers disagree about a value (`NO`, `0123`, `22:30`, `1e3`), the
person is asked to write it so that nobody can.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from msgspec import inspect

from device.config.characters import CURLY_QUOTES
from device.config.masked import shown
from device.config.text import Scalar
from device.errors import Secret

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)$")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?$")
_NUMBER_OF_1_2: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+")
"""Decimal and octal of YAML 1.2's core schema (10.3.2): to 1.1 `1e3` and `0o17` are text."""
_NOTHING: Final = ("", "~", "null", "Null", "NULL")
_PROSE_MARKS: Final = "\n\u200c\u200d"
"""Line breaks and the joiners, which `characters` lets through where they are letters."""

_FEW: Final = 8
"""So many words are listed; of more than that, the one that may have been meant is told."""
_MIN_SECRET: Final = 4
_MAX_SECRET: Final = 1000
_NO_KEY_HAS: Final = re.compile(r"""["'`,;#<>\\]""")
"""Signs of a slip: half a pair of quotes, an end of a line of code, the brackets of a template."""
_PLACEHOLDER: Final = re.compile(
    r"^((sk|ek)-)?(proj-)?[x.*_-]+$|\.\.\.|(^|[-_])(your|here|placeholder)($|[-_])", re.IGNORECASE
)
"""`sk-...` and `your-key-here` of an example, and a web page's `sk-...a1B2`."""
_KEPT: Final = re.compile(r"\*+|stored on device( \(\.\.\.\S{4}\))?")
"""What the device writes in place of a secret that it has taken (`device/provision`)."""

_YAML_WORDS: Final = {
    "tag:yaml.org,2002:bool": "yes or no",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:null": "nothing",
}


class MistypedError(Exception):
    """A value that is not what was asked for: what it is, and what to type ('' = the usual)."""

    def __init__(self, what: str, *, cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


def ask(kind: inspect.Type, *, extra: dict[str, Any]) -> str:
    """How to ask for a value of this kind: 'a whole number from 0 to 100'."""
    if "say" in extra:
        return str(extra["say"])
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            if kind.ge == kind.le:
                return f"{kind.ge:g}"
            whole = "whole " if isinstance(kind, inspect.IntType) else ""
            steps = f" in steps of {kind.multiple_of:g}" if kind.multiple_of else ""
            unit = f" ({extra['unit']})" if "unit" in extra else ""
            return f"a {whole}number from {kind.ge:g} to {kind.le:g}{steps}{unit}"
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.StructType():
            return "its settings below it as key: value, each indented by two spaces"
        case _:
            return "text in quotes"


def read_literal(scalar: Scalar, kind: inspect.LiteralType) -> str:
    """One of a few words."""
    if scalar.text in kind.values:
        return scalar.text
    text = scalar.text.lower().replace("-", "_")
    if text in kind.values:
        raise MistypedError(
            f"is {shown(scalar.text)}, which is spelled differently", cure=f"type {text}"
        )
    meant: list[str] = []
    if len(kind.values) > _FEW:
        from difflib import get_close_matches  # only a wrong file pays for it

        meant = get_close_matches(scalar.text.lower(), map(str, kind.values), n=1)
    cure = f"did you mean {meant[0]}?" if meant else ""
    raise MistypedError(f"is {shown(scalar.text)}, which is not one of its values", cure=cure)


def read_bool(scalar: Scalar) -> bool:
    """`true` or `false`, and no other of YAML's eleven spellings."""
    if scalar.text in ("true", "false") and not scalar.quoted:
        return scalar.text == "true"
    meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false"}
    cure = meant.get(scalar.text.lower(), "false" if scalar.text.lower() == "off" else "")
    raise MistypedError(
        f"is {_typed(scalar)}, not true or false", cure=f"type {cure}" if cure else ""
    )


def read_number(scalar: Scalar, kind: inspect.IntType | inspect.FloatType) -> int | float:
    """A number in plain digits, inside its range."""
    whole = isinstance(kind, inspect.IntType)
    if scalar.quoted or not (_WHOLE if whole else _NUMBER).match(scalar.text):
        name = "a whole number" if whole else "a number"
        raise MistypedError(
            f"is {_typed(scalar)}, not {name}", cure=_plain_digits(scalar.text, kind)
        )
    number = float(scalar.text)  # never fails: more digits than it can hold are infinity
    if kind.ge is not None and number < kind.ge:
        raise MistypedError(f"is {shown(scalar.text)}, less than {kind.ge:g}")
    if kind.le is not None and number > kind.le:
        raise MistypedError(f"is {shown(scalar.text)}, more than {kind.le:g}")
    if kind.multiple_of and number % kind.multiple_of:
        raise MistypedError(f"is {shown(scalar.text)}, not a multiple of {kind.multiple_of:g}")
    return int(number) if whole else number


def read_text(scalar: Scalar, kind: inspect.StrType, *, prose: bool) -> str:
    """A text that every YAML reader takes for the same text."""
    text = scalar.text
    if scalar.cut and prose:
        raise MistypedError(
            "ends at the '#': what follows it is a comment to YAML", cure="put the text in quotes"
        )
    if kind.pattern is not None:
        if not re.fullmatch(kind.pattern, text):  # `$` alone lets a last line break through
            small = text.lower().strip()
            cure = f"type {small}" if re.fullmatch(kind.pattern, small) else ""
            raise MistypedError(f"is {shown(text)}, which is not in the expected form", cure=cure)
        return text
    reads_as = "" if scalar.quoted else _other_reading(text)
    if reads_as:
        cure = f'put it in quotes: "{text}"' if len(text) <= 40 else "put it in quotes"
        raise MistypedError(f"is {shown(text)}, {reads_as} to YAML", cure=cure)
    refuse_unprintable(text, prose=prose)
    if kind.min_length is not None and len(text.strip()) < kind.min_length:
        raise MistypedError("is empty")
    if kind.max_length is not None and len(text) > kind.max_length:
        raise MistypedError(
            f"has {len(text)} letters, more than {kind.max_length}", cure="shorten it"
        )
    return text


def is_kept(text: str) -> bool:
    """Whether this stands in place of a secret that the device has taken off the card."""
    return _KEPT.fullmatch(text) is not None


def read_secret(scalar: Scalar) -> Secret | None:
    """A secret; None where the file says that the device has it. Complaints never repeat any of it.

    It stands on one line, because it is later overwritten in its place.
    """
    if is_kept(scalar.text):
        return None
    if scalar.cut:
        cure = "put the value in quotes"
        raise MistypedError("ends at the '#': what follows it is a comment to YAML", cure=cure)
    if not scalar.quoted and _other_reading(scalar.text):
        raise MistypedError("is not text to YAML", cure="put the value in quotes")
    fault = secret_fault(scalar.text)
    if fault:
        raise MistypedError(fault, cure="type your own key, whole and alone, in straight quotes")
    if not scalar.width:
        raise MistypedError("takes several lines", cure="type it on one line, in quotes")
    return Secret(scalar.text)


def secret_fault(text: str) -> str:
    """What keeps this text from being a key, without repeating it; '' when nothing does."""
    if len(text) < _MIN_SECRET:
        return "is empty" if not text else f"has only {len(text)} letters: no key is that short"
    if len(text) > _MAX_SECRET:
        return f"has {len(text)} letters, more than {_MAX_SECRET}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "holds a space, a line break or a letter that no key has"
    sign = _NO_KEY_HAS.search(text)
    if sign:
        return f"holds the sign {sign[0]} that no key has"
    if _PLACEHOLDER.search(text):
        return "is not a whole key, but what an example or a web page shows instead of one"
    return ""


def refuse_nothing(scalar: Scalar) -> None:
    """Refuse a key that has no value, whichever way YAML spells that."""
    if scalar.quoted or scalar.text not in _NOTHING:
        return
    if scalar.cut and not scalar.text:
        raise MistypedError(
            "has no value: what follows the '#' is a comment", cure="put it in quotes"
        )
    raise MistypedError("has no value")


def refuse_unprintable(text: str, *, prose: bool) -> None:
    """Refuse what an escape in double quotes can smuggle in, and curly quotes outside prose."""
    for letter in text:
        if not letter.isprintable() and not (prose and letter in _PROSE_MARKS):
            name = "a Tab" if letter == "\t" else f"the control character U+{ord(letter):04X}"
            cure = "use single quotes if it has a backslash, or type it again by hand"
            raise MistypedError(f"holds {name}", cure=cure)
        if letter in CURLY_QUOTES and not prose:
            raise MistypedError(f"holds the curly quote {letter}", cure="delete it")


def _typed(scalar: Scalar) -> str:
    return f"{shown(scalar.text)} in quotes" if scalar.quoted else shown(scalar.text)


def _plain_digits(text: str, kind: inspect.IntType | inspect.FloatType) -> str:
    """The number somebody probably meant by '0123', '1_000', '8s' or '2,50'; '' when unclear."""
    found = re.fullmatch(r"\s*\+?(-?)0*([0-9][0-9_]{0,11})(?:[.,]([0-9]{1,6}))?\s*[a-z%]*", text)
    if not found:
        return ""
    sign, digits, fraction = found.groups()
    number = sign + digits.replace("_", "")
    if fraction and fraction.strip("0"):
        if isinstance(kind, inspect.IntType):
            return ""
        number += "." + fraction
    try:
        read_number(Scalar(1, 1, number, quoted=False), kind)
    except MistypedError:
        return ""
    return f"type {number}"


def _other_reading(text: str) -> str:
    """What readers of YAML 1.1 or 1.2 make of this unquoted text, when not text; '' when it is."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], []):
        if tag in _YAML_WORDS and pattern.match(text):
            return _YAML_WORDS[tag]
    return "a number" if _NUMBER_OF_1_2.fullmatch(text) else ""
