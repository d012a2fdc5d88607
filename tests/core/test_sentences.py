"""What the light says, as a sentence."""

from __future__ import annotations

import pytest

from core.stage import Stage
from device.core.light import Light, LightState, sentence
from device.troubles import TROUBLES


@pytest.mark.parametrize("state", LightState)
def test_every_state_of_the_light_can_be_said(state: LightState) -> None:
    assert sentence(Light(state))


@pytest.mark.parametrize("code", TROUBLES)
def test_a_trouble_is_said_with_its_meaning_and_its_cure(code: str) -> None:
    said = sentence(Light(LightState.FAULT, code))
    assert TROUBLES[code].means in said
    assert said.endswith(TROUBLES[code].cure)
    awake = sentence(Light(LightState.FAULT, code, awake=True))
    assert awake == f"{said}; the microphone is open, and nothing leaves"


def test_a_turn_has_a_number_from_the_press_to_its_end() -> None:
    stage = Stage()
    assert stage.talk.turn == 0
    stage.tap()
    assert stage.talk.turn == 1
    stage.speak(0.5)
    stage.takes("u1")
    stage.answers("r1", "a1", 0.5)
    stage.wait(1.0)
    assert stage.lines("turn")[0]["turn"] == 1
    assert stage.lines("turn")[0]["item"] == "a1"
    assert stage.talk.turn == 0
