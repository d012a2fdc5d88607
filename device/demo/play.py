"""The plot: two questions, an interruption, and what became of every frame."""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
import wave
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device.demo.answers import INTERRUPTION, Cast, Recording
from device.demo.failure import DemoFailed
from device.demo.figures import Figures, Records, Said, Samples, measure
from device.demo.narrator import Narrator, Witness
from device.demo.picture import draw
from device.demo.stage import News, Props, Stage
from device.demo.summary import summary
from device.demo.timeline import Timeline

if TYPE_CHECKING:
    from virtual_card import VirtualCard

OPENING: Final = """\
Pressel, the demo: the real daemon on a virtual sound card. No hardware, no key, no network.
{server}
The card has no echo, so the microphone stays open while the answer plays, and a voice can
interrupt it.
"""
NO_CARD: Final = "the virtual sound card is part of the source checkout"
NO_CARD_CURE: Final = "run 'make demo' there, or 'pressel demo --live' on a machine with sound"

CARD_S: Final = 120.0
ROOM_S: Final = 60.0
ROOM_DBFS: Final = -66.0
"""A quiet room. Its noise makes every frame different, so that none can be lost unnoticed."""
LINK_S: Final = 10.0
ANSWER_S: Final = 30.0
"""The local brain gives itself 20 s to think."""
LINGER_S: Final = 1.5
AHEAD_S: Final = 0.15
"""Words are put into the air this far ahead of now: enough to write them in time."""
INTERRUPT_S: Final = 3.25
"""Into the long answer, in the middle of its second sentence."""
MARGIN_S: Final = 0.5
"""Of silence before the tap and after the end, in what is recorded."""


@dataclass(slots=True)
class Plot:
    """The person: taps, asks two questions, interrupts the second answer."""

    card: VirtualCard
    stage: Stage
    narrator: Narrator
    questions: tuple[Recording, Recording]
    tapped_at: float = 0.0
    said: list[Said] = field(default_factory=list)

    def play(self) -> None:
        """The whole conversation. Raises `DemoFailed` where it does not go on."""
        tell = self.narrator
        question, second_question = self.questions
        tell.until(_is_up, within_s=LINK_S, failing="the daemon did not connect to the server")
        tell.rest(MARGIN_S)
        self.tapped_at = self.stage.tap()
        tell.note(News(self.tapped_at, "you", {"type": "tap"}))
        self._say(question, at=self.tapped_at + 0.3)
        tell.until(_is_turn, within_s=ANSWER_S, failing="the first answer did not end")
        self._say(second_question, at=time.monotonic() + 0.5)
        delta = tell.until(_is_delta, within_s=ANSWER_S, failing="the second answer did not come")
        tell.rest(delta.at + INTERRUPT_S - AHEAD_S - time.monotonic())
        self._say(INTERRUPTION, at=delta.at + INTERRUPT_S, interrupting=True)
        tell.until(_is_turn, within_s=ANSWER_S, failing="the second answer was not interrupted")
        tell.until(_is_turn, within_s=ANSWER_S, failing="the last answer did not end")
        tell.until(_is_closed, within_s=ANSWER_S, failing="the microphone was not closed")
        tell.rest(MARGIN_S)

    def _say(self, recording: Recording, *, at: float, interrupting: bool = False) -> None:
        try:
            spoken = self.card.say(recording.path, at=max(at, time.monotonic() + AHEAD_S))
        except (RuntimeError, ValueError) as problem:
            raise self.stage.failure(f"the virtual sound card failed: {problem}") from problem
        self.said.append(Said(recording.words, spoken.start, spoken.end))
        event = {"type": "words", "words": recording.words, "interrupting": interrupting}
        self.narrator.note(News(spoken.start, "you", event))


def play(out: Path, cast: Cast) -> None:
    """Play the demo with this cast, told on stdout; leave recordings and picture in `out`.

    Raises `DemoFailed` when a part does not do its work, or `out` cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DemoFailed(
            f"cannot write to {out}: {problem.strerror}", cure="name another directory with --out"
        ) from problem
    start = time.monotonic()
    timeline = Timeline(sys.stdout, start=start)
    with ExitStack() as cleanup:
        scratch = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="pressel-demo-")))
        card = cleanup.enter_context(_card(scratch / "card"))
        timeline.say(OPENING.format(server=cast.server))
        props = Props(
            microphone="microphone",
            speaker="speaker",
            echo="hardware",
            linger_s=LINGER_S,
            environ=card.environment,
        )
        stage = cleanup.enter_context(Stage(scratch, props, script=cast.script))
        narrator = Narrator(stage, timeline, witness=Witness(card))
        records = _perform(Plot(card, stage, narrator, cast.questions))
        figures = _measured(records, stage)
        _close(timeline, figures, records)
        _leave(out, figures, records, start=start)
    timeline.say(f"\nTo hear and see: {out}/said.wav  {out}/heard.wav  {out}/timeline.svg")


def _perform(plot: Plot) -> Records:
    card, stage = plot.card, plot.stage
    card.noise(ROOM_DBFS, seconds=ROOM_S)
    plot.play()
    until = time.monotonic()
    ending = stage.stop()
    plot.narrator.finish()
    if ending is None or ending.status != 0:
        raise stage.failure(f"the daemon did not end as it should: {ending}")
    return Records(
        card=card,
        log=stage.simulator.log,
        uplink=stage.simulator.uplink(),
        journal=tuple(stage.journal),
        said=plot.said,
        since=plot.tapped_at - MARGIN_S,
        until=until,
        tapped_at=plot.tapped_at,
        ending=ending,
    )


def _measured(records: Records, stage: Stage) -> Figures:
    try:
        return measure(records)
    except (LookupError, ValueError) as problem:
        raise stage.failure(f"the conversation went otherwise than written: {problem}") from problem


def _close(timeline: Timeline, figures: Figures, records: Records) -> None:
    timeline.say("\nMeasured on the records of the sound card and of the server:\n")
    for name, figure in summary(figures, records):
        timeline.say(f"  {name:<8}  {figure}")


def _leave(out: Path, figures: Figures, records: Records, *, start: float) -> None:
    card = records.card
    said = card.spoken(records.since, records.until)
    heard = card.heard(records.since, records.until)
    _write(out / "said.wav", said, rate=card.rate)
    _write(out / "heard.wav", heard, rate=card.rate)
    picture = draw(figures, records, said=said, heard=heard, start=start)
    (out / "timeline.svg").write_text(picture, encoding="utf-8")


def _write(path: Path, samples: Samples, *, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


def _card(directory: Path) -> VirtualCard:
    try:
        made = importlib.import_module("virtual_card")
        card: VirtualCard = made.VirtualCard(directory, seconds=CARD_S)
    except ImportError as problem:
        raise DemoFailed(NO_CARD, cure=NO_CARD_CURE) from problem
    except RuntimeError as problem:  # it cannot be compiled; it says what to install
        raise DemoFailed(str(problem)) from problem
    return card


def _is_up(news: News) -> bool:
    return news.tells("device", "link", state="up")


def _is_turn(news: News) -> bool:
    return news.tells("device", "turn")


def _is_delta(news: News) -> bool:
    return news.tells("server", "response.output_audio.delta")


def _is_closed(news: News) -> bool:
    return news.tells("device", "gate", state="closed")
