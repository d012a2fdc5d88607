"""What the demo plays on: the local server and the real daemon, and what both say."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self

import device
from device.demo.failure import DemoFailed
from device.drivers.control import ask
from device.simulator import BackgroundSimulator, Entry, Script

Source = Literal["you", "device", "client", "server", "card"]

STOP_S: Final = 5.0
"""The daemon promises two; past this it is killed."""
LOGGED_S: Final = 0.002
"""A log line tells whole milliseconds: this much later it stands after what caused it."""
_UNREAD: Final = 10_000
_JOURNAL: Final = 2_000
_LAST_LINES: Final = 12
_NOT_OURS: Final = ("RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "JOURNAL_STREAM")
"""What a service manager tells the demo is not meant for the daemon the demo starts."""

_SETTINGS: Final = """\
version: 1
server: {{url: "{url}", profile: local, api_key: "sk-the-demo-needs-no-key"}}
microphone: {{device: {microphone}, echo: {echo}}}
speaker: {{device: {speaker}, volume: 100}}
talk: {{linger_s: {linger_s}}}
panel: {{button: none, led: none}}
"""


@dataclass(frozen=True, slots=True, order=True)
class News:
    """Something that happened, `at` monotonic seconds.

    `source` says where it was seen: a line of the daemon's log, a message of its (client) or of
    the server at the server's end of the wire, the sound card's record, or the person's doing.
    """

    at: float
    source: Source = field(compare=False)
    event: Mapping[str, Any] = field(compare=False)

    def tells(self, source: Source, name: str, **fields: object) -> bool:
        """Whether it is this event of this source, with these fields."""
        kind = self.event.get("event" if source == "device" else "type")
        return (self.source, kind) == (source, name) and all(
            self.event.get(key) == value for key, value in fields.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Props:
    """Which sound devices the daemon gets, and how it converses on them."""

    microphone: str
    speaker: str
    echo: Literal["hardware", "half_duplex"]
    linger_s: float
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the daemon ended: its exit status, and how long it took from SIGTERM."""

    status: int
    seconds: float


class Stage:
    """The server and the daemon, running from `__enter__` on. `__exit__` ends whatever still runs.

    `directory` is for the daemon's settings and its control socket, `script` what the server
    answers. Raises `DemoFailed`, with the
    daemon's last lines, where a part does not do its work.
    """

    def __init__(self, directory: Path, props: Props, *, script: Script) -> None:
        self.journal: deque[Mapping[str, Any]] = deque(maxlen=_JOURNAL)
        """The daemon's log lines so far."""
        self._props = props
        self._settings = directory / "pressel.yaml"
        self._runtime = directory / "run"
        self._news: queue.Queue[News] = queue.Queue(_UNREAD)
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.simulator = BackgroundSimulator(script, watch=self._passed)
        self._daemon: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start both."""
        self.simulator.__enter__()
        try:
            self._start_daemon()
        except BaseException:
            self.simulator.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End both, the daemon first."""
        self.stop()
        self.simulator.stop()

    def _start_daemon(self) -> None:
        props = self._props
        self._runtime.mkdir(mode=0o700)
        self._settings.write_text(
            _SETTINGS.format(
                url=self.simulator.url,
                microphone=json.dumps(props.microphone),
                speaker=json.dumps(props.speaker),
                echo=props.echo,
                linger_s=props.linger_s,
            )
        )
        ours = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        home = str(Path(device.__file__).parents[1])
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "device", "run", "--log-format", "json"]
        command += ["--config", str(self._settings), "--runtime-dir", str(self._runtime)]
        self._daemon = subprocess.Popen(
            command,
            env={**ours, **props.environ, "PYTHONPATH": path},
            cwd=self._runtime,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert self._daemon.stderr is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._daemon.stderr,), name="daemon-log", daemon=True
        )
        self._reader.start()

    # What happens.

    def next(self, within_s: float) -> News | None:
        """The next news, in the order of arrival; None if there is none in time."""
        try:
            return self._news.get(timeout=within_s)
        except queue.Empty:
            return None

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._last_lines.append(line.rstrip())
            try:
                event = json.loads(line)
                news = News(float(event["t"]) + LOGGED_S, "device", event)
            except (ValueError, TypeError, KeyError):
                continue  # a library's own words; they are among the last lines
            self.journal.append(event)
            self._put(news)

    def _passed(self, entry: Entry) -> None:
        self._put(News(entry.at, entry.direction, entry.event))

    def _put(self, news: News) -> None:
        with contextlib.suppress(queue.Full):
            self._news.put_nowait(news)

    def check(self) -> None:
        """Raises `DemoFailed` if the daemon is no more."""
        if self._daemon is not None and (status := self._daemon.poll()) is not None:
            raise self.failure(f"the daemon ended by itself, with exit status {status}")

    def failure(self, what: str, *, cure: str = "") -> DemoFailed:
        """A failure to raise, together with what the daemon said last."""
        return DemoFailed(what, cure=cure, last_lines=self.last_lines)

    @property
    def last_lines(self) -> Sequence[str]:
        """What the daemon wrote last."""
        return tuple(self._last_lines)

    # What is done.

    def tap(self) -> float:
        """Tap the daemon's button; returns when."""
        at = time.monotonic()
        ask(self._runtime, "tap")
        return at

    def stop(self, timeout: float = STOP_S) -> Ending | None:
        """End the daemon as a service manager would; None if it does not run any more."""
        daemon, reader = self._daemon, self._reader
        if daemon is None or reader is None:
            return None
        self._daemon = None
        begun = time.monotonic()
        daemon.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout)
        finally:  # also when a person is too impatient to wait: no daemon may stay behind
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait(timeout)
        seconds = time.monotonic() - begun
        reader.join(timeout)
        return Ending(daemon.returncode, seconds)
