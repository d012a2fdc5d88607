from __future__ import annotations

import fcntl
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from device.drivers.journal import Journal, Level, natural_format
from device.errors import Secret
from device.messages import MESSAGES

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789a1B2"


class Clock:
    def __init__(self) -> None:
        self.now = 12.3456789

    def __call__(self) -> float:
        return self.now


class Pipe:
    """A real pipe: the journal writes one end, the test reads the other when it likes."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def read(self) -> str:
        try:
            return os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.read().splitlines()]

    def fill(self) -> None:
        os.set_blocking(self.writer, False)
        try:
            while True:
                os.write(self.writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(self.writer, True)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for end in (pipe.reader, pipe.writer):
        try:
            os.close(end)
        except OSError:
            continue


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_json_line_has_time_level_event_fields_and_message(pipe: Pipe, clock: Clock) -> None:
    journal = Journal("json", descriptor=pipe.writer, clock=clock)
    journal.write("info", "link", "the link is up", state="up", attempt=3)
    journal.write("error", "xrun")
    assert pipe.lines() == [
        {
            "t": 12.346,
            "level": "info",
            "event": "link",
            "state": "up",
            "attempt": 3,
            "message": "the link is up",
        },
        {"t": 12.346, "level": "error", "event": "xrun"},
    ]


def test_a_text_line_is_short_and_in_the_same_order(pipe: Pipe, clock: Clock) -> None:
    journal = Journal("text", descriptor=pipe.writer, clock=clock)
    journal.write("warning", "link", "it is\ndown", state="down", why="no route", n=2, at=None)
    assert (
        pipe.read() == '    12.346 warning link state=down why="no route" n=2 at=null  it is down\n'
    )


def test_events_below_the_level_are_not_written(pipe: Pipe) -> None:
    journal = Journal("json", level="warning", descriptor=pipe.writer)
    levels: tuple[Level, ...] = ("debug", "info", "warning", "error")
    for level in levels:
        journal.write(level, level)
    assert [line["event"] for line in pipe.lines()] == ["warning", "error"]


class Colour(StrEnum):
    RED = "red"


def test_values_of_every_kind_come_out_as_json_and_sound_only_by_its_length(pipe: Pipe) -> None:
    journal = Journal("json", descriptor=pipe.writer)
    journal.write(
        "info",
        "kinds",
        number=np.int64(7),
        ratio=np.float32(0.5),
        nan=math.nan,
        state=Colour.RED,
        sound=b"\x01\x02SECRETSOUND",
        view=memoryview(bytes(8)),
        nested={"a": [b"SECRETSOUND", (1, {"b": {"c": [b"SECRETSOUND"]}})]},
        path=Path("/run/pressel"),
        problem=OSError("no such card"),
        stranger=Pipe,
        many=list(range(1000)),
    )
    text = pipe.read()
    assert "SECRETSOUND" not in text
    (line,) = [json.loads(text)]
    assert (line["number"], line["ratio"], line["nan"], line["state"]) == (7, 0.5, None, "red")
    assert (line["sound"], line["view"]) == ("13 bytes", "8 bytes")
    assert (line["path"], line["problem"], line["stranger"]) == (
        "/run/pressel",
        "no such card",
        "a type",
    )
    assert line["many"] == list(range(32))


def test_a_field_cannot_take_the_place_of_the_head(pipe: Pipe) -> None:
    journal = Journal("json", descriptor=pipe.writer)
    journal.write("info", "turn", "said", **{"t": "x", "level": 5, "event": "y", "message": "z"})
    (line,) = pipe.lines()
    assert (line["level"], line["event"], line["message"]) == ("info", "turn", "said")
    assert (line["t_"], line["level_"], line["event_"], line["message_"]) == ("x", 5, "y", "z")


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("before", ["", "Bearer ", "api_key_", "%20", '"', "x" * 790 + " "])
def test_nothing_that_looks_like_a_key_is_ever_written(
    pipe: Pipe, log_format: str, before: str
) -> None:
    journal = Journal(log_format, descriptor=pipe.writer)  # type: ignore[arg-type]
    leak = before + KEY
    journal.write("info", "leak", leak, a=leak, b=[leak], c={leak: leak}, d=ValueError(leak))
    journal.write("info", "secret", key=Secret(KEY), broker=KEY.replace("sk-", "ek_"))
    text = pipe.read()
    assert KEY[8:16] not in text
    assert KEY[-12:] not in text
    assert "sk-...a1B2" in text


def test_ordinary_words_are_not_taken_for_keys(pipe: Pipe) -> None:
    Journal("json", descriptor=pipe.writer).write("info", "x", "the task-of-all-the-long-days")
    assert pipe.lines()[0]["message"] == "the task-of-all-the-long-days"


def test_a_huge_entry_is_cut_to_one_valid_line_that_a_pipe_takes_whole(pipe: Pipe) -> None:
    journal = Journal("json", descriptor=pipe.writer)
    journal.write("info", "big", "é" * 5000, **{f"field_{n}": "€" * 5000 for n in range(50)})
    text = pipe.read()
    assert len(text.encode()) <= 4096
    line = json.loads(text)
    assert line["event"] == "big"
    assert line["cut_bytes"] > 4096
    Journal("text", descriptor=pipe.writer).write("info", "big", a="x" * 5000, b="y" * 9000)
    assert len(pipe.read()) <= 4096


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_a_server_said_cannot_steer_a_terminal(pipe: Pipe, log_format: str) -> None:
    journal = Journal(log_format, descriptor=pipe.writer)  # type: ignore[arg-type]
    journal.write("info", "x", "\x1b[2J\r\ngone", what="\x1b]0;title\x07\n", odd="\ud800")
    text = pipe.read()
    assert text.count("\n") == 1
    assert not set("\x1b\x07\r") & set(text)


def test_a_reader_who_does_not_read_costs_lines_but_no_time(pipe: Pipe) -> None:
    journal = Journal("json", descriptor=pipe.writer)
    pipe.fill()
    began = time.monotonic()
    for _ in range(1000):
        journal.write("info", "lost")
    assert time.monotonic() - began < 2.0
    assert journal.dropped == 1000
    pipe.read()
    journal.write("info", "found")
    assert [(line["event"], line.get("count")) for line in pipe.lines()] == [
        ("log_dropped", 1000),
        ("found", None),
    ]
    assert journal.dropped == 0


@pytest.mark.parametrize("closed", ["reader", "writer"])
def test_a_closed_descriptor_is_counted_and_harms_nobody(pipe: Pipe, closed: str) -> None:
    os.close(getattr(pipe, closed))
    journal = Journal("json", descriptor=pipe.writer)
    journal.write("info", "lost")
    journal.write("info", "lost")
    assert journal.dropped == 2


def test_a_line_is_written_at_once_or_not_at_all(pipe: Pipe) -> None:
    size = fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, 4096)
    journal = Journal("json", descriptor=pipe.writer)
    for _ in range(20):
        journal.write("info", "line", text="x" * 700)
    text = pipe.read()
    assert len(text) <= size
    assert all(json.loads(line)["event"] == "line" for line in text.splitlines())
    assert text.count("\n") + journal.dropped == 20


def test_what_repeats_is_said_first_at_once_then_once_a_minute_with_a_count(
    pipe: Pipe, clock: Clock
) -> None:
    journal = Journal("json", descriptor=pipe.writer, clock=clock)
    for _ in range(151):
        journal.write_repeating("link", "warning", "link", "no network", state="down")
        clock.now += 1.0
    assert [(round(line["t"]), line.get("count")) for line in pipe.lines()] == [  # type: ignore[call-overload]
        (12, None),
        (72, 60),
        (132, 60),
    ]


def test_repeats_are_kept_apart_by_key_and_the_keys_are_bounded(pipe: Pipe, clock: Clock) -> None:
    journal = Journal("json", descriptor=pipe.writer, clock=clock)
    for n in range(300):
        journal.write_repeating(f"key {n}", "info", "x")
        journal.write_repeating(f"key {n}", "info", "x")
    assert len(pipe.lines()) == 300
    assert len(journal._repeats) <= 64


def test_the_system_journal_gets_native_fields(clock: Clock) -> None:
    sent: list[tuple[bytes, ...]] = []
    journal = Journal("native", clock=clock, send=lambda *entry: sent.append(entry))
    journal.write("warning", "link", "the link is down", reason="dns", attempt=2)
    journal.write("info", "turn", **{"heard ms": 3420, "key": KEY})
    assert sent[0] == (
        b"MESSAGE=the link is down",
        b"PRIORITY=4",
        b"SYSLOG_IDENTIFIER=pressel",
        b"PRESSEL_EVENT=link",
        b"MESSAGE_ID=" + MESSAGES["link"].message_id.encode(),
        b"PRESSEL_REASON=dns",
        b"PRESSEL_ATTEMPT=2",
    )
    assert b"PRESSEL_HEARD_MS=3420" in sent[1]
    assert sent[1][0].startswith(b"MESSAGE=turn heard ms=3420 key=sk-***")


def test_a_system_journal_that_is_away_is_counted() -> None:
    def away(*entry: bytes) -> None:
        raise FileNotFoundError(2, "no journal")

    journal = Journal("native", send=away)
    journal.write("info", "lost")
    assert journal.dropped == 1


def test_the_natural_format_is_native_only_where_the_descriptor_leads_to_the_journal(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = os.fstat(pipe.writer)
    monkeypatch.setenv("JOURNAL_STREAM", f"{its.st_dev}:{its.st_ino}")
    assert natural_format(descriptor=pipe.writer) == "native"
    with Path("/dev/null").open("w") as elsewhere:
        assert natural_format(descriptor=elsewhere.fileno()) == "text"
    monkeypatch.delenv("JOURNAL_STREAM")
    assert natural_format(descriptor=pipe.writer) == "text"
    assert natural_format(descriptor=9999) == "text"


def test_lines_do_not_load_the_library_of_the_system_journal() -> None:
    script = """
import sys
from device.drivers.journal import Journal, natural_format
Journal(natural_format()).write("info", "hello")
sys.exit("systemd" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert run.returncode == 0
