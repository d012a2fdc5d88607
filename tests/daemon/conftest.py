from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon.running import KEY, SHORT, RunningDevice, script_of
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script
from virtual_card import VirtualCard


class Bench:
    """Makes the devices of one test, and at its end ends them and judges them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._devices: list[RunningDevice] = []

    def prepare(
        self,
        answers: Answer | Script = SHORT,
        *,
        card: dict[str, Any] | None = None,
        **sections: Any,
    ) -> RunningDevice:
        """A device that is configured and not started."""
        place = self._directory / str(len(self._devices))
        sound = self._stack.enter_context(VirtualCard(place / "card", seconds=120, **(card or {})))
        server = self._stack.enter_context(BackgroundSimulator(script_of(answers), key=KEY))
        device = RunningDevice(sound, server, place)
        device.configure(**sections)
        self._devices.append(device)
        self._stack.callback(device.kill)
        return device

    def __call__(
        self,
        answers: Answer | Script = SHORT,
        *,
        card: dict[str, Any] | None = None,
        **sections: Any,
    ) -> RunningDevice:
        """A device that has started and is idle."""
        device = self.prepare(answers, card=card, **sections)
        device.start()
        device.light("idle")
        return device

    def end(self, *promises: Callable[[RunningDevice], None]) -> None:
        """End what still runs, well; nothing may have failed, and every promise was kept."""
        with self._stack:
            for device in self._devices:
                if device.running:
                    assert device.terminate().status == 0, device.text
                assert not device.all("bug"), device.text
                assert "Traceback" not in device.text
                for promise in promises:
                    promise(device)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Devices that keep the promises of the light and of the gate to the end of the test."""
    bench = Bench(tmp_path)
    yield bench
    bench.end(
        RunningDevice.no_audio_left_in_the_dark,
        RunningDevice.microphone_ran_only_while_the_gate_was_open,
    )


@pytest.fixture
def patient_bench(tmp_path: Path) -> Iterator[Bench]:
    """Devices that listen or send without the light: pre-roll, words kept, `pressel check`."""
    bench = Bench(tmp_path)
    yield bench
    bench.end()
