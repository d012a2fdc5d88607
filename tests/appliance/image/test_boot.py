"""A newcomer's first evening: the card is written, edited on a laptop, and put into the box."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.image.machine import Card, Machine, why_not

KEY = "sk-image-7c02f1d9e8a64b3c95d0e4F2"
READY = "Started pressel.service"
REPORTED = "Finished pressel-report.service"
UP = "Reached target multi-user.target"
UNITS = ("pressel.service", "pressel-provision.service", "pressel-report.service")
pytestmark = pytest.mark.timeout(1200)


@dataclasses.dataclass(frozen=True)
class Evening:
    """The card afterwards, the settings as they were typed, and seconds since each power-on."""

    card: Card
    typed: bytes
    console: str
    first_ready_s: float
    ready_s: float
    up_s: float
    plain_up_s: float


@pytest.fixture(scope="module")
def evening() -> Iterator[Evening]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="image", dir="/var/tmp") as place:
        card = Card(Path(place))
        typed = _edit(card)
        with Machine(card, Path(place, "first")) as machine:
            first_ready_s = machine.hears(READY)
            machine.hears(REPORTED)
            machine.switch_off()
            console = machine.said
        with Machine(card, Path(place, "second")) as machine:
            ready_s, up_s = machine.hears(READY), machine.hears(UP)
            machine.hears(REPORTED)
            machine.switch_off()
        masked = [f"systemd.mask={unit}" for unit in UNITS]
        with Machine(card, Path(place, "plain"), masked) as machine:
            plain_up_s = machine.hears(UP)
            machine.switch_off()
        yield Evening(card, typed, console, first_ready_s, ready_s, up_s, plain_up_s)


def _edit(card: Card) -> bytes:
    """Copy the example to pressel.yaml and type the key: what the page for newcomers says."""
    example = card.boot.read("pressel.example.yaml")
    assert example is not None
    typed = example.replace(b'#api_key: "sk-..."', f'api_key: "{KEY}"'.encode())
    assert typed != example
    card.boot.put("pressel.yaml", typed)
    return typed


def test_it_is_ready_without_a_sound_card_and_says_what_is_missing(evening: Evening) -> None:
    assert "are in force; the key ...e4F2 is stored" in evening.console
    assert "cannot open microphone" in evening.console
    assert KEY not in evening.console


def test_the_card_answers_when_it_is_back_in_the_laptop(evening: Evening) -> None:
    status = (evening.card.boot.read("pressel-status.txt") or b"").decode()
    assert "STATUS: OK. The settings of pressel.yaml are in use." in status
    assert "Key: ...e4F2 is stored on the device." in status
    assert "network: 192.0.2.15" in status
    assert "sound cards: none" in status
    assert "plughw:CARD=ArrayUAC10, and there is no such card" in status


def test_the_key_has_left_the_card(evening: Evening) -> None:
    there = evening.card.boot.read("pressel.yaml")
    assert there is not None
    assert len(there) == len(evening.typed)
    assert b"stored on device (...e4F2)" in there
    raw = evening.card.raw(boot=True)
    assert b"PRESSEL STATUS" in raw, "this is how it would be found"
    assert KEY.encode() not in raw


def test_the_key_is_in_one_place_of_the_device(evening: Evening) -> None:
    assert evening.card.root.read("/etc/pressel/credentials.d/api_key") == KEY.encode()
    assert evening.card.raw(boot=False).count(KEY.encode()) == 1


def test_it_is_ready_soon_after_the_same_system_without_it_would_be(
    evening: Evening, record_property: Callable[[str, object], None]
) -> None:
    for name in ("first_ready_s", "ready_s", "up_s", "plain_up_s"):
        record_property(name, f"{getattr(evening, name):.1f}")
    assert evening.ready_s < 2.0 * evening.plain_up_s, "Python starts twice, and is emulated"
