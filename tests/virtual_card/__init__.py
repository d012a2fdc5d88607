"""A sound card for tests: real alsa-lib PCMs, driven by the clock, exact to the sample.

`VirtualCard` makes a card in a directory; programs open it through `card.environment`. The test
speaks into its microphones with `say` and reads what a person would have heard with `heard`.
All instants are seconds of CLOCK_MONOTONIC, as of `time.monotonic()`. See README.md.
"""

import fcntl
import math
import struct
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from virtual_card.plugin import build

__all__ = ["Event", "Samples", "Spoken", "VirtualCard", "build"]

Samples = NDArray[np.int16]
Direction = Literal["capture", "playback"]

LEAD_S = 0.050
"""How far ahead of now `say` begins when it is not told: enough to write the sound in time."""

PRELUDE_S = 1.0
"""Card time before the card was made; an echo may not be longer, with all its ways."""

BUFFER_S = 1.0
"""Card time; the longest ALSA buffer the card grants."""

CONF = """\
pcm_type.virtual_card {{ lib "{plugin}" }}
pcm.microphone {{
    type virtual_card
    directory "{directory}"
    hint {{ show on description "virtual microphone" }}
}}
pcm.speaker {{
    type virtual_card
    directory "{directory}"
    hint {{ show on description "virtual loudspeaker" }}
}}
pcm.plugmicrophone {{ type plug slave.pcm microphone rate_converter [ speexrate linear ] }}
pcm.plugspeaker {{ type plug slave.pcm speaker rate_converter [ speexrate linear ] }}
"""

PLAN = struct.Struct("9q4dq")
"""The file `card`: `struct card.plan` of virtual_card.c, field by field."""

FROZEN, SLEPT = 7, 8
"""What a card suffers while it is in use: places in the plan."""


@dataclass(frozen=True)
class Spoken:
    """When a sound is in the air: from `start` up to, not including, `end`."""

    start: float
    end: float


@dataclass(frozen=True)
class Event:
    """A line of the card's log; `what`: open start xrun unplug suspend stop close."""

    at: float
    direction: str
    what: str


def _ways(response: NDArray[np.floating[Any]] | None, microphones: int) -> NDArray[np.float32]:
    """The room as the plugin wants it: a row for each microphone, the latest echo first."""
    rows = np.atleast_2d(np.ones(1) if response is None else response)
    if len(rows) not in (1, microphones):
        raise ValueError(f"a room with {len(rows)} responses for {microphones} microphones")
    rows = np.broadcast_to(rows[:, ::-1], (microphones, rows.shape[1]))
    return np.ascontiguousarray(rows, dtype=np.float32)


