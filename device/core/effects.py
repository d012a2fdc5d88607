"""What can be done about what happens: effects, performed in order; none of them waits.

Part of the vocabulary of `events`, which has them all under one name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

from device.core.gate import Uplink
from device.core.ledger import ItemId
from device.core.light import Light
from device.core.wire import ClientEvent


class Part(StrEnum):
    """The parts of the device that can be missing."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


class Timer(StrEnum):
    """The conversation's clocks: at most one of each is running."""

    LINGER = "linger"
    VOICE = "voice"
    TAIL = "tail"
    REPLY = "reply"
    ECHO = "echo"
    TURN = "turn"
    CLOSING = "closing"
    RETRY_MICROPHONE = "retry-microphone"
    RETRY_SPEAKER = "retry-speaker"
    WARM = "warm"
    RENEW = "renew"
    NOTICE = "notice"
    TELL = "tell"
    STORM = "storm"


class Cue(StrEnum):
    """Short tones that say what the light says, when nobody looks."""

    LISTENING = "listening"
    DONE = "done"
    THINKING = "thinking"
    LOST_WORDS = "lost-words"
    ERROR = "error"


class ShowLight(Struct, frozen=True):
    """Show this light. Always the first effect of its transition."""

    light: Light


class Point(Struct, frozen=True):
    """Let the light point to who speaks, until another is shown; `degrees` as in `Bearing`."""

    degrees: float


class OpenMicrophone(Struct, frozen=True):
    """Open the capture PCM and send its blocks."""


class CloseMicrophone(Struct, frozen=True):
    """Send what is captured up to now, close the capture PCM, then say `MicClosed`."""


class SendAudio(Struct, frozen=True):
    """Append this to the server's input buffer."""

    uplink: Uplink


class Send(Struct, frozen=True):
    """Send this message."""

    message: ClientEvent


class Play(Struct, frozen=True):
    """Queue sound of one item: mono, 24 kHz, S16_LE."""

    item: ItemId
    pcm: bytes


class EndPlay(Struct, frozen=True):
    """Nothing more comes: play out, then say `PlayoutEnded`."""


class Cut(Struct, frozen=True):
    """Be silent at once, then say `PlayoutEnded`."""


class Hold(Struct, frozen=True):
    """Be silent at once, and keep what was not heard."""


class GoOn(Struct, frozen=True):
    """Go on with what was not heard."""


class SetTimer(Struct, frozen=True):
    """Start or restart this clock."""

    timer: Timer
    after_s: float


class StopTimer(Struct, frozen=True):
    """Stop this clock."""

    timer: Timer


class Probe(Struct, frozen=True):
    """Try whether this part can be used, and say `PartReady` or `PartFailed`."""

    part: Part


class DialNow(Struct, frozen=True):
    """A person waits: if the link is waiting for its next try, try now.

    Tries come no closer together than `apart_s`.
    """

    apart_s: float = 1.0


class Redial(Struct, frozen=True):
    """The connection is not to be trusted any more: drop it and dial anew."""

    code: str
    reason: str


class Renew(Struct, frozen=True):
    """The session ends soon: open a second one beside it and put it in its place."""


class Rest(Struct, frozen=True):
    """Close the idle connection; dial when a person presses."""


class Sound(Struct, frozen=True):
    """Let the speaker sound this cue."""

    cue: Cue


class KeepMuted(Struct, frozen=True):
    """Remember over a restart whether a mute button has muted."""

    muted: bool


class Say(Struct, frozen=True):
    """Let the speaker say the sentence for this trouble."""

    code: str


class Hush(Struct, frozen=True):
    """End what is being told at once, then say `PlayoutEnded`. No answer sounds now."""


class Report(Struct, frozen=True):
    """A line for the journal: `event` with its fields, and a sentence for people.

    Lines with the same `repeats` are written once a minute at most, with their number.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    sentence: str = ""
    level: Literal["debug", "info", "warning", "error"] = "info"
    repeats: str = ""


Effect = (
    ShowLight | Point | OpenMicrophone | CloseMicrophone | SendAudio | Send | Play | EndPlay | Cut
    | Hold | GoOn | SetTimer | StopTimer | Probe | DialNow | Redial | Renew | Rest | Sound
    | KeepMuted | Say | Hush | Report
)  # fmt: skip
