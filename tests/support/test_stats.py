from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from device.drivers.journal import Journal
from device.picture import drawn
from device.stats import TIMES, NoJournal, ago, counted, from_journal, from_log, percentile
from device.troubles import TROUBLES

REMOTE = "/lib/systemd/systemd-journal-remote"


def some_lines(journal: Journal) -> None:
    """Two turns, one of them cut, and some trouble."""
    for wait, cut in ((400.0, False), (900.0, True)):
        journal.write(
            "info", "turn", "turn over", commit_to_first_delta_ms=wait, interrupted=cut,
            press_to_first_block_ms=None, input_tokens=100, output_tokens=20,
        )  # fmt: skip
    journal.write("warning", "link", "link down", state="down", code="dns")
    journal.write("info", "link", "link down", state="down", code="resting")
    journal.write("warning", "xrun", "late", part="speaker", count=3)
    journal.write("error", "error", "gone", code="microphone-absent", what="gone", cure="plug")


def log_of_some_lines(path: Path) -> Path:
    with path.open("wb") as log:
        some_lines(Journal("json", descriptor=log.fileno()))
    return path


def test_turns_times_tokens_and_troubles_are_counted(tmp_path: Path) -> None:
    said = "\n".join(counted(from_log(log_of_some_lines(tmp_path / "log"))).told())
    assert "2 turns, 1 of them interrupted" in said
    assert "     400     900" in said
    assert "Tokens: 200 in, 40 out" in said
    assert "Interruptions of sound: speaker 3" in said
    assert f"1 dns: {TROUBLES['dns'].means}" in said


def test_a_link_that_rests_is_no_trouble(tmp_path: Path) -> None:
    stats = counted(from_log(log_of_some_lines(tmp_path / "log")))
    assert stats.drops == 1
    assert set(stats.troubles) == {"dns", "microphone-absent"}


def test_what_is_no_line_of_ours_is_passed_over(tmp_path: Path) -> None:
    log = log_of_some_lines(tmp_path / "log")
    log.write_bytes(b'ALSA lib says\n\xff{\n[1]\n{"event": "turn", "input_tokens": "x"}\n')
    stats = counted(from_log(log))
    assert (stats.turns, stats.tokens.total()) == (1, 0)


def test_no_lines_at_all_are_told_as_such() -> None:
    assert next(counted([]).told()) == "0 turns, 0 of them interrupted"


@pytest.mark.parametrize(("percent", "found"), [(50, 2.0), (95, 4.0), (0, 1.0), (100, 4.0)])
def test_a_percentile_is_one_of_the_values(percent: int, found: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == found


def test_a_span_has_a_number_and_a_unit() -> None:
    assert (ago("90min"), ago("12 h"), ago("7d")) == (5400, 43_200, 604_800)
    with pytest.raises(ValueError, match="soon"):
        ago("soon")


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoJournal, match=r"nowhere: No such file"):
        list(from_log(tmp_path / "nowhere"))


def exported(fields: tuple[bytes, ...], at: float) -> bytes:
    """One entry in the journal's export format."""
    stamp = b"__REALTIME_TIMESTAMP=%d\n" % (at * 1e6)
    return (
        stamp
        + b"__MONOTONIC_TIMESTAMP=1\n_BOOT_ID="
        + b"0" * 31
        + b"1\n"
        + (b"\n".join(fields) + b"\n\n")
    )


@pytest.mark.skipif(not Path(REMOTE).exists(), reason="needs systemd-journal-remote")
def test_a_real_journal_is_counted_as_far_back_as_asked(tmp_path: Path) -> None:
    pytest.importorskip("systemd.journal")
    entries: list[bytes] = []
    now = time.time()
    for at in (now - 7200, now - 60):

        def send(*fields: bytes, at: float = at) -> None:
            entries.append(exported(fields, at))

        some_lines(Journal("native", send=send))
    file = tmp_path / "some.journal"
    made = [REMOTE, f"--output={file}", "-"]
    subprocess.run(made, input=b"".join(entries), check=True, timeout=30, capture_output=True)
    hour, day = (
        counted(from_journal(since_s=span, files=[str(file)])) for span in (3600.0, 86_400.0)
    )
    assert (hour.turns, day.turns) == (2, 4)
    assert (hour.interrupted, hour.tokens["input_tokens"], hour.xruns["speaker"]) == (1, 200, 3)


def test_the_command_counts_a_log(tmp_path: Path) -> None:
    log = log_of_some_lines(tmp_path / "log")
    words = [sys.executable, "-m", "device", "stats", "--log", str(log)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("2 turns")


def test_what_it_cost_is_told_where_the_price_is_known() -> None:
    priced = [{"event": "turn", "cost_usd": cost} for cost in (0.25, 0.5, None)]
    assert "about 0.75 US dollars" in "\n".join(counted(priced).told())
    assert "dollars" not in "\n".join(counted([{"event": "turn"}]).told())


def test_the_drawing_shows_each_time_with_its_percentiles(tmp_path: Path) -> None:
    stats = counted(from_log(log_of_some_lines(tmp_path / "log")))
    svg = ElementTree.fromstring(drawn(stats))
    words = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "2 turns, 1 interrupted" in words
    assert " p50 400 ms " in words
    assert " p95 900 ms " in words
    assert words.count("no figure") == len(TIMES) - 1
