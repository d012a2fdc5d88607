"""A few of the scenes, and a table that tells a beam from a channel."""

from __future__ import annotations

import numpy as np
import pytest

from bench.arrays import (
    BEARINGS,
    CENTRE,
    DISTANCES,
    NOISES,
    Fared,
    Scene,
    fared,
    heard,
    rows,
    scenes,
)
from bench.echo import rooms


@pytest.mark.parametrize(("noise", "less_db"), [("own", 5.5), ("room", 1.2)])
def test_a_beam_takes_noise_away_and_turns_to_the_voice(noise: str, less_db: float) -> None:
    scene = next(one for one in scenes() if one.noise == noise)
    found = fared(scene)
    assert found.less_db > less_db
    assert found.off <= 10


def test_the_noise_is_as_loud_as_it_is_said_to_be_and_the_voice_comes_from_where_it_is() -> None:
    for noise in NOISES:
        voice, sound = heard(Scene(noise, 0.25, 1.0, 0))
        spoken = np.abs(voice[0]) > 0.05
        assert 12 < 20 * np.log10(voice[0][spoken].std() / sound[0].std()) < 30
        ahead = np.correlate(voice[0, :48_000], voice[2, 40:47_960], "valid")
        assert np.argmax(ahead) - 40 in (-5, -4), "the first microphone is 64 mm nearer"


def test_every_talker_is_inside_the_room() -> None:
    for scene in scenes():
        x, y = CENTRE[:2]
        turned = np.radians([scene.bearing, scene.bearing + 90])
        for far, middle, size in (
            (np.cos(turned), x, rooms.SIZE[0]),
            (np.sin(turned), y, rooms.SIZE[1]),
        ):
            assert (np.abs(middle + scene.metres * far - size / 2) < size / 2).all()


def test_the_table_tells_the_worst_of_each_noise() -> None:
    found = [
        Fared(Scene(noise, 0.25, metres, bearing), less_db=float(n), off=10.0 * n)
        for noise in NOISES
        for n, (metres, bearing) in enumerate((m, b) for m in DISTANCES for b in BEARINGS)
    ]
    table = {row.name: row.ours for row in rows(found)}
    assert table["beam, noise: own; less noise, dB (least)"] == 0.0
    assert table["beam, noise: own; less noise, dB (mean)"] == 3.5
    assert table["beam, noise: point; bearing off, degrees, p50"] == 35.0
