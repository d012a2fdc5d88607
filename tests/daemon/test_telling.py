"""A press that comes to nothing is answered aloud, from the device's own recordings."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from daemon.conftest import Bench
from daemon.running import RunningDevice, eventually, noise
from device.troubles import TROUBLES
from device.voice import clip
from virtual_card import Samples


def spoken(code: str, language: str = "en") -> Samples:
    sound = clip(TROUBLES[code].clip, language)
    assert sound is not None
    return np.frombuffer(sound, np.int16)


def heard(device: RunningDevice, wanted: Samples, since: float) -> bool:
    """The room heard this, sample for sample."""

    def whole() -> bool | None:
        room = device.card.heard(since)
        loud = np.flatnonzero(room)
        if not len(loud):
            return None
        first = np.flatnonzero(wanted)[0]
        start = int(loud[0]) - int(first)
        part = room[max(start, 0) : start + len(wanted)]
        return True if np.array_equal(part, wanted) else None

    return bool(eventually(whole, "the whole sentence"))


@pytest.mark.parametrize("language", ["en", "de", "ja", "tlh"])
def test_a_microphone_that_is_missing_is_told_to_who_presses(bench: Bench, language: str) -> None:
    device = bench.prepare(assistant={"language": language})
    with device.card.busy("capture"):
        device.start()
        device.light("fault", code="microphone-busy")
        begun = time.monotonic()
        assert not device.card.heard(begun - 1.0).any(), "nobody has asked yet"
        device.do("tap")
        device.wait_for("told", code="microphone-busy")
        assert heard(device, spoken("microphone-busy", language), begun)


def test_a_link_in_trouble_is_told_after_the_release_and_the_words_are_kept(
    patient_bench: Bench,
) -> None:
    device = patient_bench.prepare()
    device.server.stop_accepting()
    device.start()
    device.light("offline")
    begun = time.monotonic()
    device.do("press")
    device.microphone("start")
    device.say(noise(1.0))
    time.sleep(1.0)
    device.do("release")
    device.light("offline", code="network")
    assert heard(device, spoken("network"), begun)


def test_the_next_press_is_answered_with_a_tone_and_ends_the_sentence(bench: Bench) -> None:
    device = bench.prepare()
    with device.card.busy("capture"):
        device.start()
        device.light("fault", code="microphone-busy")
        device.do("tap")
        device.wait_for("told")
        time.sleep(0.5)
        begun = time.monotonic()
        device.do("tap")
        time.sleep(1.0)
        rest = device.card.heard(begun)
        assert not heard_at_all(rest, spoken("microphone-busy")[12_000:])
        assert len(device.all("told")) == 1


def heard_at_all(room: Samples, wanted: Samples) -> bool:
    """Whether much of this is in what the room heard."""
    piece = wanted[4800:7200]
    windows = np.lib.stride_tricks.sliding_window_view(room, len(piece))
    return bool((windows[:, ::50] == piece[::50]).all(axis=1).any())


def test_an_owner_can_have_silence(bench: Bench) -> None:
    quiet: dict[str, Any] = {"device": "speaker", "volume": 100, "tells": "nothing"}
    device = bench.prepare(speaker=quiet)
    with device.card.busy("capture"):
        device.start()
        device.light("fault", code="microphone-busy")
        begun = time.monotonic()
        device.do("tap")
        time.sleep(1.5)
        assert not device.card.heard(begun).any()
