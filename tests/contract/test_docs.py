from __future__ import annotations

from pathlib import Path

import pytest

from contract.docs import ROOT, rendered


@pytest.mark.parametrize("document", list(rendered()), ids=lambda path: path.name)
def test_the_generated_parts_of_a_document_are_those_of_the_code(document: Path) -> None:
    assert document.read_text() == rendered()[document], "run: make docs"


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
