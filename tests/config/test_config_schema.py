"""The schema that editors get: never stricter than the reader, and as strict as it can be."""

import json
from typing import Any

import pytest
import yaml
from config_text import SMALLEST, accepted, complaints
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
    for name, section in SCHEMA["$defs"].items():
        for key, value in section["properties"].items():
            assert value.get("description") or "$ref" in value or key in ("gpio", "red", "green"), (
                f"{name}.{key}"
            )


def test_the_comment_above_each_key_of_the_example_tells_its_range() -> None:
    lines = EXAMPLE.read_text().splitlines()
    kind = inspect.type_info(Config)
    assert isinstance(kind, inspect.StructType)
    for section in kind.fields:
        if not isinstance(section.type, inspect.StructType):
            continue
        start = next(n for n, line in enumerate(lines) if line.lstrip("#") == f"{section.name}:")
        for field in section.type.fields:
            at = next(
                n for n, line in enumerate(lines[start:], start)
                if line.strip().lstrip("#").startswith(f"{field.name}:")
            )  # fmt: skip
            above = ""
            while lines[at - 1].strip().startswith("# "):
                at -= 1
                above = lines[at].strip() + " " + above
            assert len(above) > 20, f"{section.name}.{field.name} is not explained"
            for least, most in ranges(field.type):
                assert f"{least:g} to {most:g}" in above, f"{section.name}.{field.name}: {above}"


def ranges(kind: inspect.Type) -> list[tuple[float, float]]:
    if isinstance(kind, inspect.Metadata):
        return ranges(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [found for option in kind.types for found in ranges(option)]
    if not isinstance(kind, inspect.IntType | inspect.FloatType) or kind.multiple_of:
        return []
    if kind.ge is None or kind.le is None or (kind.ge, kind.le) == CHANNELS:
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
