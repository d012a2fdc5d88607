from __future__ import annotations

import pytest

from device.core.audio import Frames, MicBlock
from device.core.gate import (
    Closed,
    Closing,
    GateClosed,
    GateState,
    Held,
    Latched,
    Muted,
    OpenMic,
    Silence,
    Tail,
    Uplink,
    step,
)

BLOCK = MicBlock(b"\x01\x02" * 480, 1.0)


def held() -> Held:
    state = step(Closed(), Held)
    assert isinstance(state, Held)
    return state


def test_an_open_gate_lets_a_block_out_unchanged() -> None:
    assert held().mic.admit(BLOCK).pcm == BLOCK.pcm


@pytest.mark.parametrize("to", [Latched, Closing, Held])
def test_from_open_to_open_the_permission_is_handed_on(to: type[Latched | Closing | Held]) -> None:
    before = held()
    after = step(before, to)
    assert isinstance(after, to)
    assert after.mic is before.mic
    assert after.mic.admit(BLOCK).pcm == BLOCK.pcm


@pytest.mark.parametrize("to", [Closed, Tail, Muted])
def test_leaving_the_open_states_voids_the_permission_for_good(to: type[GateState]) -> None:
    mic = held().mic
    before = Held(mic)
    step(before, to)
    with pytest.raises(GateClosed, match="closed"):
        mic.admit(BLOCK)
    reopened = held().mic
    assert reopened is not mic
    with pytest.raises(GateClosed):
        mic.admit(BLOCK)


def test_the_tail_can_let_out_zeros_and_nothing_else() -> None:
    tail = step(held(), Tail)
    assert isinstance(tail, Tail)
    assert tail.silence.frames(Frames(960)).pcm == bytes(1920)
    assert not hasattr(tail, "mic")
    assert isinstance(step(tail, Closed), Closed)


def test_a_forged_permission_fails() -> None:
    with pytest.raises(GateClosed, match="OpenMic"):
        OpenMic(object())
    with pytest.raises(GateClosed, match="Silence"):
        Silence(object())
    with pytest.raises(GateClosed, match="Uplink"):
        Uplink(BLOCK.pcm, object())
