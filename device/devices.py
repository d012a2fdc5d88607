"""The sound devices of this machine by name, and what to write into the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import alsaaudio

from device.core.audio import RATE
from device.drivers.pcm import CAPTURE, PLAYBACK, Error

PLUMBING: Final = frozenset({
    "null", "lavrate", "samplerate", "speexrate", "jack", "oss", "pulse", "speex", "upmix",
    "vdownmix", "default", "sysdefault", "plughw", "dmix", "dsnoop", "front", "rear", "side",
    "center_lfe", "surround21", "surround40", "surround41", "surround50", "surround51",
    "surround71", "iec958", "hdmi", "usbstream", "modem", "phoneline",
})  # fmt: skip
"""What ALSA lists besides cards."""
COMMON_RATES: Final = (8000, 16_000, 24_000, 44_100, 48_000, 96_000)
SAMPLES: Final = ("S16_LE", "S24_3LE", "S24_LE", "S32_LE")


def listing(part: Literal["microphone", "speaker"]) -> Iterator[str]:
    """The lines on one direction: what to do, then a line for each device, or that none is there.

    Call `quieten_alsa` before.
    """
    kind = CAPTURE if part == "microphone" else PLAYBACK
    names = [name for name in alsaaudio.pcms(kind) if name.partition(":")[0] not in PLUMBING]
    if not names:
        yield f"{part}: none found; plug a sound card in, or join the group audio"
        return
    yield f"{part}: write one of these into {part}.device"
    for name in names:
        advice = f"plughw:{name.removeprefix('hw:')}" if name.startswith("hw:") else name
        yield f'  "{advice}"  {_abilities(name, kind)}'


def _abilities(name: str, kind: int) -> str:
    """What the device itself can; opening it starts nothing."""
    try:
        pcm = alsaaudio.PCM(kind, alsaaudio.PCM_NONBLOCK, device=name)
    except Error as problem:
        return f"cannot be opened now: {str(problem).partition(' [')[0]}"
    try:
        lowest, highest = pcm.getratebounds()
        channels = pcm.getchannels()
        samples = [sample for sample in SAMPLES if sample in pcm.getformats()]
    finally:
        pcm.close()
    rates = [rate for rate in COMMON_RATES if lowest <= rate <= highest]
    native = "" if RATE in rates else ", converted to 24000 Hz by plughw"
    return f"{_few(rates)} Hz, {_few(channels)} channels, {_few(samples)}{native}"


def _few(values: Iterable[Any]) -> str:
    """A short list as words."""
    words = [str(value) for value in values]
    return "/".join(words) if len(words) <= 8 else f"{words[0]} to {words[-1]}"
