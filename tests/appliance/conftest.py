from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.roots import SUITES
from appliance.system import System, booted

WANTED = "PRESSEL_APPLIANCE"
"""Set by `make appliance`; plain `make test` leaves these out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = _why_not()
    if why:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=why))


def _why_not() -> str:
    if not os.environ.get(WANTED):
        return "boots real systems: make appliance"
    if os.geteuid() != 0:
        return "booting a system takes root"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is missing: apt install systemd-container"
    return ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests measured: the properties they recorded, passed or not."""
    figures = [
        (Path(report.location[0]).stem, *figure)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for figure in report.user_properties
    ]
    if figures:
        terminalreporter.section("measured")
    for module, name, figure in sorted(figures):
        terminalreporter.write_line(f"{module:14} {name:28} {figure}")


@pytest.fixture(params=list(SUITES))
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """A fresh system for one test, on each suite; Pressel is installed and does not run yet."""
    with booted(request.param, tmp_path) as system:
        yield system
