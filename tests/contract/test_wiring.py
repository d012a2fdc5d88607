"""The drawings say what is true of the header, and nothing in them lies over something else."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gpiozero.pins.pi import PiBoardInfo

from contract import guide, wiring
from contract.docs import ROOT

PI_4 = 0xC03111
DRAWINGS = guide.drawings(ROOT / "provisioning")
WIDE = {"part": 8.6, "heading": 10.6, "small": 7.0, "": 8.0}
"""What a letter takes at most, on average, in pixels."""
each = pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)


def test_the_header_is_the_one_that_gpiozero_knows() -> None:
    pins = PiBoardInfo.from_revision(PI_4).headers["J8"].pins
    known = {number: pin.name for number, pin in pins.items()}
    alike = {"3V3": "3.3 V", "5V": "5 V", "GND": "ground", "GPIO0": "ID_SD", "GPIO1": "ID_SC"}
    assert tuple(alike.get(known[n], known[n]) for n in range(1, 41)) == wiring.HEADER


def test_every_wire_of_a_profile_goes_to_the_pin_that_it_names() -> None:
    for profile in guide.profiles().values():
        for wire in profile.wires:
            assert wiring.HEADER[wire.pin - 1] == wire.name.partition(",")[0]


def test_a_wire_of_a_profile_is_a_pin_that_it_claims() -> None:
    for profile in guide.profiles().values():
        claimed = {wiring.number_of(pin.gpio) for pin in profile.pins}
        assert {wire.pin for wire in profile.wires if "GPIO" in wire.name} <= claimed


def test_parts_of_ones_own_are_put_on_free_pins() -> None:
    for name, profile in guide.profiles().items():
        taken = {wiring.number_of(pin.gpio) for pin in profile.pins}
        assert not taken & set(wiring._own(profile, taken=taken)), name


@each
def test_no_label_lies_over_another_or_over_the_edge(path: Path) -> None:
    root = ElementTree.fromstring(DRAWINGS[path])
    boxes = [box for one in root.iter("{http://www.w3.org/2000/svg}text") if (box := extent(one))]
    assert len(boxes) > 40
    for left, top, right, bottom in boxes:
        assert left >= 8
        assert right <= float(root.attrib["width"]) - 8
        assert top >= 8
        assert bottom <= float(root.attrib["height"]) - 4
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def extent(element: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a line of text, as wide as it can be."""
    kinds = element.attrib.get("class", "").split()
    words, x, y = element.text or "", float(element.attrib["x"]), float(element.attrib["y"])
    wide = len(words) * next((WIDE[kind] for kind in kinds if kind in WIDE), WIDE[""])
    if "number" in kinds:
        return (x - 8, y - 9, x + 8, y + 2)
    left = x - (wide if "left" in kinds else wide / 2 if "middle" in kinds else 0)
    return (left, y - 11, left + wide, y + 3)


@each
def test_verticals_of_different_nets_keep_apart(path: Path) -> None:
    runs: dict[float, list[tuple[str, float, float]]] = {}
    for paint, places in re.findall(r'class="wire" stroke="(.*?)" d="(.*?)"', DRAWINGS[path]):
        found = re.search(r"M(\d+) (\d+) V(\d+)$", places)
        if found:
            x, start, stop = map(float, found.groups())
            runs.setdefault(x, []).append((paint, start, stop))
    for x, here in runs.items():
        for one, other in combinations(here, 2):
            assert one[2] <= other[1] or other[2] <= one[1], f"at {x}"
    assert all(abs(one - other) >= 10 for one, other in combinations(runs, 2))


def test_every_drawing_is_shown_somewhere() -> None:
    shown = (ROOT / "hardware.md").read_text() + (ROOT / guide.PAGES).read_text()
    for path in DRAWINGS:
        assert f"{path.name})" in shown, path.name


def test_every_link_of_the_guide_leads_to_a_heading() -> None:
    guide_text, pages = (ROOT / "hardware.md").read_text(), (ROOT / guide.PAGES).read_text()
    headings = {
        document: {
            guide.anchor(line.lstrip("# ")) for line in text.splitlines() if line[:2] == "##"
        }
        for document, text in (("", guide_text), (guide.PAGES, pages))
    }
    for document, heading in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", guide_text):
        assert heading in headings[document], heading
