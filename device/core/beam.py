"""Where a voice comes from, and how the channels of an array are delayed to listen there.

Bearings are in degrees: 0 is +x, counter-clockwise, in the plane of the array. Positions are in
metres. The talker is taken to be far away (half a metre is far for a hand-sized array).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.core.audio import PERIOD, RATE

Geometry = Mapping[int, tuple[float, float]]
"""Where the microphone of each channel is; a channel that is not in it is no microphone."""
Weights = NDArray[np.float64]
"""Filters, channels × taps: what is heard is the sum of the filtered channels."""

SOUND: Final = 343.0
"""Metres a second, at 20 degrees."""
STEP: Final = 5
"""Degrees from one bearing that is tried to the next."""

HALF: Final = 12
"""Taps on either side of a delay: 0.5 ms late, flat within 0.02 dB to 10 kHz (measured)."""
_KAISER: Final = 6.0

LOOK: Final = 10
"""Periods from one bearing to the next, at least: five a second at most."""
FRESH: Final = 5
"""Periods of speech that are needed for a new one: 0.1 s."""
MOST: Final = 8
"""Channels that are compared pair by pair; more would cost and tell no more."""
_BAND: Final = (300.0, 4000.0)
_FFT: Final = 512
_SPEECH_RATE: Final = 0.1
_NOISE_RATE: Final = 0.02
"""Shares of a new period in the spectra: 0.2 s of speech against 1 s of what was before it. The
first periods have more, so that they begin as a mean."""
_LOUD: Final = 1.5
"""A period of speech with less than so many times the power of the noise tells no bearing."""
_FITS: Final = 0.25
"""How much of the sound must agree on a bearing: of a voice 0.36 to 0.9 did, across a reverberant
room and close by, of the noise of the microphones themselves 0.14 at most (measured)."""
_BETTER: Final = 0.02
"""A new bearing must fit so much better than the present one."""


def steered(geometry: Geometry, ears: list[int], *, channels: int, bearing: float) -> Weights:
    """Filters that add up what comes from a bearing in phase, out of the channels in `ears`.

    Fractional delays are windowed sincs. Every filter of one array has the same delay for its
    centre, whatever the bearing, so that what is heard does not jump in time when it changes.
    """
    turned = math.radians(bearing)
    toward = np.array([math.cos(turned), math.sin(turned)])
    lead = {n: float(np.dot(geometry[n], toward)) / SOUND * RATE for n in ears}
    return _filters(lead, geometry, channels)


def single(geometry: Geometry, ear: int, *, channels: int) -> Weights:
    """The filters that hear one channel alone, as late as a beam is."""
    return _filters({ear: 0.0}, geometry, channels)


def _filters(lead: Mapping[int, float], geometry: Geometry, channels: int) -> Weights:
    """`lead`: by how many frames each of these channels is early."""
    reach = math.ceil(max(math.hypot(*place) for place in geometry.values()) / SOUND * RATE)
    taps = np.arange(2 * (HALF + reach) + 1)
    weights = np.zeros((channels, len(taps)))
    for n, frames in lead.items():
        off = taps - (HALF + reach + frames)
        window = np.i0(_KAISER * np.sqrt(np.clip(1 - (off / (HALF + 1)) ** 2, 0, None)))
        sinc = np.sinc(off) * np.where(np.abs(off) < HALF + 1, window, 0)
        weights[n] = sinc / sinc.sum() / len(lead)
    return weights


def centred(geometry: Geometry) -> Geometry:
    """The same array with its centre at the origin."""
    x, y = np.mean(list(geometry.values()), axis=0)
    return {n: (place[0] - x, place[1] - y) for n, place in geometry.items()}


def bearings(geometry: Geometry) -> NDArray[np.int64]:
    """The bearings that can be told apart: of a straight array those of one side only."""
    places = np.array(list(centred(geometry).values()))
    _, size, axes = np.linalg.svd(places)
    if size[1] > 0.05 * size[0]:
        return np.arange(0, 360, STEP)
    axis = round(math.degrees(math.atan2(axes[0, 1], axes[0, 0]))) % 180
    return np.arange(axis, axis + 181, STEP) % 360


class Finder:
    """Finds the bearing of a voice (SRP-PHAT: GCC-PHAT of all pairs, over a grid of bearings).

    The cross spectra of what was heard before a person spoke are taken off those of the speech:
    a fan or a television that was there already draws no beam.
    """

    def __init__(self, geometry: Geometry) -> None:
        placed = sorted(geometry)
        self._ears = placed[:: math.ceil(len(placed) / MOST)]
        pairs = list(combinations(range(len(self._ears)), 2))
        self._one, self._two = (np.array(side) for side in zip(*pairs, strict=True))
        frequency = np.fft.rfftfreq(_FFT, 1 / RATE)
        self._bins = np.flatnonzero((frequency >= _BAND[0]) & (frequency <= _BAND[1]))
        self._grid = bearings(geometry)
        turned = np.radians(self._grid)
        toward = np.stack([np.cos(turned), np.sin(turned)])
        places = np.array([geometry[n] for n in self._ears])
        ahead = (places[self._one] - places[self._two]) @ toward / SOUND  # seconds: pairs × grid
        phase = 2j * math.pi * frequency[self._bins, None, None] * ahead
        self._match = np.exp(-phase).transpose(2, 1, 0).reshape(len(self._grid), -1)
        self._match = self._match.astype(np.complex64)
        self._window = np.hanning(PERIOD).astype(np.float32)
        shape = (len(pairs), len(self._bins))
        self._noise = np.zeros(shape, np.complex64)
        self._speech = np.zeros(shape, np.complex64)
        self._quiet = 0.0
        self._rested = 0
        self._heard = 0
        self._fresh = 0
        self._since = 0
        self._at: int | None = None

    def hear(
        self, samples: NDArray[np.float32], *, hearing: bool | None, well: set[int]
    ) -> float | None:
        """Take one period of all channels; returns a bearing where there is news of one.

        `hearing` as in `array.Array.mix`; `well` are the channels that may be trusted.
        """
        if hearing is None or samples.shape[1] != PERIOD:
            return None
        spectra = np.fft.rfft(samples[self._ears] * self._window, _FFT)[:, self._bins]
        cross = spectra[self._one] * spectra[self._two].conj()
        self._since += 1
        power = float(np.vdot(spectra, spectra).real)
        if not hearing:
            self._rested += 1
            self._heard = self._fresh = 0
            share = max(_NOISE_RATE, 1 / self._rested)
            self._noise += share * (cross - self._noise)
            self._quiet += share * (power - self._quiet)
            return None
        if power < _LOUD * self._quiet:
            return None  # a pause, or the VAD's hangover
        self._heard += 1
        self._fresh += 1
        self._speech += max(_SPEECH_RATE, 1 / self._heard) * (cross - self._speech)
        if self._fresh < FRESH or self._since < LOOK:
            return None
        self._fresh = self._since = 0
        return self._look(well)

    def _look(self, well: set[int]) -> float | None:
        trusted = np.array([n in well for n in self._ears])
        pairs = (trusted[self._one] & trusted[self._two])[:, None]
        net = self._speech - self._noise
        size = np.abs(net)
        clear = size / (size + np.abs(self._noise) + 1e-12) * pairs
        total = float(clear.sum()) + 1e-12
        phases = (clear * net / (size + 1e-12)).ravel().astype(np.complex64)
        # Not `@`: BLAS would wake threads of its own for it, ten times the CPU time (measured).
        fits = np.einsum("ij,j->i", self._match, phases).real / total
        best = int(np.argmax(fits))
        if fits[best] < _FITS:
            return None
        if self._at is None or fits[best] > fits[self._at] + _BETTER:
            self._at = best
        return float(self._grid[self._at])
