"""Microphone, speaker, and what lies between them: what was recorded, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from device import wishes
from device.check.analysis import (
    CHIRP_S,
    Match,
    Signal,
    chirp,
    drift_ppm,
    match,
)
from device.check.canceller import Trial, trial
from device.check.duplex import (
    EARLY,
    ECHO_S,
    ROOM_S,
    SPACING_S,
    Playing,
    Recording,
    Speaker,
    record,
)
from device.check.finding import Finding
from device.config import Config
from device.core.audio import RATE
from device.core.channels import Level, complaints, cure_of, decibels
from device.core.health import level_of
from device.drivers.capture import PERIODS
from device.drivers.playout import BUFFER
from device.errors import AudioDeviceError
from device.troubles import TROUBLES

PARTS: Final = ("microphone", "speaker", "echo", "canceller", "xruns", "drift")
APART_MS: Final = 5.0
"""Both chirps must come back equally late, but for the drift of a very bad clock."""
DRIFT_PPM: Final = 1e6 / (SPACING_S * RATE)
"""How well the drift is known: one frame from chirp to chirp (a step of 1.4 cm does as much)."""
APART_PPM: Final = 100.0
"""Crystals differ by less, and no canceller was tried beyond it (tests/bench/README.md)."""
HARDLY_DB: Final = -20.0
"""An echo louder than this was not cancelled."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Both chirps as the microphone heard them; `delay_ms` is from the speaker's first frame."""

    first: Match
    second: Match
    delay_ms: float
    clips: bool

    @property
    def heard(self) -> bool:
        """Both stand out, and both at the same distance."""
        apart_ms = abs(self.second.frame - self.first.frame) / RATE * 1000
        return self.first.clear and self.second.clear and apart_ms < APART_MS


def left_alone(reason: str, cure: str = "") -> Iterator[Finding]:
    """The lines of all parts of sound when none is to be touched."""
    return (Finding(part, "skip", reason, cure) for part in PARTS)


def try_sound(
    config: Config, *, play: bool, say: Callable[[str], None] = lambda _: None
) -> Iterator[Finding]:
    """Try both devices at once; `play`: with the chirps, else the room is listened to alone.

    `say` tells a person who is there what is going to be heard.
    """
    tried = trial(config)
    speaker = Speaker(config, says=tried.says, aloud=tried.aloud)
    try:
        speaker.probe()
        playable = play and speaker.playing.failed is None
        if playable:
            say("two chirps" + (", and a sentence to try the canceller" if tried.ear else ""))
        recording = record(config, speaker if playable else None)
        yield microphone(config, recording)
    except AudioDeviceError as problem:
        yield Finding("microphone", "FAIL", problem.what, problem.cure)
        recording = None
    finally:
        speaker.stop()
    yield _speaker(config, speaker)
    if recording is None or speaker.playing.failed is not None:
        yield from _unmeasured("needs both microphone and speaker", tried)
    elif not play:
        yield from _unmeasured("nothing is played with --quick", tried)
    elif speaker.playing.audible is None:
        yield from _unmeasured("the speaker never said when it was audible", tried)
    else:
        yield from _between(config, recording, speaker, tried, audible=speaker.playing.audible)


def _unmeasured(reason: str, tried: Trial) -> Iterator[Finding]:
    for part in PARTS[2:]:
        known = tried.known if part == "canceller" else None
        yield known or Finding(part, "skip", reason)


def microphone(config: Config, recording: Recording) -> Finding:
    """The level of each channel while nothing was played; what is used must be sound."""
    room = recording.samples[: round(ROOM_S * RATE)]
    levels = [level_of(channel) for channel in room.T]
    used = wishes.used_channels(config)
    wrong = complaints(levels)
    shown = ", ".join(
        f"{'*' if n in used and len(levels) > 1 else ''}{n}: {one.rms:.0f}/{one.peak:.0f}"
        for n, one in enumerate(levels)
    )
    faults = "".join(f"; channel {n} {said}" for n, said in wrong.items())
    facts = (
        f"{config.microphone.device!r} grants {RATE} Hz, {len(levels)} ch; "
        f"RMS/peak dBFS {shown}{' (* used)' if len(levels) > 1 else ''}{faults}"
    )
    if not wrong:
        return Finding("microphone", "ok", facts)
    # An array hears as long as one of its microphones is well; else each that is used must be.
    array = isinstance(config.microphone.use, str)
    fails = not set(used) - set(wrong) if array else set(wrong) & set(used)
    cure = _microphone_cure(levels, wrong, used, array=array)
    return Finding("microphone", "FAIL" if fails else "ok", facts, cure)


def _microphone_cure(
    levels: list[Level], wrong: dict[int, str], used: tuple[int, ...], *, array: bool
) -> str:
    worst = next((n for n in used if n in wrong), min(wrong))
    said = wrong[worst]
    well = [n for n in range(len(levels)) if n not in wrong]
    other = f"set microphone.use to {well[0]}" if well and worst in used and not array else ""
    own = cure_of(said)
    if said.startswith("is dead"):
        if worst not in used:
            return "a channel that is not used may be dead: a loopback is, while nothing plays"
        if not well:
            own = TROUBLES["microphone-silent"].cure
    return f"{own}, or {other}" if other and other not in own else own


