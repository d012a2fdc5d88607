"""The recordings of this folder with their words, and the script the server plays from them."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.simulator.script import Answer, Script

_FOLDER: Final = Path(__file__).parent


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
