"""The capture thread: every frame once, none when closed, a sentence when the card fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from device.core import events as ev
from device.core.audio import Format, Frames
from device.drivers.capture import Capture
from device.drivers.pcm import STALL_S
from drivers.conftest import Inbox
from virtual_card import VirtualCard

MakeCard = Callable[..., VirtualCard]
MakeCapture = Callable[..., Capture]
RATE = 24_000
MONO = Format()


@pytest.fixture
def make(inbox: Inbox) -> Iterator[MakeCapture]:
    made: list[Capture] = []

    def one(device: str = "microphone", *, form: Format = MONO, **wish: Any) -> Capture:
        wish = {"use": (0,), "block": Frames(960), **wish}
        made.append(Capture(device, form, post=inbox.post, **wish))
        made[-1].start()
        return made[-1]

    yield one
    for capture in made:
        capture.stop(2.0)


def sound(inbox: Inbox) -> bytes:
    return b"".join(event.block.pcm for event in inbox.all(ev.MicHeard))


def test_blocks_hold_what_the_room_sounded_like_without_a_gap(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    card.noise(-20.0, seconds=3.0)
    capture = make()
    opened = time.monotonic()
    capture.open()
    time.sleep(0.7)
    capture.close()
    inbox.next(ev.MicClosed)
    blocks = [event.block for event in inbox.all(ev.MicHeard)]
    assert {block.frames for block in blocks[:-1]} == {960}
    assert 0 < blocks[-1].frames <= 1440
    assert sound(inbox) in card.spoken(opened, time.monotonic()).tobytes()
    assert sum(block.frames for block in blocks) > 0.6 * RATE
    assert not inbox.all(ev.Xrun)


def test_a_block_says_when_its_last_frame_was_captured(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    card.noise(-20.0, seconds=3.0)
    opened = card.now()
    make().open()
    time.sleep(0.4)
    for event in inbox.all(ev.MicHeard)[1:]:
        room = card.spoken(opened, card.now()).tobytes()
        last = card.index(opened) + room.find(event.block.pcm) // 2 + event.block.frames
        late = event.block.at - card.instant(last)
        assert 0 <= late < 0.05


def test_closing_posts_the_rest_first_and_nothing_after(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    card.noise(-20.0, seconds=3.0)
    capture = make(block=Frames(2400))
    capture.open()
    time.sleep(0.35)
    capture.close()
    inbox.next(ev.MicClosed)
    closed = card.events("capture")[-1]
    assert closed.what == "close"
    time.sleep(0.2)
    assert isinstance(inbox.posted[-1], ev.MicClosed)
    assert inbox.posted[-2].at <= closed.at
    frames = len(sound(inbox)) // 2
    started = next(event.at for event in card.events("capture") if event.what == "start")
    assert frames / RATE > closed.at - started - 0.03, "the last words are cut off"


def test_a_closed_microphone_is_closed_and_opens_again(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    capture = make()
    time.sleep(0.05)
    assert card.events("capture") == []
    for _ in range(3):
        capture.open()
        inbox.next(ev.MicHeard)
        capture.close()
        inbox.next(ev.MicClosed)
    seen = [event.what for event in card.events("capture")]
    assert seen == ["open", "start", "stop", "close"] * 3


def test_a_close_right_after_the_open_is_answered(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    make_card()
    capture = make()
    capture.open()
    capture.close()
    inbox.next(ev.MicClosed, timeout=2.0)


def test_a_probe_opens_and_closes_and_reads_nothing(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    make().probe()
    inbox.next(ev.PartReady)
    assert [event.what for event in card.events("capture")] == ["open", "close"]
    assert not inbox.all(ev.MicHeard)


def test_stopping_closes_an_open_microphone(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    capture = make()
    capture.open()
    inbox.next(ev.MicHeard)
    capture.stop(1.0)
    assert card.events("capture")[-1].what == "close"


def test_a_card_that_is_pulled_out_is_lost_and_can_be_opened_when_it_is_back(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    capture = make()
    capture.open()
    inbox.next(ev.MicHeard)
    card.unplug()
    lost = inbox.next(ev.PartFailed)
    assert lost.code == "microphone-lost"
    assert "microphone 'microphone' stopped (No such device" in lost.what
    capture.probe()
    assert inbox.next(ev.PartFailed).code == "microphone-absent"
    card.plug()
    capture.open()
    inbox.next(ev.PartReady)
    inbox.next(ev.MicHeard)


def test_a_card_whose_clock_stands_still_is_stalled_and_can_be_opened_anew(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    capture = make()
    capture.open()
    inbox.next(ev.MicHeard)
    card.freeze()
    frozen = time.monotonic()
    answered: list[float] = []
    capture.ask(lambda: answered.append(time.monotonic()))
    stalled = inbox.next(ev.PartFailed)
    assert stalled.code == "microphone-stalled"
    assert "microphone 'microphone' is open and delivers nothing" in stalled.what
    assert answered, "it takes orders meanwhile"
    assert answered[0] < frozen + 0.5
    assert stalled.at >= frozen + STALL_S - 0.1
    assert card.events("capture")[-1].what == "close"
    card.thaw()
    capture.open()
    inbox.next(ev.PartReady)
    inbox.next(ev.MicHeard)


def test_a_stream_that_was_suspended_goes_on(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    make().open()
    inbox.next(ev.MicHeard)
    card.suspend()
    assert inbox.next(ev.Xrun).part is ev.Part.MICROPHONE
    heard = len(inbox.all(ev.MicHeard))
    for _ in range(heard + 2):
        inbox.next(ev.MicHeard)
    assert [event.what for event in card.events("capture")] == ["open", "start", "suspend", "start"]


def test_three_seconds_of_nothing_but_zeros_are_told_once_and_until_there_is_a_sound(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    capture = make()
    capture.open()
    opened = inbox.next(ev.PartReady).at
    poor = inbox.next(ev.PartPoor)
    assert poor.code == "microphone-silent"
    assert poor.at - opened > 2.5
    capture.close()
    inbox.next(ev.MicClosed)
    capture.open()
    inbox.next(ev.PartReady)
    card.noise(-60.0, seconds=1.0)
    assert inbox.next(ev.PartFine).code == "microphone-silent"
    time.sleep(0.2)
    assert len(inbox.all(ev.PartPoor)) == 1


def test_zeros_after_a_sound_are_a_quiet_room_and_another_value_is_a_broken_wire(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card()
    card.noise(-60.0, seconds=0.5)
    make().open()
    inbox.next(ev.MicHeard)
    time.sleep(4.2)
    assert not inbox.all(ev.PartPoor)
    card.say(np.full(4 * RATE, 9000, np.int16))
    poor = inbox.next(ev.PartPoor)
    assert poor.code == "microphone-silent"
    assert poor.what == "microphone 'microphone' delivers one value and nothing else"
    assert inbox.next(ev.PartFine).code == "microphone-silent"


@pytest.mark.parametrize(
    ("use", "channels"), [((3,), (3,)), ((0, 5), (0, 5)), ((1, 2, 3), (1, 2, 3))]
)
@pytest.mark.parametrize("sample", ["S16_LE", "S32_LE"])
def test_channels_of_an_array_are_picked_and_averaged(
    make_card: MakeCard,
    make: MakeCapture,
    inbox: Inbox,
    use: tuple[int, ...],
    channels: tuple[int, ...],
    sample: str,
) -> None:
    card = make_card(microphone_channels=6, sample=sample)
    card.noise(-20.0, seconds=2.0)
    opened = card.now()
    make(form=Format(channels=6), use=use).open()
    time.sleep(0.3)
    now = card.now()
    room = [card.spoken(opened, now, channel=channel).astype(np.int64) for channel in channels]
    mono = (sum(room[1:], room[0]) // len(room)).astype(np.int16)
    heard = sound(inbox)
    assert len(heard) > 0.15 * RATE * 2
    assert heard[: 2 * 4800] in mono.tobytes()


def test_an_overrun_is_reported_and_capture_goes_on(
    make_card: MakeCard, make: MakeCapture, inbox: Inbox
) -> None:
    card = make_card(speed=1.0)
    capture = make()
    stalled = [False]
    post = inbox.post

    def slow(event: ev.Event) -> None:
        post(event)
        if isinstance(event, ev.MicHeard) and not stalled[0]:
            stalled[0] = True
            time.sleep(0.6)  # longer than the buffer: somebody held the thread up

    capture._post = slow
    capture.open()
    assert inbox.next(ev.Xrun).part is ev.Part.MICROPHONE
    after = len(inbox.all(ev.MicHeard))
    for _ in range(after + 3):
        inbox.next(ev.MicHeard)
    assert any(event.what == "xrun" for event in card.events("capture"))
