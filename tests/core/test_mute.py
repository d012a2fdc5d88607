"""A mute button: each press the other way round, remembered."""

from __future__ import annotations

from core.stage import Stage
from device.core import events as ev
from device.core.light import LightState


def toggle(stage: Stage) -> None:
    stage.post(ev.MuteToggled(stage.now))


def test_each_press_of_a_mute_button_mutes_or_unmutes_and_is_kept() -> None:
    stage = Stage()
    toggle(stage)
    assert stage.light is LightState.MUTED
    stage.press()
    assert not stage.microphone_open
    stage.release()
    toggle(stage)
    assert stage.light is LightState.IDLE
    kept = [effect.muted for effect in stage.effects if isinstance(effect, ev.KeepMuted)]
    assert kept == [True, False]


def test_a_mute_button_closes_the_microphone_in_mid_sentence() -> None:
    stage = Stage()
    stage.tap()
    stage.speak(0.5)
    toggle(stage)
    assert (stage.gate, stage.microphone_open) == ("muted", False)


def test_what_a_mute_switch_says_is_not_kept() -> None:
    stage = Stage()
    stage.mute(on=True)
    assert not [effect for effect in stage.effects if isinstance(effect, ev.KeepMuted)]
