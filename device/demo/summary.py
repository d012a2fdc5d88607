"""The closing words of the demo: each figure once, with what it is made of."""

from __future__ import annotations

from collections.abc import Iterator

from device.demo.figures import RATE, Figures, Records
from device.demo.phrases import ms


def summary(figures: Figures, records: Records) -> Iterator[tuple[str, str]]:
    """The lines: what was measured, and the figure."""
    share = 100 * figures.delivered_frames / figures.spoken_frames
    exact = "frame for frame" if figures.unbroken else "NOT in one piece"
    yield "words", f"{share:.1f} % of {figures.spoken_frames / RATE:.2f} s spoken arrived, {exact}"
    yield "privacy", _privacy(figures, records)
    block = ms(figures.first_block_at - records.tapped_at)
    yield "press", f"first block at the server {block} after the tap; 40 of them are the block"
    sounds = ", ".join(ms(one.sound_at - one.turn_ended_at) for one in figures.answers)
    yield "answers", f"first sound {sounds} after the turns"
    thought = ", ".join(ms(one.delta_at - one.turn_ended_at) for one in figures.answers)
    yield "server", f"of that the server's part, end of the turn to first delta: {thought}"
    own = ", ".join(ms(one.device_s) for one in figures.answers)
    yield "speaker", f"of that the device's own part, from there to the first sound: {own}"
    cut = figures.cut
    yield (
        "cut",
        f"silent {ms(cut.silent_at - cut.spoken_at)} after your first word, "
        f"{ms(abs(cut.early_s))} {'before' if cut.early_s >= 0 else 'after'} the server heard you",
    )
    yield "heard", _heard(figures)
    gaps = f"{figures.xruns} interruptions of the sound" if figures.xruns else "no gap in any sound"
    yield "end", f"{gaps}; stopped {ms(records.ending.seconds)} after SIGTERM, exit status 0"


def _privacy(figures: Figures, records: Records) -> str:
    closed = f"microphone closed {figures.closed_at - records.tapped_at:.1f} s after it"
    if not figures.unbroken:
        return closed
    first = ms(figures.first_frame_at - records.tapped_at)
    return f"first frame sent {first} after the tap; {closed}"


def _heard(figures: Figures) -> str:
    """What the server was told of the answer that was cut, against what was truly audible."""
    cut = min(figures.answers, key=lambda one: abs(one.claimed_ms - figures.cut.claimed_ms))
    true_ms = cut.audible * 1000 / RATE
    over = figures.cut.claimed_ms - true_ms
    verdict = f"{-over:.2f} ms less, never more" if over <= 0 else f"OVER-CLAIMED by {over:.2f} ms"
    return f"{true_ms:.2f} ms were audible, the server was told {figures.cut.claimed_ms}: {verdict}"
