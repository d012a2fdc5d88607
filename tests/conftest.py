"""Every event that either side of a simulator emits, in any test, is judged at the test's end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from simulator.verdicts import Records

RECORDS: Final = Records()
UNJUDGED: Final = "unjudged(sides): this test has `client` or `server` talk nonsense on purpose"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", UNJUDGED)
    RECORDS.attach()


@pytest.fixture(autouse=True)
def _every_event_is_judged(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    excused = {side for mark in request.node.iter_markers("unjudged") for side in mark.args}
    if request.path.parent.name == "simulator":
        # These tests are about what the server refuses; what it accepts must be right.
        excused.add("refused")
    found = RECORDS.complaints(unjudged=excused)
    if found:
        pytest.fail(f"{len(found)} wrong events:\n" + "\n".join(found[:5]), pytrace=False)
