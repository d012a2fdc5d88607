"""Telephone sound: exact lengths, the filter's figures, and the words of the wire."""

from __future__ import annotations

import audioop
import base64
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.core import terms, wire
from device.core.audio import RATE, MicBlock
from device.core.gate import Closed, Held, step
from device.core.telephone import DELAY, TIMES, Law, Telephone
from simulator.judge import check_client

Sound = NDArray[np.float64]
LAWS: list[Law] = ["pcmu", "pcma"]
SLOW = RATE // TIMES
LOUD = 16_000.0


def tone(hertz: float, *, rate: int, seconds: float = 0.5) -> bytes:
    at = np.arange(round(seconds * rate)) / rate
    return bytes((LOUD * np.sin(2 * np.pi * hertz * at)).round().astype("<i2"))


def settled(pcm: bytes) -> Sound:
    """The samples without the filter's beginning, under a window that keeps tones apart."""
    samples = np.frombuffer(pcm, "<i2").astype(float)[len(pcm) // 20 :]
    return samples * np.blackman(len(samples))


def spectrum(pcm: bytes, *, rate: int) -> tuple[Sound, Sound]:
    """Frequencies, and how loud each is in dB of a full tone."""
    samples = settled(pcm)
    level = np.abs(np.fft.rfft(samples)) / (LOUD / 2 * np.blackman(len(samples)).sum())
    decibels = np.asarray(20 * np.log10(level + 1e-9), float)
    return np.asarray(np.fft.rfftfreq(len(samples), 1 / rate), float), decibels


def sent(hertz: float) -> float:
    """How loud this tone is on the line, wherever it was folded to, in dB."""
    coded = Telephone("pcmu").compress(tone(hertz, rate=RATE))
    return float(spectrum(audioop.ulaw2lin(coded, 2), rate=SLOW)[1].max())


@pytest.mark.parametrize("hertz", [300, 440, 1000, 1700, 2400, 3000])
def test_speech_passes_within_a_decibel_each_way(hertz: int) -> None:
    assert abs(sent(hertz)) < 1.0
    coded = audioop.lin2ulaw(tone(hertz, rate=SLOW), 2)
    pcm = Telephone("pcmu").expand(coded, item="a")
    assert abs(float(spectrum(pcm, rate=RATE)[1].max())) < 1.0


@pytest.mark.parametrize("hertz", [4100, 5000, 5700, 7000, 8300, 9900, 11_700])
def test_what_the_line_cannot_carry_is_not_folded_into_speech(hertz: int) -> None:
    assert sent(hertz) < -40.0


@pytest.mark.parametrize("hertz", [300, 1000, 1700, 2900, 3700])
def test_no_image_of_the_line_is_heard(hertz: int) -> None:
    coded = audioop.lin2ulaw(tone(hertz, rate=SLOW), 2)
    frequencies, level = spectrum(Telephone("pcmu").expand(coded, item="a"), rate=RATE)
    assert level[frequencies > 4050].max() < -40.0


@pytest.mark.parametrize("law", LAWS)
def test_both_ways_together_are_late_by_what_is_said(law: Law) -> None:
    telephone = Telephone(law)
    pcm = tone(700, rate=RATE)
    there = np.frombuffer(pcm, "<i2").astype(float)
    back = np.frombuffer(telephone.expand(telephone.compress(pcm), item="a"), "<i2").astype(float)
    assert len(back) == len(there)
    lag = int(np.argmax([there[: 9000 - at] @ back[at:9000] for at in range(80)]))
    assert abs(lag - 2 * DELAY) <= 1
    assert 1000 * DELAY / RATE < 3.0


@pytest.mark.parametrize("law", LAWS)
def test_a_click_is_heard_when_the_delay_is_over(law: Law) -> None:
    silent = audioop.lin2ulaw(bytes(2), 2) if law == "pcmu" else audioop.lin2alaw(bytes(2), 2)
    loud = b"\x80" if law == "pcmu" else b"\xaa"
    pcm = Telephone(law).expand(silent * 100 + loud + silent * 100, item="a")
    assert int(np.argmax(np.frombuffer(pcm, "<i2"))) == 100 * TIMES + DELAY


def test_silence_stays_silence() -> None:
    telephone = Telephone("pcmu")
    assert telephone.compress(bytes(960)) == b"\xff" * 160
    assert telephone.expand(b"\xff" * 160, item="a") == bytes(960)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("most", [32_767, -32_768])
def test_the_loudest_sound_is_clipped_and_never_wraps(law: Law, most: int) -> None:
    telephone = Telephone(law)
    coded = telephone.compress(np.full(960, most, "<i2").tobytes())
    back = np.frombuffer(telephone.expand(coded, item="a"), "<i2").astype(int)[120:]
    assert (np.sign(back) == np.sign(most)).all()
    assert (abs(back) > 31_000).all()


def cut(sound: bytes, *, at: list[int], size: int) -> list[bytes]:
    places = [0, *sorted(place * size % (len(sound) + size) for place in at), len(sound)]
    return [sound[a:b] for a, b in pairwise(places)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 700), max_size=8), st.sampled_from(LAWS))
