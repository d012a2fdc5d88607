"""The rhythms of the light: told apart on one LED, counted, and never too fast."""

from __future__ import annotations

import pytest

from device.core.light import Light, LightState
from device.drivers.lights import LIGHTS, light_rows, pattern_of
from device.troubles import TROUBLES


def test_every_state_has_a_pattern_of_its_own_on_one_led() -> None:
    assert list(LIGHTS) == list(LightState)
    assert len({look.steps for look in LIGHTS.values()}) == len(LightState)
    coloured = {(look.rgb, look.colour_steps or look.steps) for look in LIGHTS.values()}
    assert len(coloured) == len(LightState)


def test_only_an_open_microphone_is_steady_on_one_led() -> None:
    steady = [
        state for state, look in LIGHTS.items() if [level for level, _ in look.steps] == [1.0]
    ]
    assert steady == [LightState.LISTENING]
    never_dark = {s for s, look in LIGHTS.items() if all(level > 0 for level, _ in look.steps)}
    assert LightState.HEARING in never_dark


def flashes(steps: tuple[tuple[float, float], ...], *, over_s: float) -> list[float]:
    """The instants at which a repeated rhythm is at a peak of its brightness."""
    peaks, now, n = [], 0.0, 0
    while now < over_s:
        before, (level, seconds), after = steps[n - 1], steps[n], steps[(n + 1) % len(steps)]
        if before[0] <= level > after[0]:
            peaks.append(now)
        now += seconds
        n = (n + 1) % len(steps)
    return peaks


EVERY_LIGHT = [
    *map(Light, LightState),
    *(
        Light(state, code, awake)
        for state in (LightState.OFFLINE, LightState.FAULT)
        for code in TROUBLES
        for awake in (False, True)
    ),
]


@pytest.mark.parametrize("light", EVERY_LIGHT, ids=lambda light: f"{light.state} {light.code}")
def test_no_rhythm_flashes_more_than_three_times_a_second(light: Light) -> None:
    look = pattern_of(light)
    for steps in filter(None, (look.steps, look.colour_steps)):
        peaks = flashes(steps, over_s=20.0)
        assert all(sum(one <= peak < one + 1.0 for peak in peaks) <= 3 for one in peaks)


@pytest.mark.parametrize("code", TROUBLES)
@pytest.mark.parametrize("state", [LightState.OFFLINE, LightState.FAULT])
def test_a_trouble_is_counted_in_short_blinks_in_the_colour_of_its_state(
    state: LightState, code: str
) -> None:
    look = pattern_of(Light(state, code))
    lit = [seconds for level, seconds in look.steps if level]
    assert len(lit) == TROUBLES[code].blinks
    assert max(lit) < 0.5, "a long blink is muted"
    assert look.steps[-1][0] == 0.0
    assert look.steps[-1][1] > 1.5, "where counting begins is seen"
    assert look.rgb == LIGHTS[state].rgb
    assert pattern_of(Light(state, code)) is look, "shown again it goes on undisturbed"


@pytest.mark.parametrize("state", [LightState.OFFLINE, LightState.FAULT])
def test_between_the_blinks_an_open_microphone_is_dim_and_a_closed_one_dark(
    state: LightState,
) -> None:
    closed, awake = (pattern_of(Light(state, "late", open_)).steps for open_ in (False, True))
    assert [seconds for _, seconds in closed] == [seconds for _, seconds in awake]
    assert {level for level, _ in closed} == {1.0, 0.0}
    assert {level for level, _ in awake} == {1.0, LIGHTS[LightState.AWAKE].steps[0][0]}


def test_the_table_for_people_has_a_row_for_every_state() -> None:
    heading, *rows = light_rows()
    assert heading == ("state", "RGB light", "single LED", "meaning")
    assert [row[0] for row in rows] == [state.value for state in LightState]
    assert ("muted", "red, steady", "one long blink every 4 s") in [row[:3] for row in rows]