def _speaker(config: Config, speaker: Speaker) -> Finding:
    failed = speaker.playing.failed
    if failed is not None:
        return Finding("speaker", "FAIL", failed.what, failed.cure)
    quiet = ", less now: quiet hours" if speaker.gain < wishes.gain(config) else ""
    return Finding(
        "speaker", "ok",
        f"{config.speaker.device!r} grants {RATE} Hz, 1 ch, a buffer of "
        f"{BUFFER * 1000 // RATE} ms; volume {config.speaker.volume} %{quiet}",
    )  # fmt: skip


def _between(
    config: Config, recording: Recording, speaker: Speaker, tried: Trial, *, audible: float
) -> Iterator[Finding]:
    mono = _heard(config, recording.samples)
    found = echo_of(mono, audible_frame=(audible - recording.begun) * RATE)
    why = ""
    if recording.overruns or speaker.playing.underruns:
        why = "xruns broke the count of frames"
    elif found is None or not found.heard:
        why = "can only be told by an echo, and none was heard"
    yield _echo(config, found, full=speaker.gain)
    if tried.known is not None or why:
        yield tried.known or Finding("canceller", "skip", why)
    else:
        yield tried.judge(recording, mono, audible=audible)
    yield _xruns(recording, speaker.playing)
    yield Finding("drift", "skip", why) if why or found is None else _drift(found)


def _heard(config: Config, samples: Signal) -> Signal:
    """What the daemon would hear, or nearly: of an array its first microphone that is well."""
    used = wishes.used_channels(config)
    if isinstance(config.microphone.use, str):
        wrong = complaints([level_of(samples[:, n]) for n in used])
        used = tuple(n for place, n in enumerate(used) if place not in wrong)[:1] or used[:1]
    mono: Signal = samples[:, list(used)].mean(axis=1)
    return mono


def echo_of(mono: Signal, *, audible_frame: float) -> Echo | None:
    """Both chirps in what was heard, the first of which left the speaker at a known frame."""
    spacing = round(SPACING_S * RATE)
    begin = max(0, round(audible_frame) - EARLY)
    long = round((CHIRP_S + ECHO_S) * RATE) + EARLY
    parts = [mono[start : start + long] for start in (begin, begin + spacing)]
    if min(len(part) for part in parts) <= CHIRP_S * RATE:
        return None
    first, second = (match(chirp(), part) for part in parts)
    delay = (begin + first.frame - audible_frame) / RATE * 1000
    return Echo(first, second, delay, clips=level_of(parts[0]).clips)


def _echo(config: Config, found: Echo | None, *, full: float) -> Finding:
    """Whether the microphone hears the speaker, and what that means for `microphone.echo`."""
    cancels = config.microphone.echo == "hardware"
    if full == 0:
        return Finding("echo", "skip", "speaker.volume is 0")
    if found is None:
        return Finding("echo", "skip", "the sound was over too early to be recorded")
    if not found.heard:
        limit = decibels(max(found.first.least_gain, found.second.least_gain) / full)
        facts = f"the speaker is not heard (louder than {limit:.0f} dB would be)"
        if cancels:
            facts += ": it is cancelled, or it does not sound: your ears tell which"
            return Finding("echo", "ok", facts)
        return Finding(
            "echo", "FAIL", facts,
            "see speaker.volume, alsamixer, the speaker's cable, and whether speaker.device is "
            "the right one; with headphones all is well",
        )  # fmt: skip
    level, later = decibels(found.first.gain / full), decibels(found.second.gain / full)
    facts = (
        f"the speaker plays through: {found.delay_ms:.0f} ms (+-1) later, at {level:.0f} dB, "
        f"and {SPACING_S:.0f} s later at {later:.0f} dB"
    )
    if found.clips:
        return Finding("echo", "FAIL", f"{facts}; it clips", "lower speaker.volume")
    if cancels and later > HARDLY_DB:
        return Finding(
            "echo", "FAIL", f"{facts}: nothing cancels it, and it would interrupt itself",
            "set microphone.echo to half_duplex, or microphone.use to the cancelled channel",
        )  # fmt: skip
    return Finding("echo", "ok", facts)


def _xruns(recording: Recording, playing: Playing) -> Finding:
    """Whether this machine keeps up with both directions at once."""
    seconds = len(recording.samples) / RATE
    lost = recording.overruns + playing.underruns
    facts = (
        f"{recording.overruns} of the microphone, {playing.underruns} of the speaker in "
        f"{seconds:.1f} s; a period was read at most {recording.late_s * 1000:.0f} ms late, "
        f"the buffer holds {PERIODS * 20} ms"
    )
    cure = TROUBLES["microphone-xruns" if recording.overruns else "speaker-xruns"].cure
    return Finding("xruns", "FAIL", facts, cure) if lost else Finding("xruns", "ok", facts)


def _drift(found: Echo) -> Finding:
    played = SPACING_S * RATE
    ppm = drift_ppm(played=played, recorded=played + found.second.frame - found.first.frame)
    facts = f"the microphone's clock runs {round(ppm):+d} ppm (+-{DRIFT_PPM:.0f}) to the speaker's"
    apart = abs(ppm) - DRIFT_PPM > APART_PPM
    cure = "use one card for both, or a canceller in hardware" if apart else ""
    return Finding("drift", "ok", facts, cure)
