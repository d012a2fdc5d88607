"""A microphone of several channels: which of them is heard, or how they are heard together.

`best` hears one channel, the one in which a voice stands farthest out of its own noise. `beam`
delays all of them so that they agree on where the voice comes from, and adds them up. Both leave
a channel that fails at once. Averaging without delays is never done: it would cancel tones.

There is one judgement of whether somebody speaks, the core's VAD on what is heard here; it comes
back as `hearing`, a block late.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from device.core import events as ev
from device.core.audio import PERIOD, Format
from device.core.beam import Finder, Geometry, Weights, centred, single, steered
from device.core.events import Event
from device.core.health import Glance, Health

Samples = NDArray[np.float32]

AHEAD_DB: Final = 3.0
"""Another channel must be so much better to be taken: channels of one array differ by as much."""
SPOKEN: Final = 25
"""Periods of speech (0.5 s) that are needed to compare channels."""
_SHORT: Final = 4
_LONG: Final = 32
"""About 300 to 2700 Hz, by the means of the VAD (`vad.levels`), whose band ends an octave lower:
where that asks whether there is a voice at all, this asks where it is clearest, consonants too."""
_FALL: Final = 0.3
_RISE_DB: Final = 0.06
"""How a noise floor follows a period: as the VAD's, quick to fall and 3 dB/s to rise."""
_SPEECH_RATE: Final = 0.02
_FULL: Final = 32768.0
_NOTHING: Final = 1e-12


class Array:
    """The front end of an array. Feed it every period of an open microphone, in order.

    `channels` is what the microphone is opened with. With a `geometry` only the channels in it are
    microphones (others may be a loopback); `beam` needs one with at least two.
    """

    def __init__(
        self, use: Literal["best", "beam"], *, channels: int, geometry: Geometry | None = None
    ) -> None:
        places = centred(geometry) if geometry else {}
        self._ears = sorted(places) or list(range(channels))
        self._health = Health(self._ears)
        self._chooser = _Beam(places, channels) if use == "beam" else _Best(self._ears, channels)
        self._mixer = _Mixer(channels)

    def mix(self, interleaved: bytes, form: Format, *, hearing: bool | None) -> bytes:
        """Interleaved capture of `form` to mono S16_LE of the same length.

        `hearing`: somebody speaks (True) or nobody does (False), as far as is known by now. None:
        neither, as while our own voice is in the room; nothing is learned from such sound.
        """
        samples = _floats(interleaved, form)
        if not samples.shape[1]:
            return b""
        seen = Glance(samples if len(self._ears) == len(samples) else samples[self._ears])
        self._health.hear(seen, quiet=hearing is False)
        # Which of them may be heard now: a channel that stands still is left before it is judged.
        still = {n for n, one in zip(self._ears, seen.still, strict=True) if one}
        ill = {self._ears[place] for place in self._health.ill}
        well = [n for n in self._ears if n not in still | ill]
        moving = [n for n in self._ears if n not in still]
        weights = self._chooser.choose(samples, well or moving or self._ears, hearing=hearing)
        return self._mixer.mix(samples, weights)

    def take(self, at: float) -> list[Event]:
        """What is new, once: the health of channels, and the bearing of who speaks."""
        events = self._health.take(at)
        bearing = self._chooser.take()
        return events if bearing is None else [*events, ev.Bearing(at, bearing)]


def _floats(interleaved: bytes, form: Format) -> Samples:
    """Channels × frames, from -1 to 1; S32_LE keeps its upper 16 bits, as everywhere."""
    halves = np.frombuffer(interleaved, "<i2")
    if form.sample == "S32_LE":
        halves = halves[1::2]
    return halves.reshape(-1, form.channels).T.astype(np.float32, order="C") / np.float32(_FULL)


class _Mixer:
    """Filters the channels and adds them up; a change of filters is faded over one period."""

    def __init__(self, channels: int) -> None:
        self._weights: Weights | None = None
        self._before = np.zeros((channels, 0), np.float32)

    def mix(self, samples: Samples, weights: Weights) -> bytes:
        """Mono S16_LE."""
        memory = weights.shape[1] - 1
        if self._before.shape[1] != memory:
            self._before = np.zeros((len(samples), memory), np.float32)
        joined = np.concatenate([self._before, samples], axis=1) if memory else samples
        self._before = joined[:, joined.shape[1] - memory :]
        mono = _filtered(joined, weights)
        if self._weights is not None and self._weights is not weights:
            fade = np.linspace(0, 1, len(mono), endpoint=False)
            mono = fade * mono + (1 - fade) * _filtered(joined, self._weights)
        self._weights = weights
        whole = np.rint(mono * _FULL).clip(-_FULL, _FULL - 1)
        return whole.astype("<i2").tobytes()


