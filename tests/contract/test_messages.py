"""Every line of the journal has its id and its page in the catalog, and every code its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from contract.source import ROOT, modules, tree
from device.drivers.failure import KINDS
from device.errors import PresselError
from device.messages import MESSAGES, catalog, message_id
from device.troubles import CLIPS, TROUBLES

SPOKEN_OF = ("report", "write", "write_repeating", "Report")
LEVELS = ("debug", "info", "warning", "error")
NO_TROUBLES = {"session-over", "resting"}


def reported() -> Iterator[str]:
    """The events that the code names where it writes to the journal."""
    for path in (*modules("device/core"), ROOT / "device/daemon.py", ROOT / "device/cli.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                said = [one for one in words if isinstance(one, str) and one not in LEVELS]
                if name in SPOKEN_OF and said:
                    yield said[0]


def complained() -> Iterator[str]:
    """The codes that the core complains of by name."""
    for path in modules("device/core"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first = node.args[0] if node.args else None
                if node.func.attr == "complain" and isinstance(first, ast.Constant):
                    yield str(first.value)


@pytest.mark.parametrize("event", sorted({*reported(), "error"}))
def test_every_event_of_the_journal_has_an_id(event: str) -> None:
    assert message_id(event) is not None


@pytest.mark.parametrize("code", sorted(set(complained())))
def test_every_complaint_is_a_known_trouble(code: str) -> None:
    assert code in TROUBLES


def test_every_class_of_a_failing_link_is_a_known_trouble() -> None:
    assert set(KINDS) - NO_TROUBLES <= set(TROUBLES)


def test_ids_are_unique_and_each_has_its_page() -> None:
    ids = [one.message_id for one in MESSAGES.values()]
    ids += [one.message_id for one in TROUBLES.values()]
    assert len(set(ids)) == len(ids)
    pages = re.findall(r"^-- ([0-9a-f]{32})$", catalog(), re.MULTILINE)
    assert sorted(pages) == sorted(ids)


def test_a_line_about_a_trouble_carries_the_troubles_own_id() -> None:
    assert message_id("error", "key") == TROUBLES["key"].message_id
    assert message_id("link", "dns") == TROUBLES["dns"].message_id
    assert message_id("link") == MESSAGES["link"].message_id
    assert message_id("light", "dns") == MESSAGES["light"].message_id
    assert message_id("error", "what a server says") == MESSAGES["error"].message_id


@pytest.mark.parametrize("code", list(TROUBLES))
def test_a_trouble_can_be_shown_and_understood(code: str) -> None:
    trouble = TROUBLES[code]
    assert 1 <= trouble.blinks <= 8
    for text in (trouble.means, trouble.notice, trouble.cure):
        assert text
        assert not text.endswith(".")
    assert trouble.clip in (*CLIPS, "")


def test_no_failure_of_ours_has_a_code_that_means_another_trouble() -> None:
    assert PresselError.code not in TROUBLES
    assert (ROOT / "systemd/pressel.catalog").read_text() == catalog()
