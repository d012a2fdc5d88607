"""What becomes of the blocks of an open gate: full duplex sends them, half duplex not always."""

from __future__ import annotations

from enum import Enum

from device.core.gate import GateState, Latched
from device.core.tables import Reply


class Rest(Enum):
    """What becomes of a block."""

    SEND = "send"
    KEEP = "keep"
    DROP = "drop"


def rest_of(
    gate: GateState, reply: Reply, *, up: bool, half_duplex: bool, deaf: bool, heard: bool
) -> Rest:
    """A pure function of the regions and of what is heard.

    `deaf`: the room still sounds of our own voice. `heard`: somebody speaks, say the local VAD or
    the server. While a reply is awaited on a half-duplex device only a person who goes on is sent.
    """
    if half_duplex and reply in (Reply.SPEAKING, Reply.HELD):
        return Rest.DROP
    if not up:
        return Rest.KEEP
    if not half_duplex:
        return Rest.SEND
    awaiting = reply is Reply.AWAITED and isinstance(gate, Latched)
    return Rest.KEEP if deaf or (awaiting and not heard) else Rest.SEND
