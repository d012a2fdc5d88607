"""What the light says: one word for the whole device, and a code when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from device.core.gate import Closing, GateState, Muted, Open, Tail
from device.core.tables import Link, Reply
from device.troubles import TROUBLES


class LightState(StrEnum):
    """Every word the light can say. The panel turns each into a pattern."""

    STARTING = "starting"
    OFFLINE = "offline"
    IDLE = "idle"
    AWAKE = "awake"
    LISTENING = "listening"
    HEARING = "hearing"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    FAULT = "fault"


class Light(Struct, frozen=True):
    """One state of the light; `code` names the failure for `offline` and `fault`, else ''.

    `awake`: such a trouble is told while the microphone is open, and nothing leaves.
    """

    state: LightState
    code: str = ""
    awake: bool = False


SENTENCES: Final[Mapping[LightState, str]] = {
    LightState.STARTING: "starting",
    LightState.OFFLINE: "no connection to the server",
    LightState.IDLE: "ready; the microphone is closed",
    LightState.AWAKE: "ready; the microphone is open, and nothing leaves",
    LightState.LISTENING: "listening",
    LightState.HEARING: "listening, and somebody speaks",
    LightState.THINKING: "the answer is on its way",
    LightState.SPEAKING: "speaking",
    LightState.MUTED: "muted: a press does nothing",
    LightState.FAULT: "something is wrong",
}


def sentence(light: Light) -> str:
    """What the light says, for people: a clause without a full stop."""
    trouble = TROUBLES.get(light.code)
    said = SENTENCES[light.state]
    if trouble is not None:
        said = f"{said}: {trouble.means}; {trouble.cure}"
    return f"{said}; the microphone is open, and nothing leaves" if light.awake else said


def light_of(
    link: Link, gate: GateState, reply: Reply, *, hearing: bool, resting: bool, leaving: bool,
    ahead: bool, offline: str, fault: str,
) -> Light:  # fmt: skip
    """The light as a pure function of the three regions, the VAD, and what is out of order.

    The first rule is the promise of the device: while microphone audio can leave, the light says
    so, whatever else goes on. `resting` means that the gate is open and yet nothing leaves: a
    reply is awaited, or played on a half-duplex device. `ahead` means that the microphone is open
    though nobody has pressed. `leaving` means that the gate has closed and words that waited for
    the link leave at this moment; words that still wait for one that is in trouble are no question
    under way: the light tells of the trouble. `offline` and `fault`
    are codes; an empty `offline` with the link not up is a device that never was online: it is
    starting.
    """
    if isinstance(gate, Muted):
        return Light(LightState.MUTED)
    if isinstance(gate, Open) and not resting:
        busy = hearing and not isinstance(gate, Closing)
        return Light(LightState.HEARING if busy else LightState.LISTENING)
    if leaving:
        return Light(LightState.LISTENING)
    if reply is Reply.SPEAKING:
        return Light(LightState.SPEAKING)
    waits = isinstance(gate, Tail) and not (offline and link is not Link.UP)
    if reply is not Reply.QUIET or waits:
        return Light(LightState.THINKING)
    if fault:
        return Light(LightState.FAULT, fault, awake=ahead)
    if link in (Link.UP, Link.RESTING):
        return Light(LightState.AWAKE if ahead else LightState.IDLE)
    if offline:
        return Light(LightState.OFFLINE, offline, awake=ahead)
    return Light(LightState.STARTING)
