"""A card in a box with a real kernel: imported by the boot, answered, and ten times mistaken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from appliance.card.cards import BAD, GOOD, KEY, LATER, STORED
from appliance.vm.test_real_kernel import why_not

STATUS = "pressel-status.txt"
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from appliance.card.guest import booted_with_a_card

    found = booted_with_a_card()
    assert "trouble" not in found, found["trouble"] + found["journal"]
    return found


def test_the_boot_brings_the_card_into_force_and_the_daemon_up(
    record: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    for name in ("import_s", "ready_s"):
        record_property(name, f"{record[name]:.2f}")
    assert record["key"] == KEY
    assert record["modes"] == "700\n600\n"
    assert record["ready_s"] < 30.0, "of a kernel in which every system call is dear"


def test_the_settings_in_force_are_the_cards_without_the_key(record: dict[str, Any]) -> None:
    head, _, tail = GOOD.partition(f'"{KEY}"')
    settings = record["settings"]
    assert settings.startswith(head)
    assert settings.endswith(tail)
    assert settings[len(head) :].startswith(f'"{STORED} (...{KEY[-4:]})"')
    assert len(settings) == len(GOOD)


def test_the_key_is_in_one_file_and_in_the_daemons_credential(record: dict[str, Any]) -> None:
    assert sorted(record["key_in"]) == [
        "/etc/pressel/credentials.d/api_key",
        "/run/credentials/pressel.service/pressel_api_key",
    ]


def test_the_card_that_was_torn_out_holds_the_key_nowhere(record: dict[str, Any]) -> None:
    assert b"STATUS: MISTAKES" in record["raw"], "this is how it would be found"
    assert KEY.encode() not in record["raw"]


def test_the_report_comes_when_sound_and_network_are_there(record: dict[str, Any]) -> None:
    assert record["report"] == "success"
    assert "STATUS: OK. The settings of PRESSEL.YAML are in use." in record["status"]
    assert 'sound card "plughw:CARD=Loopback"' in record["status"]
    assert KEY not in record["status"]


def test_the_report_misses_no_card_that_is_there(record: dict[str, Any]) -> None:
    assert "no such card" not in record["status"]


def test_the_report_tells_what_the_daemon_says(record: dict[str, Any]) -> None:
    assert "  it says: " in record["status"]
    assert "no daemon runs" not in record["status"]


def test_a_press_asks_and_is_answered(record: dict[str, Any]) -> None:
    turn = record["turn"]
    assert turn["spoken"] == 50, "a second"
    assert turn["arrived"] >= 49
    assert turn["answer_s"] < 3.0


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_told_and_the_last_good_settings_stay(
    record: dict[str, Any], name: str
) -> None:
    _, line, word = BAD[name]
    found = record["bad"][name]
    assert found["started"], "a bad card is no failure of the unit"
    assert "STATUS: MISTAKES." in found["status"]
    assert "The last good settings are in use." in found["status"]
    told = [one for one in found["status"].splitlines() if one.startswith(f"  line {line},")]
    assert told, found["status"]
    assert word in " ".join(told)
    assert found["kept"]
    assert found["untouched"]


def test_the_report_is_made_for_the_editors_of_windows(record: dict[str, Any]) -> None:
    for found in record["bad"].values():
        raw = found["status"].encode()
        assert raw.count(b"\n") == raw.count(b"\r\n") > 5
        assert len(raw) <= 4096


def test_what_lies_on_the_card_at_the_end_is_what_was_told_last(record: dict[str, Any]) -> None:
    last = list(BAD)[-1]
    assert set(record["files"]) == {"PRESSEL.YAML", STATUS}
    assert record["files"][STATUS].decode() == record["bad"][last]["status"]
    assert record["faults"] == ""


def test_the_cards_of_this_test_are_what_they_say() -> None:
    assert len(BAD) == 10
    assert LATER != GOOD
    assert all(KEY.encode() not in raw for raw, *_ in BAD.values())