def test_however_sound_is_cut_the_same_bytes_come_out(at: list[int], law: Law) -> None:
    pcm = tone(1234.5, rate=RATE, seconds=0.03) + b"\x01\x02" * 10  # 730 frames
    whole = Telephone(law).compress(pcm)
    assert len(whole) == 730 // TIMES
    telephone = Telephone(law)
    assert b"".join(telephone.compress(part) for part in cut(pcm, at=at, size=2)) == whole
    heard = Telephone(law).expand(whole, item="a")
    assert len(heard) == len(whole) * TIMES * 2
    parts = cut(whole, at=at, size=1)
    assert b"".join(telephone.expand(part, item="a") for part in parts) == heard


def test_an_item_and_a_session_begin_in_silence() -> None:
    telephone, fresh = Telephone("pcmu"), Telephone("pcmu")
    loud = audioop.lin2ulaw(tone(500, rate=SLOW, seconds=0.02), 2)
    telephone.expand(loud, item="a")
    assert telephone.expand(loud, item="b") == fresh.expand(loud, item="b")
    assert telephone.expand(loud, item="b") != Telephone("pcmu").expand(loud, item="b")
    pcm = tone(500, rate=RATE, seconds=0.0201)
    telephone.compress(pcm)
    telephone.reset()
    assert telephone.compress(pcm) == fresh.compress(pcm)


DELTA = {
    "type": "response.output_audio.delta", "event_id": "e", "response_id": "r", "output_index": 0,
    "content_index": 0, "item_id": "item_1",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
def test_a_delta_of_any_number_of_bytes_comes_as_our_sound(kind: str) -> None:
    coded = bytes(range(7))
    event = {**DELTA, "type": kind, "delta": base64.b64encode(coded).decode()}
    heard = Telephone("pcma").decode(json.dumps(event).encode())
    assert isinstance(heard, wire.AudioDelta)
    assert heard.delta == Telephone("pcma").expand(coded, item="item_1")
    assert (heard.item_id, len(heard.delta)) == ("item_1", 7 * TIMES * 2)


def test_what_is_no_sound_passes_as_it_is_and_garbage_is_refused() -> None:
    telephone = Telephone("pcmu")
    assert telephone.decode(b'{"type": "new.event"}') == wire.Unknown("new.event")
    with pytest.raises(wire.WireError):
        telephone.decode(b'{"type": "response.output_audio.delta"}')
    longest = base64.b64encode(bytes(60 * SLOW + 1)).decode()
    with pytest.raises(wire.WireError, match="audio delta of 60 s"):
        telephone.decode(json.dumps({**DELTA, "delta": longest}).encode())
    empty = telephone.decode(json.dumps({**DELTA, "delta": ""}).encode())
    assert isinstance(empty, wire.AudioDelta)
    assert empty.delta == b""


def test_an_append_carries_what_the_gate_let_out_in_the_lines_format() -> None:
    gate = step(Closed(), Held)
    assert isinstance(gate, Held)
    pcm = tone(600, rate=RATE, seconds=0.04)
    event = json.loads(Telephone("pcmu").append(gate.mic.admit(MicBlock(pcm, 0.0))))
    assert check_client(event) == []
    assert base64.b64decode(event["audio"]) == Telephone("pcmu").compress(pcm)


@pytest.mark.parametrize("form", [terms.PcmFormat(), terms.PcmuFormat(), terms.PcmaFormat()])
def test_a_session_asks_for_its_format_both_ways_and_compares_the_echo(
    form: terms.LineFormat,
) -> None:
    asked = terms.Session(
        instructions="",
        audio=terms.SessionAudio(
            input=terms.AudioInput(
                turn_detection=terms.SemanticVad(),
                noise_reduction=None,
                transcription=terms.Transcription("gpt-transcribe", "en"),
                format=form,
            ),
            output=terms.AudioOutput(voice="cedar", format=form),
        ),
    )
    event = json.loads(wire.encode(wire.SessionUpdate(asked)))
    assert check_client(event) == []
    audio = event["session"]["audio"]
    named = {"type": form.__struct_config__.tag}
    wanted = {**named, "rate": RATE} if named["type"] == "audio/pcm" else named
    assert audio["input"]["format"] == audio["output"]["format"] == wanted
    assert terms.differences(asked, {"audio": audio}) == []
    other = {"audio": {**audio, "output": {"format": {"type": "audio/other"}}}}
    found = f"session.audio.output.format.type is 'audio/other', not {named['type']!r}"
    assert terms.differences(asked, other) == [found]
    assert terms.other_format(["session.audio.output.voice is 'x', not 'y'", found]) == found
    assert terms.other_format(["session.audio.output.voice is 'x', not 'y'"]) == ""