def _filtered(joined: Samples, weights: Weights) -> NDArray[np.float64]:
    used = np.flatnonzero(weights.any(axis=1))
    mono: NDArray[np.float64] = np.zeros(joined.shape[1] - weights.shape[1] + 1)
    for n in used:
        mono += np.convolve(joined[n], weights[n], "valid")
    return mono


class _Best:
    """Chooses the channel in which speech stands farthest above the noise of the same channel.

    It changes between utterances only, or when the present channel fails.
    """

    def __init__(self, ears: list[int], channels: int) -> None:
        self._ears = ears
        self._alone = {n: np.eye(channels)[:, n : n + 1] for n in ears}
        self._now = ears[0]
        self._floor = np.zeros(len(ears))
        self._speech = np.full(len(ears), _NOTHING)
        self._spoken = 0

    def choose(self, samples: Samples, usable: list[int], *, hearing: bool | None) -> Weights:
        """The weights for this period."""
        if hearing is not None and samples.shape[1] == PERIOD:
            self._listen(samples, usable, hearing=hearing)
        first = max(usable, key=self._stands_out) if self._spoken >= SPOKEN else usable[0]
        ahead = self._stands_out(first) - self._stands_out(self._now)
        if self._now not in usable or (hearing is False and ahead > AHEAD_DB):
            self._now = first
        return self._alone[self._now]

    def take(self) -> None:
        """It knows no bearing."""

    def _listen(self, samples: Samples, usable: list[int], *, hearing: bool) -> None:
        """Follow the noise floor and the speech of each channel; of an ill one, from nothing."""
        power = band_powers(samples[self._ears])
        above = 10 * np.log10(power + _NOTHING) - self._floor
        rise = 0.0 if hearing else _RISE_DB
        self._floor += np.where(above < 0, _FALL * above, np.minimum(above, rise))
        if hearing:
            self._spoken += 1
            self._speech += _SPEECH_RATE * (power - self._speech)
        if len(usable) < len(self._ears):
            ill = [place for place, n in enumerate(self._ears) if n not in usable]
            self._floor[ill], self._speech[ill] = 0.0, _NOTHING

    def _stands_out(self, channel: int) -> float:
        """Its speech above its floor, in dB."""
        place = self._ears.index(channel)
        return float(10 * np.log10(self._speech[place]) - self._floor[place])


def band_powers(samples: Samples) -> NDArray[np.float64]:
    """The power of each channel between about 300 and 2700 Hz; whole periods only."""
    short = samples.reshape(len(samples), -1, _LONG // _SHORT, _SHORT).mean(axis=3)
    long = short.mean(axis=2)
    high = np.einsum("ijk,ijk->i", short, short) / (short.shape[1] * short.shape[2])
    low = np.einsum("ij,ij->i", long, long) / long.shape[1]
    power: NDArray[np.float64] = np.maximum(high - low, 0.0).astype(np.float64)
    return power


class _Beam:
    """Listens toward the bearing of who speaks, or spoke last; before that, to one channel."""

    def __init__(self, geometry: Geometry, channels: int) -> None:
        self._geometry = geometry
        self._channels = channels
        self._finder = Finder(geometry)
        self._toward: float | None = None
        self._news: float | None = None
        self._key: object = None
        self._weights: Weights | None = None

    def choose(self, samples: Samples, usable: list[int], *, hearing: bool | None) -> Weights:
        """The weights for this period."""
        found = self._finder.hear(samples, hearing=hearing, well=set(usable))
        if found is not None:
            self._toward = self._news = found
        key = (self._toward, usable)
        if self._weights is None or key != self._key:
            self._key, self._weights = key, self._made(usable)
        return self._weights

    def take(self) -> float | None:
        """The bearing, where it was found anew."""
        news, self._news = self._news, None
        return news

    def _made(self, usable: list[int]) -> Weights:
        if self._toward is None:
            return single(self._geometry, usable[0], channels=self._channels)
        return steered(self._geometry, usable, channels=self._channels, bearing=self._toward)
