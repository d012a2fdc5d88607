"""Microphone, speaker, echo, xruns and drift, measured on a virtual sound card."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from check.conftest import Configure
from device.check import duplex
from device.check.finding import Finding
from device.check.sound import PARTS, try_sound
from device.config import Config
from virtual_card import VirtualCard

MakeCard = Callable[..., VirtualCard]


def measure(config: Config, *, play: bool = True) -> dict[str, Finding]:
    found = list(try_sound(config, play=play))
    assert [one.part for one in found] == list(PARTS)
    return {one.part: one for one in found}


def figure(pattern: str, finding: Finding) -> float:
    found = re.search(pattern, finding.facts)
    assert found, finding
    return float(found[1])


@pytest.mark.parametrize("delay_ms", [12.0, 250.0])
def test_an_echo_is_found_to_a_millisecond_and_its_level_to_a_decibel(
    make_card: MakeCard, configure: Configure, delay_ms: float
) -> None:
    card = make_card(echo_gain=0.1, echo_delay_ms=delay_ms)
    card.noise(-60.0)
    found = measure(configure(volume=50))
    assert {part for part, one in found.items() if one.verdict != "ok"} == {"canceller"}
    assert found["canceller"].facts == "microphone.echo is half_duplex"
    assert figure(r": (\d+) ms \(", found["echo"]) == pytest.approx(delay_ms, abs=1)
    assert figure(r"at (-\d+) dB, and", found["echo"]) == pytest.approx(-20, abs=1)
    assert abs(figure(r"runs ([+-]\d+) ppm", found["drift"])) <= 10
    assert "0 of the microphone, 0 of the speaker" in found["xruns"].facts


def test_a_speaker_that_nobody_hears_fails_with_what_would_have_been_heard(
    make_card: MakeCard, configure: Configure
) -> None:
    make_card().noise(-60.0)
    found = measure(configure())
    assert found["echo"].verdict == "FAIL"
    assert figure(r"louder than (-\d+) dB", found["echo"]) < -30
    assert "alsamixer" in found["echo"].cure
    assert found["drift"].verdict == "skip"


def test_with_a_canceller_no_echo_is_well_and_a_loud_one_is_not(
    make_card: MakeCard, configure: Configure
) -> None:
    make_card().noise(-60.0)
    quiet = measure(configure(echo="hardware"))["echo"]
    assert quiet.verdict == "ok"
    assert "cancelled, or it does not sound" in quiet.facts
    make_card(echo_gain=0.3).noise(-60.0)
    loud = measure(configure(echo="hardware"))["echo"]
    assert loud.verdict == "FAIL"
    assert "half_duplex" in loud.cure


def test_an_echo_that_clips_is_told(make_card: MakeCard, configure: Configure) -> None:
    make_card(echo_gain=6.0)
    echo = measure(configure())["echo"]
    assert (echo.verdict, echo.cure) == ("FAIL", "lower speaker.volume")


def test_without_playing_nothing_sounds_and_the_room_is_measured(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card()
    begun = card.now()
    card.noise(-50.0)
    found = measure(configure(), play=False)
    assert card.last_sound(begun) is None
    assert "RMS/peak dBFS 0: -50/" in found["microphone"].facts
    assert [found[part].verdict for part in PARTS] == ["ok", "ok", *["skip"] * 4]


def test_ill_channels_are_named_and_the_used_one_decides(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card(microphone_channels=5)
    frames = 10 * card.rate
    source = np.random.default_rng(0)
    room = source.normal(0, 100, (frames, 5))
    room[:, 1] = 0
    room[:, 2] = (room[:, 2] * 3000).clip(-32768, 32767)
    room[:, 3] += 4000
    room[:, 4] *= 0.01
    card.say(np.rint(room).astype(np.int16), at=card.now() + 0.3)
    time.sleep(0.4)
    names = ("is dead (nothing but zeros)", "clips", "has a DC offset of +12%", "is weak (4")
    line = measure(configure(channels=5, use=0), play=False)["microphone"]
    assert line.verdict == "ok"
    for number, name in enumerate(names, 1):
        assert f"channel {number} {name}" in line.facts
    assert "*0: -50/" in line.facts
    line = measure(configure(channels=5, use=1), play=False)["microphone"]
    assert line.verdict == "FAIL"
    assert "*1: -inf" in line.facts
    assert "set microphone.use to 0" in line.cure


def test_an_array_is_well_while_one_of_its_microphones_is(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card(microphone_channels=4, echo_gain=0.1)
    frames = 20 * card.rate
    room = np.random.default_rng(0).normal(0, 30, (frames, 4))
    room[:, 0] *= 10
    card.say(np.rint(room).astype(np.int16), at=card.now() + 0.3)
    time.sleep(0.4)
    found = measure(configure(channels=4, use="best"))
    assert found["microphone"].verdict == "ok"
    assert "channel 0 is noisy (20 dB above the others)" in found["microphone"].facts
    assert "wiring" in found["microphone"].cure
    assert "microphone.use" not in found["microphone"].cure
    assert found["echo"].verdict == "ok", "heard by one that is well"
    assert figure(r"at (-\d+) dB, and", found["echo"]) == pytest.approx(-20, abs=1)


def test_an_array_without_a_microphone_that_is_well_fails(
    make_card: MakeCard, configure: Configure
) -> None:
    make_card(microphone_channels=2)
    line = measure(configure(channels=2, use="best"), play=False)["microphone"]
    assert line.verdict == "FAIL"
    assert "unmute it" in line.cure


def test_a_card_of_32_bits_has_the_same_levels(make_card: MakeCard, configure: Configure) -> None:
    make_card(sample="S32_LE").noise(-40.0)
    found = list(try_sound(configure(), play=False))
    assert "0: -40/" in found[0].facts
    assert found[1].verdict == "FAIL"  # the daemon's playout does not convert


def test_absent_and_busy_devices_fail_with_their_cure(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card()
    card.unplug()
    found = measure(configure())
    assert [found[part].verdict for part in PARTS] == ["FAIL", "FAIL", *["skip"] * 4]
    assert "plug it in" in found["microphone"].cure
    card.plug()
    card.noise(-50.0)
    with card.busy("playback"):
        found = measure(configure())
    assert [found[part].verdict for part in PARTS] == ["ok", "FAIL", *["skip"] * 4]
    assert "another program uses it" in found["speaker"].cure


def test_a_card_that_is_pulled_out_meanwhile_fails(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card(echo_gain=0.1)
    card.noise(-50.0)
    pull = threading.Timer(3.0, card.unplug)
    pull.start()
    found = measure(configure())
    pull.join()
    assert found["microphone"].verdict == "FAIL"
    assert "stopped" in found["microphone"].facts
    assert found["drift"].verdict == "skip"


def test_an_xrun_fails_and_leaves_the_drift_unknown(
    make_card: MakeCard, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_card(echo_gain=0.1).noise(-60.0)
    gather, stalls = duplex.Speaker.gather, iter([0.5])

    def stall(speaker: duplex.Speaker) -> None:
        if speaker.playing.audible is not None:
            time.sleep(next(stalls, 0.0))
        gather(speaker)

    monkeypatch.setattr(duplex.Speaker, "gather", stall)
    found = measure(configure())
    assert found["xruns"].verdict == "FAIL"
    assert figure(r"(\d+) of the microphone", found["xruns"]) >= 1
    assert found["drift"].facts == "xruns broke the count of frames"


@contextmanager
def air(speaker: VirtualCard, microphone: VirtualCard) -> Iterator[None]:
    """Sound on its way from one card to another, whose clock is another: 0.4 s far."""
    over = threading.Event()
    far_s = 0.4

    def carry() -> None:
        done = microphone.index(microphone.now() + far_s)
        while not over.wait(0.05):
            ready = microphone.index(microphone.now() + far_s - 0.02)
            instants = [microphone.instant(n) - far_s for n in (done, ready)]
            first = speaker.index(instants[0]) - 1
            source = speaker.heard(speaker.instant(first))
            ratio = speaker.clock_rate / microphone.clock_rate
            begin = (instants[0] - speaker.instant(first)) * speaker.clock_rate
            places = begin + np.arange(ready - done) * ratio
            piece = np.interp(places, np.arange(len(source)), source)
            microphone.say(np.rint(piece).astype(np.int16), at=microphone.instant(done), gain=0.3)
            done = ready

    thread = threading.Thread(target=carry, name="air")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_drift_of_two_cards_is_told_within_its_uncertainty(
    make_card: MakeCard, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    ppm = -150.0
    far = make_card(ppm=-ppm / 2)
    near = make_card(ppm=ppm / 2)
    both = near.directory / "both.conf"
    ours = far.conf.read_text().replace("pcm.speaker", "pcm.far")
    both.write_text(near.conf.read_text() + "\n" + ours.replace("pcm.microphone", "pcm.unused"))
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(both))
    with air(far, near):
        found = measure(configure(speaker="far"))
    assert figure(r"runs ([+-]\d+) ppm", found["drift"]) == pytest.approx(ppm, abs=10)
    assert "one card for both" in found["drift"].cure
