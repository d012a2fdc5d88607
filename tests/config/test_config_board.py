"""While the name of the board is wrong, nothing else is said of what a board brings."""

import pytest
from config_text import complaints


@pytest.mark.parametrize(
    "typed",
    [
        "board: “respeaker-2mic-v2”",
        "board: respeaker\u200b-2mic-v2",
        "board: *respeaker",
        "board: [respeaker-2mic-v2]",
        "board: {name: respeaker-2mic-v2}",
        "board: Respeaker",
        "board:",
        "Board: respeaker-2mic-v2",
        "sound_board: respeaker-2mic-v2",
        "baord: respeaker-2mic-v2",
    ],
)
def test_what_a_board_would_bring_is_not_missing_while_its_name_is_wrong(typed: str) -> None:
    assert complaints(f"version: 1\n{typed}\n")
    for line, _, said in complaints(f"version: 1\n{typed}\n"):
        assert line == 2
        assert "missing" not in said


def test_without_a_board_what_is_missing_is_told() -> None:
    said = [said for _, _, said in complaints("version: 1\nserver: {}\n")]
    assert [one.split(" is missing")[0] for one in said if "missing" in one] == [
        "microphone",
        "speaker",
    ]
