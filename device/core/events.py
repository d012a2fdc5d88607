"""What can happen, and what can be done about it.

Events come in from the drivers, stamped with when they happened (`at`, monotonic seconds).
Effects go out, to be performed in order; none of them waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from device.core.audio import MicBlock
from device.core.gate import Uplink
from device.core.ledger import Heard, ItemId
from device.core.light import Light
from device.core.wire import ClientEvent, ServerEvent, Unknown


class Part(StrEnum):
    """The parts of the device that can be missing."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


class Timer(StrEnum):
    """The conversation's clocks: at most one of each is running."""

    LINGER = "linger"
    TAIL = "tail"
    REPLY = "reply"
    ECHO = "echo"
    TURN = "turn"
    CLOSING = "closing"
    RETRY_MICROPHONE = "retry-microphone"
    RETRY_SPEAKER = "retry-speaker"


# What can happen.


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button went down."""

    at: float


@dataclass(frozen=True, slots=True)
class Released:
    """The button came up."""

    at: float


@dataclass(frozen=True, slots=True)
class Tapped:
    """A press and a release in one, known as a tap from the start (remote control)."""

    at: float


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The mute switch moved."""

    at: float
    muted: bool


@dataclass(frozen=True, slots=True)
class MicHeard:
    """One block of the open microphone."""

    block: MicBlock

    @property
    def at(self) -> float:
        """When its last frame was captured."""
        return self.block.at


@dataclass(frozen=True, slots=True)
class MicClosed:
    """The capture PCM is closed; no block follows."""

    at: float


@dataclass(frozen=True, slots=True)
class Dialing:
    """The link is being opened."""

    at: float


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Connected and configured: the server has confirmed our settings.

    `differences` are sentences on what it does otherwise than asked.
    """

    at: float
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection is lost, or could not be made."""

    at: float
    code: str
    reason: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """One message of the server."""

    at: float
    message: ServerEvent | Unknown


@dataclass(frozen=True, slots=True)
class Garbled:
    """The server sent something that is not of its dialect."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Sounded:
    """The first frame of `item` became audible at `at`."""

    at: float
    item: ItemId


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """The speaker is silent: played out, cut, or failed. What became of each item, in order."""

    at: float
    account: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class Xrun:
    """The sound of a part was interrupted because we were late: lost, or a gap."""

    at: float
    part: Part


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part of the device cannot be used."""

    at: float
    part: Part
    code: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class PartReady:
    """A part of the device can be used (again)."""

    at: float
    part: Part


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A clock ran out."""

    at: float
    timer: Timer


@dataclass(frozen=True, slots=True)
class Stopping:
    """The daemon is asked to end: close the microphone."""

    at: float


Event = (
    Pressed | Released | Tapped | MuteChanged | MicHeard | MicClosed
    | Dialing | LinkUp | LinkDown | Received | Garbled
    | Sounded | PlayoutEnded | Xrun | PartFailed | PartReady | TimerFired | Stopping
)  # fmt: skip


# What can be done.


@dataclass(frozen=True, slots=True)
class ShowLight:
    """Show this light. Always the first effect of its transition."""

    light: Light


@dataclass(frozen=True, slots=True)
class OpenMicrophone:
    """Open the capture PCM and send its blocks."""


@dataclass(frozen=True, slots=True)
class CloseMicrophone:
    """Send what is captured up to now, close the capture PCM, then say `MicClosed`."""


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Append this to the server's input buffer."""

    uplink: Uplink


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message."""

    message: ClientEvent


@dataclass(frozen=True, slots=True)
class Play:
    """Queue sound of one item: mono, 24 kHz, S16_LE."""

    item: ItemId
    pcm: bytes


@dataclass(frozen=True, slots=True)
class EndPlay:
    """Nothing more comes: play out, then say `PlayoutEnded`."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Be silent at once, then say `PlayoutEnded`."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Start or restart this clock."""

    timer: Timer
    after_s: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Stop this clock."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class Probe:
    """Try whether this part can be used, and say `PartReady` or `PartFailed`."""

    part: Part


@dataclass(frozen=True, slots=True)
class DialNow:
    """A person waits: if the link is waiting for its next try, try now."""


@dataclass(frozen=True, slots=True)
class Redial:
    """The connection is not to be trusted any more: drop it and dial anew."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """A line for the journal: `event` with its fields, and a sentence for people.

    Lines with the same `repeats` are written once a minute at most, with their number.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    sentence: str = ""
    level: Literal["debug", "info", "warning", "error"] = "info"
    repeats: str = ""


Effect = (
    ShowLight | OpenMicrophone | CloseMicrophone | SendAudio | Send | Play | EndPlay | Cut
    | SetTimer | StopTimer | Probe | DialNow | Redial | Report
)  # fmt: skip
