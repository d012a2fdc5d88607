"""The machine below: converter, clock, power, and what systemd grants the daemon."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from device.check.finding import Finding
from device.config import Config
from device.drivers.clock import Clock, read_clock
from device.troubles import TROUBLES

RESAMPLER: Final = "libasound_module_rate_speexrate.so"
CONVERTERS: Final = ("plug", "default", "sysdefault")
"""How the names of ALSA devices begin that convert rates."""
UNIT: Final = "pressel.service"
ASKED: Final = ("LoadState", "MainPID", "WatchdogUSec")
SYSTEMCTL_S: Final = 3.0


def try_machine(root: Path = Path("/")) -> Iterator[Finding]:
    """All lines but the resampler's; `root` is where the kernel's files are."""
    yield clock(read_clock())
    yield power(root)
    yield memory(root)
    yield from unit(root)


def try_resampler(config: Config, environ: Mapping[str, str]) -> Finding:
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


def clock(known: Clock) -> Finding:
    """A clock that nobody steers may still be right: only one in the past is surely wrong."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(known.now))
    if known.now < known.built:
        what = f"{shown} is before this program was made: certificates will fail"
        return Finding("clock", "FAIL", what, TROUBLES["clock"].cure)
    if known.synced:
        return Finding("clock", "ok", f"{shown}, kept by a time server")
    return Finding(
        "clock", "ok", f"{shown}, and no time server is known to keep it",
        "if certificates fail: timedatectl status",
    )  # fmt: skip


def power(root: Path) -> Finding:
    """The Raspberry Pi's own alarm; it stays on until the next start of the machine."""
    alarms = [
        alarm
        for alarm in sorted(root.glob("sys/class/hwmon/*/in0_lcrit_alarm"))
        if (text := _read(alarm)) is not None and text != "0"
    ]
    if alarms:
        return Finding(
            "power", "FAIL", "under-voltage since the start: sound and SD card suffer",
            "use the official power supply and a short cable",
        )  # fmt: skip
    if any(root.glob("sys/class/hwmon/*/in0_lcrit_alarm")):
        return Finding("power", "ok", "no under-voltage since the start")
    return Finding("power", "skip", "this machine has no sensor of under-voltage")


def memory(root: Path) -> Finding:
    """Raspberry Pi OS switches the memory cgroup off, and MemoryMax= with it, without a word."""
    controllers = _read(root / "sys/fs/cgroup/cgroup.controllers")
    if controllers is None:
        return Finding("memory", "skip", "the kernel shows no cgroups here")
    if "memory" in controllers.split():
        return Finding("memory", "ok", "the unit's limits hold")
    return Finding(
        "memory", "skip", "the kernel keeps no account of memory: the unit's limits do nothing",
        "add cgroup_enable=memory to cmdline.txt",
    )  # fmt: skip


def unit(root: Path) -> Iterator[Finding]:
    """What systemd does for the daemon: its watchdog, and how the kernel schedules its threads."""
    told = _ask_systemd()
    if told.get("LoadState") != "loaded":
        reason = f"systemd knows no {UNIT} here"
        yield Finding("watchdog", "skip", reason)
        yield Finding("priority", "skip", reason)
        return
    yield _watchdog(told.get("WatchdogUSec", ""))
    yield _priority(root, int(told.get("MainPID") or 0))


def _ask_systemd() -> dict[str, str]:
    """The unit's properties; none where systemd does not run."""
    command = ["systemctl", "show", UNIT, f"--property={','.join(ASKED)}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SYSTEMCTL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def _watchdog(span: str) -> Finding:
    if span in ("", "0", "infinity"):
        return Finding(
            "watchdog", "FAIL", "not armed: a daemon that hangs is not started anew",
            f"install systemd/{UNIT} of this version, then systemctl daemon-reload",
        )  # fmt: skip
    return Finding("watchdog", "ok", f"armed: {span} without a sign of life, and it starts anew")


def _priority(root: Path, pid: int) -> Finding:
    """The policy of each of the daemon's threads."""
    if not pid:
        return Finding("priority", "skip", f"{UNIT} does not run", "systemctl start pressel")
    try:
        threads = [int(task.name) for task in (root / f"proc/{pid}/task").iterdir()]
        policies = [os.sched_getscheduler(thread) for thread in threads]
    except OSError as problem:
        return Finding("priority", "skip", f"process {pid} cannot be read: {problem.strerror}")
    pressing = sum(policy in (os.SCHED_FIFO, os.SCHED_RR) for policy in policies)
    if pressing:
        facts = f"real time, {pressing} of {len(threads)} threads of process {pid}"
        return Finding("priority", "ok", facts)
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    return Finding("priority", "ok", f"ordinary, nice {nice}: enough while `xruns` are 0")


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
