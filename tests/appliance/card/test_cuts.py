"""The power goes at 30 moments of the import: what is there then is old or new, and whole."""

from __future__ import annotations

import pytest

from appliance.card.cuts import Cut, cuts, freed, key, settings
from appliance.vm.test_real_kernel import why_not

COUNT, SEED = 30, 6
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def found() -> list[Cut]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return list(cuts(COUNT, SEED))


def test_the_moments_lie_before_and_after_what_happens(found: list[Cut]) -> None:
    assert len(found) == COUNT
    new = [one.torn.card == freed(one.turn) for one in found]
    assert any(new)
    assert not all(new)


def test_the_cards_file_is_old_or_new(found: list[Cut]) -> None:
    for one in found:
        assert one.torn.card in (settings(one.turn), freed(one.turn)), one


def test_the_settings_and_the_key_in_force_are_old_or_new(found: list[Cut]) -> None:
    for one in found:
        assert one.torn.settings in (freed(one.turn - 1), freed(one.turn)), one
        assert one.torn.key in (key(one.turn - 1).encode(), key(one.turn).encode()), one


def test_a_key_is_taken_off_the_card_only_when_it_is_stored(found: list[Cut]) -> None:
    for one in found:
        if one.torn.card == freed(one.turn):
            assert one.torn.key == key(one.turn).encode(), one
            assert one.torn.settings == freed(one.turn), one


def test_the_next_start_completes_it(found: list[Cut]) -> None:
    for one in found:
        assert one.healed.card == freed(one.turn), one
        assert one.healed.settings == freed(one.turn), one
        assert one.healed.key == key(one.turn).encode(), one


def test_no_key_is_left_anywhere_on_the_card(found: list[Cut]) -> None:
    assert {one.turn: one.keys for one in found if one.keys} == {}


def test_the_status_is_whole_after_the_next_start(found: list[Cut]) -> None:
    for one in found:
        assert one.healed.status is not None
        assert one.healed.status.startswith(b"PRESSEL STATUS\r\n"), one
        assert f"...{key(one.turn)[-4:]} is stored".encode() in one.healed.status, one


def test_a_cut_leaves_a_card_that_needs_no_mending(found: list[Cut]) -> None:
    assert {one.turn: one.faults for one in found if one.faults} == {}
