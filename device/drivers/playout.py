"""The playout thread: the only one that ever touches the speaker's PCM.

It sleeps on its inbox while there is nothing to say. Sound starts with the first delta, fills the
ALSA buffer, and then the thread turns once per two periods. A cut is an order like any other and
wakes it at once: it reads what the device still holds, drops it, and reports what was heard.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from device.core import events as ev
from device.core.audio import FRAME_BYTES, PERIOD, RATE, Format, Frames, silence
from device.core.events import Event, Part
from device.core.ledger import CUE, Heard, ItemId
from device.core.limiter import Limiter
from device.core.loudness import Loudness
from device.drivers import pcm
from device.drivers.aloud import Aloud, Position, frame_at
from device.drivers.pcm import Pcm
from device.drivers.reel import Cut, End, GoOn, Hold, Order, Probe, Reel, Sound, Stop
from device.drivers.thread import Ask, NamedThread
from device.errors import AudioDeviceError, StuckThread

PERIODS: Final = 8
BUFFER: Final = Frames(PERIODS * PERIOD)
"""160 ms. Its length does not delay a cut, which drops it."""
REFILL: Final = Frames(2 * PERIOD)
"""Room for this much is waited for before writing again."""
PREBUFFER: Final = Frames(2 * PERIOD)
"""A reply starts when this much of it is here, or its end, or after `PREBUFFER_S`."""
PREBUFFER_S: Final = 0.060
LOW: Final = Frames(2 * PERIOD)
"""Below this, and with nothing to play, silence bridges the gap."""
BRIDGE_S: Final = 3.0
"""A gap longer than this ends the reply; what comes later starts anew."""
_GAP: Final = silence(PERIOD)
_ALL: Final = Frames(1 << 60)
"""A delay that leaves nothing heard beyond what is settled already."""
HOLD_S: Final = 1.0
"""While it is held, the inbox is all there is to wait for."""
GUARD: Final = Frames(36)
"""1.5 ms: alsa's `plug` holds up to 0.9 ms that its position does not show (measured)."""


