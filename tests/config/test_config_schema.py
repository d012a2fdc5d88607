"""The schema that editors get: never stricter than the reader, and as strict as it can be."""

import json
import re
from typing import Any

import pytest
import yaml
from config_text import SMALLEST, accepted, complaints, fields, remarks
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import inspect
from test_config_shown import DESIGN, EXAMPLE, switched_on

from device.config import show
from device.config.model import Config
from device.config.schema import schema
from device.provision import EXAMPLES

CHANNELS = (0, 31)
"""Of `microphone.use`: its comment says how they are counted."""
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


class Plain(yaml.SafeLoader):
    """YAML as editors read it (1.2): only true and false are truth values, nothing is a date."""


Plain.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if not tag.endswith(("timestamp", "bool")) or letter in "tf"
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.load(text, Plain))]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_file_beside_the_example_is_it_and_the_example_names_it() -> None:
    assert json.loads((EXAMPLES / "pressel.schema.json").read_text()) == SCHEMA
    first = EXAMPLE.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=./pressel.schema.json"


@pytest.mark.parametrize(
    "text", [EXAMPLE.read_text(), switched_on(EXAMPLE.read_text()), DESIGN.read_text(), SMALLEST]
)  # fmt: skip
def test_what_is_good_is_good_to_it(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "speker: {}", "speaker: {device: out, volume: 101}", "talk: {linger_s: 0}",
        "server: {apikey: x}", "server: {profile: google}", "server: {keep_warm: never}",
        "log: {transcripts: 'true'}", "microphone: {channels: 2}", "panel: {led: {gpio: 28}}",
        "panel: {led: {}}", "microphone: {device: in, chunk_ms: 30}", "assistant: {language: D}",
        "devices: {kitchen: {}}", "devices: {10000000abcd1234: {volume: 3}}",
        "devices: {10000000abcd1234: {version: 1}}", "devices: {abcd1234: {panel: {led: 18}}}",
    ],
)  # fmt: skip
def test_what_is_wrong_by_itself_is_wrong_to_both(line: str) -> None:
    section = line.partition(":")[0]
    rest = [one for one in SMALLEST.splitlines() if not one.startswith(f"{section}:")]
    text = "\n".join([*rest, line, ""])
    assert faults(text)
    if not line.startswith("devices: {abcd1234"):  # of another board: not looked into here
        assert complaints(text) or "volume" in line or "version" in line


def test_one_device_needs_to_name_nothing_twice() -> None:
    assert faults(SMALLEST + "devices: {10000000abcd1234: {speaker: {volume: 3}}}\n") == []


def test_a_key_is_marked_as_a_secret_and_nothing_else_is() -> None:
    marked = [place for place in places(SCHEMA) if place.get("x-secret")]
    assert marked == [
        SCHEMA["$defs"][name]["properties"]["api_key"] for name in ("Server", "ServerOwn")
    ]


def test_every_key_is_explained() -> None:
    sections = [place for place in places(SCHEMA) if place.get("type") == "object"]
    for section in sections:
        assert len(section.get("description", "")) > 10, section
        for key, value in section.get("properties", {}).items():
            assert "$ref" in value or len(value.get("description", "")) > 10, key


EXPLAINED = list(fields(inspect.type_info(Config)))


@pytest.mark.parametrize(("path", "field"), EXPLAINED, ids=[path for path, _ in EXPLAINED])
def test_the_remark_on_each_key_of_the_example_tells_its_range_its_words_and_its_default(
    path: str, field: inspect.Field
) -> None:
    said = remarks(EXAMPLE.read_text())[path].replace('"', "")
    assert len(said) > 20
    for least, most in ranges(field.type):
        assert f"{least:g} to {most:g}" in said
    for word in words(field.type):
        assert re.search(rf"(?<!\w){re.escape(str(word))}(?!\w)", said), word
    if path.count(".") > 1:  # what stands below a key shows no default of its own
        usual = str(field.default).lower() if isinstance(field.default, bool) else field.default
        assert ("Required." if field.required else f"Default {usual}.") in said


def words(kind: inspect.Type) -> list[Any]:
    if isinstance(kind, inspect.Metadata):
        return words(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [found for option in kind.types for found in words(option)]
    return list(kind.values) if isinstance(kind, inspect.LiteralType) else []


def ranges(kind: inspect.Type) -> list[tuple[float, float]]:
    if isinstance(kind, inspect.Metadata):
        return ranges(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [found for option in kind.types for found in ranges(option)]
    if not isinstance(kind, inspect.IntType | inspect.FloatType) or kind.multiple_of:
        return []
    if kind.ge is None or kind.le is None or (kind.ge, kind.le) == CHANNELS or kind.ge == kind.le:
        return []
    return [(float(kind.ge), float(kind.le))]


def places(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for inner in value for found in places(inner)]
    if not isinstance(value, dict):
        return []
    return [value, *(found for inner in value.values() for found in places(inner))]


numbers = st.floats(0.5, 600).map(lambda number: round(number, 3))


@examples(max_examples=200, deadline=None, derandomize=True)
@given(
    volume=st.integers(0, 100), linger=numbers, style=st.sampled_from(["auto", "tap", "hold"]),
    use=st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, unique=True),
    words=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=80),
    warm=st.just("always") | st.integers(1, 55), pin=st.integers(0, 27),
)  # fmt: skip
def test_whatever_is_shown_as_effective_is_good_to_it(
    volume: int, linger: float, style: str, use: Any, words: str, warm: Any, pin: int
) -> None:
    text = json.dumps({
        "version": 1,
        "microphone": {"device": "in", "channels": 4, "use": use},
        "speaker": {"device": "out", "volume": volume},
        "talk": {"style": style, "linger_s": linger},
        "assistant": {"instructions": words},
        "server": {"keep_warm": warm},
        "panel": {"led": {"gpio": pin}},
    })  # fmt: skip
    assert faults(show(accepted(text))) == []
