"""Every pair of state and signal is either a row of a table or stands here, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import product
from typing import Any, get_args

import pytest

from device.core import answer, question
from device.core.events import Event
from device.core.gate import Closed, Closing, GateState, Held, Latched, Muted, Open, Tail, step
from device.core.light import LightState, light_of
from device.core.tables import (
    GATE,
    LINK,
    REPLY,
    Action,
    GateSignal,
    Link,
    LinkSignal,
    Reply,
    ReplySignal,
)

G, R, S = GateSignal, Reply, ReplySignal

LINK_IGNORES = {
    Link.DOWN: {LinkSignal.CONFIRMED, LinkSignal.LOST, LinkSignal.RESTED},
    Link.OPENING: {LinkSignal.DIALING},
    Link.UP: {LinkSignal.DIALING},
    Link.RESTING: {LinkSignal.CONFIRMED, LinkSignal.LOST, LinkSignal.RESTED},
}

BUTTON_UP = {G.TAP, G.LET_GO}
OF_A_TURN = {G.TAKEN, G.PENDING}
OF_LATCHED = {G.QUIET_SPELL, G.WORDS_KEPT}
MIC_GONE = {G.MIC_FAILED, G.MIC_BROKE}
GATE_IGNORES: dict[type[GateState], set[GateSignal]] = {
    # The button comes up after a press that closed; a probe finds the microphone missing.
    Closed: BUTTON_UP | OF_A_TURN | OF_LATCHED | MIC_GONE | {G.UNMUTE, G.STOP},
    # Two presses without a release between them: contacts bounce, or the remote button.
    Held: OF_A_TURN | OF_LATCHED | {G.WAKE, G.PRESS, G.INTERRUPT, G.UNMUTE, G.ASK_AGAIN},
    # The release of the press that interrupted a reply. A turn that is to be asked again waits in
    # every open state, and in the tail, for the link.
    Latched: BUTTON_UP | OF_A_TURN | {G.WAKE, G.UNMUTE, G.ASK_AGAIN},
    # The release of the tap that closed. A failure of the microphone is the last block's end.
    Closing: BUTTON_UP | OF_LATCHED | MIC_GONE | {G.WAKE, G.UNMUTE, G.ASK_AGAIN},
    Tail: BUTTON_UP | OF_LATCHED | MIC_GONE | {G.WAKE, G.PENDING, G.UNMUTE, G.ASK_AGAIN},
    # Muted means that nothing opens; it is muted only once.
    Muted: set(G) - {G.UNMUTE},
}

OF_A_PRESS_OR_SPEECH = {S.TALKED_OVER, S.INTERRUPTED}
REPLY_IGNORES = {
    # Whatever comes of a reply that was given up.
    R.QUIET: set(S) - {S.ASKED, S.AUDIO, S.AUDIO_HELD},
    # Nothing sounds yet, nothing is kept yet.
    R.AWAITED: {S.LET_OUT, S.ENDED, S.VOICE, S.FALSE_ALARM},
    # Generated or not, it waits for the release; nothing sounds, and its clock has stopped.
    R.WITHHELD: {S.OVER, S.ENDED, S.LATE, S.VOICE, S.FALSE_ALARM},
    # A commit of the server's while it speaks; a release; its clock has stopped.
    R.SPEAKING: {S.ASKED, S.LET_OUT, S.LATE, S.REPEATED, S.FALSE_ALARM},
    # As speaking; one voice is enough.
    R.HELD: {S.ASKED, S.LET_OUT, S.LATE, S.REPEATED, S.VOICE},
}

REGIONS: list[tuple[Mapping[Any, Any], Any, type[Enum], Mapping[Any, set[Any]]]] = [
    (LINK, list(Link), LinkSignal, LINK_IGNORES),
    (GATE, get_args(GateState), GateSignal, GATE_IGNORES),
    (REPLY, list(Reply), ReplySignal, REPLY_IGNORES),
]


@pytest.mark.parametrize("region", REGIONS, ids=["link", "gate", "reply"])
def test_every_pair_is_a_row_or_ignored_on_purpose(region: Any) -> None:
    table, states, signals, ignores = region
    for state, signal in product(states, signals):
        listed, ignored = (state, signal) in table, signal in ignores[state]
        assert listed != ignored, f"{state} on {signal}: listed {listed}, ignored {ignored}"
    assert set(table) <= set(product(states, signals))


@pytest.mark.parametrize("region", REGIONS, ids=["link", "gate", "reply"])
def test_every_state_can_be_reached_and_left(region: Any) -> None:
    table, states, _, _ = region
    for state in states:
        assert any(row.to == state for (since, _), row in table.items() if since != state), state
        assert any(row.to != state for (since, _), row in table.items() if since == state), state


@pytest.mark.parametrize("region", REGIONS, ids=["link", "gate", "reply"])
def test_every_signal_is_of_use_somewhere(region: Any) -> None:
    table, _, signals, _ = region
    assert {signal for _, signal in table} == set(signals)


def test_every_action_of_a_table_has_a_doer_and_no_doer_is_idle() -> None:
    used = {
        "gate": {action for row in GATE.values() for action in row.do},
        "reply": {action for row in REPLY.values() for action in row.do},
        "link": {action for row in LINK.values() for action in row.do},
    }
    assert used["gate"] == set(question.ACTIONS)
    assert used["reply"] == set(answer.ACTIONS)
    assert used["link"] == set()
    assert set(Action) == used["gate"] | used["reply"]


def test_the_words_of_the_tables_are_all_different() -> None:
    for words in (Action, GateSignal, LinkSignal):
        assert len({word.value for word in words}) == len(words)


def test_every_event_has_a_handler() -> None:
    from device.core.conversation import HANDLERS

    assert set(HANDLERS) == set(get_args(Event))


def test_every_way_into_an_open_state_comes_from_a_person() -> None:
    ways = {
        signal for (since, signal), row in GATE.items()
        if row.to in get_args(Open) and since not in get_args(Open)
    }  # fmt: skip
    assert ways == {G.PRESS, G.INTERRUPT, G.WAKE}


def test_leaving_held_or_latched_always_closes_the_microphone_or_it_failed() -> None:
    for (since, signal), row in GATE.items():
        ends = since in (Held, Latched) and row.to not in (Held, Latched)
        if ends and signal not in MIC_GONE:
            assert row.do[0] is Action.CLOSE_MIC, f"{since.__name__} on {signal}"


def test_every_way_out_of_a_sounding_reply_by_a_person_cuts_first() -> None:
    for signal in (S.TALKED_OVER, S.INTERRUPTED):
        row = REPLY[R.SPEAKING, signal]
        assert row.to is R.QUIET
        assert row.do[0] is Action.CUT
        assert Action.DISOWN in row.do


def gate(kind: type[GateState]) -> GateState:
    return step(step(Closed(), Held), kind)


GATES = get_args(GateState)
YES_NO = (False, True)


def test_while_audio_can_leave_the_light_says_so_whatever_else_goes_on() -> None:
    told = {LightState.LISTENING, LightState.HEARING}
    for link, kind, reply, hearing, leaving, ahead, offline, fault in product(
        Link, GATES, Reply, YES_NO, YES_NO, YES_NO, ("", "dns"), ("", "busy")
    ):
        light = light_of(
            link, gate(kind), reply, hearing=hearing, resting=False, leaving=leaving,
            ahead=ahead, offline=offline, fault=fault,
        )  # fmt: skip
        if kind in get_args(Open) or (leaving and kind is not Muted):
            assert light.state in told
        else:
            assert light.state not in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"gate": Muted, "reply": R.SPEAKING, "fault": "busy"}, LightState.MUTED),
        ({"gate": Held, "hearing": True}, LightState.HEARING),
        ({"gate": Latched, "hearing": True}, LightState.HEARING),
        ({"gate": Closing, "hearing": True}, LightState.LISTENING),
        ({"gate": Held, "link": Link.DOWN, "offline": "dns"}, LightState.LISTENING),
        ({"gate": Held, "fault": "busy"}, LightState.LISTENING),
        ({"gate": Latched, "resting": True, "reply": R.SPEAKING}, LightState.SPEAKING),
        ({"gate": Latched, "resting": True, "reply": R.AWAITED}, LightState.THINKING),
        ({"gate": Tail, "leaving": True}, LightState.LISTENING),
        ({"gate": Tail}, LightState.THINKING),
        ({"gate": Tail, "hearing": True, "fault": "busy"}, LightState.THINKING),
        ({"reply": R.SPEAKING, "link": Link.DOWN, "fault": "busy"}, LightState.SPEAKING),
        ({"reply": R.AWAITED}, LightState.THINKING),
        ({"reply": R.WITHHELD}, LightState.THINKING),
        ({"fault": "busy", "link": Link.DOWN, "offline": "dns"}, LightState.FAULT),
        ({}, LightState.IDLE),
        ({"ahead": True}, LightState.AWAKE),
        ({"ahead": True, "gate": Muted}, LightState.MUTED),
        ({"ahead": True, "link": Link.DOWN, "offline": "dns"}, LightState.OFFLINE),
        ({"ahead": True, "fault": "busy"}, LightState.FAULT),
        ({"hearing": True}, LightState.IDLE),
        ({"link": Link.OPENING, "offline": "dns"}, LightState.OFFLINE),
        ({"link": Link.DOWN, "offline": "dns"}, LightState.OFFLINE),
        ({"link": Link.OPENING}, LightState.STARTING),
    ],
    ids=str,
)
def test_what_the_light_says(given: dict[str, Any], expected: LightState) -> None:
    facts: dict[str, Any] = {
        "hearing": False, "resting": False, "leaving": False, "ahead": False,
        "offline": "", "fault": "",
        **{key: value for key, value in given.items() if key not in ("link", "gate", "reply")},
    }  # fmt: skip
    light = light_of(
        given.get("link", Link.UP),
        gate(given.get("gate", Closed)),
        given.get("reply", R.QUIET),
        **facts,
    )
    assert light.state is expected
    assert light.code == {LightState.FAULT: "busy", LightState.OFFLINE: "dns"}.get(expected, "")
    assert light.awake == (facts["ahead"] and bool(light.code))