class VirtualCard:
    """A card in a directory of its own, from now on and for `seconds` of card time.

    `rate`, `sample` (S16_LE or S32_LE) and the channel counts are the only ones it grants.
    `ppm` is the error of its clock, `speed` how many times faster than real its time runs.
    The echo from loudspeaker to microphone is off while `echo_gain` is 0. It can come through a
    room (`echo_response`: a row of taps for each microphone, or one for all), by a clock that is
    `echo_ppm` faster than the microphone's, from a loudspeaker that never gets louder than
    `echo_clip` of full scale, however hard it is driven.
    """

    def __init__(
        self,
        directory: Path,
        *,
        rate: int = 24000,
        microphone_channels: int = 1,
        speaker_channels: int = 1,
        sample: Literal["S16_LE", "S32_LE"] = "S16_LE",
        ppm: float = 0.0,
        echo_gain: float = 0.0,
        echo_delay_ms: float = 80.0,
        echo_response: NDArray[np.floating[Any]] | None = None,
        echo_ppm: float = 0.0,
        echo_clip: float = 0.0,
        speed: float = 1.0,
        seconds: float = 600,
    ) -> None:
        response = _ways(echo_response, microphone_channels)
        apart_ms = abs(echo_ppm) * (PRELUDE_S + seconds) / 1e3 + 0.2 * bool(echo_ppm)
        most_ms = PRELUDE_S * 1000 - apart_ms - response.shape[1] * 1000 / rate
        least_ms = apart_ms if echo_ppm > 0 else 0.0
        if not least_ms <= echo_delay_ms <= most_ms:
            raise ValueError(f"echo_delay_ms={echo_delay_ms}: give {least_ms:.1f} to {most_ms:.1f}")
        self.directory = directory.resolve()
        self.rate = rate
        self.clock_rate = rate * (1 + ppm / 1e6) * speed
        """Frames per second of CLOCK_MONOTONIC."""
        self._frames_per_ns = self.clock_rate / 1e9
        self._origin_ns = time.monotonic_ns() - round(PRELUDE_S * rate / self._frames_per_ns)
        self._length = math.ceil((PRELUDE_S + seconds) * rate)
        self._wide = sample == "S32_LE"
        self._said_until = 0
        self._noise: tuple[int, Samples] | None = None

        self.directory.mkdir(parents=True, exist_ok=True)
        self._microphone = self._timeline("microphone.pcm", microphone_channels)
        self._speaker = self._timeline("speaker.pcm", speaker_channels)
        (self.directory / "events").touch(exist_ok=False)
        (self.directory / "response").write_bytes(response.tobytes())
        width = self._speaker.itemsize
        self._plan = [
            width * microphone_channels,
            width * speaker_channels,
            width,
            rate,
            self._length,
            self._origin_ns,
            round(echo_delay_ms * rate / 1000),
            0,
            0,
            echo_gain / speaker_channels,
            self._frames_per_ns,
            echo_ppm / 1e6,
            echo_clip,
            response.shape[1],
        ]
        self.plug()
        self.conf = self.directory / "asound.conf"
        self.conf.write_text(CONF.format(plugin=build(), directory=self.directory))
        self.environment = {"ALSA_CONFIG_PATH": str(self.conf)}

    def _timeline(self, name: str, channels: int) -> NDArray[Any]:
        path = self.directory / name
        dtype = np.dtype("<i4" if self._wide else "<i2")
        with path.open("xb") as file:
            file.truncate(self._length * channels * dtype.itemsize)
        return np.memmap(path, dtype, "r+", shape=(self._length, channels))

    def now(self) -> float:
        return time.monotonic()

    def index(self, at: float) -> int:
        """The frame that is in the air at an instant; the same for microphones and speakers.

        Raises ValueError outside the card's life, of which there is no record.
        """
        index = self._index_ns(round(at * 1e9))
        if not 0 <= index < self._length:
            raise ValueError(
                f"{at:.3f} s is outside this card's record, {self.instant(0):.3f} to "
                f"{self.instant(self._length):.3f} s: give VirtualCard more seconds"
            )
        return index

    def _index_ns(self, ns: int) -> int:
        return math.floor((ns - self._origin_ns) * self._frames_per_ns)

    def instant(self, index: int) -> float:
        """When a frame begins: the reverse of `index`."""
        return (self._origin_ns + math.ceil(index / self._frames_per_ns) + 1) / 1e9

    def say(
        self,
        sound: Path | Samples,
        *,
        at: float | None = None,
        channel: int | None = None,
        gain: float = 1.0,
    ) -> Spoken:
        """Add a sound to what the microphones hear, at an instant that is still to come.

        A mono sound goes to one channel, or to all; an array of (frames, channels) must have one
        for each microphone. A WAV file must be 16 bit and have the card's rate: ValueError else.
        """
        frames = self._frames(sound, channel=channel, gain=gain)
        start = self._soon(len(frames)) if at is None else self.index(at)
        end = start + len(frames)
        if start <= self.index(self.now()):
            raise ValueError(f"cannot say it at {at}: {self.now():.3f} s is already over")
        if end > self._length:
            raise ValueError("the sound ends after the card does: give VirtualCard more seconds")
        columns = slice(None) if channel is None else slice(channel, channel + 1)
        place = self._microphone[start:end, columns]
        top = np.iinfo(place.dtype)
        self._said_until = max(self._said_until, end)
        place[:] = np.clip(place + frames, top.min, top.max)
        if self.index(self.now()) >= start:
            raise RuntimeError("the machine was too slow to say it in time: say it further ahead")
        return Spoken(self.instant(start), self.instant(end))

    def _soon(self, frames: int) -> int:
        """An index just ahead, where so many frames can be written without waiting for the disk."""
        first = self.index(self.now())
        self._microphone[first : first + frames + round(2 * LEAD_S * self.clock_rate)] += 0
        return self.index(self.now() + LEAD_S)

    def _frames(
        self, sound: Path | Samples, *, channel: int | None, gain: float
    ) -> NDArray[np.int64]:
        samples = self._read(sound) if isinstance(sound, Path) else sound
        if samples.dtype != np.int16:
            raise ValueError(f"a sound is made of int16 samples, not {samples.dtype}")
        frames = samples.reshape(len(samples), -1)
        wanted = self._microphone.shape[1] if channel is None else 1
        if frames.shape[1] not in (1, wanted):
            raise ValueError(f"a sound of {frames.shape[1]} channels for {wanted} microphones")
        scale = gain * (65536 if self._wide else 1)
        return np.asarray(np.rint(frames * scale), dtype=np.int64)

    def _read(self, path: Path) -> Samples:
        with wave.open(str(path), "rb") as file:
            if (file.getsampwidth(), file.getframerate()) != (2, self.rate):
                raise ValueError(
                    f"{path} has {8 * file.getsampwidth()} bits at {file.getframerate()} Hz; "
                    f"this card needs 16 bits at {self.rate} Hz: convert the file"
                )
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return samples.astype(np.int16).reshape(-1, file.getnchannels())

    def noise(self, level_dbfs: float, *, seconds: float = 60.0, seed: int = 0) -> Spoken:
        """Let the room be noisy for so much card time: white, and different in each microphone.

        `level_dbfs` is its RMS, 0 that of a full-scale square wave. Call it before speaking: it
        replaces what was to be heard; what is said later is added to it.
        """
        shape = (round(seconds * self.rate), self._microphone.shape[1])
        scale = 32768 * 10 ** (level_dbfs / 20)
        samples = np.random.default_rng(seed).normal(0, scale, shape).clip(-32768, 32767)
        start = self._soon(len(samples))
        self._noise = (start, np.rint(samples[: self._length - start]).astype(np.int16))
        self._said_until = start + len(self._noise[1])
        self._quiet_from(start)
        return Spoken(self.instant(start), self.instant(self._said_until))

    def silence_from(self, at: float) -> None:
        """Let whoever is speaking stop at an instant; background noise stays."""
        self._quiet_from(max(self.index(at), self.index(self.now())))

    def _quiet_from(self, index: int) -> None:
        self._microphone[index : self._said_until] = 0
        if self._noise is not None:
            start, samples = self._noise
            rest = samples[max(index - start, 0) :]
            begin = max(index, start)
            scale = self._microphone.dtype.type(65536 if self._wide else 1)
            self._microphone[begin : begin + len(rest)] = rest * scale

    def heard(self, since: float, until: float | None = None, *, channel: int = 0) -> Samples:
        """What was audible between two instants, at the card's rate; `until`: now.

        Of a 32-bit card these are the upper 16 bits. ValueError for what is still to come.
        """
        now = self.now()
        if until is not None and until > now:
            raise ValueError(f"{until:.3f} s is still to come: nobody has heard that yet")
        return self._between(self._speaker, since, now if until is None else until, channel)

    def spoken(self, since: float, until: float, *, channel: int = 0) -> Samples:
        """What is in the air at a microphone between two instants, without the echo."""
        return self._between(self._microphone, since, until, channel)

    def _between(self, timeline: NDArray[Any], since: float, until: float, channel: int) -> Samples:
        samples = timeline[self.index(since) : self.index(until), channel]
        return np.asarray(samples >> 16 if self._wide else samples).astype(np.int16)

    def last_sound(self, since: float) -> float | None:
        """When the last frame that was not silence began, from `since` to now."""
        first = self.index(since)
        loud = np.flatnonzero(self._speaker[first : self.index(self.now())].any(axis=1))
        return self.instant(first + int(loud[-1])) if len(loud) else None

    def events(self, direction: Direction | None = None) -> list[Event]:
        """The card's log so far: when each direction was opened, started, stopped, closed."""
        lines = (self.directory / "events").read_text().splitlines()
        found = [self._event(*line.split()) for line in lines]
        return [event for event in found if direction in (None, event.direction)]

    def _event(self, index: str, line: str, what: str) -> Event:
        at = (self._origin_ns + float(index) / self._frames_per_ns) / 1e9
        return Event(at, "playback" if line == "1" else "capture", what)

    def unplug(self) -> None:
        """Pull the card out: streams fail with ENODEV, what was not yet audible never is."""
        (self.directory / "card").unlink(missing_ok=True)
        now = self.index(self.now())
        self._speaker[now : now + round(BUFFER_S * self.rate)] = 0

    def plug(self) -> None:
        """Put the card back in: it can be opened again."""
        card = self.directory / "card"
        if not card.exists():
            # There is a whole card, or none.
            card.with_suffix(".new").write_bytes(PLAN.pack(*self._plan))
            card.with_suffix(".new").rename(card)

    def freeze(self) -> None:
        """Let its clock stand still: streams stay open, and no frame moves any more."""
        self._suffer(FROZEN, self.index(self.now()))

    def thaw(self) -> None:
        """Let its clock run again, as if it had never stood still."""
        self._suffer(FROZEN, 0)

    def suspend(self) -> None:
        """The machine was asleep: streams that ran fail with ESTRPIPE until they are prepared."""
        self._suffer(SLEPT, self.index(self.now()))

    def _suffer(self, field: int, index: int) -> None:
        """Write it into the card, also while it is in use."""
        self._plan[field] = index
        with (self.directory / "card").open("r+b") as card:
            card.write(PLAN.pack(*self._plan))

    @contextmanager
    def busy(self, direction: Direction) -> Iterator[None]:
        """Hold a direction as another program would: opening it fails with EBUSY."""
        name = "microphone.pcm" if direction == "capture" else "speaker.pcm"
        with (self.directory / name).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def close(self) -> None:
        """Let go of the files, which stay for whoever wants to look; nothing works after it."""
        del self._microphone, self._speaker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
