"""The watch over our own loops."""

from __future__ import annotations

from core.stage import Stage
from device.core import events as ev
from device.core.light import LightState
from device.core.vigil import Vigil


def test_the_round_is_complete_only_when_the_last_part_has_answered() -> None:
    vigil = Vigil(["capture", "playout"])
    assert vigil.ask(10.0) == (("capture", "playout"), [])
    assert not vigil.complete
    assert vigil.answered("capture", 10.001) is None
    assert not vigil.complete
    vigil.answered("playout", 10.002)
    assert vigil.complete


def test_a_part_that_owes_an_answer_is_named_and_not_asked_again() -> None:
    vigil = Vigil(["capture", "playout"])
    vigil.ask(10.0)
    vigil.answered("playout", 10.1)
    assert vigil.ask(15.0) == (("playout",), [ev.PartLate(15.0, "capture", 5.0)])
    vigil.answered("playout", 15.1)
    assert not vigil.complete, "one silent part is enough"
    assert vigil.ask(20.0)[1] == [ev.PartLate(20.0, "capture", 10.0)]


def test_the_answer_of_a_late_part_is_news_once_and_completes_the_round() -> None:
    vigil = Vigil(["capture"])
    vigil.ask(10.0)
    vigil.ask(15.0)
    assert vigil.answered("capture", 17.0) == ev.PartAnswers(17.0, "capture", 7.0)
    assert vigil.complete
    vigil.ask(20.0)
    assert vigil.answered("capture", 20.0) is None


def late(stage: Stage, waited_s: float) -> None:
    stage.post(ev.PartLate(stage.now, "capture", waited_s))


def test_a_late_part_is_a_fault_and_heals_in_steps_each_told_once() -> None:
    stage = Stage()
    late(stage, 5.0)
    assert stage.talk.light.state is LightState.FAULT
    assert stage.talk.light.code == "late"
    assert ev.Redial not in {type(effect) for effect in stage.effects}
    late(stage, 10.0)
    assert ev.Redial("late", "the capture thread has not answered for 10 s") in stage.effects
    for waited in (15.0, 20.0, 25.0):
        late(stage, waited)
    told = [line["cure"] for line in stage.lines("error") if line["code"] == "late"]
    assert told == [
        "it is waited for",
        "the link is dialled anew to lighten the load",
        "the service manager starts pressel anew",
    ]
    assert sum(isinstance(effect, ev.Redial) for effect in stage.effects) == 1


def test_a_part_that_answers_again_is_told_and_the_light_goes_out() -> None:
    stage = Stage()
    late(stage, 5.0)
    stage.post(ev.PartAnswers(stage.now, "capture", 5.5))
    assert stage.light is LightState.IDLE
    assert stage.lines("recovered") == [{"part": "capture", "waited_s": 5.5}]
    late(stage, 5.0)
    assert len(stage.codes()) == 2, "a new lateness begins with the first step"
