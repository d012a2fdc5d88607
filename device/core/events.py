"""What can happen, and what can be done about it.

Events come in from the drivers, stamped with when they happened (`at`, monotonic seconds).
Effects go out, to be performed in order; none of them waits. All are immutable; Structs, because
thirty dataclasses would cost 14 ms of every start (measured).
"""

from __future__ import annotations

from msgspec import Struct

from device.core.audio import MicBlock
from device.core.effects import *  # noqa: F403 (one name for both: ev.Pressed, ev.Play)
from device.core.effects import Part, Timer
from device.core.ledger import Heard, ItemId
from device.core.wire import ServerEvent, Unknown


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
    """The speaker is silent: played out, cut, or failed. What became of each item, in order.

    `tones`: so many tones and sentences of the device's own it was given since it began, those
    that were cut among them. One that is not among them is yet to sound.
    """

    at: float
    account: tuple[Heard, ...]
    tones: int


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


class ChannelTurned(Struct, frozen=True):
    """A channel of a microphone is `ill` in this way; '': well again.

    `left_out`: it is not heard while it is, because others are.
    """

    at: float
    channel: int
    ill: str
    cure: str
    left_out: bool


class Bearing(Struct, frozen=True):
    """Where the person who speaks is: degrees from +x of the array, counter-clockwise."""

    at: float
    degrees: float


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
    | ChannelTurned | Bearing | SettingsWrong | SettingsRight | PartLate | PartAnswers
    | TimerFired | Stopping
)  # fmt: skip
