"""The configuration written out, the example that is shipped, and files a hand has slipped over."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from config_text import SMALLEST, accepted, fields, remarks, warned
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect, structs

from device.config import Config, parse, show
from device.config.model import Microphone, Speaker
from device.config.text import Mapping, Node, read
from device.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "device" / "provision" / "card" / "pressel.example.yaml"
DESIGN = Path(__file__).parent / "data" / "design.yaml"


def keys(node: Node | None, *, path: str = "") -> set[str]:
    if not isinstance(node, Mapping):
        return set()
    below = {path + entry.key.text: entry.value for entry in node.entries}
    return set(below).union(*(keys(value, path=f"{name}.") for name, value in below.items()))


def keys_of_the_model() -> set[str]:
    return {path for path, _ in fields(inspect.type_info(Config))}


def switched_on(text: str) -> str:
    """The text with every `#key: value` line as a setting; `# remarks` stay remarks."""
    return re.sub(r'(?m)^( *)#(?=[\w"])', r"\1", text)


def typed(text: str, *, key: str = "sk-0123456789") -> str:
    """The text with a key where an example or a mask stands for one."""
    return re.sub(r'"sk-\.\.\.\w*"', f'"{key}"', text)


def test_the_example_holds_the_defaults():
    loaded = parse(EXAMPLE.read_bytes(), source=EXAMPLE.name)
    device = "plughw:CARD=ArrayUAC10"
    assert loaded.warnings == ()
    assert loaded.config == Config(
        version=1, microphone=Microphone(device=device), speaker=Speaker(device=device)
    )


def test_the_example_names_every_key_and_no_other():
    document = read(switched_on(EXAMPLE.read_text()).encode())
    assert document.problems == ()
    named = {key for key in keys(document.root) if not key.startswith("devices.")}
    named |= set(remarks(EXAMPLE.read_text()))
    assert named == keys_of_the_model() | {"devices"}


def test_what_is_remarked_out_in_the_example_may_be_switched_on():
    text = typed(switched_on(EXAMPLE.read_text()))
    assert [said for _, _, said in warned(text) if "not do it yet" not in said] == []
    assert accepted(text).limits == accepted(SMALLEST).limits


REMARKS = remarks(EXAMPLE.read_text())
TYPED = [
    (path, found)
    for path in sorted({path.rpartition(".")[0] for path in REMARKS if path.count(".") == 2})
    for found in re.findall(r"\{.*?\}", REMARKS[path])
]


@pytest.mark.parametrize(("path", "value"), TYPED)
def test_what_a_remark_shows_may_be_typed_as_it_stands(path, value):
    section, key = path.split(".")
    named = "device: x, " if section == "speaker" else ""
    rest = "\n".join(line for line in SMALLEST.splitlines() if not line.startswith(section))
    config = accepted(f"{rest}\n{section}: {{{named}{key}: {value}}}\n")
    assert getattr(getattr(config, section), key) != "none"


def test_transcripts_in_the_journal_are_warned_of_at_each_start():
    ((line, column, said),) = warned(SMALLEST + "log:\n  transcripts: true\n")
    assert (line, column) == (5, 16)
    assert "written into the journal" in said
    assert warned(SMALLEST + "log:\n  transcripts: false\n") == []


def test_the_example_of_the_design_is_accepted_once_it_has_a_key():
    loaded = parse(typed(DESIGN.read_text()).encode(), source=DESIGN.name)
    assert [(w.line, w.what) for w in loaded.warnings] == [
        (32, "limits is accepted, but this version does not do it yet")
    ]
    assert loaded.config.microphone.channels == 6
    assert loaded.config.server.api_key


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST,
        EXAMPLE.read_text(),
        typed(DESIGN.read_text()),
        SMALLEST + 'assistant: {instructions: "a\\n\\"b\\" # c: “d” \\\\ é"}\n',
        SMALLEST + "assistant: {noise_reduction: off, voice: 'on', language: no}\n",
        "version: 1\nmicrophone: {device: '7', channels: 3, use: [2, 0]}\nspeaker: {device: '~'}\n",
        SMALLEST + "panel: {rgb: {red: 1, green: 2, blue: 3}, button: {gpio: 4, pull: down}}\n",
        SMALLEST + "talk: {linger_s: 2.75}\nlimits: {daily_usd: 0.013}\n",
        SMALLEST + "server: {keep_warm: 5.5, audio: pcma}\nassistant: {transcription: a/B-1.en}\n",
    ],
)
def test_what_is_shown_reads_back_as_the_same_configuration(text):
    config = accepted(text)
    again = accepted(typed(show(config)))
    masked = structs.replace(config.server, api_key=again.server.api_key)
    assert again == structs.replace(config, server=masked)


def test_a_shown_configuration_keeps_the_secret():
    config = accepted(SMALLEST + 'server: {api_key: "sk-1234567890abcdef"}\n')
    assert "1234567890" not in show(config)
    assert 'api_key: "sk-...cdef"' in show(config)
    assert "1234567890" not in repr(config)


def config_or_complaint(raw: bytes) -> Config | ConfigError:
    try:
        return parse(raw, source="f").config
    except ConfigError as error:
        return error


SLIPS = [
    *"\t:#-[]{}&*!|>'\"%@`,?~0\n \u201c\u00a0\u200b\ufeff\x00\u0085",
    "\n\n",
    "  ",
    "<<: ",
    "- ",
]


@st.composite
def slipped(draw: st.DrawFn) -> bytes:
    """An example in which something was typed, deleted or copied, and bits have turned over."""
    text = draw(st.sampled_from([EXAMPLE, DESIGN])).read_text()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["type", "delete", "copy", "cut"])):
            case "type":
                text = text[:at] + draw(st.sampled_from(SLIPS) | st.text(max_size=3)) + text[at:]
            case "delete":
                text = text[:at] + text[at + draw(st.integers(1, 20)) :]
            case "copy":
                start = draw(st.integers(0, len(text)))
                text = text[:at] + text[start : start + draw(st.integers(1, 40))] + text[at:]
            case "cut":
                text = text[:at]
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "cp1252"]))
    raw = bytearray(text.encode(encoding, "replace"))
    bits = st.integers(0, 8 * len(raw) - 1)
    for turned in draw(st.lists(bits, max_size=2)) if raw else []:
        raw[turned // 8] ^= 1 << turned % 8
    return bytes(raw)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(slipped())
def test_a_file_a_hand_slipped_over_is_read_or_complained_about_with_a_place(raw):
    read_as = config_or_complaint(raw)
    if isinstance(read_as, Config):
        assert isinstance(config_or_complaint(show(read_as).encode()), Config)
        return
    assert read_as.problems
    for problem in read_as.problems:
        assert 1 <= problem.line <= raw.count(b"\n") + raw.count(b"\r") + 2
        assert problem.column >= 1
        assert problem.what
        assert problem.cure


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_bytes_that_are_no_file_of_ours_are_complained_about(raw):
    with pytest.raises(ConfigError) as caught:
        parse(raw, source="noise")
    assert all(problem.line >= 1 for problem in caught.value.problems)


def test_reading_a_configuration_loads_no_device_and_no_network():
    code = "import sys, device.config; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert "device.config" in loaded
    assert not loaded & {
        "alsaaudio",
        "gpiozero",
        "systemd",
        "websockets",
        "numpy",
        "asyncio",
        "ssl",
    }
