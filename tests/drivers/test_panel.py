from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockPWMPin

from device.core.light import Light, LightState
from device.drivers.lights import LIGHTS
from device.drivers.panel import BOUNCE_S, Panel, Pins, open_panel
from device.errors import PanelError
from device.troubles import TROUBLES

BUTTON, LED, MUTE = 17, 18, 27
RGB = (5, 6, 13)


class Reports:
    """What the panel said, in order, with the instant of each edge."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []

    @property
    def words(self) -> list[str]:
        return [word for word, _ in self.said]

    def to(self, word: str) -> Callable[[float], None]:
        return lambda at: self.said.append((word, at))


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, reports: Reports) -> Iterator[Callable[[Pins], Panel]]:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setattr(Device, "pin_factory", None)
    panels: list[Panel] = []

    def open_one(pins: Pins) -> Panel:
        panel = open_panel(
            pins,
            pressed=reports.to("press"),
            released=reports.to("release"),
            muted=reports.to("muted"),
            unmuted=reports.to("unmuted"),
            toggled=reports.to("toggled"),
        )
        panels.append(panel)
        return panel

    yield open_one
    for panel in panels:
        panel.close()


def pin(number: int) -> MockPWMPin:
    return Device.pin_factory.pin(number)


def eventually(condition: Callable[[], bool], *, within_s: float = 3.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


def settle() -> None:
    time.sleep(4 * BOUNCE_S)


def test_a_press_is_reported_at_its_first_edge_before_the_pin_call_returns(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(button=BUTTON))
    settle()
    before = time.monotonic()
    pin(BUTTON).drive_low()
    assert reports.words == ["press"]
    assert before <= reports.said[0][1] <= time.monotonic()


def test_a_bouncing_press_and_release_are_one_press_and_one_release(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(button=BUTTON))
    for _ in range(5):
        pin(BUTTON).drive_low()
        pin(BUTTON).drive_high()
    pin(BUTTON).drive_low()
    settle()
    assert reports.words == ["press"]
    for _ in range(5):
        pin(BUTTON).drive_high()
        pin(BUTTON).drive_low()
    pin(BUTTON).drive_high()
    settle()
    assert reports.words == ["press", "release"]


def test_a_release_hidden_in_the_bounce_is_found_by_looking_again(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(button=BUTTON))
    pin(BUTTON).drive_low()
    pin(BUTTON).drive_high()
    assert reports.words == ["press"]
    assert eventually(lambda: reports.words == ["press", "release"])


@pytest.mark.parametrize("gap_s", [0.0, 0.003, 0.025, 0.03])
@pytest.mark.parametrize("edges", [39, 40])
def test_twenty_presses_a_second_alternate_and_end_in_the_level_of_the_pin(
    opened: Callable[[Pins], Panel], reports: Reports, gap_s: float, edges: int
) -> None:
    opened(Pins(button=BUTTON))
    for n in range(edges):
        (pin(BUTTON).drive_high if n % 2 else pin(BUTTON).drive_low)()
        time.sleep(gap_s)
    settle()
    assert reports.words[::2] == ["press"] * len(reports.words[::2])
    assert reports.words[1::2] == ["release"] * len(reports.words[1::2])
    assert reports.words[-1] == ("release" if edges % 2 == 0 else "press")
    instants = [at for _, at in reports.said]
    assert instants == sorted(instants)


def test_a_button_pulled_down_is_pressed_by_a_high_level(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(button=BUTTON, pull="down"))
    settle()
    pin(BUTTON).drive_high()
    assert reports.words == ["press"]


def test_a_button_held_down_at_the_start_reports_neither_press_nor_release(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(button=BUTTON)).close()
    pin(BUTTON).drive_low()
    pin(BUTTON)._set_pull = [].append  # the finger outweighs the pull resistor
    opened(Pins(button=BUTTON))
    settle()
    pin(BUTTON).drive_high()
    settle()
    assert reports.words == []
    pin(BUTTON).drive_low()
    assert reports.words == ["press"]


def test_the_mute_switch_reports_how_it_stands_before_the_panel_is_open(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(mute=MUTE))
    assert reports.words == ["unmuted"]
    settle()
    pin(MUTE).drive_low()
    settle()
    pin(MUTE).drive_high()
    assert reports.words == ["unmuted", "muted", "unmuted"]


def test_a_mute_button_reports_each_press_once_and_no_level(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    opened(Pins(mute=MUTE, toggle=True))
    settle()
    for _ in range(2):
        pin(MUTE).drive_low()
        pin(MUTE).drive_high()
        pin(MUTE).drive_low()
        settle()
        pin(MUTE).drive_high()
        settle()
    assert reports.words == ["toggled", "toggled"]


def test_the_panel_answers_for_itself_whether_it_has_pins_or_none(
    opened: Callable[[Pins], Panel],
) -> None:
    answered: list[str] = []
    panel = opened(Pins(button=BUTTON))
    settle()
    panel.ask(lambda: answered.append(threading.current_thread().name))
    assert eventually(lambda: answered == ["pressel-panel"])
    opened(Pins()).ask(lambda: answered.append("nobody"))
    assert answered[-1] == "nobody"


def test_a_closed_panel_reports_nothing_and_leaves_no_thread(
    opened: Callable[[Pins], Panel], reports: Reports
) -> None:
    panel = opened(Pins(button=BUTTON, led=LED))
    assert "pressel-panel" in [thread.name for thread in threading.enumerate()]
    panel.show(Light(LightState.FAULT, "microphone-absent"))
    panel.close()
    pin(BUTTON).drive_low()
    settle()
    assert reports.words == []
    assert "pressel-panel" not in [thread.name for thread in threading.enumerate()]
    assert pin(LED).state == 0


def test_the_light_is_steady_while_listening_and_dark_when_idle(
    opened: Callable[[Pins], Panel],
) -> None:
    panel = opened(Pins(led=LED))
    assert pin(LED).state == 0
    panel.show(Light(LightState.LISTENING))
    assert eventually(lambda: pin(LED).state == 1.0)
    panel.show(Light(LightState.IDLE))
    assert eventually(lambda: pin(LED).state == 0.0)


def test_a_coloured_light_shows_the_colour_of_the_table(opened: Callable[[Pins], Panel]) -> None:
    panel = opened(Pins(rgb=RGB))
    for state in (LightState.LISTENING, LightState.MUTED, LightState.OFFLINE):
        panel.show(Light(state))
        assert eventually(
            lambda wish=LIGHTS[state].rgb: tuple(pin(n).state for n in RGB) == wish  # type: ignore[misc]
        ), state


def test_a_single_led_counts_the_blinks_of_a_trouble(opened: Callable[[Pins], Panel]) -> None:
    panel = opened(Pins(led=LED))
    pin(LED).clear_states()
    panel.show(Light(LightState.FAULT, "microphone-absent"))
    assert eventually(lambda: len(pin(LED).states) >= 6)
    assert [change.state for change in pin(LED).states[:6]] == [0, 1, 0, 1, 0, 1]
    assert TROUBLES["microphone-absent"].blinks == 2, "then a pause"
    lit, dark, lit_again, pause = (change.timestamp for change in pin(LED).states[2:6])
    assert max(lit, dark, pause) < lit_again or max(lit, dark, lit_again) < pause


def test_showing_the_same_state_again_does_not_restart_its_rhythm(
    opened: Callable[[Pins], Panel],
) -> None:
    panel = opened(Pins(led=LED))
    pin(LED).clear_states()

    def shown_until_it_blinks() -> bool:
        panel.show(Light(LightState.FAULT, "microphone-absent"))
        return len(pin(LED).states) >= 4

    assert eventually(shown_until_it_blinks)
    assert [change.state for change in pin(LED).states][:4] == [0, 1, 0, 1]


def test_a_thousand_changes_of_the_light_take_no_time_and_end_in_the_last(
    opened: Callable[[Pins], Panel],
) -> None:
    panel = opened(Pins(led=LED))
    began = time.monotonic()
    for _ in range(500):
        panel.show(Light(LightState.SPEAKING))
        panel.show(Light(LightState.THINKING))
    assert time.monotonic() - began < 0.5
    panel.show(Light(LightState.LISTENING))
    assert eventually(lambda: pin(LED).state == 1.0)
    time.sleep(0.2)
    assert pin(LED).state == 1.0


def test_a_steady_light_wakes_nobody(opened: Callable[[Pins], Panel]) -> None:
    panel = opened(Pins(led=LED, button=BUTTON))
    panel.show(Light(LightState.LISTENING))
    settle()
    (thread,) = [t for t in threading.enumerate() if t.name == "pressel-panel"]

    def wakes() -> int:
        with open(f"/proc/self/task/{thread.native_id}/status") as status:  # noqa: PTH123
            return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)

    before = wakes()
    time.sleep(0.4)
    assert wakes() - before <= 2


def test_two_parts_on_one_pin_are_refused_with_the_pins_named(
    opened: Callable[[Pins], Panel],
) -> None:
    with pytest.raises(PanelError, match=r"button 17, led 17.*already in use"):
        opened(Pins(button=17, led=17))
    opened(Pins(button=17, led=18))


def test_without_gpio_the_error_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setitem(sys.modules, "lgpio", None)
    nothing = Reports().to("")
    with pytest.raises(PanelError, match=r"no GPIO pins here \(lgpio:.*button: none") as refusal:
        open_panel(Pins(led=LED), pressed=nothing, released=nothing, muted=nothing, unmuted=nothing)
    assert refusal.value.code == "panel"


def test_an_unknown_kind_of_pins_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "punchcards")
    monkeypatch.setattr(Device, "pin_factory", None)
    nothing = Reports().to("")
    with pytest.raises(PanelError, match="punchcards"):
        open_panel(Pins(led=LED), pressed=nothing, released=nothing, muted=nothing, unmuted=nothing)


def test_a_panel_of_nothing_loads_no_gpiozero() -> None:
    script = """
import sys
from device.core.light import Light, LightState
from device.drivers.panel import Pins, open_panel
tell = lambda at: None
panel = open_panel(Pins(), pressed=tell, released=tell, muted=tell, unmuted=tell)
panel.show(Light(LightState.IDLE))
panel.close()
sys.exit("gpiozero" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 0
