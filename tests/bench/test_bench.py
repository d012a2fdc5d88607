"""The bench is believed only because it has been seen to notice: a real run, then broken copies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import figures, measure, measured, report, soak
from bench.clients import BOUND, CLIENTS, OURS, REFERENCE, Client
from bench.figures import Measured
from bench.measure import Interruption
from bench.process import Usage
from bench.scenario import FOLDER, Scene, answer, load
from bench.scene import Run, play
from device.simulator.script import Script

LINES = {"reference.py": 64, "lowbound.c": 300}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return short(OURS, tmp_path_factory.mktemp("bench") / "run")


def short(client: Client, directory: Path) -> Run:
    script = Script([answer(3.0, seed=1, first_delta_s=0.05)], turn_end_s=0.1)
    return play(Scene(2.4, [(0.1, 0.2), (1.2, 0.2)], script), client, directory=directory)


def without_append(run: Run, number: int) -> Run:
    gone = measure.appends(run)[number]
    return replace(run, log=[entry for entry in run.log if entry is not gone])


def table(
    run: Run, cuts: Sequence[Interruption], *, ours: figures.Talk | None = None
) -> list[report.Row]:
    same = figures.talk([run], starts=[])
    talk = {client.name: same for client in CLIENTS} | ({OURS.name: ours} if ours else {})
    return report.rows(Measured(talk, cuts), report.FAST)


def names(rows: Sequence[report.Row]) -> set[str]:
    return {row.name for row in rows}


@pytest.mark.parametrize("name", LINES)
def test_the_clients_to_compare_with_stay_plain(name: str) -> None:
    source = Path(__file__).with_name(name)
    assert len(source.read_text().splitlines()) <= LINES[name]


def test_an_honest_run_is_found_honest(run: Run) -> None:
    uplink = measure.uplink(run)
    (cut,) = measure.interruptions(run)
    assert uplink.delivered == 1.0
    assert uplink.lost_s == 0.0
    assert min(uplink.lateness_ms) > 0
    assert min(measure.wire_to_speaker_ms(run)) > 0
    assert measure.overruns(run) == measure.foreign_frames(run) == 0
    assert measure.cpu_s_per_min(run) > 0
    assert measure.wakes_per_s(run) > 0
    assert cut.claim_ms is not None
    assert 0 < cut.claim_ms <= cut.heard_ms < 3000


def test_the_c_client_does_the_whole_job(tmp_path: Path) -> None:
    run = short(BOUND, tmp_path / "run")
    (cut,) = measure.interruptions(run)
    assert measure.uplink(run).delivered == 1.0
    assert measure.foreign_frames(run) == 0
    assert cut.claim_ms is not None
    assert 0 < cut.claim_ms <= cut.heard_ms < 3000


def test_a_lost_chunk_is_missed(run: Run) -> None:
    appends = measure.appends(run)
    whole = sum(len(append.audio) for append in appends)
    uplink = measure.uplink(without_append(run, 10))
    assert uplink.delivered == pytest.approx(1 - len(appends[10].audio) / whole)
    assert uplink.lost_s == pytest.approx(len(appends[10].audio) / 48000)


def test_a_changed_sample_is_not_the_microphones(run: Run) -> None:
    victim = measure.appends(run)[10]
    changed = replace(victim, audio=bytes([victim.audio[0] ^ 1]) + victim.audio[1:])
    log = [changed if entry is victim else entry for entry in run.log]
    assert measure.uplink(replace(run, log=log)).delivered < 1.0


def test_a_millisecond_too_much_is_an_over_claim(run: Run) -> None:
    (cut,) = measure.interruptions(run)
    lie = replace(cut, claim_ms=int(cut.heard_ms) + 1)
    assert "over-claims" in names(report.missed(table(run, [lie]), quiet=False))


def test_sound_that_was_never_sent_is_foreign(run: Run) -> None:
    log = [entry for entry in run.log if not (entry.audio and entry.direction == "server")]
    assert measure.foreign_frames(replace(run, log=log)) > 0


def test_an_answer_with_a_hole_has_a_gap(run: Run) -> None:
    assert measure.gaps_ms(run) == pytest.approx(0.0, abs=0.1)
    before = len(run.card.heard(run.card.instant(0), run.ended))
    loud = [n for n in range(before) if run.card._speaker[n, 0]]
    middle, rest = loud[len(loud) // 2], loud[-1] + 1
    sound = run.card._speaker[middle:rest].copy()
    run.card._speaker[middle + 240 : rest + 240] = sound
    run.card._speaker[middle : middle + 240] = 0
    try:
        assert measure.gaps_ms(run) == pytest.approx(10.0, abs=0.1)
    finally:
        run.card._speaker[middle:rest] = sound
        run.card._speaker[rest : rest + 240] = 0


def test_load_excuses_times_but_not_counts(run: Run) -> None:
    talk = figures.talk([run], starts=[])
    slow = table(run, [], ours=replace(talk, cpu=9 * talk.cpu, overruns=1))
    calm, busy = (names(report.missed(slow, quiet=quiet)) for quiet in (True, False))
    assert "CPU s per minute delivered" in calm - busy
    assert "capture overruns" in calm & busy


def test_readme_names_figures_that_are_still_measured(run: Run) -> None:
    assert {*measured.DRAWN, *measured.COUNTED} <= names(table(run, []))


def test_readme_hides_no_missed_limit() -> None:
    row = report.Row("CPU", ours=2.0, limit="<= 1.80", kept=False)
    assert measured.limit(row, "s", quiet=True) == "≤ 1.80 s, missed"
    assert measured.limit(row, "s", quiet=False) == "≤ 1.80 s, too noisy to tell"


def test_times_come_from_the_quiet_rounds(run: Run) -> None:
    run = replace(run, pressure=0.0)
    noisy = replace(run, pressure=99.0, after=replace(run.after, cpu_s=run.before.cpu_s))
    assert figures.talk([noisy, run], starts=[]).cpu == figures.talk([run], starts=[]).cpu > 0
    assert figures.quiet([noisy]) == []


@pytest.mark.parametrize("client", [OURS, BOUND], ids=lambda client: client.name)
def test_a_server_that_went_away_is_found_again(tmp_path: Path, client: Client) -> None:
    run = play(load("drop", seconds=9.0), client, directory=tmp_path / "run")
    (back,) = measure.back_in_s(run)
    assert back is not None
    assert 0 < back < 5
    assert {append.session for append in measure.appends(run)} == {0, 1}


def test_a_client_that_does_not_start_is_named_with_its_words(tmp_path: Path) -> None:
    scene = Scene(1.0, [], Script([answer(1.0, seed=1)]))
    broken = replace(REFERENCE, command=lambda *_: ["sh", "-c", "echo no voice >&2"])
    with pytest.raises(RuntimeError, match="no voice"):
        play(scene, broken, directory=tmp_path / "run")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_can_be_read(path: Path) -> None:
    scene = load(path.stem)
    assert scene.voice or not scene.pressed
    assert all(at + length <= scene.seconds for at, length in scene.voice)


@pytest.mark.parametrize(
    ("text", "line", "cure"),
    [
        ("seconds = 1.0\n", 1, "type answers = [{seconds = 8.0}]"),
        ("# A talk.\n\nsecond = 1.0\n", 3, "type one of answers, every_s, outages"),
        ("seconds = 1.0\nvoice = [0.4, 1.0]\n", 2, "type voice = [[0.4, 1.0]]"),
        ("seconds = 1.0\nvoice = [[0.4,\n", 2, "type key = value"),
        ("seconds = 1\n[[answers]]\nseconds = 1\n\n[[answers]]\nseconds = 'a'\n", 6,
         "type seconds = 8.0"),
        ("seconds = 1\n[[answers]]\nseconds = 1\n\n[[answers]]\nspeed = 2\n", 5,
         "type seconds = 8.0"),
        ("seconds = 1\n\nwords = {count = 1, sed = 2}\n[[answers]]\nseconds = 1\n", 3,
         "type one of count, every_s, seconds, seed"),
    ],
)  # fmt: skip
def test_a_slip_in_a_scenario_is_told_with_its_line(
    text: str, line: int, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.scenario.FOLDER", tmp_path)
    (tmp_path / "slip.toml").write_text(text)
    with pytest.raises(ValueError, match=r"slip\.toml") as told:
        load("slip")
    assert str(told.value).startswith(f"{tmp_path / 'slip.toml'}:{line}: ")
    assert cure in str(told.value)


def soaked(*, kb_per_h: float, fds: int = 0) -> list[Usage]:
    """Three hours at eightfold speed, a sample every two seconds, pages of 4 kB."""
    return [
        Usage(2.0 * n, 0.1 * n, 0, 0, size, size, 3, 18 + (fds if n > 500 else 0))
        for n in range(675)
        for size in [35_000 + int(kb_per_h * n * 16 / 3600) // 4 * 4]
    ]


def test_a_leak_is_found_and_its_absence_too() -> None:
    def verdicts(samples: list[Usage]) -> set[str]:
        rows = soak.rows(soak.growth(samples, speed=8.0), overruns=0, turns=1, interrupted=0)
        return names(report.missed(rows, quiet=True))

    assert verdicts(soaked(kb_per_h=20)) == set()
    assert verdicts(soaked(kb_per_h=200)) == {"slope of RSS, kB/h"}
    assert verdicts(soaked(kb_per_h=0, fds=1)) == {"more file descriptors"}
