"""The recordings of this folder with their words, and the two servers that may answer them."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.demo.failure import DemoFailed
from device.simulator.script import Answer, Script

_FOLDER: Final = Path(__file__).parent
SCRIPTED: Final = """\
The server is on this machine. The answers are scripted: whatever is asked, the same three come in
turn."""
LOCAL: Final = """\
The server is on this machine. It understands speech, answers by a few rules of English (time, date,
timer, sums, repeating, small talk) and speaks. It is no language model."""
LOCAL_CURE: Final = "in the source checkout type: make demo BRAIN=local"


@dataclass(frozen=True, slots=True)
class Recording:
    """A spoken sentence: mono, 24 kHz, 16 bit. Where they come from: VOICES.md."""

    name: str
    words: str

    @property
    def path(self) -> Path:
        """Its WAV file."""
        return _FOLDER / f"{self.name}.wav"

    def samples(self) -> NDArray[np.int16]:
        """Its sound."""
        with wave.open(str(self.path), "rb") as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


QUESTION: Final = Recording("question", "What is a pressel?")
SECOND_QUESTION: Final = Recording("second_question", "And where do I find it?")
INTERRUPTION: Final = Recording("interruption", "Stop, what time is it?")
SUM: Final = Recording("question_sum", "What is twelve times twelve?")
SKILLS: Final = Recording("question_skills", "What can you do?")

ANSWERS: Final = (
    Recording("answer_short", "A pressel is the push to talk switch of a radio."),
    Recording(
        "answer_long",
        "It sits on the cable of a headset, under your thumb. Press it, and everyone hears you; "
        "let it go, and you hear everyone. One small button keeps a conversation in order.",
    ),
    Recording("answer_last", "It is half past nine, a good time for a cup of tea."),
)
"""What the server answers, in turn, whatever it was asked."""


def script() -> Script:
    """The three answers with a model's timing: half a second to end a turn, a quarter to begin."""
    return Script(
        [Answer.wav(one.path, transcript=one.words, first_delta_s=0.25) for one in ANSWERS],
        turn_end_s=0.5,
    )


@dataclass(frozen=True, slots=True)
class Cast:
    """The server, and the two questions it is asked; the second answer is interrupted."""

    server: str
    """What a person should know about it."""
    script: Script
    questions: tuple[Recording, Recording]


@contextmanager
def scripted() -> Iterator[Cast]:
    """The three recorded answers."""
    yield Cast(SCRIPTED, script(), (QUESTION, SECOND_QUESTION))


@contextmanager
def local() -> Iterator[Cast]:
    """The local brain, which listens and thinks while this is open.

    Raises `DemoFailed` where its packages are missing.
    """
    from device.simulator.brain import BrainMissing, LocalBrain, Speech

    try:
        voice = Speech()
    except BrainMissing as missing:
        raise DemoFailed(str(missing), cure=LOCAL_CURE) from missing
    with LocalBrain(voice) as brain:
        yield Cast(LOCAL, replace(script(), mind=brain.meet), (SUM, SKILLS))
