"""The capture thread: the only one that ever touches the microphone's PCM.

Closed, it sleeps on its inbox and the PCM does not exist. Open, it turns once a block: take what
is there, mix to mono, post; then sleep on the inbox until the next block must be there. It never
waits in the kernel: a device that stalls is noticed, and the thread still takes orders.
"""

from __future__ import annotations

import audioop
import time
from collections.abc import Callable
from enum import Enum
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from device.core import events as ev
from device.core.audio import FRAME_BYTES, PERIOD, RATE, Format, Frames, MicBlock, to_mono
from device.core.events import Event, Part
from device.core.plain import Plain
from device.drivers import pcm
from device.drivers.pcm import Pcm
from device.drivers.thread import Ask, NamedThread
from device.errors import AudioDeviceError, EchoError, StuckThread

if TYPE_CHECKING:
    from device.core.array import Array
    from device.drivers.ear import Ear

PERIODS: Final = 16
"""320 ms of buffer: a stalled interpreter loses no word."""

LATE_S: Final = 0.0003
"""After the instant at which a block should be there: too early would be one more wake."""
SOON_S: Final = 0.002
"""A device that moves in steps of its own has the block a little later."""
STILL: Final = Frames(3 * RATE)
"""So much sound of nothing but one value is no quiet room."""
HARDLY: Final = 8
"""A value so near to zero may be what a noise suppressor makes of nothing."""
SILENT: Final = "microphone-silent"


class Order(Enum):
    """What the thread can be told."""

    OPEN = "open"
    CLOSE = "close"
    PROBE = "probe"
    STOP = "stop"


