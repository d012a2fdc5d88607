"""What the check says of the canceller: how much it takes, what is left, and what comes of that."""

from __future__ import annotations

import ctypes
import re
import sys
from typing import Any

import numpy as np
import pytest

from check.conftest import Configure
from device.check.canceller import rest_of
from device.check.sound import PARTS, try_sound
from device.config import Config
from device.core.events import Echo
from drivers.loudspeaker import MakeCard

PLACE = PARTS.index("canceller")


def line(config: Config, *, play: bool = True) -> str:
    return str(list(try_sound(config, play=play))[PLACE]).removeprefix("canceller").strip()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine on which a canceller is not installed."""

    def hide(*, speex: bool) -> None:
        monkeypatch.setitem(sys.modules, "livekit", None)
        if speex:
            load = ctypes.CDLL

            def absent(name: str, *more: Any, **terms: Any) -> ctypes.CDLL:
                if "speex" in name:
                    raise OSError(name)
                return load(name, *more, **terms)

            monkeypatch.setattr(ctypes, "CDLL", absent)

    return hide


def test_a_room_that_a_canceller_copes_with_is_told_with_both_figures(
    make_card: MakeCard, configure: Configure
) -> None:
    make_card(echo_gain=0.5, echo_delay_ms=60.0).noise(-75.0)
    said = line(configure(echo="software", volume=70))
    found = re.match(r"ok    aec3 takes (\d+) dB of its own voice and leaves -(\d+) dBFS", said)
    assert found, said
    assert int(found[1]) > 25
    assert int(found[2]) > 55
    assert said.endswith(
        "at most: a voice may interrupt once a minute of speech has shown the same"
    )


@pytest.mark.parametrize(("echo", "verdict"), [("auto", "ok"), ("software", "FAIL")])
def test_a_speaker_that_rattles_stays_half_duplex_and_fails_who_wanted_more(
    make_card: MakeCard, configure: Configure, echo: str, verdict: str
) -> None:
    make_card(echo_gain=20.0, echo_clip=0.01, echo_delay_ms=60.0)
    said = line(configure(echo=echo))
    assert said.startswith(f"{verdict:<4}  aec3 takes")
    assert "it will stay half duplex  ; turn the volume down, " in said


def test_debians_canceller_is_named_and_the_better_one_is_the_cure(
    make_card: MakeCard, configure: Configure, without: Any
) -> None:
    without(speex=False)
    make_card(echo_gain=20.0, echo_clip=0.01, echo_delay_ms=60.0)
    said = line(configure(echo="auto"))
    assert said.startswith("ok    speex takes")
    assert said.endswith("or install pressel[aec], which copes with more")


@pytest.mark.parametrize(("echo", "verdict"), [("auto", "ok"), ("software", "FAIL")])
def test_without_any_it_is_said_at_once_what_to_install(
    make_card: MakeCard, configure: Configure, without: Any, echo: str, verdict: str
) -> None:
    without(speex=True)
    make_card().noise(-60.0)
    said = line(configure(echo=echo), play=False)
    assert said == (
        f"{verdict:<4}  no echo canceller is installed: only the button interrupts  "
        "; install pressel[aec], or libspeexdsp1"
    )


@pytest.mark.parametrize("echo", ["hardware", "half_duplex"])
def test_where_none_is_meant_no_voice_is_played(
    make_card: MakeCard, configure: Configure, echo: str
) -> None:
    card = make_card(echo_gain=0.1)
    card.noise(-60.0)
    begun = card.now()
    assert line(configure(echo=echo)) == f"skip  microphone.echo is {echo}"
    last = card.last_sound(begun)
    assert last is not None
    first = card.instant(card.index(begun) + int(np.flatnonzero(card.heard(begun))[0]))
    assert last - first < 4.5, "the two chirps"


def test_a_loopback_is_used_and_one_that_is_dead_is_told(
    make_card: MakeCard, configure: Configure
) -> None:
    ways = {"microphone_channels": 3, "echo_response": np.array([[0.5], [1.0], [0.0]])}
    make_card(echo_gain=1.0, echo_delay_ms=20.0, **ways)
    assert line(configure(echo="auto", channels=3, loopback=1)).startswith("ok    aec3 takes")
    said = line(configure(echo="auto", channels=3, loopback=2))
    assert said.startswith("FAIL  microphone.loopback is channel 2, which gives nothing back")


def test_in_quiet_hours_it_plays_no_louder_than_they_allow(
    make_card: MakeCard, configure: Configure
) -> None:
    card = make_card(echo_gain=0.5)
    card.noise(-75.0)
    begun = card.now()
    quiet = '{start: "00:00", end: "23:59", volume: 30}'
    found = {one.part: one for one in try_sound(configure(quiet=quiet), play=True)}
    assert np.abs(card.heard(begun).astype(int)).max() <= 0.25 * 0.09 * 32768 + 1
    assert "less now: quiet hours" in found["speaker"].facts
    level = re.search(r"at (-\d+) dB, and", found["echo"].facts)
    assert level, found["echo"]
    assert int(level[1]) == pytest.approx(-6, abs=1), "against what was played"


def echoes(after: float, *, played: float = -20.0, count: int = 100) -> list[Echo]:
    return [Echo((played,), (-30.0,), (after,))] * count


def test_only_loud_frames_of_one_sentence_are_judged() -> None:
    early, pause, late = echoes(-35.0), echoes(-35.0, played=-60.0), echoes(-90.0)
    whole = [*early, *pause, *late, *early]
    rest = rest_of(whole, after=200 * 480, until=300 * 480)
    assert (rest.taken, rest.left, rest.suspicious) == ([60.0] * 100, [-90.0] * 100, False)
    assert rest_of(whole, after=0, until=100 * 480).suspicious
    assert rest_of(whole, after=300 * 480, until=400 * 480).suspicious
    assert rest_of(whole, after=100 * 480, until=200 * 480).taken == []


def test_a_hum_that_a_detector_takes_for_noise_is_too_loud_all_the_same() -> None:
    assert not rest_of(echoes(-41.0, count=50), after=0, until=50 * 480).suspicious
    assert rest_of(echoes(-39.0, count=50), after=0, until=50 * 480).suspicious


def test_what_a_sharp_ear_hears_is_suspicious() -> None:
    quiet, voice = echoes(-90.0), echoes(-65.0, count=10)
    assert rest_of([*quiet, *voice], after=0, until=110 * 480).suspicious
    part, pause = echoes(-65.0, count=2), echoes(-90.0, played=-60.0, count=20)
    assert rest_of([*quiet, *part, *part], after=0, until=200 * 480).suspicious
    assert not rest_of([*quiet, *part, *pause, *part], after=0, until=200 * 480).suspicious
