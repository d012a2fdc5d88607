"""Every profile: well formed, sourced, accepted as settings; and what `board:` does with it."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from device import boards
from device.boards import Board
from device.config import Config, parse, show
from device.config.boards import FOLDER
from device.config.model import Button, Led, Ring
from device.config.panel import Panel
from device.config.schema import schema
from device.errors import ConfigError

PROFILES = {name: boards.load(name) for name in boards.NAMES}
PANEL_PINS = ("button", "led", "mute")
each = pytest.mark.parametrize(("name", "profile"), PROFILES.items(), ids=PROFILES)


def of(text: str) -> Config:
    return parse(f"version: 1\n{text}".encode(), source="f").config


def complaints(text: str) -> list[str]:
    try:
        of(text)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_each_file_has_its_name_in_the_configuration_and_each_name_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(boards.NAMES)


@each
def test_a_profile_is_accepted_as_settings(name: str, profile: Board) -> None:
    rest = "speaker: {device: out}\n" if profile.settings.speaker is None else ""
    loaded = parse(f"version: 1\nboard: {name}\n{rest}".encode(), source="f")
    assert loaded.warnings == ()
    assert loaded.config.microphone == profile.settings.microphone
    assert loaded.config.panel == profile.settings.panel
    assert profile.settings.speaker in (None, loaded.config.speaker)
    assert parse(show(loaded.config).encode(), source="f").config == loaded.config


@each
def test_every_group_of_facts_has_a_source(name: str, profile: Board) -> None:
    for place, source in enumerate(profile.sources):
        others = profile.sources[:place] + profile.sources[place + 1 :]
        lost = set(source.of) - {group for other in others for group in other.of}
        told = lost - {"panel"} if profile.settings.panel == Panel() else lost
        if told:
            with pytest.raises(ValueError, match=f"no source for .*{min(told)}"):
                replace(profile, sources=others)


@each
def test_what_is_known_by_heart_only_says_so(name: str, profile: Board) -> None:
    for source in profile.sources:
        named = ("/" in source.where, "Wiki" in source.where, "memory" in source.where)
        assert any(named) or source.where.startswith(("public", "rrfx.net", "ours")), source.where


@each
def test_channels_and_places_fit_together(name: str, profile: Board) -> None:
    microphone = profile.settings.microphone
    if microphone.geometry == "none":
        return
    assert len(microphone.geometry) == microphone.channels
    spots = [place for place in microphone.geometry if place != "none"]
    assert all(len(spot) == 2 for spot in spots)
    assert len(set(spots)) == len(spots) >= 2
    middle = [sum(spot[axis] for spot in spots) / len(spots) for axis in (0, 1)]
    assert middle == pytest.approx([0, 0], abs=0.5), "they are told from the middle of the array"
    if microphone.loopback != "none":
        assert microphone.geometry[microphone.loopback] == "none"


@each
def test_a_board_claims_each_pin_once_and_its_panel_is_on_them(name: str, profile: Board) -> None:
    pins = Counter(pin.gpio for pin in profile.pins)
    assert not pins or max(pins.values()) == 1
    panel = profile.settings.panel
    ours = [part.gpio for key in PANEL_PINS if (part := getattr(panel, key)) != "none"]
    if panel.ring != "none":
        ours += [7, 8, 9, 10, 11] + ([panel.ring.power] if panel.ring.power != "none" else [])
    assert set(ours) <= set(pins)


@each
def test_a_circle_of_lights_around_an_array_knows_where_it_begins(
    name: str, profile: Board
) -> None:
    ring = profile.settings.panel.ring
    if ring == "none":
        return
    circle = ring.leds > 3 and profile.settings.microphone.geometry != "none"
    assert (ring.zero != "none") is circle
    assert not circle or any("zero" in one.where for one in profile.sources if "panel" in one.of)


@each
def test_only_who_cancels_the_echo_says_hardware(name: str, profile: Board) -> None:
    assert (profile.settings.microphone.echo == "hardware") == (profile.echo == "hardware")
    if profile.speaker == "none":
        assert profile.echo == "two_clocks", "two cards have two clocks"


# What the file says itself.


def test_a_board_sets_the_rest_and_the_file_goes_before_it_key_by_key() -> None:
    config = of("board: respeaker-2mic-v2\nmicrophone: {use: 1}\nspeaker: {volume: 30}\n")
    assert config.microphone.device == "plughw:CARD=seeed2micvoicec"
    assert (config.microphone.channels, config.microphone.use) == (2, 1)
    assert (config.speaker.device, config.speaker.volume) == ("plughw:CARD=seeed2micvoicec", 30)
    assert config.panel.button == Button(gpio=17)
    assert config.panel.ring == Ring(leds=3)


def test_a_light_of_ones_own_takes_the_place_of_the_boards() -> None:
    panel = of("board: respeaker-2mic-v2\npanel: {led: {gpio: 13}}\n").panel
    assert (panel.led, panel.ring, panel.button) == (Led(gpio=13), "none", Button(gpio=17))
    panel = of("board: codec-zero\npanel: {rgb: {red: 5, green: 6, blue: 13}}\n").panel
    assert panel.led == "none"


def test_a_part_of_the_board_may_be_switched_off() -> None:
    assert of("board: respeaker-2mic-v2\npanel: {button: none, ring: none}\n").panel.button == (
        "none"
    )


def test_each_device_may_have_a_board_of_its_own() -> None:
    text = b"version: 1\nboard: codec-zero\ndevices: {10000000abcd1234: {board: aiy-voice-hat}}\n"
    mine = parse(text, source="f", serial="10000000abcd1234").config
    assert mine.microphone.device == "plughw:CARD=sndrpigooglevoi"
    assert parse(text, source="f").config.microphone.device == "plughw:CARD=Zero"


def test_a_wrong_name_is_the_only_complaint_and_says_what_was_meant() -> None:
    (said,) = complaints("board: respeker-xvf3800\n")
    assert said == (
        "2:8: board is 'respeker-xvf3800', which is not one of its values; "
        "did you mean respeaker-xvf3800?"
    )


def test_complaints_keep_their_lines_and_what_the_board_brings_stands_at_its_name() -> None:
    assert complaints("talk:\n  style: tap\nboard: codec-zero\npanel:\n  mute: {gpio: 27}\n") == [
        "6:16: panel.mute.gpio is pin 27, which panel.button.gpio already uses; "
        "give each its own pin"
    ]
    assert complaints("board: respeaker-6mic-kit\nmicrophone:\n  use: 6\n") == [
        "2:8: microphone.loopback is channel 6, which microphone.use listens to; "
        "type the channel that only gives back what is played, or none"
    ]


def test_what_a_board_has_not_is_still_asked_for() -> None:
    assert complaints("board: playstation-eye\n") == [
        "2:8: speaker is missing; type speaker: and, indented below it, device:"
    ]


def test_a_loopback_is_among_the_channels_and_is_not_listened_to() -> None:
    sound = "speaker: {device: out}\nmicrophone: {device: in, channels: 6, use: %s, loopback: %s}\n"
    assert complaints(sound % (0, 5)) == []
    assert complaints(sound % (0, "none")) == []
    assert "names channel 6, but channels is 6" in complaints(sound % (0, 6))[0]
    assert "which microphone.use listens to" in complaints(sound % ("[1, 5]", 5))[0]


# What editors are told.


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("version: 1\nboard: codec-zero\n", True),
        ("version: 1\nboard: codec-zero\nmicrophone: {use: 1}\n", True),
        ("version: 1\nboard: none\n", False),
        ("version: 1\n", False),
        ("version: 1\nmicrophone: {use: 1}\nspeaker: {device: out}\n", False),
        ("version: 1\nboard: codec-one\n", False),
    ],
)
def test_the_schema_wants_the_devices_only_where_no_board_brings_them(
    text: str, good: bool
) -> None:
    assert Draft202012Validator(schema()).is_valid(yaml.safe_load(text)) is good
    assert (complaints(text.removeprefix("version: 1\n")) == []) is good
