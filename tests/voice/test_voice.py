from __future__ import annotations

import audioop
import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from device import voice
from device.troubles import CLIPS
from device.voice import LANGUAGES, MOST_SECONDS, RATE, clip, wav
from device.voice.sentences import SENTENCES

HOME = Path(voice.__file__).parent
EVERY = list(product(LANGUAGES, CLIPS))
BLOCK_BYTES = 2 * RATE // 50


def said(name: str, language: str) -> bytes:
    sound = clip(name, language)
    assert sound is not None, f"{language}/{name}.wav is missing or damaged"
    return sound


def db(level: float) -> float:
    return 20 * math.log10(level / 32768)


def blocks(sound: bytes) -> list[int]:
    """The level of every 20 ms."""
    return [
        audioop.rms(sound[at : at + BLOCK_BYTES], 2) for at in range(0, len(sound), BLOCK_BYTES)
    ]


def test_every_language_with_a_voice_has_a_sentence_for_every_clip() -> None:
    assert {language: tuple(texts) for language, texts in SENTENCES.items()} == {
        language: tuple(SENTENCES["en"]) for language in LANGUAGES
    }
    assert set(SENTENCES["en"]) == set(CLIPS)


def test_there_is_a_recording_for_every_sentence_and_none_besides() -> None:
    expected = {Path(language, f"{name}.wav") for language, name in EVERY}
    assert {path.relative_to(HOME) for path in HOME.rglob("*.wav")} == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_troubles_sound_alike(language: str) -> None:
    assert len({said(name, language) for name in CLIPS}) == len(CLIPS)
    assert len(set(SENTENCES[language].values())) == len(CLIPS)


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_a_sentence_is_short(language: str, name: str) -> None:
    assert 1.2 <= len(said(name, language)) / 2 / RATE <= 3.5
    assert len(SENTENCES[language][name].split()) <= 12


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_a_sentence_is_as_loud_as_the_others_and_not_clipped(language: str, name: str) -> None:
    sound = said(name, language)
    assert db(audioop.max(sound, 2)) <= -3
    levels = blocks(sound)
    spoken = [level for level in levels if level > max(levels) / 10]
    loud = math.sqrt(sum(level**2 for level in spoken) / len(spoken))
    # A plain measure for the test; by the ear's (BS.1770), which set them, they are closer still.
    assert db(loud) == pytest.approx(-17.7, abs=2)


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_a_sentence_begins_and_ends_at_once_and_never_pauses_long(language: str, name: str) -> None:
    sounding = [level > 100 for level in blocks(said(name, language))]
    silences = "".join("x" if one else " " for one in sounding).split("x")
    assert len(silences[0]) <= 5
    assert len(silences[-1]) <= 5
    assert max(map(len, silences)) <= 15


def test_all_sentences_together_are_small() -> None:
    assert sum(path.stat().st_size for path in HOME.rglob("*.wav")) < 8_600_000


@pytest.mark.parametrize(("code", "language"), [("pt-BR", "pt"), ("zh-TW", "zh"), ("de", "de")])
def test_a_region_hears_its_language(code: str, language: str) -> None:
    assert clip("key", code) == said("key", language)


@pytest.mark.parametrize("code", ["fi", "eng", "", "../en"])
def test_a_language_without_a_voice_hears_english(code: str) -> None:
    assert clip("key", code) == said("key", "en")


@pytest.mark.parametrize("name", ["", "nonsense", "../README"])
def test_where_there_is_no_sentence_there_is_silence(name: str) -> None:
    assert clip(name, "en") is None


GOOD = wav(bytes(range(200)))
DAMAGED = {
    "empty": b"",
    "cut": GOOD[:-1],
    "only half a header": GOOD[:30],
    "no sound": wav(b""),
    "something behind it": GOOD + b"\0",
    "another format": GOOD.replace(b"\x07\0\x01\0", b"\x06\0\x01\0"),
    "two channels": GOOD.replace(b"\x07\0\x01\0", b"\x07\0\x02\0"),
    "another rate": GOOD.replace((24_000).to_bytes(4, "little"), (8_000).to_bytes(4, "little")),
    "endless": wav(bytes(MOST_SECONDS * RATE + 2)),
    "no sound file": b"<html>" * 40,
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_recording_costs_the_sentence_and_nothing_else(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en").mkdir()
    monkeypatch.setattr(voice, "_HERE", tmp_path)
    (tmp_path / "en/good.wav").write_bytes(GOOD)
    (tmp_path / "en/bad.wav").write_bytes(DAMAGED[damage])
    assert clip("good", "en") == audioop.ulaw2lin(bytes(range(200)), 2)
    assert clip("bad", "en") is None


def test_a_folder_in_place_of_a_recording_is_no_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en/key.wav").mkdir(parents=True)
    monkeypatch.setattr(voice, "_HERE", tmp_path)
    assert clip("key", "en") is None


def test_speaking_loads_no_texts() -> None:
    code = "import sys; from device.voice import clip; clip('key', 'en'); print(*sys.modules)"
    run = [sys.executable, "-c", code]
    loaded = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "device.voice" in loaded.split()
    assert not {"device.voice.sentences", "numpy", "wave"} & set(loaded.split())
