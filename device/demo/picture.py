"""The picture of one run: both waveforms, the light between them, and the numbered events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from device.demo.figures import RATE, Answered, Figures, Records, Samples
from device.demo.phrases import ms
from device.svg import Canvas

WIDTH: Final = 1400.0
LEFT: Final = 128.0
RIGHT: Final = 1372.0
TITLE_Y: Final = 40.0
MARKS_Y: Final = 92.0
MICROPHONE_Y: Final = 200.0
LIGHT_Y: Final = 284.0
SPEAKER_Y: Final = 384.0
AXIS_Y: Final = 462.0
LEGEND_Y: Final = 512.0
HALF: Final = 56.0
"""Pixels of full scale."""
UNHEARD_S: Final = 1.6
"""So much of the answer that was cut is shown, fading away."""
LEGEND_ROWS: Final = 5

INK: Final = "#1f2933"
QUIET: Final = "#6b7785"
RULE: Final = "#dde3e8"
PAPER: Final = "#ffffff"
OPEN: Final = "#eaf4fb"
PERSON: Final = "#1f6fb2"
DEVICE: Final = "#c8641b"
UNHEARD: Final = "#b9c0c7"
LIGHTS: Final = {
    "idle": ("#e4e8eb", "idle"),
    "listening": ("#8fd3a8", "listening"),
    "hearing": ("#2f9e5b", "hearing you"),
    "thinking": ("#f2c14e", "thinking"),
    "speaking": ("#e39a5f", "speaking"),
}

Mark = tuple[float, str]


class Picture:
    """Where things are: from seconds since the start to pixels."""

    def __init__(self, *, begin: float, end: float) -> None:
        self.canvas = Canvas()
        self.begin = begin
        self.end = end

    def x(self, second: float) -> float:
        """The place of an instant."""
        return LEFT + (second - self.begin) / (self.end - self.begin) * (RIGHT - LEFT)

    def wave(self, samples: Samples, at: float, y: float, paint: str) -> None:
        """A waveform that begins at an instant: the loudest and the lowest of each pixel."""
        length = len(samples) / RATE
        columns = max(round((self.x(at + length) - self.x(at)) * 1.5), 1)
        edges = np.linspace(0, len(samples), columns + 1).astype(int)[:-1]
        top = np.maximum.reduceat(samples, edges) / 32768
        bottom = np.minimum.reduceat(samples, edges) / 32768
        xs = np.linspace(self.x(at), self.x(at + length), columns)
        upper = [(x, y - HALF * max(v, 0.008)) for x, v in zip(xs, top, strict=True)]
        lower = [(x, y - HALF * min(v, -0.008)) for x, v in zip(xs, bottom, strict=True)]
        self.canvas.polygon(upper + lower[::-1], paint)


def draw(figures: Figures, records: Records, *, said: Samples, heard: Samples, start: float) -> str:
    """An SVG document; its times are seconds since `start`, as in the printed timeline."""
    picture = Picture(begin=records.since - start, end=records.until - start)
    marks = [(at - start, text) for at, text in _marks(figures, records)]
    rows = -(-len(marks) // -(-len(marks) // LEGEND_ROWS))
    height = LEGEND_Y + 24 * rows + 30
    _ground(picture, figures, records, start=start)
    _light(picture, records, start=start)
    _stems(picture, marks)
    picture.wave(said, picture.begin, MICROPHONE_Y, PERSON)
    _unheard(picture, figures, start=start)
    picture.wave(heard, picture.begin, SPEAKER_Y, DEVICE)
    _captions(picture, figures, records, start=start)
    _discs(picture, marks)
    _legend(picture, marks, rows=rows)
    return picture.canvas.document(WIDTH, height, title="Pressel: one conversation")


def _marks(figures: Figures, records: Records) -> list[Mark]:
    """The events, in order: when, and what it was."""
    cut, answers = figures.cut, figures.answers
    found = [
        (records.tapped_at, "tap: the light says listening, the microphone opens"),
        (
            figures.first_block_at,
            f"first block at the server, {ms(figures.first_block_at - records.tapped_at)} later",
        ),
        (cut.spoken_at, "you interrupt"),
        (cut.silent_at, f"silent {ms(cut.silent_at - cut.spoken_at)} after your first word"),
        (figures.closed_at, "nothing more was said: the microphone closes"),
    ]
    for one in answers:
        found += [
            (one.turn_ended_at, "end of the turn"),
            (one.sound_at, f"first sound {ms(one.sound_at - one.turn_ended_at)} later"),
        ]
    return sorted(found)


def _ground(picture: Picture, figures: Figures, records: Records, *, start: float) -> None:
    """Title, lanes, the open microphone, the axis."""
    canvas = picture.canvas
    canvas.text(LEFT - 104, TITLE_Y, "Press, speak, be heard", INK, size=22, weight=600)
    share = 100 * figures.delivered_frames / figures.spoken_frames
    exact = "frame for frame" if figures.unbroken else "in pieces"
    subtitle = (
        f"One conversation on the virtual sound card. {share:.1f} % of the words arrived, {exact}; "
        f"the answer fell silent {ms(figures.cut.silent_at - figures.cut.spoken_at)} "
        "after the first word of the interruption."
    )
    canvas.text(LEFT - 104, TITLE_Y + 22, subtitle, QUIET, size=13)
    opened = picture.x(records.tapped_at - start)
    closed = picture.x(figures.closed_at - start)
    canvas.box(opened, MICROPHONE_Y - 68, closed - opened, 136, OPEN, round_=6)
    for y, name, what, paint in (
        (MICROPHONE_Y, "microphone", "what you said", PERSON),
        (SPEAKER_Y, "loudspeaker", "what you heard", DEVICE),
    ):
        canvas.text(LEFT - 104, y - 2, name, paint, size=14, weight=600)
        canvas.text(LEFT - 104, y + 15, what, QUIET, size=12)
        canvas.line(LEFT, y, RIGHT, y, RULE)
    canvas.line(LEFT, AXIS_Y, RIGHT, AXIS_Y, QUIET)
    for second in range(int(np.ceil(picture.begin)), int(picture.end) + 1):
        x, major = picture.x(second), second % 5 == 0
        canvas.line(x, AXIS_Y, x, AXIS_Y + (8 if major else 4), QUIET)
        if major or picture.end - picture.begin < 12:
            canvas.text(x, AXIS_Y + 22, f"{second} s", QUIET, size=12, anchor="middle")


def _light(picture: Picture, records: Records, *, start: float) -> None:
    """The strip of the light, with its legend in the line of the title."""
    canvas = picture.canvas
    canvas.text(LEFT - 104, LIGHT_Y + 11, "light", INK, size=14, weight=600)
    lines = [one for one in records.journal if one["event"] == "light"]
    seen = set()
    ends = [float(one["t"]) - start for one in lines[1:]] + [picture.end]
    for one, end in zip(lines, ends, strict=True):
        x = picture.x(max(float(one["t"]) - start, picture.begin))
        width = picture.x(min(end, picture.end)) - x
        if width > 0 and one["state"] in LIGHTS:
            seen.add(one["state"])
            canvas.box(x, LIGHT_Y, width, 14, LIGHTS[one["state"]][0])
    keys = [(OPEN, "microphone open"), *(LIGHTS[state] for state in LIGHTS if state in seen)]
    keys.append((UNHEARD, "sent, never heard"))
    x = RIGHT
    for paint, name in reversed(keys):
        x -= 7.0 * len(name)
        canvas.text(x, TITLE_Y, name, QUIET, size=12)
        x -= 20
        canvas.box(x, TITLE_Y - 11, 14, 13, paint, round_=3, edge=RULE)
        x -= 16


def _unheard(picture: Picture, figures: Figures, *, start: float) -> None:
    """What the server had sent of the answer that was cut, and nobody heard."""
    for one in figures.answers:
        rest = one.sound[one.audible : one.audible + round(UNHEARD_S * RATE)]
        if len(rest) > RATE // 10:
            at = one.sound_at - start + one.audible / RATE
            paint = picture.canvas.fade(UNHEARD, picture.x(at), picture.x(at + UNHEARD_S))
            picture.wave(rest, at, SPEAKER_Y, paint)


def _captions(picture: Picture, figures: Figures, records: Records, *, start: float) -> None:
    for one in records.said:
        x = picture.x(one.start - start)
        _caption(picture, x, MICROPHONE_Y + 62, f"“{one.words}”", PERSON, ground=OPEN)
    for answer in figures.answers:
        x = picture.x(answer.sound_at - start)
        _caption(picture, x, SPEAKER_Y + 66, _account(answer), DEVICE, ground=PAPER)


def _caption(picture: Picture, x: float, y: float, words: str, paint: str, *, ground: str) -> None:
    """A line of text that covers the stems behind it."""
    picture.canvas.box(x - 2, y - 12, 7.2 * len(words), 16, ground)
    picture.canvas.text(x, y, words, paint, size=12)


def _account(answer: Answered) -> str:
    heard = f"heard {answer.audible / RATE:.2f} of {answer.received / RATE:.2f} s"
    if answer.audible == answer.received:
        return heard
    return f"{heard}, the server was told {answer.claimed_ms / 1000:.3f}"


def _stems(picture: Picture, marks: Iterable[Mark]) -> None:
    for x, y, _, _ in _placed(picture, marks):
        picture.canvas.line(x, y, x, AXIS_Y, QUIET, dashes="2 4")


def _discs(picture: Picture, marks: Iterable[Mark]) -> None:
    for x, y, number, _ in _placed(picture, marks):
        _disc(picture, x, y, number)


def _disc(picture: Picture, x: float, y: float, number: int) -> None:
    picture.canvas.disc(x, y, 9, INK)
    picture.canvas.text(x, y + 4, str(number), PAPER, size=11, anchor="middle", weight=600)


def _placed(picture: Picture, marks: Iterable[Mark]) -> Iterator[tuple[float, float, int, str]]:
    """Where each number stands: on the lowest of three rows with room for it."""
    rows = [-1e9] * 3
    for number, (second, text) in enumerate(marks, 1):
        x = picture.x(second)
        row = next((row for row, last in enumerate(rows) if x - last > 20), 0)
        rows[row] = x
        yield x, MARKS_Y + 28 - 21 * row, number, text


def _legend(picture: Picture, marks: Sequence[Mark], *, rows: int) -> None:
    columns = -(-len(marks) // rows)
    width = (RIGHT - LEFT + 104) / columns
    for number, (second, text) in enumerate(marks):
        x = LEFT - 95 + (number // rows) * width
        y = LEGEND_Y + 16 + 24 * (number % rows)
        _disc(picture, x, y, number + 1)
        picture.canvas.text(x + 18, y + 4, f"{second:.2f} s", QUIET, size=12)
        picture.canvas.text(x + 70, y + 4, text, INK, size=12)