class Capture:
    """The microphone. All methods return at once; what happened comes back by `post`.

    `post` is called on the capture thread with `MicHeard`, `MicClosed`, `PartReady`, `PartFailed`,
    `PartPoor`, `PartFine`, `ChannelTurned`, `Xrun`, `EchoReady` and `EchoMissing`, and must only
    hand over; with an `array` also `Bearing`. Without one the channels in `use` are averaged.
    `hearing` is asked each block whether somebody speaks, as `Array.mix` wants to know it. The
    channel `loopback` gives back what the loudspeaker plays, for the `ear`.
    """

    def __init__(
        self,
        device: str,
        form: Format,
        *,
        use: tuple[int, ...],
        block: Frames,
        post: Callable[[Event], None],
        ear: Callable[[], Ear] | None = None,
        array: Array | None = None,
        hearing: Callable[[], bool | None] = lambda: None,
        loopback: int | None = None,
    ) -> None:
        self._device = device
        self._form = form
        self._block_bytes = block * FRAME_BYTES
        self._post = post
        self._make_ear = ear
        self._ear: Ear | None = None
        self._front = Plain(use) if array is None else array
        self._loopback = loopback
        self._played = bytearray()
        """The loopback's sound of what is heard and not handed over yet."""
        self._hearing = hearing
        self._heard: bool | None = None
        """What it said last."""
        self._still = _Still()
        self._inbox: SimpleQueue[Order | Ask] = SimpleQueue()
        self._thread = NamedThread("capture", self._run)

    def start(self) -> None:
        """Start the thread; the PCM stays closed."""
        self._thread.start()

    def open(self) -> None:
        """Open the PCM and post its blocks."""
        self._inbox.put(Order.OPEN)

    def close(self) -> None:
        """Post what is captured so far, close the PCM, post `MicClosed`."""
        self._inbox.put(Order.CLOSE)

    def probe(self) -> None:
        """Try whether the device opens; nothing is read."""
        self._inbox.put(Order.PROBE)

    def ask(self, answer: Callable[[], None]) -> None:
        """Let the thread call `answer`: a sign of life. It must only hand over."""
        self._inbox.put(Ask(answer))

    def stop(self, timeout: float) -> None:
        """Close the PCM and end the thread. Raises `StuckThread` after `timeout` seconds."""
        self._inbox.put(Order.STOP)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise StuckThread("the capture thread did not end", cure="a bug: please report it")

    def _run(self) -> None:
        self._listen_well()
        order = self._next()
        while order is not Order.STOP:
            try:
                order = self._obey(order)
            except (AudioDeviceError, pcm.Error) as problem:
                self._post(_failure(problem, self._device))
                order = self._next()

    def _listen_well(self) -> None:
        """Get the canceller, where one is wanted; it is loaded here, so nobody waits for it."""
        if self._make_ear is None:
            return
        try:
            self._ear = self._make_ear()
            self._post(ev.EchoReady(time.monotonic(), self._ear.name))
        except EchoError as problem:
            self._post(ev.EchoMissing(time.monotonic(), problem.what, problem.cure))

    def _next(self) -> Order:
        """The next order, however long it takes."""
        while isinstance(order := self._inbox.get(), Ask):
            order.answer()
        return order

    def _obey(self, order: Order) -> Order:
        """Do one order with the PCM closed; returns the next one."""
        match order:
            case Order.OPEN:
                microphone, granted = self._opened()
                try:
                    self._post(ev.PartReady(time.monotonic(), Part.MICROPHONE))
                    after = self._listen(microphone, granted)
                finally:
                    microphone.close()
                self._post(ev.MicClosed(time.monotonic()))
                if after is not Order.CLOSE:
                    return after
            case Order.PROBE:
                microphone, _ = self._opened()
                microphone.close()
                self._post(ev.PartReady(time.monotonic(), Part.MICROPHONE))
            case _:
                pass
        return self._next()

    def _opened(self) -> tuple[Pcm, Format]:
        return pcm.open_pcm(pcm.CAPTURE, self._device, self._form, period=PERIOD, periods=PERIODS)

    def _listen(self, microphone: Pcm, granted: Format) -> Order:
        """Listen until told otherwise; returns the order that ended it.

        Raises `AudioDeviceError` when the device stalls.
        """
        heard = bytearray()
        self._played.clear()
        self._heard = None
        moved = time.monotonic()
        self._still.begin()
        if self._ear is not None:
            self._ear.begin()
        order: Order | None = None
        while order is None or order in (Order.OPEN, Order.PROBE):
            ready, at = microphone.avail(), time.monotonic()
            taken = self._take(microphone, granted, heard, ready)
            if taken:
                moved = at
            elif at - moved > pcm.STALL_S:
                raise pcm.stalled("microphone", self._device, does="delivers")
            while len(heard) >= self._block_bytes:
                block = bytes(heard[: self._block_bytes])
                del heard[: self._block_bytes]
                later = len(heard) // FRAME_BYTES + max(0, ready - taken)
                self._hand_over(block, at - later / RATE)
            # One wake for a block, not one a period. What is late is looked for again soon.
            missing = (self._block_bytes - len(heard)) // FRAME_BYTES - max(0, ready - taken)
            full = at + missing / RATE + LATE_S
            order = self._order(max(full - time.monotonic(), 0.0 if taken else SOON_S))
        if order is Order.CLOSE:
            # With the period that is being captured now: it holds the end of the last word.
            time.sleep((PERIOD - max(0, microphone.avail()) % PERIOD) / RATE + LATE_S)
            self._take(microphone, granted, heard, microphone.avail())
            self._hand_over(bytes(heard), time.monotonic())
        return order

    def _take(self, microphone: Pcm, granted: Format, heard: bytearray, ready: int) -> int:
        """Take the whole periods that are there; returns the frames taken.

        With nothing there a read starts the stream, or tells what is wrong with it.
        """
        taken = 0
        for _ in range(ready // PERIOD if ready > 0 else 1):
            length, sound = microphone.read()
            if length == pcm.XRUN:
                self._post(ev.Xrun(time.monotonic(), Part.MICROPHONE))
                length, sound = microphone.read()
            if length > 0:
                heard += self._mixed(sound, granted)
                taken += length
        return taken

    def _mixed(self, sound: bytes, granted: Format) -> bytes:
        """One period, mono; its loopback is kept beside it."""
        if self._loopback is not None:
            self._played += to_mono(sound, granted, (self._loopback,))
        return self._front.mix(sound, granted, hearing=self._heard)

    def _hand_over(self, sound: bytes, at: float) -> None:
        """Post one block, whose last frame was captured at `at`."""
        now = time.monotonic()
        played = bytes(self._played[: len(sound)]) if self._loopback is not None else None
        del self._played[: len(sound)]
        if self._ear is None:
            self._post(ev.MicHeard(MicBlock(sound, at)))
        else:
            heard = self._ear.hear(sound, at, played)
            self._post(ev.MicHeard(heard.block, heard.echo))
        self._heard = self._hearing()
        for event in self._front.take(now):
            self._post(event)
        match self._still.heard(sound):
            case True:
                one = "one value and nothing else" if any(sound) else "pure zeros"
                what = f"microphone {self._device!r} delivers {one}"
                self._post(ev.PartPoor(now, Part.MICROPHONE, SILENT, what))
            case False:
                self._post(ev.PartFine(now, Part.MICROPHONE, SILENT))
            case None:
                pass

    def _order(self, wait: float) -> Order | None:
        """The next order, within `wait` seconds."""
        if not wait and self._inbox.empty():
            return None
        try:
            order = self._inbox.get(timeout=wait)
        except Empty:
            return None
        if isinstance(order, Ask):
            order.answer()
            return None
        return order


class _Still:
    """Whether a microphone delivers one value and nothing else.

    Every converter has noise: such a microphone is muted, or the wrong channel is used, or its
    wiring is broken. Zeros are told only if there was no sound since it was opened: one that fell
    silent later may be one that suppresses noise, in a quiet room.
    """

    def __init__(self) -> None:
        self._frames = 0
        """So many in a row."""
        self._sounded = False
        self._told = False

    def begin(self) -> None:
        """The microphone was opened."""
        self._frames, self._sounded = 0, False

    def heard(self, sound: bytes) -> bool | None:
        """One block: True when it stands still, False when it no longer does, None: no news."""
        if not sound:
            return None
        low, high = audioop.minmax(sound, FRAME_BYTES)
        if low < high:
            self._frames, self._sounded = 0, True
            told, self._told = self._told, False
            return False if told else None
        if self._told or (self._sounded and abs(low) <= HARDLY):
            return None
        self._frames += len(sound) // FRAME_BYTES
        self._told = self._frames >= STILL
        return True if self._told else None


def _failure(problem: Exception, device: str) -> ev.PartFailed:
    """Our sentence for a PCM that failed; alsa-lib's own reason stands in it."""
    if isinstance(problem, AudioDeviceError):
        code, what, cure = problem.code, problem.what, problem.cure
    else:
        code, what = "microphone-lost", f"microphone {device!r} stopped ({problem})"
        cure = "plug it in again; it is tried every 2 s"
    return ev.PartFailed(time.monotonic(), Part.MICROPHONE, code, what, cure)
