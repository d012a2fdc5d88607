"""Microphones and loudspeakers that are absent, busy, different, or pulled out."""

from __future__ import annotations

import time
from typing import Any

import pytest

from daemon.conftest import Bench
from daemon.running import RunningDevice, answer, noise

RETRY_S = 2.0


def works(device: RunningDevice) -> None:
    device.light("idle")
    device.tap()
    device.say(noise(0.4))
    assert device.wait_for("turn")["heard_ms"] > 0


def test_a_card_that_is_absent_at_the_start_is_used_once_it_is_plugged_in(bench: Bench) -> None:
    device = bench.prepare()
    device.card.unplug()
    device.start()
    device.light("fault")
    errors = {error["code"]: error for error in (device.wait_for("error") for _ in range(2))}
    for part in ("microphone", "speaker"):
        error = errors[f"{part}-absent"]
        assert f"'{part}'" in error["what"]
        assert f"{part}.device" in error["cure"]
        assert "pressel devices" in error["cure"]
    device.card.plug()
    for _ in range(2):
        device.wait_for("recovered")
    works(device)
    assert len(device.all("error")) == 2, "each failure is said once"


@pytest.mark.parametrize(
    ("part", "direction"), [("microphone", "capture"), ("speaker", "playback")]
)
def test_a_busy_card_is_a_fault_that_heals(bench: Bench, part: str, direction: Any) -> None:
    device = bench.prepare()
    with device.card.busy(direction):
        device.start()
        error = device.wait_for("error", code=f"{part}-busy")
        assert f"{part} '{part}'" in error["what"]
        assert "another program" in error["cure"]
        device.light("fault", code=f"{part}-busy")
    device.wait_for("recovered", part=part)
    works(device)


@pytest.mark.parametrize("part", ["microphone", "speaker"])
@pytest.mark.parametrize(
    ("card", "grant"),
    [
        ({"rate": 48000}, "48000 Hz, 1 ch, S16_LE"),
        ({"microphone_channels": 2, "speaker_channels": 2}, "24000 Hz, 2 ch, S16_LE"),
    ],
)
def test_other_terms_are_named_with_the_wish_the_grant_and_the_cure(
    bench: Bench, part: str, card: dict[str, Any], grant: str
) -> None:
    device = bench.prepare(card=card)
    device.start()
    error = device.wait_for("error", code=f"{part}-terms")
    assert f"{part} '{part}'" in error["what"]
    assert grant in error["what"]
    assert "24000 Hz, 1 ch, S16_LE" in error["what"]
    assert "plughw:" in error["cure"]
    device.light("fault")


def test_a_speaker_of_another_width_is_refused_with_the_cure(bench: Bench) -> None:
    device = bench.prepare(card={"sample": "S32_LE"})
    device.start()
    error = device.wait_for("error", code="speaker-terms")
    assert "24000 Hz, 1 ch, S32_LE" in error["what"]
    device.light("fault", code="speaker-terms")


def test_a_microphone_that_is_missing_does_not_keep_the_button_from_answering(
    bench: Bench,
) -> None:
    device = bench.prepare()
    with device.card.busy("capture"):
        device.start()
        device.light("fault", code="microphone-busy")
        device.do("tap")
        device.wait_for("gate", state="closed")
        device.light("fault", code="microphone-busy")
    device.wait_for("recovered")
    works(device)


def test_a_card_pulled_out_while_listening_is_a_fault_and_works_when_it_is_back(
    bench: Bench,
) -> None:
    device = bench()
    device.tap()
    device.say(noise(0.3))
    time.sleep(0.2)
    device.card.unplug()
    error = device.wait_for("error", code="microphone-lost")
    assert "'microphone'" in error["what"]
    device.wait_for("gate", state="closed")
    assert device.wait_for("turn")["heard_ms"] == 0, "the speaker is gone too"
    device.light("fault")
    device.card.plug()
    for _ in range(2):
        device.wait_for("recovered")
    works(device)


def test_a_card_pulled_out_while_speaking_claims_nothing_that_was_not_heard(bench: Bench) -> None:
    device = bench(answer(2.0))
    begun = device.tap()
    device.say(noise(0.4))
    sounded = device.first_sound(begun)
    time.sleep(0.5)
    device.card.unplug()
    device.wait_for("error", code="speaker-lost")
    turn = device.wait_for("turn")
    silent = device.card.last_sound(sounded)
    assert silent is not None
    truth = 1000 * (silent - sounded)
    claimed = device.wait_sent("conversation.item.truncate")["audio_end_ms"]
    assert turn["heard_ms"] == claimed
    assert truth - 250 <= claimed <= truth
    device.card.plug()
    device.wait_for("recovered", part="microphone", timeout=3 * RETRY_S)
    works(device)
