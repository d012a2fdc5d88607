from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device.core.audio import RATE, Frames
from device.core.ledger import Heard, ItemId, Ledger

A, B = ItemId("a"), ItemId("b")


def test_what_the_device_still_holds_is_not_heard() -> None:
    ledger = Ledger()
    ledger.received(A, Frames(1000))
    ledger.wrote(A, Frames(600))
    assert ledger.close(Frames(200)) == (Heard(A, Frames(400), Frames(1000)),)


def test_bridging_silence_belongs_to_no_item() -> None:
    ledger = Ledger()
    ledger.received(A, Frames(1000))
    ledger.wrote(A, Frames(500))
    ledger.wrote(None, Frames(300))
    ledger.wrote(A, Frames(500))
    assert ledger.close(Frames(100)) == (Heard(A, Frames(900), Frames(1000)),)


def test_each_item_has_its_own_account_in_the_order_of_arrival() -> None:
    ledger = Ledger()
    for item in (B, A):
        ledger.received(item, Frames(100))
        ledger.wrote(item, Frames(100))
    ledger.received(ItemId("c"), Frames(50))
    assert ledger.close(Frames(30)) == (
        Heard(B, Frames(100), Frames(100)),
        Heard(A, Frames(70), Frames(100)),
        Heard(ItemId("c"), Frames(0), Frames(50)),
    )


def test_a_closed_ledger_is_empty() -> None:
    ledger = Ledger()
    ledger.received(A, Frames(100))
    ledger.wrote(A, Frames(100))
    ledger.close(Frames(100))
    assert ledger.close(Frames(0)) == ()


def test_what_is_settled_stays_heard_however_long_the_delay_is_said_to_be_later() -> None:
    ledger = Ledger()
    ledger.received(A, Frames(100))
    ledger.wrote(A, Frames(100))
    ledger.settle(Frames(40))
    assert ledger.close(Frames(1 << 60))[0].heard == 60


def test_a_device_that_reports_a_negative_delay_is_not_believed() -> None:
    ledger = Ledger()
    ledger.received(A, Frames(100))
    ledger.wrote(A, Frames(60))
    assert ledger.close(Frames(-500))[0].heard == 60


def test_the_figures_for_the_wire_round_down() -> None:
    account = Heard(A, Frames(47), Frames(RATE))
    assert (account.heard_ms, account.received_ms) == (1, 1000)


class Playing(RuleBasedStateMachine):
    """The ledger beside a model that keeps every single frame of the stream in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.stream: list[ItemId | None] = []
        self.received: dict[ItemId, int] = {}
        self.position = 0

    @rule(item=st.sampled_from([A, B]), frames=st.integers(1, 700))
    def sound_arrives(self, item: ItemId, frames: int) -> None:
        self.ledger.received(item, Frames(frames))
        self.received[item] = self.received.get(item, 0) + frames

    @rule(item=st.sampled_from([A, B]), share=st.floats(0, 1))
    def the_device_takes_some(self, item: ItemId, share: float) -> None:
        waiting = self.received.get(item, 0) - self.stream.count(item)
        self.write(item, int(waiting * share))

    @rule(frames=st.integers(0, 500))
    def a_gap_is_bridged(self, frames: int) -> None:
        self.write(None, frames)

    def write(self, item: ItemId | None, frames: int) -> None:
        if frames:
            self.ledger.wrote(item, Frames(frames))
            self.stream += [item] * frames

    @precondition(lambda self: self.stream)
    @rule(share=st.floats(0, 1), claimed=st.integers(0, 40))
    def time_passes(self, share: float, claimed: int) -> None:
        """The device plays on, and reports its delay, exactly or as too long."""
        self.position += int((len(self.stream) - self.position) * share)
        self.ledger.settle(Frames(len(self.stream) - self.position + claimed))

    @rule(claimed=st.integers(0, 40))
    def it_is_held(self, claimed: int) -> None:
        """What the device still holds is taken back, and will be written again."""
        self.ledger.settle(Frames(len(self.stream) - self.position + claimed))
        back = self.ledger.take_back()
        assert back <= len(self.stream) - self.position + claimed
        self.stream = self.stream[: len(self.stream) - back]
        self.position = len(self.stream)

    @rule(claimed=st.integers(0, 40))
    def the_stream_ends(self, claimed: int) -> None:
        account = self.ledger.close(Frames(len(self.stream) - self.position + claimed))
        audible = self.stream[: self.position]
        assert [one.item for one in account] == list(self.received)
        for one in account:
            assert one.heard <= audible.count(one.item), "heard more than was audible"
            assert one.heard >= audible.count(one.item) - claimed, "forgot what was audible"
            assert one.heard <= one.received == self.received[one.item]
        self.stream, self.received, self.position = [], {}, 0

    @invariant()
    def its_memory_does_not_grow_with_what_was_heard(self) -> None:
        assert len(self.ledger._spans) <= len(self.stream) - self.position + 41


TestHeardIsNeverMoreThanWasAudible = Playing.TestCase
TestHeardIsNeverMoreThanWasAudible.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
