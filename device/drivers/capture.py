"""The capture thread: the only one that ever touches the microphone's PCM.

Closed, it sleeps on its inbox and the PCM does not exist. Open, it turns once a period: read,
mix to mono, post a block when one is full; then sleep on the inbox until the next is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Final

from msgspec import Struct

from device.core import events as ev
from device.core.audio import FRAME_BYTES, PERIOD, RATE, Format, Frames, MicBlock, to_mono
from device.core.events import Event, Part
from device.drivers import pcm
from device.drivers.pcm import Pcm
from device.drivers.thread import NamedThread
from device.errors import AudioDeviceError, StuckThread

PERIODS: Final = 16
"""320 ms of buffer: a stalled interpreter loses no word."""

LATE_S: Final = 0.0003
"""After the instant at which a block should be there: too early would be one more wake."""


class Order(Enum):
    """What the thread can be told."""

    OPEN = "open"
    CLOSE = "close"
    PROBE = "probe"
    STOP = "stop"


class Ask(Struct, frozen=True):
    """Are you there? Answered on the thread, wherever its loop is."""

    answer: Callable[[], None]


class Capture:
    """The microphone. All methods return at once; what happened comes back by `post`.

    `post` is called on the capture thread with `MicHeard`, `MicClosed`, `PartReady`, `PartFailed`
    and `Xrun`, and must only hand over.
    """

    def __init__(
        self,
        device: str,
        form: Format,
        *,
        use: tuple[int, ...],
        block: Frames,
        post: Callable[[Event], None],
    ) -> None:
        self._device = device
        self._form = form
        self._use = use
        self._block_bytes = block * FRAME_BYTES
        self._post = post
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
        order = self._next()
        while order is not Order.STOP:
            try:
                order = self._obey(order)
            except (AudioDeviceError, pcm.Error) as problem:
                self._post(_failure(problem, self._device))
                order = self._next()

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
        return pcm.open_pcm(
            pcm.CAPTURE, self._device, self._form, period=PERIOD, periods=PERIODS, blocking=True
        )

    def _listen(self, microphone: Pcm, granted: Format) -> Order:
        """Read until told otherwise; returns the order that ended it."""
        heard = bytearray()
        order: Order | None = None
        while order is None or order in (Order.OPEN, Order.PROBE):
            length, sound = microphone.read()
            if length == pcm.XRUN:
                self._post(ev.Xrun(time.monotonic(), Part.MICROPHONE))
            elif length > 0:
                heard += to_mono(sound, granted, self._use)
            wait = 0.0
            if len(heard) >= self._block_bytes:
                self._post(ev.MicHeard(MicBlock(bytes(heard), time.monotonic())))
                heard.clear()
                wait = self._until_full(microphone)
            order = self._order(wait)
        if order is Order.CLOSE:
            # With the period that is being captured now: it holds the end of the last word.
            for _ in range(max(0, microphone.avail()) // PERIOD + 1):
                heard += to_mono(microphone.read()[1], granted, self._use)
            self._post(ev.MicHeard(MicBlock(bytes(heard), time.monotonic())))
        return order

    def _until_full(self, microphone: Pcm) -> float:
        """Seconds until the device holds a block: one wake for it, not one a period."""
        missing = self._block_bytes // FRAME_BYTES - microphone.avail()
        return max(0.0, missing / RATE + LATE_S)

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


def _failure(problem: Exception, device: str) -> ev.PartFailed:
    """Our sentence for a PCM that failed; alsa-lib's own reason stands in it."""
    if isinstance(problem, AudioDeviceError):
        code, what, cure = problem.code, problem.what, problem.cure
    else:
        code, what = "microphone-lost", f"microphone {device!r} stopped ({problem})"
        cure = "plug it in again; it is tried every 2 s"
    return ev.PartFailed(time.monotonic(), Part.MICROPHONE, code, what, cure)
