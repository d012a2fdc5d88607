"""What the service cannot do, tried from inside its sandbox under a real manager."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.roots import SUITES
from appliance.system import booted

HARMLESS = {"full", "null", "ptmx", "random", "stdin", "tty", "urandom", "zero"}


@pytest.fixture(scope="module", params=list(SUITES))
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("sandbox")
    with booted(request.param, directory) as system:
        shutil.copy(Path(__file__).parent / "probe.py", directory)
        system.drop_in(
            "probe", "Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart=",
            f"ExecStart=/opt/pressel/current/bin/python -I {directory}/probe.py",
        )  # fmt: skip
        system.run("mkdir -p /boot/firmware && systemctl start pressel")
        said = next(line for line in system.text().splitlines() if line.startswith("PROBE "))
        yield json.loads(said.removeprefix("PROBE "))


@pytest.mark.parametrize(
    "attempt",
    [
        "listen", "raw socket", "boot", "key at its source", "write to /etc", "write to /opt",
        "root's home", "new namespace", "real time by itself", "run what was dropped",
        "writable code", "set the clock", "setuid bit",
    ],
)  # fmt: skip
def test_it_is_forbidden(found: dict[str, Any], attempt: str) -> None:
    assert found[attempt] != "done"


@pytest.mark.parametrize("place", ["write to state", "write to runtime"])
def test_it_may_write_its_own_state_only(found: dict[str, Any], place: str) -> None:
    assert found[place] == "done"


def test_it_is_nobody_with_a_key(found: dict[str, Any]) -> None:
    assert found["uid"] != 0
    assert found["credential"]
    assert found["core"] == 0, "a core file would hold the key"
    assert found["other processes"] == []


def test_it_runs_in_real_time_that_the_manager_gave(found: dict[str, Any]) -> None:
    assert (found["policy"], found["priority"]) == (2, 10), "SCHED_RR"


def test_it_sees_no_device_but_harmless_ones(found: dict[str, Any]) -> None:
    assert set(found["devices"]) <= HARMLESS
