"""The Python half: what can be said and asked, and what is refused."""

import wave
from pathlib import Path

import numpy as np
import pytest

from virtual_card import VirtualCard, build

BEEP = np.full(480, 1000, np.int16)


def wav(path: Path, *, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(BEEP.tobytes())
    return path


def test_a_wav_file_is_said_from_its_instant_to_its_end(tmp_path: Path) -> None:
    with VirtualCard(tmp_path / "card") as card:
        at = card.now() + 0.5
        said = card.say(wav(tmp_path / "beep.wav", rate=24000), at=at, gain=0.5)
        assert abs(said.start - at) < 1e-4
        assert np.array_equal(card.spoken(said.start, said.end), BEEP // 2)
        assert card.spoken(said.start - 0.1, said.end + 0.1).sum() == 480 * 500


def test_a_wav_file_of_another_rate_is_refused(tmp_path: Path) -> None:
    with (
        VirtualCard(tmp_path / "card") as card,
        pytest.raises(ValueError, match="16 bits at 24000 Hz"),
    ):
        card.say(wav(tmp_path / "beep.wav", rate=16000))


def test_nothing_is_said_in_the_past(tmp_path: Path) -> None:
    with VirtualCard(tmp_path / "card") as card, pytest.raises(ValueError, match="already over"):
        card.say(BEEP, at=card.now() - 0.01)


def test_a_card_answers_only_for_its_own_life(tmp_path: Path) -> None:
    with VirtualCard(tmp_path / "card", seconds=2) as card:
        with pytest.raises(ValueError, match="outside this card's record"):
            card.heard(card.now() - 10)
        with pytest.raises(ValueError, match="outside this card's record"):
            card.say(BEEP, at=card.now() + 3)
        with pytest.raises(ValueError, match="more seconds"):
            card.say(BEEP, at=card.now() + 1.99)


def test_a_sound_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    with (
        VirtualCard(tmp_path / "card", microphone_channels=4) as card,
        pytest.raises(ValueError, match="2 channels for 4 microphones"),
    ):
        card.say(np.zeros((480, 2), np.int16))


def test_noise_is_reproducible_and_stays_when_the_person_stops(tmp_path: Path) -> None:
    levels = []
    for name in ("one", "two"):
        with VirtualCard(tmp_path / name, microphone_channels=2) as card:
            noise = card.noise(-40.0, seconds=2.0)
            room = card.spoken(noise.start, noise.end, channel=1)
            other = card.spoken(noise.start, noise.end, channel=0)
            said = card.say(np.full(24000, 8000, np.int16), at=card.now() + 0.2)
            card.silence_from(said.start + 0.25)
            now = card.spoken(noise.start, noise.end, channel=1)
            assert np.abs(now.astype(int) - room).max() == 8000
            assert np.count_nonzero(now != room) == pytest.approx(6000, abs=1)
            assert not np.array_equal(room, other)
            levels.append(room)
    assert np.array_equal(levels[0], levels[1])
    assert 20 * np.log10(levels[0].astype(float).std() / 32768) == pytest.approx(-40.0, abs=0.1)


def test_voices_add_up_and_saturate(tmp_path: Path) -> None:
    with VirtualCard(tmp_path / "card") as card:
        at = card.now() + 0.5
        for _ in range(2):
            said = card.say(np.full(480, 20000, np.int16), at=at)
        assert set(card.spoken(said.start, said.end).tolist()) == {32767}


def test_an_echo_longer_than_the_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="echo_delay_ms"):
        VirtualCard(tmp_path, echo_delay_ms=1500.0)


def test_the_plugin_is_compiled_once(tmp_path: Path) -> None:
    library = build(cache=tmp_path)
    built = library.stat().st_mtime_ns
    assert build(cache=tmp_path) == library
    assert library.stat().st_mtime_ns == built
    assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_without_a_compiler_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match="apt install gcc libasound2-dev"):
        build(cache=tmp_path)
