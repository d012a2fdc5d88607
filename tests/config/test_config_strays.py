"""A key that stands where nothing takes it away is remarked on."""

import time

import pytest
from config_text import SMALLEST, accepted, warned

from device.config import parse, survey

KEY = "sk-proj-OldOldOld0123456789abcdefghij"
AZURE = "3b0c44298fc1c149afbf4c8996fb9242"
SAID = "something like a key stands here, and stays in the file; delete it"


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (f'#api_key: "{KEY}"', 12),
        (f"# {AZURE}", 3),
        (f"server: {{model: {KEY}}}", 17),
        (f'server: {{url: "wss://example.org/v1?key={KEY}"}}', 41),
        (f'assistant: {{voice: "{KEY}"}}', 21),
        (f'server: {{api_key: "sk-of-mine"}} # {KEY} was the one before', 35),
    ],
)
def test_a_key_in_a_remark_or_in_another_setting_is_told_of_and_not_repeated(
    text: str, column: int
) -> None:
    assert warned(SMALLEST + text + "\n") == [(4, column, SAID)]


def test_a_key_in_its_own_place_is_none() -> None:
    own = f'server: {{api_key: "{KEY}"}}\n'
    text = f"{own}devices:\n  10000000abcd1234: {{server: {{api_key: {KEY}}}}}\n"
    for encoding in ("utf-8", "utf-16"):
        assert survey((SMALLEST + text).encode(encoding), source="f") == ()


@pytest.mark.parametrize("spelled", [f"apikey: {KEY}", f"api_key: >-\n        {KEY}"])
def test_the_badly_spelled_key_of_another_device_is_told_of(spelled: str) -> None:
    text = f"{SMALLEST}devices:\n  10000000abcd1234:\n    server:\n      {spelled}\n"
    (note,) = parse(text.encode(), source="f", serial="10000000abcd9999").warnings
    assert note.line in (7, 8)
    assert f"{note.what}; {note.cure}" == SAID


def test_names_and_prose_are_no_keys() -> None:
    text = (
        "# DEVICE=plughw:CARD=ArrayUAC10 10000000abcd1234\n"
        "server: {model: My-Company-gpt-realtime-2024-10-01}\n"
        "assistant: {instructions: 'Donaudampfschifffahrtsgesellschaft; risk-averse'}\n"
    )
    accepted(SMALLEST + text)
    assert warned(SMALLEST + text) == []


def test_a_long_file_of_nothing_but_letters_takes_no_time() -> None:
    text = SMALLEST + "# " + "a" * 30_000 + " " + "sk-" * 5_000 + "\n"
    begin = time.process_time()
    accepted(text)
    assert time.process_time() - begin < 1.0


def test_a_list_of_keys_is_told_of_in_a_few_lines() -> None:
    assert len(warned(SMALLEST + f"# {KEY}\n" * 50)) == 8
