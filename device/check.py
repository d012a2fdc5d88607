"""`pressel check` and `pressel devices`: what works here, and what to do about the rest.

Each part is tried in the way the daemon uses it, by the daemon's own drivers. A line has the form
`part  ok|FAIL|skip  facts  ; cure`. Nothing that is heard here is kept or sent.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Literal

import numpy as np

from device import wishes
from device.config import Config, find_key, load_file
from device.core import events as ev
from device.core.audio import RATE
from device.core.events import Event
from device.devices import listing
from device.drivers.capture import Capture
from device.drivers.control import ask
from device.drivers.link import Endpoint, Link, always
from device.drivers.panel import open_panel
from device.drivers.pcm import quieten_alsa
from device.drivers.playout import BUFFER, Playout
from device.errors import EXIT_UNAVAILABLE, ConfigError, ControlUnavailable, PanelError, Secret

RUNTIME: Final = Path("/run/pressel")
LISTEN_S: Final = 0.3
PART_S: Final = 5.0
"""A card answers at once or not at all."""
SERVER_S: Final = 20.0
"""The link's own deadlines for one try, added up."""
STOP_S: Final = 1.0
RESAMPLER: Final = "libasound_module_rate_speexrate.so"
CONVERTERS: Final = ("plug", "default", "sysdefault")
"""How the names of ALSA devices begin that convert rates."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part. `str()` is its line."""

    part: str
    verdict: Literal["ok", "FAIL", "skip"]
    facts: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f"  ; {self.cure}" if self.cure else ""
        return f"{self.part:<10}  {self.verdict:<4}  {self.facts}{cure}"


def check(config_path: Path, *, runtime: Path = RUNTIME) -> int:
    """Try each part and print its line: 0, 69 when a part fails, 78 for the configuration.

    `runtime` is where a running daemon has its control socket.
    """
    quieten_alsa()
    try:
        loaded = load_file(config_path)
        key = find_key(loaded.config, os.environ)
    except ConfigError as problem:
        count = len(problem.problems)
        print(Finding("config", "FAIL", f"{count} to correct", "see the next lines"))
        print(problem)
        return problem.exit_status
    notes = "".join(f"; line {note.line}: {note.what}" for note in loaded.warnings)
    print(Finding("config", "ok", f"{config_path}{notes}"))
    failed = False
    for finding in _parts(loaded.config, key, runtime=runtime):
        print(finding, flush=True)
        failed = failed or finding.verdict == "FAIL"
    return EXIT_UNAVAILABLE if failed else 0


def devices() -> int:
    """Print what sound devices there are; returns 0."""
    quieten_alsa()
    for line in (*listing("microphone"), *listing("speaker")):
        print(line)
    return 0


def _parts(config: Config, key: Secret | None, *, runtime: Path) -> Iterator[Finding]:
    daemon = _daemon(runtime)
    runs = daemon.verdict == "ok"
    yield daemon
    yield _microphone(config, daemon_runs=runs)
    yield _speaker(config, daemon_runs=runs)
    yield _resampler(config, os.environ)
    yield _panel(config, daemon_runs=runs)
    yield _key(config, key)
    yield asyncio.run(_server(wishes.endpoint(config, key)))


def _daemon(runtime: Path) -> Finding:
    try:
        status = json.loads(ask(runtime, "status"))
    except ControlUnavailable as problem:
        if problem.code == ControlUnavailable.code:
            return Finding("daemon", "skip", f"none runs in {runtime}")
        return Finding("daemon", "FAIL", problem.what, problem.cure)
    words = f"{status.get('light')} {status.get('code')}".strip()
    return Finding("daemon", "ok", f"runs, light: {words}, link: {status.get('link')}")


# Sound.


def _microphone(config: Config, *, daemon_runs: bool) -> Finding:
    form = wishes.capture_format(config)
    posted: SimpleQueue[Event] = SimpleQueue()
    capture = Capture(
        config.microphone.device,
        form,
        use=wishes.used_channels(config),
        block=wishes.block_length(config),
        post=posted.put,
    )
    capture.start()
    capture.open()
    heard = bytearray()
    try:
        deadline = time.monotonic() + PART_S
        while len(heard) < LISTEN_S * RATE * 2:
            match _next(posted, deadline):
                case ev.MicHeard(block):
                    heard += block.pcm
                case ev.PartFailed() as failed:
                    return _sound_failed(failed, daemon_runs=daemon_runs)
                case None:
                    what = f"{config.microphone.device!r} gave no sound within {PART_S:.0f} s"
                    return Finding("microphone", "FAIL", what, "is its driver all right? see dmesg")
                case _:
                    pass
    finally:
        capture.stop(STOP_S)
    level = _level_dbfs(bytes(heard))
    tried = f"{config.microphone.device!r} grants {form.rate} Hz, {form.channels} ch"
    listened = f"listened for {LISTEN_S} s"
    if level == -math.inf:
        return Finding(
            "microphone", "ok", f"{tried}; {listened}: digital silence",
            "if somebody spoke, unmute it: alsamixer",
        )  # fmt: skip
    return Finding("microphone", "ok", f"{tried}; {listened}: {level:.0f} dBFS")