class Playout:
    """The loudspeaker. All methods return at once; what happened comes back by `post`.

    `post` is called on the playout thread with `Sounded`, `PlayoutEnded`, `PartReady`,
    `PartFailed` and `Xrun`, and must only hand over. `latency` frames of the path to the ear
    are unknown to ALSA. They are never claimed as heard, nor are the `unsure` ones that may be.
    """

    def __init__(
        self,
        device: str,
        *,
        loudness: Loudness,
        latency: Frames,
        unsure: Frames = Frames(0),
        post: Callable[[Event], None],
        aloud: Aloud | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self._device = device
        self._loudness = loudness
        self._latency = latency
        self._margin = Frames(latency + unsure + GUARD)
        self._post = post
        self._aloud = aloud
        self._limiter = limiter
        self._position = Position()
        self._pcm: Pcm | None = None
        self._tones = 0
        """Of the device's own, taken from the inbox so far."""
        self._inbox: SimpleQueue[Order] = SimpleQueue()
        self._thread = NamedThread("playout", self._run)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def play(self, item: ItemId, sound: bytes) -> None:
        """Queue sound of one item: mono, 24 kHz, S16_LE."""
        self._inbox.put(Sound(item, sound))

    def end(self) -> None:
        """Nothing more comes: play out, then post `PlayoutEnded`."""
        self._inbox.put(End())

    def cut(self) -> None:
        """Be silent at once, then post `PlayoutEnded` with what was heard."""
        self._inbox.put(Cut())

    def hold(self) -> None:
        """Be silent at once, and keep what was not heard. With nothing to say: nothing."""
        self._inbox.put(Hold())

    def go_on(self) -> None:
        """Go on with what was not heard."""
        self._inbox.put(GoOn())

    def probe(self) -> None:
        """Try whether the device opens; post `PartReady` or `PartFailed`."""
        self._inbox.put(Probe())

    def ask(self, answer: Callable[[], None]) -> None:
        """Let the thread call `answer`: a sign of life. It must only hand over."""
        self._inbox.put(Ask(answer))

    def stop(self, timeout: float) -> None:
        """Be silent and end the thread. Raises `StuckThread` after `timeout` seconds."""
        self._inbox.put(Stop())
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise StuckThread("the playout thread did not end", cure="a bug: please report it")

    def _run(self) -> None:
        while True:
            match order := self._inbox.get():
                case Stop():
                    break
                case Sound():
                    if self._speak(order):
                        break
                case Cut() | End():
                    self._ended(())
                case Probe():
                    self._try()
                case Ask():
                    order.answer()
                case Hold() | GoOn():
                    pass
        self._close()

    def _try(self) -> None:
        """Open it anew: one that was kept may have been pulled out, and must be given back then."""
        self._close()
        try:
            self._opened()
            self._post(ev.PartReady(time.monotonic(), Part.SPEAKER))
        except AudioDeviceError as problem:
            self._failed(problem)

    def _speak(self, first: Sound) -> bool:
        """Play one reply; True when the thread is to end."""
        reel = Reel(self._loudness, self._limiter)
        self._take(first, reel)
        try:
            try:
                self._play_out(self._opened(), reel)
            except pcm.Error:
                if reel.started:
                    raise
                # The PCM was kept from the last reply and its device was replugged since.
                self._close()
                self._play_out(self._opened(), reel)
        except (AudioDeviceError, pcm.Error) as problem:
            self._close()
            self._gather(reel, 0.0)
            # Nobody knows how much of the buffer was still heard: claim none of it.
            self._ended(reel.ledger.close(_ALL))
            self._failed(problem)
        return isinstance(reel.ending, Stop)

    def _play_out(self, speaker: Pcm, reel: Reel) -> None:
        """From the first sound to silence: played out, cut, or told to stop."""
        self._prebuffer(reel)
        room, last_sound = int(BUFFER), time.monotonic()
        moved = last_sound
        while not isinstance(reel.ending, Cut | Stop):
            if reel.held:
                self._keep_silent(speaker, reel)
                room, moved = int(BUFFER), time.monotonic()
                continue
            if reel.waiting:
                last_sound = time.monotonic()
            bored = time.monotonic() - last_sound > BRIDGE_S
            over = not reel.waiting and (bored or reel.ending is not None)
            if over and room >= BUFFER:
                self._silence(speaker)
                self._ended(reel.ledger.close(Frames(0)))
                return
            left = self._fill(speaker, reel, room=room, bridge=not over)
            self._gather(reel, self._pause(left, reel, over=over))
            room = self._room(speaker, over=over)
            reel.ledger.settle(Frames(BUFFER - room + self._margin))
            if room > left:
                moved = time.monotonic()
            elif time.monotonic() - moved > pcm.STALL_S:
                raise pcm.stalled("speaker", self._device, does="takes")
        # The position is read last before the drop: later it would be worthless.
        held = BUFFER - self._room(speaker, over=True) if reel.started else 0
        self._silence(speaker)
        self._ended(reel.ledger.close(Frames(held + self._margin)))

    def _keep_silent(self, speaker: Pcm, reel: Reel) -> None:
        """Until told to go on, or to end. What the device still holds is taken back."""
        held = BUFFER - self._room(speaker, over=True) if reel.started else 0
        self._silence(speaker)
        reel.take_back(Frames(held + self._margin))
        while reel.held and not isinstance(reel.ending, Cut | Stop):
            self._gather(reel, HOLD_S)

    def _prebuffer(self, reel: Reel) -> None:
        """Wait for enough to start with, but not for long."""
        deadline = time.monotonic() + PREBUFFER_S
        while reel.waiting < PREBUFFER and reel.ending is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._gather(reel, left)

    def _gather(self, reel: Reel, timeout: float) -> None:
        """Take all orders that are there; wait up to `timeout` seconds for the first."""
        try:
            order = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
            while True:
                if isinstance(order, Probe):
                    self._post(ev.PartReady(time.monotonic(), Part.SPEAKER))
                elif isinstance(order, Ask):
                    order.answer()
                else:
                    self._take(order, reel)
                if isinstance(order, Cut | Stop):
                    return  # what follows a cut is of the next reply
                order = self._inbox.get_nowait()
        except Empty:
            return

    def _take(self, order: Order, reel: Reel) -> None:
        if isinstance(order, Sound) and order.item == CUE:
            self._tones += 1
        reel.take(order)

    def _ended(self, account: tuple[Heard, ...]) -> None:
        self._post(ev.PlayoutEnded(time.monotonic(), account, self._tones))

    def _pause(self, room: int, reel: Reel, *, over: bool) -> float:
        """How long to sleep, in seconds; an order wakes the thread earlier."""
        if over:
            return (BUFFER - room) / RATE
        goal = REFILL if reel.waiting else BUFFER - LOW
        return max(0.0, (goal - room) / RATE)

    def _fill(self, speaker: Pcm, reel: Reel, *, room: int, bridge: bool) -> int:
        """Write what there is room for, or bridge a gap; returns the room that is left."""
        while room > 0 and reel.waiting:
            item, piece = reel.next(room)
            taken = self._write(speaker, piece, reel)
            if not taken:
                return 0
            if reel.wrote(taken):
                audible = time.monotonic() + (BUFFER - room) / RATE
                self._post(ev.Sounded(audible, item))
            self._sounds(piece[: taken * FRAME_BYTES], room=room)
            room -= taken
        if bridge and reel.ending is None and BUFFER - room < LOW:
            taken = self._write(speaker, _GAP, reel)
            reel.bridged(_GAP[: taken * FRAME_BYTES])
            self._sounds(_GAP[: taken * FRAME_BYTES], room=room)
            room -= taken
        return room

    def _sounds(self, piece: bytes | memoryview, *, room: int) -> None:
        """Let it be known, where somebody wants to know, when this piece can be heard."""
        if self._aloud is None:
            return
        after = (BUFFER - room + self._latency) / RATE
        first = self._position.take(time.monotonic() + after, len(piece) // FRAME_BYTES)
        self._aloud.sounds(first, piece)

    def _silence(self, speaker: Pcm) -> None:
        """Drop what the device still holds: it will not be heard. What has left it will."""
        speaker.drop()
        if self._aloud is not None:
            self._aloud.falls_silent(frame_at(time.monotonic() + self._latency / RATE))
        self._position.lose()

    def _write(self, speaker: Pcm, piece: bytes | memoryview, reel: Reel) -> int:
        """Frames taken. After an underrun all before it was heard, and `piece` is offered again."""
        taken = speaker.write(piece)
        if taken == pcm.XRUN:
            reel.ledger.settle(Frames(0))
            self._position.lose()
            self._post(ev.Xrun(time.monotonic(), Part.SPEAKER))
            taken = speaker.write(piece)
        return max(0, taken)

    def _room(self, speaker: Pcm, *, over: bool) -> int:
        """Frames of room. A stream that ran dry has all of it: what it held was heard."""
        room = speaker.avail()
        if room >= 0:
            return min(room, BUFFER)
        # Dry, or gone? A write tells: it takes nothing and makes the stream ready, or it raises.
        speaker.write(_GAP)
        if not over:
            self._post(ev.Xrun(time.monotonic(), Part.SPEAKER))
        return BUFFER

    def _opened(self) -> Pcm:
        if self._pcm is None:
            wish = Format()
            self._pcm, granted = pcm.open_pcm(
                pcm.PLAYBACK, self._device, wish, period=PERIOD, periods=PERIODS
            )
            if granted != wish:
                self._close()
                raise AudioDeviceError(
                    f"speaker {self._device!r} grants {granted} instead of {wish}",
                    cure="set speaker.device to a 'plughw:...' name, which converts",
                    code="speaker-terms",
                )
        return self._pcm

    def _close(self) -> None:
        if self._pcm is not None:
            with contextlib.suppress(pcm.Error):  # the device may be gone
                self._pcm.drop()
            self._pcm.close()
            self._pcm = None

    def _failed(self, problem: Exception) -> None:
        if isinstance(problem, AudioDeviceError):
            code, what, cure = problem.code, problem.what, problem.cure
        else:
            code, what = "speaker-lost", f"speaker {self._device!r} stopped ({problem})"
            cure = "plug it in again; it is tried every 2 s"
        self._post(ev.PartFailed(time.monotonic(), Part.SPEAKER, code, what, cure))
