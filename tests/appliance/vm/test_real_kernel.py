"""On a real kernel: its pins, its sound card, its word on whether the microphone is open."""

from __future__ import annotations

import os
import platform
from typing import Any

import pytest

from appliance.kernel import SOURCE, is_built

WANTED = "PRESSEL_APPLIANCE_VM"
"""Set by `make appliance-vm`; `make appliance` plays it too where the kernel is built already."""
GUEST = ("x86_64", "3.11")
"""The guest runs this machine's own environment: it must be that of bookworm on a PC."""
WATCHDOG_S = 4


def why_not() -> str:
    """The reason why nothing of this can run here; '' when it can."""
    here = (platform.machine(), ".".join(platform.python_version_tuple()[:2]))
    if here != GUEST or not SOURCE.exists():
        return f"the guest wants {' and Python '.join(GUEST)}, and Debian's linux-source-6.1"
    if not os.environ.get(WANTED) and not is_built():
        return "the kernel is not built: make appliance-vm (five minutes, once)"
    from appliance.vm.guest import unfit

    return unfit()


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from appliance.vm.guest import muster_place, played

    with muster_place() as muster:
        found = played(muster, "appliance.vm.inside")
    assert "trouble" not in found, found["trouble"] + found["journal"]
    return found


pytestmark = pytest.mark.timeout(900)


def test_it_starts_in_its_sandbox(record: dict[str, Any]) -> None:
    assert record["ready_s"] < 10.0, "every system call is dear in this kernel"


def test_a_press_on_the_pin_opens_the_microphone_and_the_release_closes_it(
    record: dict[str, Any],
) -> None:
    turn = record["turn"]
    assert turn["before"] == "closed"
    assert turn["open_s"] < 0.5
    assert turn["close_s"] < 0.5


def test_the_kernel_saw_the_microphone_open_for_each_press_and_never_else(
    record: dict[str, Any],
) -> None:
    watched = record["watched"]
    assert watched["samples"] > 500
    states = [state for state in watched["changes"] if state in ("closed", "RUNNING")]
    assert states == ["closed", "RUNNING"] * (len(states) // 2) + ["closed"]
    assert states.count("RUNNING") == 3, "a question, a second one, an interruption"


def test_the_light_is_on_while_the_microphone_is_open_and_dark_at_rest(
    record: dict[str, Any],
) -> None:
    assert not any(record["turn"]["led_idle"])
    lit = record["turn"]["led_samples"]
    assert record["turn"]["led"] == 1
    # Hearing is a ripple, and a single LED is dimmed by switching it: lit, mostly.
    assert sum(lit) > 0.5 * len(lit)


def test_every_period_that_was_said_arrives_whole(record: dict[str, Any]) -> None:
    turn = record["turn"]
    assert turn["spoken"] == 100, "two seconds"
    assert turn["arrived"] >= 99


def test_a_press_silences_it_and_tells_what_was_heard(record: dict[str, Any]) -> None:
    cut = record["interruption"]
    assert cut["silent_s"] < 0.3
    assert 500 < cut["told_ms"] < 2500, "of four seconds"


def test_a_stopped_process_is_replaced_by_this_kernel_too(record: dict[str, Any]) -> None:
    assert record["hang"]["seconds"] < WATCHDOG_S + 8.0, "with two starts' worth of slow calls"


def test_the_kernels_watchdog_is_fed(record: dict[str, Any]) -> None:
    assert record["manager_watchdog"] == "10s"
    assert record["watchdog_device"] == "active"
    assert record["uptime_s"] > 10.0, "or it would have pulled the rug"


def test_a_card_that_leaves_the_kernel_is_a_fault_and_works_when_it_is_back(
    record: dict[str, Any],
) -> None:
    assert record["plug"]["stream"] == "gone"
    assert record["plug"]["fault_s"] < 3.0
    assert record["plug"]["works_s"] < 5.0


def test_it_ends_with_a_closed_microphone(record: dict[str, Any]) -> None:
    assert record["end"]["result"] == "success"
    assert record["end"]["seconds"] < 2.0
    assert record["end"]["microphone"] == "closed"
