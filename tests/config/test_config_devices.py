"""One file for many devices, older and newer formats, and the places of secrets."""

from pathlib import Path

import pytest
from config_text import SMALLEST, accepted, complaints
from msgspec.structs import replace

from device.config import Config, is_kept, parse, spots, survey
from device.config.model import Button
from device.config.text import Entry, Mapping, Scalar, read
from device.config.versions import upgraded
from device.errors import ConfigError, Secret

HERE = "10000000abcd1234"


def of(serial: str, text: str) -> Config:
    return parse(text.encode(), source="f", serial=serial).config


def surveyed(text: str) -> list[tuple[int, str]]:
    try:
        survey(text.encode(), source="f")
    except ConfigError as error:
        return [(p.line, p.what) for p in error.problems]
    return []


FLEET = SMALLEST + (
    'panel: {button: {gpio: 17, pull: down}}\ndevices:\n  "10000000ABCD1234":\n'
    "    speaker: {volume: 9}\n    panel: {button: {gpio: 5}}\n"
)


def test_a_device_that_is_named_has_its_own_settings_and_the_common_ones() -> None:
    config = of(HERE, FLEET)
    assert config.speaker.volume == 9
    assert config.speaker.device == "out"
    assert config.panel.button == Button(gpio=5, pull="down")


def test_a_device_that_is_not_named_has_the_common_ones() -> None:
    for serial in ("", "1234567812345678"):
        assert of(serial, FLEET).speaker.volume == 70


def test_a_list_takes_the_place_of_a_list() -> None:
    text = "version: 1\nmicrophone: {device: in, channels: 4, use: [0, 1]}\n" + (
        f"speaker: {{device: out}}\ndevices: {{{HERE}: {{microphone: {{use: [2]}}}}}}\n"
    )
    assert of(HERE, text).microphone.use == (2,)


def test_a_setting_may_be_switched_off_for_one_device() -> None:
    text = FLEET + '  "10000000abcd9999": {panel: {button: none}}\n'
    assert of("10000000abcd9999", text).panel.button == "none"


def test_a_mistake_in_one_device_is_none_of_the_others() -> None:
    text = FLEET + '  "10000000abcd9999": {speaker: {volume: 900}}\n'
    assert of(HERE, text).speaker.volume == 9
    with pytest.raises(ConfigError, match=r"f:9:42: speaker.volume is '900', more than 100"):
        of("10000000abcd9999", text)
    assert surveyed(text) == [(9, "speaker.volume is '900', more than 100")]


def test_what_each_device_has_of_its_own_need_not_be_common() -> None:
    text = "version: 1\nspeaker: {device: out}\n" + (
        f"devices:\n  {HERE}: {{microphone: {{device: in}}}}\n"
        "  10000000abcd9999: {speaker: {volume: 3}}\n"
    )
    assert of(HERE, text).microphone.device == "in"
    assert surveyed(text) == [(1, "microphone is missing")], "of the second device"
    with pytest.raises(ConfigError, match="microphone is missing"):
        of("", text)


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ("devices: 12", "devices has no device"),
        ("devices: {kitchen: {log: {level: debug}}}", "'kitchen' is not the serial number"),
        (f"devices: {{{HERE}: none}}", f"the device '{HERE}' has no settings"),
        (f"devices: {{{HERE}: {{version: 1}}}}", "version belongs to the whole file"),
        (f"devices: {{{HERE}: {{devices: {{}}}}}}", "devices belongs to the whole file"),
        (f"devices: {{{HERE}: {{}}, {HERE.upper()}: {{}}}}", "is named twice"),
    ],
)  # fmt: skip
def test_what_is_no_device_is_said(devices: str, said: str) -> None:
    found = complaints(SMALLEST + devices + "\n")
    assert [line for line, _, _ in found] == [4]
    assert said in found[0][2]


# Formats.


def mapping(text: str) -> Mapping:
    root = read(text.encode()).root
    assert isinstance(root, Mapping)
    return root


def renamed(root: Mapping) -> Mapping:
    """A step as a later version may have one: `sound` was the name of `speaker`."""
    entries = [
        Entry(replace(one.key, text="speaker"), one.value) if one.key.text == "sound" else one
        for one in root.entries
    ]
    return replace(root, entries=tuple(entries))


def test_an_older_format_is_brought_up_to_date_step_by_step_and_told() -> None:
    old = mapping("version: 1\nsound: {}\n")
    found = upgraded(old, steps={1: renamed, 2: lambda root: root}, latest=3)
    assert isinstance(found.root, Mapping)
    assert [entry.key.text for entry in found.root.entries] == ["version", "speaker"]
    version = found.root.entries[0].value
    assert isinstance(version, Scalar)
    assert version.text == "3"
    assert found.note is not None
    assert (found.note.line, found.note.column) == (1, 10)
    assert found.note.what == "format 1 is still understood; the present one is 3"


def test_the_present_format_is_left_as_it_is() -> None:
    root = mapping("version: 1\n")
    assert upgraded(root).root is root
    assert upgraded(root).note is None


# Secrets and their places.


@pytest.mark.parametrize("kept", ["stored on device (...a1B2)", "stored on device", "****", '"**"'])
def test_what_the_device_wrote_in_place_of_the_key_means_that_it_has_it(kept: str) -> None:
    text = f'"{kept}"' if "*" in kept and '"' not in kept else kept
    config = accepted(SMALLEST + f"server: {{api_key: {text}}}\n")
    assert config.server.api_key is None
    assert is_kept(kept.strip('"'))


@pytest.mark.parametrize("other", ["sk-stored on device", "stored on devices", "*a*", "stored"])
def test_nothing_else_does(other: str) -> None:
    assert not is_kept(other)


def test_a_key_on_several_lines_is_refused_because_it_could_not_be_taken_off_the_card() -> None:
    text = 'server: {api_key: "sk-0123\\\n   4567"}\n'
    assert [said for _, _, said in complaints(SMALLEST + text)] == [
        "server.api_key takes several lines; type it on one line, in quotes"
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_secret_is_found_to_the_byte(encoding: str, end: str) -> None:
    text = (
        "# Schlüssel für die Küche 🎤\n"
        + SMALLEST
        + (
            f"server: {{model: ä, api_key: 'sk-0123456789'}} # ß\ndevices:\n  {HERE}:\n"
            "    server:\n      api_key:   sk-abcdefghij\n"
        )
    )
    raw = text.replace("\n", end).encode(encoding)
    found = {spot.serial: raw[spot.start : spot.end].decode(spot.encoding) for spot in spots(raw)}
    assert found == {"": "'sk-0123456789'", HERE: "sk-abcdefghij"}
    assert {spot.text for spot in spots(raw)} == {"sk-0123456789", "sk-abcdefghij"}


def test_a_secret_tells_its_end_only_when_it_is_long_enough() -> None:
    assert Secret("sk-0123456789abcd").tail == "abcd"
    assert Secret("sk-012345678").tail == ""


def test_a_file_is_read_for_this_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from device.config import load_file

    monkeypatch.setattr("device.board.serial", lambda *_: HERE)
    path = tmp_path / "pressel.yaml"
    path.write_text(FLEET)
    assert load_file(path).config.speaker.volume == 9
