"""The room around the guest's box: snd-aloop's other ends, and a watch on what the kernel says."""

from __future__ import annotations

import threading
import time
from itertools import groupby
from typing import Any, Final

import alsaaudio
import numpy as np

from appliance.vm.machine import LED, PATIENCE_S, level, stream, until_found
from device.simulator.script import Answer

RATE: Final = 24_000
PERIOD: Final = 480


class Watching:
    """Samples the kernel's word on the microphone, and the light's pin, every 10 ms."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, str, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._samples.append((time.monotonic(), stream(), level(LED)))

    def led_while(self, state: str) -> list[int]:
        """The light's level at each sample in this state of the stream."""
        return [led for _, seen, led in self._samples if seen == state]

    def record(self) -> dict[str, Any]:
        """How often the stream changed, and in which order."""
        states = [state for _, state, _ in self._samples]
        return {"samples": len(states), "changes": [state for state, _ in groupby(states)]}


class Room:
    """The other ends of the card: what is said into it, and what it says."""

    def __init__(self) -> None:
        source = np.random.default_rng(3)
        self.voice = source.integers(1000, 8000, 60 * RATE).astype(np.int16)
        self.spoken = 0
        self._heard: list[tuple[float, bool]] = []
        self._over = threading.Event()
        self._ear = threading.Thread(target=self._listen)

    def __enter__(self) -> Room:
        self._ear.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ear.join(PATIENCE_S)

    def say(self, seconds: float) -> None:
        """Speak so long; waits until it is said."""
        mouth = alsaaudio.PCM(
            alsaaudio.PCM_PLAYBACK, device="hw:CARD=Loopback,DEV=0,SUBDEV=0", rate=RATE,
            channels=1, format=alsaaudio.PCM_FORMAT_S16_LE, periodsize=PERIOD, periods=8,
        )  # fmt: skip
        begin, self.spoken = self.spoken, self.spoken + round(seconds * RATE)
        for at in range(begin, self.spoken, PERIOD):
            mouth.write(self.voice[at : at + PERIOD].tobytes())
        mouth.close()

    def _listen(self) -> None:
        ear = alsaaudio.PCM(
            alsaaudio.PCM_CAPTURE, device="hw:CARD=Loopback,DEV=0,SUBDEV=1", rate=RATE,
            channels=1, format=alsaaudio.PCM_FORMAT_S16_LE, periodsize=PERIOD, periods=8,
        )  # fmt: skip
        while not self._over.is_set():
            length, sound = ear.read()
            if length > 0:
                self._heard.append((time.monotonic(), any(sound)))
        ear.close()

    def wait_for_sound(self, since: float) -> float:
        """When it first sounded."""
        found = until_found(
            lambda: [at for at, loud in list(self._heard) if loud and at >= since], "an answer"
        )
        return float(found[0])

    def silent_since(self, since: float) -> float:
        """When the last sound before half a second of silence was heard."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            last = max((at for at, loud in list(self._heard) if loud), default=since)
            if time.monotonic() - last > 0.5:
                return last
            time.sleep(0.05)
        raise TimeoutError("it speaks on")


def answer(seconds: float) -> Answer:
    source = np.random.default_rng(9)
    sound = source.integers(500, 9000, round(seconds * RATE)).astype(np.int16)
    return Answer(sound.tobytes(), first_delta_s=0.05, speed=float("inf"))