def _level_dbfs(sound: bytes) -> float:
    """RMS of mono S16_LE; 0 dBFS is a full-scale square wave, minus infinity is all zeros."""
    samples = np.frombuffer(sound, "<i2").astype(np.float64) / 32768
    power = float(np.mean(samples**2))
    return 10 * math.log10(power) if power else -math.inf


def _speaker(config: Config, *, daemon_runs: bool) -> Finding:
    posted: SimpleQueue[Event] = SimpleQueue()
    playout = Playout(
        config.speaker.device,
        gain=wishes.gain(config),
        latency=wishes.latency(config),
        post=posted.put,
    )
    playout.start()
    playout.probe()
    try:
        answer = _next(posted, time.monotonic() + PART_S)
    finally:
        playout.stop(STOP_S)
    if isinstance(answer, ev.PartFailed):
        return _sound_failed(answer, daemon_runs=daemon_runs)
    if answer is None:
        what = f"{config.speaker.device!r} did not open within {PART_S:.0f} s"
        return Finding("speaker", "FAIL", what, "is its driver all right? see dmesg")
    return Finding(
        "speaker", "ok",
        f"{config.speaker.device!r} grants {RATE} Hz, 1 ch, a buffer of {BUFFER * 1000 // RATE} ms",
    )  # fmt: skip


def _next(posted: SimpleQueue[Event], deadline: float) -> Event | None:
    """The next event, or None when none comes in time."""
    try:
        return posted.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        return None


def _sound_failed(failed: ev.PartFailed, *, daemon_runs: bool) -> Finding:
    part = failed.part.value
    if daemon_runs and failed.code == f"{part}-busy":
        return Finding(part, "ok", "in use by the running daemon")
    return Finding(part, "FAIL", failed.what, failed.cure)


def _resampler(config: Config, environ: Mapping[str, str]) -> Finding:
    """Without speexrate `plug` falls back to linear interpolation, which is audibly poor."""
    names = (config.microphone.device, config.speaker.device)
    if not any(name.startswith(CONVERTERS) for name in names):
        return Finding("resampler", "skip", "no device converts rates")
    found = next(
        (d / RESAMPLER for d in _plugin_folders(environ) if (d / RESAMPLER).exists()), None
    )
    if found is not None:
        return Finding("resampler", "ok", f"speexrate: {found}")
    return Finding(
        "resampler", "FAIL", "speexrate is missing: sound would be converted poorly",
        "apt install libasound2-plugins",
    )  # fmt: skip


def _plugin_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where alsa-lib looks for its plugins: beside itself, unless told otherwise."""
    told = environ.get("ALSA_PLUGIN_DIR")
    if told:
        yield Path(told)
        return
    maps = Path("/proc/self/maps").read_text()
    for library in sorted(set(re.findall(r"/\S*/libasound\.so\S*", maps))):
        yield Path(library).parent / "alsa-lib"


# The rest.


def _panel(config: Config, *, daemon_runs: bool) -> Finding:
    pins = wishes.pins(config)
    named = [
        f"{name} GPIO {pin}"
        for name, pin in (
            ("button", pins.button), ("light", pins.rgb or pins.led), ("mute", pins.mute)
        )
        if pin is not None
    ]  # fmt: skip
    if not named:
        return Finding("panel", "skip", "none")
    if daemon_runs:
        return Finding("panel", "skip", f"{', '.join(named)}: in use by the running daemon")
    try:
        panel = open_panel(
            pins, pressed=_ignore, released=_ignore, muted=_ignore, unmuted=_ignore
        )  # fmt: skip
    except PanelError as problem:
        return Finding("panel", "FAIL", problem.what, problem.cure)
    panel.close()
    return Finding("panel", "ok", ", ".join(named))


def _ignore(_: float) -> None:
    """A press during the check means nothing."""


def _key(config: Config, key: Secret | None) -> Finding:
    if key is not None:
        return Finding("key", "ok", str(key))
    if config.server.profile == "local":
        return Finding("key", "skip", "none; a local server may need none")
    return Finding("key", "FAIL", "there is none", "put server.api_key into the configuration")


async def _server(endpoint: Endpoint) -> Finding:
    """Dial once, as the daemon does, up to the settings that the server confirms."""
    over: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def post(event: Event) -> None:
        if isinstance(event, ev.LinkUp | ev.LinkDown) and not over.done():
            over.set_result(event)

    begun = time.monotonic()
    dialling = asyncio.create_task(Link(always(endpoint), post=post).run(), name="link")
    await asyncio.wait([over], timeout=SERVER_S)
    dialling.cancel()
    await asyncio.wait([dialling], timeout=STOP_S)
    place = endpoint.url.partition("?")[0]
    if not over.done():
        return Finding("server", "FAIL", f"{place} did not answer within {SERVER_S:.0f} s",
                       "check the network")  # fmt: skip
    match over.result():
        case ev.LinkUp(at, differences):
            took = f"{place} confirmed our settings in {(at - begun) * 1000:.0f} ms"
            but = "".join(f"; but {difference}" for difference in differences)
            return Finding("server", "ok", took + but)
        case ev.LinkDown(_, code, reason, cure):
            return Finding("server", "FAIL", f"{reason} ({code})", cure or "try again later")
        case other:
            raise AssertionError(f"the link ended a try with {other}")
