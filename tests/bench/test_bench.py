"""The bench is believed only because it has been seen to notice: a real run, then broken copies."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import measure, report
from bench.scene import OURS, REFERENCE, Run, Scene, answer, play
from device.simulator.record import Append
from device.simulator.script import Script

LINES = 64


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    script = Script([answer(3.0, seed=1, first_delta_s=0.05)], turn_end_s=0.1)
    scene = Scene(2.4, [(0.1, 0.2), (1.2, 0.2)], script)
    return play(scene, OURS, directory=tmp_path_factory.mktemp("bench") / "run")


def test_the_plain_client_stays_plain() -> None:
    reference = Path(__file__).with_name("reference.py")
    assert len(reference.read_text().splitlines()) <= LINES


def test_an_honest_run_is_found_honest(run: Run) -> None:
    uplink = measure.uplink(run)
    (cut,) = measure.interruptions(run)
    assert uplink.delivered == 1.0
    assert min(uplink.lateness_ms) > 0
    assert measure.overruns(run) == measure.foreign_frames(run) == 0
    assert cut.claim_ms is not None
    assert 0 < cut.claim_ms <= cut.heard_ms < 3000


def test_a_lost_chunk_is_missed(run: Run) -> None:
    appends, uplink = list(run.record.appends), run.record.uplink
    gone = appends.pop(10)
    begin, end = 2 * gone.first_frame, 2 * (gone.first_frame + gone.frames)
    later = [Append(at, first - gone.frames, frames) for at, first, frames in appends[10:]]
    record = replace(run.record, appends=appends[:10] + later, uplink=uplink[:begin] + uplink[end:])
    delivered = measure.uplink(replace(run, record=record)).delivered
    whole = run.record.appends[-1].first_frame + run.record.appends[-1].frames
    assert delivered == pytest.approx(1 - gone.frames / whole)


def test_a_changed_sample_is_not_the_microphones(run: Run) -> None:
    place = 2 * run.record.appends[10].first_frame
    uplink = bytearray(run.record.uplink)
    uplink[place] ^= 1
    record = replace(run.record, uplink=bytes(uplink))
    assert measure.uplink(replace(run, record=record)).delivered < 1.0


def test_a_millisecond_too_much_is_an_over_claim(run: Run) -> None:
    (cut,) = measure.interruptions(run)
    figures = report.figures([run], starts=[])
    lie = replace(cut, claim_ms=int(cut.heard_ms) + 1)
    rows = report.rows(figures, figures, cuts=[lie])
    assert "over-claims" in [row.name for row in report.missed(rows, pressure=99.0)]


def test_sound_that_was_never_sent_is_foreign(run: Run) -> None:
    log = [entry for entry in run.record.log if not (entry.audio and entry.direction == "server")]
    changed = replace(run, record=replace(run.record, log=log))
    assert measure.foreign_frames(changed) > 0


def test_load_excuses_times_but_not_counts(run: Run) -> None:
    figures = report.figures([run], starts=[])
    slow = replace(figures, cpu=9 * figures.cpu, overruns=1)
    rows = report.rows(slow, figures, cuts=[])
    names = {pressure: {row.name for row in report.missed(rows, pressure=pressure)}
             for pressure in (1.0, 99.0)}  # fmt: skip
    assert "CPU s per minute" in names[1.0] - names[99.0]
    assert "capture overruns" in names[99.0]


def test_a_client_that_does_not_start_is_named_with_its_words(tmp_path: Path) -> None:
    scene = Scene(1.0, [], Script([answer(1.0, seed=1)]))
    broken = replace(REFERENCE, command=lambda *_: ["sh", "-c", "echo no voice >&2"])
    with pytest.raises(RuntimeError, match="no voice"):
        play(scene, broken, directory=tmp_path / "run")
