"""The daemon's log: one line, or one set of journal fields, for each thing that happened.

Writing never raises and never waits: a line that cannot be written now is dropped and counted, and
the count is written as soon as lines can be again. Secrets go in as `Secret` and come out masked;
what merely looks like a key is masked too. Sound (bytes) is logged by its length only.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import select
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from numbers import Integral, Real
from pathlib import PurePath
from typing import Final, Literal

from device.errors import Secret
from device.messages import message_id

Level = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "text", "native"]

_PRIORITY: Final[dict[str, int]] = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_LINE_BYTES: Final = 4096
"""Linux writes this much to a pipe at once or not at all (PIPE_BUF), so lines never mix."""
_TEXT_CHARACTERS: Final = 800
_SHORT_CHARACTERS: Final = 200
_FIELD_CHARACTERS: Final = 48
_ITEMS: Final = 32
_REPEAT_S: Final = 60.0
_REPEATS_KEPT: Final = 64
_KEY_LIKE: Final = re.compile(r"(?<![A-Za-z])(sk|ek)[-_][A-Za-z0-9_-]{16,}")
_NOT_IN_FIELD: Final = re.compile(r"[^A-Z0-9_]")


def natural_format(*, descriptor: int = 2) -> LogFormat:
    """`native` if `descriptor` leads to the system journal (systemd.exec(5)), else `text`."""
    try:
        its = os.fstat(descriptor)
    except OSError:
        return "text"
    leads_there = os.environ.get("JOURNAL_STREAM") == f"{its.st_dev}:{its.st_ino}"
    return "native" if leads_there else "text"


class Journal:
    """The log, in one of three forms.

    `json`    one object per line: `t`, `level`, `event`, the fields, `message`
    `text`    one short line for people: the same, in this order
    `native`  fields of the system journal: MESSAGE, MESSAGE_ID (`device/messages.py`), PRIORITY,
              PRESSEL_EVENT, PRESSEL_<FIELD>

    Events below `level` are not written. `t` is `clock()` in seconds, to the millisecond. Lines
    go to `descriptor`, journal fields to `send` (each `NAME=value`). Any thread may write.
    """

    def __init__(
        self,
        log_format: LogFormat,
        *,
        level: Level = "info",
        descriptor: int = 2,
        clock: Callable[[], float] = time.monotonic,
        send: Callable[..., object] | None = None,
    ) -> None:
        self.dropped = 0
        self._format = log_format
        self._least = _PRIORITY[level]
        self._descriptor = descriptor
        self._clock = clock
        self._send = send if send or log_format != "native" else _journal_sender()
        self._lock = threading.Lock()
        self._repeats: dict[str, tuple[float, int]] = {}

    def write(self, level: Level, event: str, sentence: str = "", /, **fields: object) -> None:
        """Log `event`; `sentence` is for people, `fields` are for programs."""
        if _PRIORITY[level] > self._least:
            return
        with self._lock:
            now = self._clock()
            lost = {"count": self.dropped}
            if self.dropped and self._put(now, "warning", "log_dropped", "", lost):
                self.dropped = 0
            if self.dropped or not self._put(now, level, event, sentence, fields):
                self.dropped += 1

    def write_repeating(
        self, key: str, level: Level, event: str, sentence: str = "", /, **fields: object
    ) -> None:
        """Log something that may go on for long: the first time, then at most once a minute.

        Occurrences with the same `key` belong together; the field `count` says how many a line
        stands for, when there are more than one.
        """
        now = self._clock()
        with self._lock:
            last, unsaid = self._repeats.get(key, (-math.inf, 0))
            if now - last < _REPEAT_S:
                self._repeats[key] = (last, unsaid + 1)
                return
            self._repeats.pop(key, None)
            if len(self._repeats) >= _REPEATS_KEPT:
                del self._repeats[next(iter(self._repeats))]
            self._repeats[key] = (now, 0)
        count = {"count": unsaid + 1} if unsaid else {}
        self.write(level, event, sentence, **fields, **count)

    def _put(
        self, now: float, level: Level, event: str, sentence: str, fields: Mapping[str, object]
    ) -> bool:
        plain = {name: _plain(value) for name, value in fields.items()}
        sentence = _clean(sentence)
        try:
            if self._send is not None:
                self._send(*_native(level, event, sentence, plain))
            elif self._format == "json":
                self._write_line(_json_line(now, level, event, sentence, plain))
            else:
                self._write_line(_text_line(now, level, event, sentence, plain))
        except (OSError, ValueError):
            return False
        return True

    def _write_line(self, line: bytes) -> None:
        """Raises `OSError` rather than waiting for a reader who does not read."""
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        if not room.poll(0):
            raise BlockingIOError
        os.write(self._descriptor, line)


def _journal_sender() -> Callable[..., object]:
    from systemd.journal import sendv  # libsystemd: two megabytes, only under the service manager

    send: Callable[..., object] = sendv
    return send


def _json_line(
    now: float, level: str, event: str, sentence: str, fields: Mapping[str, object]
) -> bytes:
    head: dict[str, object] = {"t": round(now, 3), "level": level, "event": event}
    message = {"message": sentence} if sentence else {}
    ours = head.keys() | {"message"}
    own = {f"{name}_" if name in ours else name: value for name, value in fields.items()}
    line = _dump(head | own | message)
    if len(line) < _LINE_BYTES:
        return line + b"\n"
    return _dump(head | {"message": sentence[:_SHORT_CHARACTERS], "cut_bytes": len(line)}) + b"\n"


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _text_line(
    now: float, level: str, event: str, sentence: str, fields: Mapping[str, object]
) -> bytes:
    parts = [f"{now:10.3f}", f"{level:<7}", _summary(event, sentence, fields)]
    # What a server said must not steer the terminal of whoever reads the log.
    line = "".join(one if one.isprintable() else "?" for one in " ".join(parts))
    return line.encode("utf-8", "replace")[: _LINE_BYTES - 1] + b"\n"


def _summary(event: str, sentence: str, fields: Mapping[str, object]) -> str:
    words = [event, *(f"{name}={_word(value)}" for name, value in fields.items())]
    if sentence:
        words.append(f" {' '.join(sentence.split())}")
    return " ".join(words)


def _word(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False)


def _native(level: str, event: str, sentence: str, fields: Mapping[str, object]) -> list[bytes]:
    entry = {
        "MESSAGE": sentence or _summary(event, "", fields),
        "PRIORITY": str(_PRIORITY[level]),
        "SYSLOG_IDENTIFIER": "pressel",
        "PRESSEL_EVENT": event,
    }
    identity = message_id(event, fields.get("code"))
    if identity is not None:
        entry["MESSAGE_ID"] = identity
    for name, value in fields.items():
        field = "PRESSEL_" + _NOT_IN_FIELD.sub("_", name.upper())[:_FIELD_CHARACTERS]
        entry[field] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [f"{name}={value}".encode("utf-8", "replace") for name, value in entry.items()]


def _clean(text: str) -> str:
    """`text` without anything that looks like a key, and not too long."""
    shown = _KEY_LIKE.sub(r"\1-***", text)
    return shown if len(shown) <= _TEXT_CHARACTERS else shown[: _TEXT_CHARACTERS - 1] + "…"


def _plain(value: object, *, depth: int = 3) -> object:
    """What may be said of `value`: JSON's types, bounded in size, nothing secret, no sound."""
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return _clean(value)
        case bytes() | bytearray() | memoryview():
            return f"{memoryview(value).nbytes} bytes"
        case Integral():
            return int(value)
        case Real():
            return float(value) if math.isfinite(value) else None
        case Mapping() if depth:
            some = itertools.islice(value.items(), _ITEMS)
            return {_clean(str(name)): _plain(one, depth=depth - 1) for name, one in some}
        case list() | tuple() | set() | frozenset() if depth:
            return [_plain(one, depth=depth - 1) for one in itertools.islice(value, _ITEMS)]
        case Secret() | BaseException() | PurePath():
            return _clean(str(value))
        case _:  # the text of anything else may hold what must not be logged
            return f"a {type(value).__name__}"
