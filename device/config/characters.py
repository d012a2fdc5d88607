"""From the bytes of a file to its characters: what an editor may have done to them.

Accepted: UTF-8 with or without byte order mark, UTF-16 (old Notepad), any kind of line end.
Everything else a word processor or a paste can leave behind is named with its place.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from device.errors import Problem

MAX_BYTES: Final = 64 * 1024

CURLY_QUOTES: Final = "“”„‟‘’‚‛"
"""Typographic quotes: a reader sees quotes, YAML sees letters."""

STRAIGHT: Final = 'type straight quotes: "..."'

_NOT_TEXT: Final = (
    (b"{\\rtf", "this is an RTF document, not plain text"),
    (b"PK\x03\x04", "this is a word processor document (docx, odt) or a zip, not plain text"),
    (b"\xd0\xcf\x11\xe0", "this is an old Word document, not plain text"),
    (b"%PDF", "this is a PDF, not plain text"),
    (b"<!DOCTYPE", "this is a web page, not plain text"),
    (b"<html", "this is a web page, not plain text"),
)

_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

# Control characters, soft hyphen, no-break and odd-width spaces, zero-width and direction marks,
# byte order marks inside the text, U+FFFD of an earlier wrong decoding. The two joiners are letters
# of some scripts and of compound emoji: refused only beside ASCII, where nothing needs them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200b\u200e\u200f"
    "\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff]"
    "|(?:(?<=[\x00-\x7f])|^)[\u200c\u200d]|[\u200c\u200d](?=[\x00-\x7f]|$)"
)
_TAB: Final = re.compile(r"(?P<indent>^ *\t)|\t(?![ \t]*(?:#|$))")
_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#.*$")


def decode(raw: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The characters of a file, and every complaint about them.

    The text keeps its lines and columns: a refused character has become a space, so that reading
    on finds the remaining mistakes. It is empty when the file cannot be read at all.
    """
    if len(raw) > MAX_BYTES:
        what = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return "", (Problem(1, 1, what, "keep the settings only; is this the right file?"),)
    for start, what in _NOT_TEXT:
        if raw.lstrip()[: len(start)].lower() == start.lower():
            cure = "open pressel.example.yaml in a plain text editor and save it as text"
            return "", (Problem(1, 1, what, cure),)
    encoding, body = encoding_of(raw)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        return "", (_undecodable(body, error=error),)
    lines = re.split("\r\n|\r|\n", text)
    problems = [p for number, line in enumerate(lines, 1) for p in _complaints(line, number=number)]
    return _UNSEEN.sub(" ", "\n".join(lines)).replace("\t", " "), tuple(problems)


def curly(quote: str) -> str:
    """The complaint about one of `CURLY_QUOTES`; `STRAIGHT` is its cure."""
    return f"the curly quote {quote} is not a quote to YAML"


def encoding_of(raw: bytes) -> tuple[str, bytes]:
    """How the characters of a file are written, and its bytes without a byte order mark."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding, raw[len(mark) :]
    # UTF-16 without its mark: the first letter of our file is ASCII, its other byte is zero.
    if raw[1:2] == b"\0" != raw[:1]:
        return "utf-16-le", raw
    if raw[:1] == b"\0" != raw[1:2]:
        return "utf-16-be", raw
    return "utf-8", raw


def _undecodable(body: bytes, *, error: UnicodeDecodeError) -> Problem:
    lines = re.split("\r\n|\r|\n", body[: error.start].decode(error.encoding))
    name = error.encoding.upper()
    what = f"the file is not {name}: byte 0x{body[error.start]:02X} is no letter there"
    return Problem(len(lines), len(lines[-1]) + 1, what, 'save it again with encoding "UTF-8"')


def _complaints(line: str, *, number: int) -> list[Problem]:
    """At most one complaint per line and kind of character: a pasted line has many of the same."""
    problems = []
    seen = set()
    for found in _UNSEEN.finditer(line):
        letter = found.group()
        if letter not in seen:
            seen.add(letter)
            name = unicodedata.name(letter, "control character").lower()
            what = f"invisible character U+{ord(letter):04X} ({name})"
            cure = "delete it, or type this part again by hand"
            problems.append(Problem(number, found.start() + 1, what, cure))
    if "\t" in line and line.strip() and not line.strip().startswith("#"):
        tab = _TAB.search(_COMMENT.sub("#", line))
        if tab and tab.group("indent"):
            what, cure = "this line is indented with a Tab", "indent with spaces"
            problems.append(Problem(number, tab.end(), what, cure))
        elif tab:
            problems.append(Problem(number, tab.end(), "a Tab", "type a space instead"))
    return problems
