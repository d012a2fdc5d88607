"""Playing two chirps and a sentence, and recording all channels meanwhile, as a conversation does.

The speaker is the daemon's own playout. The microphone is opened on the daemon's terms, and read
here: the daemon mixes its channels to one, and a broken one is to be named.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device import wishes
from device.check.analysis import CHIRP_S, Signal, chirp
from device.config import Config
from device.core import events as ev
from device.core.audio import FRAME_BYTES, PERIOD, RATE, Format
from device.core.events import Event
from device.core.ledger import ItemId
from device.drivers import pcm
from device.drivers.aloud import Aloud
from device.drivers.capture import PERIODS
from device.drivers.playout import Playout
from device.errors import AudioDeviceError, StuckThread
from device.troubles import TROUBLES

ROOM_S: Final = 1.0
"""The room alone, before anything is played."""
SPACING_S: Final = 4.0
"""From one chirp to the next."""
ECHO_S: Final = 1.0
"""An echo that comes later than this is not looked for; Bluetooth is the slowest, at 0.3 s."""
PART_S: Final = 5.0
"""A card answers at once or not at all."""
STOP_S: Final = 1.0
EARLY: Final = RATE // 50
"""The search begins so many frames before the sound can be there."""
PIECE: Final = RATE // 10
"""Sound is handed over like the deltas of a reply; each piece tells anew when it is audible."""


@dataclass(slots=True)
class Recording:
    """All channels of the microphone: frames × channels, from -1 to 1.

    `begun` is when the first frame was captured, monotonic seconds; `late_s` the longest that a
    period waited to be read.
    """

    begun: float
    samples: Signal
    overruns: int
    late_s: float


@dataclass(slots=True)
class Playing:
    """What the speaker did. `audible` is when the first frame was, or None before that."""

    failed: ev.PartFailed | None = None
    underruns: int = 0
    estimates: list[float] = field(default_factory=list)

    @property
    def audible(self) -> float | None:
        """A busy machine tells an instant too late, and never too early: the earliest is best."""
        return min(self.estimates[: round(1 / (PIECE / RATE))], default=None)

    def take(self, event: Event) -> None:
        """What the playout posts."""
        match event:
            case ev.Sounded(at, item):
                self.estimates.append(at - int(item) * PIECE / RATE)
            case ev.Xrun():
                self.underruns += 1
            case ev.PartFailed():
                self.failed = event
            case _:
                pass


class Speaker:
    """The daemon's playout, made to play the two chirps, and what a voice `says` after them.

    `gain` is how loud that is now, in quiet hours, too: a factor. `aloud` is told what sounds.
    """

    def __init__(self, config: Config, *, says: Signal, aloud: Aloud) -> None:
        self._posted: SimpleQueue[Event] = SimpleQueue()
        self.playing = Playing()
        self.sound = track(says)
        loudness = wishes.loudness(config)
        now = time.localtime()
        self.gain = loudness.of(ItemId("0"), minute=now.tm_hour * 60 + now.tm_min)
        self._playout = Playout(
            config.speaker.device,
            loudness=loudness,
            latency=wishes.latency(config),
            post=self._posted.put,
            aloud=aloud,
            limiter=wishes.limiter(config),
        )
        self._playout.start()

    def probe(self) -> None:
        """Open it; in `playing` it failed, or it did not."""
        self._playout.probe()
        try:
            self.playing.take(self._posted.get(timeout=PART_S))
        except Empty:
            code = "speaker-stalled"
            self.playing.failed = ev.PartFailed(
                time.monotonic(), ev.Part.SPEAKER, code,
                f"it did not open within {PART_S:.0f} s", TROUBLES[code].cure,
            )  # fmt: skip

    def play(self) -> None:
        """All of it as one reply."""
        sound = pcm_of(self.sound)
        for start in range(0, len(sound), PIECE * FRAME_BYTES):
            item = ItemId(str(start // (PIECE * FRAME_BYTES)))
            self._playout.play(item, sound[start : start + PIECE * FRAME_BYTES])
        self._playout.end()

    def gather(self) -> None:
        """Take what was posted so far into `playing`."""
        while not self._posted.empty():
            self.playing.take(self._posted.get())

    def stop(self) -> None:
        """Silence, and the end of its thread; one that hangs in its driver is left behind."""
        with contextlib.suppress(StuckThread):
            self._playout.stop(STOP_S)


def track(says: Signal) -> Signal:
    """What is played: a chirp, the same `SPACING_S` later, and when its echo is over a voice."""
    sound = np.zeros(round((SPACING_S + CHIRP_S + ECHO_S) * RATE))
    for start in (0, round(SPACING_S * RATE)):
        sound[start : start + round(CHIRP_S * RATE)] = chirp()
    return np.concatenate([sound, says])


def pcm_of(sound: Signal) -> bytes:
    """The same as mono S16_LE."""
    return np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def record(config: Config, speaker: Speaker | None) -> Recording:
    """Record the room, and then what `speaker` plays into it; without one, the room alone.

    Raises `AudioDeviceError` when the microphone cannot be had or stops. When the speaker fails,
    the recording ends soon, and `speaker.playing` says why.
    """
    pieces: list[Signal] = []
    instants: list[tuple[float, int]] = []
    frames, overruns, played, deadline = 0, 0, False, None
    for at, piece in _read(config.microphone.device, wishes.capture_format(config)):
        if piece is None:
            overruns += 1
            continue
        pieces.append(piece)
        frames += len(piece)
        instants.append((at, frames))
        if frames < ROOM_S * RATE:
            continue
        if speaker is None:
            break
        if not played:
            speaker.play()
            played, deadline = True, at + PART_S
        speaker.gather()
        if speaker.playing.audible is not None:
            deadline = speaker.playing.audible + len(speaker.sound) / RATE
        if speaker.playing.failed is not None or (deadline is not None and at > deadline):
            break
    begun = min(at - count / RATE for at, count in instants if at < instants[0][0] + 2.0)
    late = max(at - count / RATE for at, count in instants) - begun
    return Recording(begun, np.concatenate(pieces), overruns, late)


def _read(device: str, form: Format) -> Iterator[tuple[float, Signal | None]]:
    """What the microphone delivers, each with its instant; None is an overrun.

    Never waits for the device itself: one that delivers nothing is an error after `PART_S`.
    """
    wish = Format(form.rate, form.channels)
    microphone, granted = pcm.open_pcm(pcm.CAPTURE, device, wish, period=PERIOD, periods=PERIODS)
    try:
        heard = time.monotonic()
        while True:
            length, sound = microphone.read()
            now = time.monotonic()
            if length == pcm.XRUN:
                heard = now
                yield now, None
            elif length > 0:
                heard = now
                yield now, _samples(sound, granted)
            elif now - heard > PART_S:
                raise _stalled(device)
            time.sleep(max(0.001, (PERIOD - microphone.avail()) / RATE))
    except pcm.Error as problem:
        code = "microphone-lost"
        what = f"microphone {device!r} stopped ({problem})"
        raise AudioDeviceError(what, cure=TROUBLES[code].cure, code=code) from None
    finally:
        microphone.close()


def _stalled(device: str) -> AudioDeviceError:
    code = "microphone-stalled"
    what = f"microphone {device!r} gave no sound within {PART_S:.0f} s"
    return AudioDeviceError(what, cure=TROUBLES[code].cure, code=code)


def _samples(sound: bytes, granted: Format) -> Signal:
    width = granted.frame_bytes // granted.channels
    wide: NDArray[np.signedinteger] = np.frombuffer(sound, f"<i{width}")
    return wide.reshape(-1, granted.channels) / float(1 << (8 * width - 1))
