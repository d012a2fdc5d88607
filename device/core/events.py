"""What can happen, and what can be done about it.

Events come in from the drivers, stamped with when they happened (`at`, monotonic seconds).
Effects go out, to be performed in order; none of them waits. All are immutable; Structs, because
thirty dataclasses would cost 14 ms of every start (measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

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


# What can happen.


class Pressed(Struct, frozen=True):
    """The button went down."""

    at: float


class Released(Struct, frozen=True):
    """The button came up."""

    at: float


class Tapped(Struct, frozen=True):
    """A press and a release in one, known as a tap from the start (remote control)."""

    at: float


class MuteChanged(Struct, frozen=True):
    """The mute switch moved."""

    at: float
    muted: bool


class MuteToggled(Struct, frozen=True):
    """The mute button was pressed: the other way round from now on."""

    at: float


class Echo(Struct, frozen=True):
    """How loud a block was, in dBFS per 20 ms in the band of speech.

    `played` is what the loudspeaker sounded of, `before` and `after` the microphone's sound without
    and with the canceller.
    """

    played: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


class MicHeard(Struct, frozen=True):
    """One block of the open microphone."""

    block: MicBlock
    echo: Echo | None = None

    @property
    def at(self) -> float:
        """When its last frame was captured."""
        return self.block.at


class EchoReady(Struct, frozen=True):
    """Our own voice can be taken out of the microphone's sound by the canceller `name`."""

    at: float
    name: str


class EchoMissing(Struct, frozen=True):
    """It cannot: `what` says why, and `cure` what to do."""

    at: float
    what: str
    cure: str


class MicClosed(Struct, frozen=True):
    """The capture PCM is closed; no block follows."""

    at: float


class Dialing(Struct, frozen=True):
    """The link is being opened."""

    at: float


class LinkUp(Struct, frozen=True):
    """Connected and configured: the server has confirmed our settings.

    `differences` are sentences on what it does otherwise than asked. The server ends the session
    in `lasts_s` seconds. `renewed`: it takes the place of one that was still up. `session` is the
    server's id of it.
    """

    at: float
    differences: tuple[str, ...] = ()
    lasts_s: float = 3600.0
    renewed: bool = False
    session: str = ""


class LinkDown(Struct, frozen=True):
    """The connection is lost, or could not be made."""

    at: float
    code: str
    reason: str
    cure: str = ""


class RenewFailed(Struct, frozen=True):
    """The second connection could not be had; the first is still up."""

    at: float
    code: str
    reason: str


class Received(Struct, frozen=True):
    """One message of the server."""

    at: float
    message: ServerEvent | Unknown


class Garbled(Struct, frozen=True):
    """The server sent something that is not of its dialect."""

    at: float
    what: str


class Sounded(Struct, frozen=True):
    """The first frame of `item` became audible at `at`."""

    at: float
    item: ItemId


class PlayoutEnded(Struct, frozen=True):
    """The speaker is silent: played out, cut, or failed. What became of each item, in order."""

    at: float
    account: tuple[Heard, ...]


class Xrun(Struct, frozen=True):
    """The sound of a part was interrupted because we were late: lost, or a gap."""

    at: float
    part: Part


class PartFailed(Struct, frozen=True):
    """A part of the device cannot be used."""

    at: float
    part: Part
    code: str
    what: str
    cure: str


class PartReady(Struct, frozen=True):
    """A part of the device can be used (again)."""

    at: float
    part: Part


class PartPoor(Struct, frozen=True):
    """A part of the device works, and not as it should."""

    at: float
    part: Part
    code: str
    what: str


class PartFine(Struct, frozen=True):
    """A part of the device is no longer poor in this way."""

    at: float
    part: Part
    code: str


class SettingsWrong(Struct, frozen=True):
    """The settings that are meant have a mistake; the last good ones are in use."""

    at: float


class SettingsRight(Struct, frozen=True):
    """They have none any more, and are in use."""

    at: float


class CardsChanged(Struct, frozen=True):
    """A sound card was plugged in or pulled out; nobody knows which."""

    at: float


class PartLate(Struct, frozen=True):
    """A loop of ours (`name`) has not answered for `waited_s` seconds."""

    at: float
    name: str
    waited_s: float


class PartAnswers(Struct, frozen=True):
    """A loop that had been late answers again, `waited_s` seconds after it was asked."""

    at: float
    name: str
    waited_s: float


class TimerFired(Struct, frozen=True):
    """A clock ran out."""

    at: float
    timer: Timer


class Stopping(Struct, frozen=True):
    """The daemon is asked to end: close the microphone."""

    at: float


Event = (
    Pressed | Released | Tapped | MuteChanged | MuteToggled | MicHeard | MicClosed
    | EchoReady | EchoMissing
    | Dialing | LinkUp | LinkDown | RenewFailed | Received | Garbled
    | Sounded | PlayoutEnded | Xrun | PartFailed | PartReady | PartPoor | PartFine | CardsChanged
    | SettingsWrong | SettingsRight | PartLate | PartAnswers | TimerFired | Stopping
)  # fmt: skip


# What can be done.


class ShowLight(Struct, frozen=True):
    """Show this light. Always the first effect of its transition."""

    light: Light


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
    ShowLight | OpenMicrophone | CloseMicrophone | SendAudio | Send | Play | EndPlay | Cut
    | SetTimer | StopTimer | Probe | DialNow | Redial | Renew | Rest | Sound
    | KeepMuted | Say | Hush | Report
)  # fmt: skip
