"""Ways around the gate. Every marked line must be rejected, with this code."""

from device.core import events as ev
from device.core import wire
from device.core.audio import Frames, MicBlock
from device.core.gate import Closed, Held, Latched, Muted, OpenMic, Silence, Tail, Uplink
from device.drivers.link import Link


def a_raw_block_is_sent(block: MicBlock) -> None:
    ev.SendAudio(block)  # rejected: arg-type
    wire.append(block)  # rejected: arg-type
    wire.append(block.pcm)  # rejected: arg-type


def bytes_are_sent(pcm: bytes) -> None:
    ev.SendAudio(pcm)  # rejected: arg-type
    ev.Send(pcm)  # rejected: arg-type
    wire.encode(pcm)  # rejected: arg-type


def bytes_go_past_the_dialect(link: Link, block: MicBlock) -> None:
    link.send(block.pcm)  # rejected: arg-type
    link.send(block)  # rejected: arg-type


def an_uplink_is_sent_as_a_message(uplink: Uplink) -> None:
    wire.encode(uplink)  # rejected: arg-type
    ev.Send(uplink)  # rejected: arg-type


def a_closed_gate_lets_out(closed: Closed, tail: Tail, muted: Muted, block: MicBlock) -> None:
    closed.mic.admit(block)  # rejected: attr-defined
    muted.mic.admit(block)  # rejected: attr-defined
    tail.mic.admit(block)  # rejected: attr-defined
    tail.silence.admit(block)  # rejected: attr-defined
    tail.silence.frames(block)  # rejected: arg-type
    tail.silence.frames(block.pcm)  # rejected: arg-type


def any_gate_lets_out(gate: Held | Closed, block: MicBlock) -> None:
    gate.mic.admit(block)  # rejected: union-attr


def half_a_check(gate: Held | Tail | Closed, block: MicBlock) -> None:
    if not isinstance(gate, Closed):
        gate.mic.admit(block)  # rejected: union-attr


def permissions_by_hand(pcm: bytes) -> None:
    OpenMic()  # rejected: call-arg
    Silence()  # rejected: call-arg
    Uplink(pcm)  # rejected: call-arg
    Held()  # rejected: call-arg
    Latched(None)  # rejected: arg-type
    Held(Silence(object()))  # rejected: arg-type


def what_was_admitted_is_exchanged(uplink: Uplink, gate: Held, other: OpenMic) -> None:
    uplink.pcm = b""  # rejected: misc
    gate.mic = other  # rejected: misc


def bytes_are_admitted(gate: Held, pcm: bytes) -> None:
    gate.mic.admit(pcm)  # rejected: arg-type
    gate.mic.admit(MicBlock(pcm, 0.0))


def silence_of_no_length(tail: Tail) -> None:
    tail.silence.frames(960)  # rejected: arg-type
    tail.silence.frames(Frames(960))
