"""The only door from the microphone to the network.

Two types of audio: `MicBlock` is private, `Uplink` may leave. Nothing but `OpenMic.admit` makes
the second from the first, only an open gate state owns an `OpenMic`, and `step`, the one way from
state to state, revokes it when the gate closes. The link takes nothing but `Uplink`s for audio,
so mypy rejects every shortcut (`tests/contract/misuse`), and a forged or stale permission fails
at run time too. It stops mistakes, not malice: a board that must promise privacy against its own
software needs a switch in the microphone's wire.

    Closed     nothing leaves; in button modes the capture PCM is closed as well
    Held       the button is down
    Latched    hands-free after a tap
    Closing    the button is up, the last block is on its way (at most one block)
    Tail       the microphone is closed; silence is sent until the server takes the turn
    Muted      the mute switch is on: the button opens nothing
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from device.core.audio import Frames, MicBlock, silence

_KEY: Final = object()


class GateClosed(RuntimeError):
    """Audio was offered to a permission that is forged or no longer holds: a bug of ours."""


class Uplink(Struct, frozen=True):
    """Audio that may leave: mono, 24 kHz, S16_LE. Made by `OpenMic.admit` and `Silence` only."""

    pcm: bytes
    key: object

    def __post_init__(self) -> None:
        if self.key is not _KEY:
            raise GateClosed("an Uplink is made by OpenMic.admit, not by hand")


class OpenMic:
    """The permission to let microphone audio out, from one opening of the gate to its closing."""

    __slots__ = ("_open",)

    def __init__(self, key: object) -> None:
        if key is not _KEY:
            raise GateClosed("an OpenMic is made by opening the gate, not by hand")
        self._open = True

    def admit(self, block: MicBlock) -> Uplink:
        """Let one block out. Raises `GateClosed` once the gate has closed."""
        if not self._open:
            raise GateClosed("the gate has closed: this permission is void")
        return Uplink(block.pcm, _KEY)

    def revoke(self) -> None:
        """Void the permission, for good."""
        self._open = False


class Silence:
    """The permission of the tail: it can let out zeros, and nothing else."""

    __slots__ = ()

    def __init__(self, key: object) -> None:
        if key is not _KEY:
            raise GateClosed("a Silence is made by the gate, not by hand")

    def frames(self, length: Frames) -> Uplink:
        """That many frames of nothing."""
        return Uplink(silence(length), _KEY)


class Closed(Struct, frozen=True):
    """Nothing leaves."""


class Held(Struct, frozen=True):
    """Open while the button is down."""

    mic: OpenMic


class Latched(Struct, frozen=True):
    """Open, hands-free."""

    mic: OpenMic


class Closing(Struct, frozen=True):
    """Open for the one block that was being captured when the button came up."""

    mic: OpenMic


class Tail(Struct, frozen=True):
    """Closed; silence keeps the server's clock going until it has taken the turn."""

    silence: Silence


class Muted(Struct, frozen=True):
    """Closed by the mute switch."""


GateState = Closed | Held | Latched | Closing | Tail | Muted
Open = Held | Latched | Closing
"""The states that own a permission."""


def step(before: GateState, to: type[GateState]) -> GateState:
    """The only way from one state to another.

    From open to open hands the permission on; into an open state makes a new one; into any other
    revokes it. After this call the old state must not be used.
    """
    mic = before.mic if isinstance(before, Open) else None
    if to is Held or to is Latched or to is Closing:
        return to(mic or OpenMic(_KEY))
    if mic is not None:
        mic.revoke()
    return Tail(Silence(_KEY)) if to is Tail else Closed() if to is Closed else Muted()


def opened_by(gate: GateState, *, before: str, style: str, heard: bool) -> str:
    """How the gate was opened, in the journal's words; '' while it is closed.

    `heard`: it was a block of the microphone that has just moved it, or nothing.
    """
    match gate:
        case Latched():
            woken = before == "voice" or (heard and not before)
            return "voice" if woken else "tap"
        case Held():
            return "tap" if style == "tap" else "hold"
        case Closing():
            return before
        case _:
            return ""
