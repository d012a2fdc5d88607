"""A daemon in a process of its own, between a virtual sound card and a simulated server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from device.drivers.control import ask
from device.simulator.background import BackgroundSimulator
from device.simulator.script import RATE, Answer, Script
from virtual_card import Samples, VirtualCard

Line = dict[str, Any]
Found = TypeVar("Found")

PATIENCE_S: Final = 15.0
"""How long anything may take on a busy machine before a test gives up."""
DRAIN_S: Final = 0.25
"""What was sent while the light was on may reach the server this much later."""
KEY: Final = "sk-test-0123456789abcdefCANARY"
ASK: Final = (
    "import pathlib, sys; from device.drivers.control import ask;"
    "print(ask(pathlib.Path(sys.argv[1]), sys.argv[2]))"
)
SHORT: Final = Answer.tone(0.6, first_delta_s=0.05)


def noise(seconds: float, *, seed: int = 1, level: int = 8000) -> Samples:
    """Something a VAD takes for speech and of which every sample can be told; never 0."""
    source = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    signs = source.choice([-1, 1], frames)
    sound: Samples = (source.integers(1, level, frames) * signs).astype(np.int16)
    return sound


def answer(seconds: float, **manner: Any) -> Answer:
    """An answer of which every sample can be told; by default all of it arrives at once."""
    manner = {"first_delta_s": 0.05, "speed": float("inf"), **manner}
    return Answer(noise(seconds, seed=99).tobytes(), **manner)


@dataclass(frozen=True)
class Ended:
    """How a daemon ended."""

    status: int
    seconds: float
    """From the signal to the end of the process."""


class RunningDevice:
    """The daemon with its card, its server and its log, each kind of line read forward."""

    def __init__(self, card: VirtualCard, server: BackgroundSimulator, directory: Path) -> None:
        self.card = card
        self.server = server
        self.config = directory / "pressel.yaml"
        self.runtime = directory / "run"
        self.program = [sys.executable, "-m", "device"]
        """What is started as the daemon."""
        self.within: list[str] = []
        """Words before the command, such as those that enter a network of its own."""
        self.lines: list[Line] = []
        self.text = ""
        self._news = threading.Condition()
        self._next: Counter[str] = Counter()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def configure(self, **sections: Any) -> None:
        """Write the configuration; JSON is YAML too."""
        sections = {
            "server": {"url": self.server.url, "profile": "local", "api_key": KEY},
            "microphone": {"device": "microphone", "echo": "hardware"},
            "speaker": {"device": "speaker", "volume": 100},
            **sections,
        }
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in sections.items()]
        self.config.write_text("version: 1\n" + "".join(lines))

    def start(self, **environment: str) -> None:
        """Start `pressel run`; its log is read from now on."""
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        self._process = subprocess.Popen(
            [*self.within, *self.program, "run", "--config", self.config, "--log-format", "json",
             "--runtime-dir", self.runtime],
            env=self.environment(**environment), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="log reader")
        self._reader.start()

    def environment(self, **more: str) -> dict[str, str]:
        """What any command of this device is run with."""
        inherited = {name: value for name, value in os.environ.items() if "PRESSEL" not in name}
        inherited.pop("RUNTIME_DIRECTORY", None)
        return inherited | self.card.environment | more

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for text in self._process.stderr:
            with self._news:
                self.text += text
                if text.startswith("{"):
                    self.lines.append(json.loads(text))
                self._news.notify_all()

    def wait_for(self, event: str, *, timeout: float = PATIENCE_S, **fields: Any) -> Line:
        """The next line of this event with these fields; those before it are passed over."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                for line in self.all(event)[self._next[event] :]:
                    self._next[event] += 1
                    if fields.items() <= line.items():
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"no {event} {fields} came; the log:\n{self.text}")

    def light(self, state: str, **fields: Any) -> Line:
        """Wait for the light to change to this."""
        return self.wait_for("light", state=state, **fields)

    def all(self, event: str) -> list[Line]:
        """Every line of this event so far."""
        return [line for line in self.lines if line["event"] == event]

    def do(self, word: str) -> Line:
        """Say a word to the daemon; returns its status after it."""
        if self.within:  # the reply goes to an abstract address: it stays in its namespace
            words = [*self.within, sys.executable, "-c", ASK, str(self.runtime), word]
            said = subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_S).stdout
        else:
            said = ask(self.runtime, word, timeout_s=PATIENCE_S).encode()
        reply: Line = json.loads(said)
        return reply

    def tap(self) -> float:
        """Tap the button, and see the microphone run; returns when it began to."""
        before = len(self.card.events("capture"))
        self.do("tap")
        return self.microphone("start", after=before)

    def microphone(self, what: str, *, after: int = 0) -> float:
        """Wait for an event of the capture PCM; returns when it was."""
        return eventually(
            lambda: next(
                (seen.at for seen in self.card.events("capture")[after:] if seen.what == what), None
            ),
            f"the microphone's {what}",
        )

    def say(self, sound: Samples, *, channel: int | None = None) -> float:
        """Speak now; returns when it is over."""
        return self.card.say(sound, channel=channel).end

    def first_sound(self, since: float) -> float:
        """Wait until the loudspeaker is audible; returns when that began."""

        def found() -> float | None:
            loud = np.flatnonzero(self.card.heard(since))
            return self.card.instant(self.card.index(since) + int(loud[0])) if len(loud) else None

        return eventually(found, "any sound")

    def sent(self, kind: str) -> list[Line]:
        """All events of this type that the daemon has sent, in order."""
        return [
            entry.event
            for entry in self.server.log
            if entry.direction == "client" and entry.event.get("type") == kind
        ]

    def wait_sent(self, kind: str, *, count: int = 1) -> Line:
        """Wait for so many events of this type; returns the last of them."""
        sent = eventually(
            lambda: self.sent(kind) if len(self.sent(kind)) >= count else None, f"{count} {kind}"
        )
        return sent[count - 1]

    def terminate(self) -> Ended:
        """End it as the service manager does."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.terminate()
        status = self._process.wait(PATIENCE_S)
        ended = Ended(status, time.monotonic() - begun)
        self._finish_reading()
        return ended

    def abort(self) -> None:
        """End it as a watchdog does (SIGABRT)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGABRT)
        self._process.wait(PATIENCE_S)
        self._finish_reading()

    def kill(self) -> None:
        """End it at once; nothing of it can run any more."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        self._finish_reading()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """The process has not ended."""
        return self._process is not None and self._process.poll() is None

    def _finish_reading(self) -> None:
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
            assert not self._reader.is_alive()
        if self._process is not None and self._process.stderr is not None:
            self._process.stderr.close()

    # What must hold in every test.

    def no_audio_left_in_the_dark(self) -> None:
        """Whatever reached the server was sent while the light said so."""
        spells = list(self._spells("light", "state", {"listening", "hearing"}))
        for entry in self.server.log:
            if entry.event.get("type") == "input_audio_buffer.append" and any(entry.audio):
                assert any(on - 0.002 <= entry.at <= off + DRAIN_S for on, off in spells), (
                    f"audio reached the server at {entry.at:.3f}, listening was {spells}"
                )

    def microphone_ran_only_while_the_gate_was_open(self) -> None:
        """The card saw no capture outside the gate's hours."""
        spells = list(self._spells("gate", "state", {"open"}))
        started = None
        for seen in self.card.events("capture"):
            if seen.what == "start":
                started = seen.at
            elif seen.what in ("stop", "close", "unplug") and started is not None:
                assert any(
                    on - 0.002 <= started and seen.at <= off + DRAIN_S for on, off in spells
                ), f"the microphone ran from {started:.3f} to {seen.at:.3f}, the gate: {spells}"
                started = None
        assert started is None, "the microphone still runs"

    def _spells(self, event: str, field: str, states: set[str]) -> Iterator[tuple[float, float]]:
        begun = None
        for line in self.all(event):
            on = line[field] in states
            if on and begun is None:
                begun = line["t"]
            elif not on and begun is not None:
                yield begun, line["t"]
                begun = None
        if begun is not None:
            yield begun, float("inf")


def pressel(word: str) -> list[str]:
    """The command line of a command."""
    return [sys.executable, "-m", "device", word]


def eventually(found: Callable[[], Found | None], what: str) -> Found:
    """Ask until there is an answer other than None; returns it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        result = found()
        if result is not None:
            return result
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain for {what}")


def script_of(answers: Answer | Script) -> Script:
    """The whole script, when only its one answer is given."""
    return answers if isinstance(answers, Script) else Script([answers], turn_end_s=0.3)
