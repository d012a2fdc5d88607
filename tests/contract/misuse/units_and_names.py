"""Units, ids and words mixed up. Every marked line must be rejected, with this code."""

from device.core import events as ev
from device.core import wire
from device.core.audio import Frames, MicBlock, Ms, silence, whole_ms
from device.core.ledger import Heard, ItemId, Ledger
from device.core.tables import Link, LinkSignal
from device.core.wire import ResponseId


def lengths(ledger: Ledger, item: ItemId) -> None:
    frames: Frames = Ms(20)  # rejected: assignment
    length: Frames = 480  # rejected: assignment
    ms: Ms = Frames(480)  # rejected: assignment
    ledger.received(item, 480)  # rejected: arg-type
    ledger.wrote(item, Ms(20))  # rejected: arg-type
    ledger.settle(0)  # rejected: arg-type
    whole_ms(Ms(20))  # rejected: arg-type
    silence(20)  # rejected: arg-type
    wire.TruncateItem("item", Frames(480))  # rejected: arg-type
    wire.TruncateItem("item", 20)  # rejected: arg-type
    Heard(item, Ms(20), Frames(480))  # rejected: arg-type
    del frames, length, ms


def ids(ledger: Ledger, response: ResponseId) -> None:
    ledger.received("item", Frames(480))  # rejected: arg-type
    ledger.received(response, Frames(480))  # rejected: arg-type
    ev.Play("item", b"")  # rejected: arg-type
    ev.Play(response, b"")  # rejected: arg-type


def words() -> None:
    ev.SetTimer("linger", 1.0)  # rejected: arg-type
    ev.Probe("microphone")  # rejected: arg-type
    ev.PartReady(0.0, Link.UP)  # rejected: arg-type
    ev.Report("light", level="fatal")  # rejected: arg-type
    state: Link = LinkSignal.LOST  # rejected: assignment
    del state


def moments(block: MicBlock) -> None:
    ev.Pressed()  # rejected: call-arg
    ev.MicHeard(block, 0.0)  # rejected: arg-type
    ev.Received(0.0, {"type": "error"})  # rejected: arg-type
