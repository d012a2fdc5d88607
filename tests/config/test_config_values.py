"""Keys and values against the types: each complaint has its place and what to type."""

import pytest
from config_text import SMALLEST, accepted, complaints, only_complaint, warned

from device.config import Config, complaint, load_file, parse
from device.config.model import Button, Led, Microphone, Mute, Rgb, Speaker
from device.errors import ConfigError, Problem, Secret


def test_three_lines_are_enough_and_the_rest_is_default():
    assert accepted(SMALLEST) == Config(
        version=1, microphone=Microphone(device="in"), speaker=Speaker(device="out")
    )


def test_all_complaints_come_at_once_in_the_order_of_the_file():
    text = """\
server:
  url: https://example.org
  allow_insecure: yes
  modle: x
talk:
  style: tapp
  linger_s: 0
microphone:
  use: [0, 3]
  channels: 2
speaker:
  device: out
  volume: 110
panel:
  button: {gpio: 17}
  led: {gpio: 17}
  rgb: {red: 1, green: 28}
log: loud
buton: 3
"""
    said = complaints(text)
    assert [place[:2] for place in said] == [
        (1, 1),  # version is missing
        (3, 19),
        (4, 3),
        (6, 10),
        (7, 13),
        (8, 1),  # microphone.device is missing
        (9, 12),
        (13, 11),
        (16, 15),
        (17, 3),  # panel.rgb.blue is missing
        (17, 3),  # led and rgb
        (17, 24),
        (18, 6),
        (19, 1),
    ]


@pytest.mark.parametrize(
    ("typed", "cure"),
    [
        ("verison: 1", "did you mean version?"),
        ("Talk: {}", "did you mean talk?"),
        ("log: {Level: info}", "did you mean level?"),
        ("server: {api-key: x}", "did you mean api_key?"),
        ("server: {apikey: x}", "did you mean api_key?"),
        ("server: {keep_warn: 5}", "did you mean keep_warm?"),
        ("server: {patience: 5}", "did you mean patience_s?"),
        ("assistant: {transcript: none}", "did you mean transcription?"),
        ("audio: pcmu", "audio belongs under server:, indented by two spaces"),
        ("volume: 3", "volume belongs under speaker:, indented by two spaces"),
        ("speakr: {}", "did you mean speaker?"),
        ("log: {zzz: 1}", "type one of level, transcripts, or delete the line"),
    ],
)
def test_an_unknown_key_is_answered_with_the_one_that_was_meant(typed, cure):
    assert only_complaint(SMALLEST + typed)[2].endswith(f"; {cure}")


@pytest.mark.parametrize(
    ("typed", "column", "said"),
    [
        ("log: {transcripts: yes}", 20, "'yes', not true or false; type true"),
        ("log: {transcripts: Off}", 20, "'Off', not true or false; type false"),
        ("log: {transcripts: 1}", 20, "'1', not true or false; type true or false"),
        ("log: {transcripts: 'true'}", 20, "'true' in quotes, not true or false; type true"),
        ("log: {level: INFO}", 14, "'INFO', which is spelled differently; type info"),
        ("log: {level: all}", 14, "which is not one of its values; type one of debug, error, "),
        ("log: {level: [info]}", 14, "has a list here; type one of"),
        ("log: {level: {a: b}}", 14, "has settings below it; type one of"),
        ("log: {level: }", 13, "has no value; type one of"),
        ("log: {level: ~}", 14, "has no value; type one of"),
        ("log: []", 6, "log has a list here; type its settings below it"),
        ("talk: {linger_s: '8'}", 18, "'8' in quotes, not a number; type 8"),
        ("talk: {linger_s: 8s}", 18, "'8s', not a number; type 8"),
        ("talk: {linger_s: 2,5}", 20, "'5' is not a setting"),
        ("talk: {linger_s: .5}", 18, "'.5', not a number; type a number from 0.5 to 600 (seconds)"),
        ("talk: {linger_s: 1e3}", 18, "'1e3', not a number"),
        ("talk: {linger_s: .inf}", 18, "'.inf', not a number"),
        ("talk: {linger_s: 0.4}", 18, "'0.4', less than 0.5; type a number from 0.5 to 600"),
        ("limits: {reply_s: 1.5}", 19, "'1.5', not a whole number"),
        ("limits: {reply_s: 99999999999999999999}", 19, "more than 3600"),
        ("limits: {daily_usd: -1}", 21, "'-1', less than 0.01"),
        ("server: {audio: PCMU}", 17, "'PCMU', which is spelled differently; type pcmu"),
        ("server: {audio: g711}", 17, "is not one of its values; type one of pcm16, pcma, pcmu"),
        ("server: {keep_warm: Always}", 21, "which is spelled differently; type always"),
        ("server: {keep_warm: 60}", 21, "'60', more than 55; type always, or a number of minutes"),
        ("server: {keep_warm: 0.5}", 21, "'0.5', less than 1; type always, or a number"),
        ("server: {keep_warm: 5m}", 21, "'5m', not a number; type 5"),
        ("server: {patience_s: 4}", 22, "less than 5; type a number from 5 to 60 (seconds)"),
        ("assistant: {transcription: None}", 28, "not in the expected form; type none"),
        ("assistant: {transcription: off}", 28, "type none, or a model name such as gpt-transc"),
        ("assistant: {transcription: 'a b'}", 28, "type none, or a model name such as gpt-tran"),
        ("server: {model: ''}", 17, "is empty"),
        ("server: {model: 2026-01-01}", 17, "a date to YAML; put it in quotes"),
        ("server: {model: true}", 17, "yes or no to YAML; put it in quotes"),
        ("assistant: {language: english}", 23, "type a language code such as en or pt-BR"),
        ("panel: {button: 17}", 17, "type {gpio: 17, pull: up} with your own pin, or none"),
        ("panel: {button: {gpio: 28}}", 24, "'28', more than 27; type a whole number from 0 to 27"),
        ("panel: {button: {gpio: GPIO17}}", 24, "'GPIO17', not a whole number"),
        ("panel: {led: {}}", 9, "panel.led.gpio is missing; type gpio: and a whole number"),
    ],
)
def test_a_value_of_another_type_is_answered_with_what_to_type(typed, column, said):
    places = complaints(SMALLEST + typed)
    assert [place[:2] for place in places] == [(4, column)]
    assert said in places[0][2]


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("chunk_ms", (20, 40, 60, 80, 100), (0, 10, 30, 120)),
        ("channels", (1, 32), (0, 33)),
        ("preroll_ms", (0, 2000), (-1, 2001)),
    ],
)
def test_the_ranges_of_the_microphone_are_kept(key, good, bad):
    text = "version: 1\nspeaker: {device: out}\nmicrophone: {device: in, %s: %s}\n"
    for number in good:
        assert getattr(accepted(text % (key, number)).microphone, key) == number
    for number in bad:
        assert only_complaint(text % (key, number))[:2] == (3, 28 + len(key))


@pytest.mark.parametrize(("key", "last"), [("volume", 100), ("output_delay_ms", 500)])
def test_the_ranges_of_the_speaker_are_kept(key, last):
    text = "version: 1\nmicrophone: {device: in}\nspeaker: {device: out, %s: %s}\n"
    for number in (0, last):
        assert getattr(accepted(text % (key, number)).speaker, key) == number
    for number in (-1, last + 1):
        assert only_complaint(text % (key, number))[0] == 3


@pytest.mark.parametrize(
    ("typed", "value"),
    [("0", 0), ("3", 3), ("[1, 2]", (1, 2)), ("[0]", (0,)), ("best", "best"), ("beam", "beam")],
)
def test_channels_are_one_or_several_or_a_word(typed, value):
    text = f"version: 1\nspeaker: {{device: out}}\nmicrophone:\n  device: in\n  use: {typed}\n"
    text += "  channels: 4\n  geometry: [[32, 0], [0, 32], [-32, 0], [0, -32]]\n"
    assert accepted(text).microphone.use == value


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("4", (5, 8, "names channel 4, but channels is 4; type a number from 0 to 3")),
        ("[1, 4]", (5, 12, "names channel 4, but channels is 4")),
        ("[1, 1]", (5, 12, "names channel 1 twice")),
        ("[]", (5, 8, "is an empty list; type a channel such as 0, a list")),
        ("[a]", (5, 9, "is 'a', not a whole number")),
        ("40", (5, 8, "is '40', more than 31")),
        ("bset", (5, 8, "type a channel such as 0, a list such as [1, 2], best or beam")),
        ("Best", (5, 8, "spelled differently; type best")),
        ("'1'", (5, 8, "in quotes, not a whole number; type 1")),
        ("[[1]]", (5, 9, "has a list here")),
    ],
)
def test_channels_that_do_not_exist_are_named_each(typed, said):
    text = f"version: 1\nspeaker: {{device: out}}\nmicrophone:\n  device: in\n  use: {typed}\n"
    line, column, what = only_complaint(text + "  channels: 4\n")
    assert (line, column) == said[:2]
    assert said[2] in what


def test_a_wrong_number_of_channels_is_not_held_against_the_use_of_them():
    text = "version: 1\nspeaker: {device: out}\nmicrophone: {device: in, channels: x, use: 3}\n"
    assert only_complaint(text)[:2] == (3, 36)


def test_panel_parts_are_types_or_none():
    panel = accepted(
        SMALLEST + "panel:\n  button: {gpio: 17, pull: down}\n  led: none\n"
        "  rgb: {red: 5, green: 6, blue: 13}\n  mute: {gpio: 27}\n"
    ).panel
    assert panel.button == Button(gpio=17, pull="down")
    assert panel.led == "none"
    assert panel.rgb == Rgb(red=5, green=6, blue=13)
    assert panel.mute == Mute(gpio=27)
    assert accepted(SMALLEST + "panel: {led: {gpio: 0}}").panel.led == Led(gpio=0)


def test_one_pin_does_one_thing():
    text = SMALLEST + "panel:\n  button: {gpio: 17}\n  rgb: {red: 5, green: 17, blue: 5}\n"
    assert complaints(text) == [
        (
            *(6, 24),
            "panel.rgb.green is pin 17, which panel.button.gpio already uses;"
            " give each its own pin",
        ),
        (6, 34, "panel.rgb.blue is pin 5, which panel.rgb.red already uses; give each its own pin"),
    ]


def test_the_pins_of_a_ring_are_its_own():
    text = (
        SMALLEST + "panel:\n  ring: {leds: 12, power: 5}\n  button: {gpio: 10}\n  mute: {gpio: 5}\n"
    )
    assert complaints(text) == [
        (
            6,
            18,
            "panel.button.gpio is pin 10, which panel.ring already uses; give each its own pin",
        ),
        (
            *(7, 16),
            "panel.mute.gpio is pin 5, which panel.ring.power already uses; give each its own pin",
        ),
    ]


def test_pins_that_are_no_pins_are_not_compared():
    said = complaints(SMALLEST + "panel: {button: {gpio: x}, led: {gpio: x}}\n")
    assert ["not a whole number" in what for _, _, what in said] == [True, True]


def test_there_is_one_light():
    text = SMALLEST + "panel:\n  rgb: {red: 1, green: 2, blue: 3}\n  led: {gpio: 18}\n"
    line, column, said = only_complaint(text)
    assert (line, column) == (6, 3)
    assert said.endswith("keep one of them")


def test_a_file_for_a_newer_pressel_is_told_so_and_nothing_else():
    assert complaints("version: 2\nsoul: {colour: blue}\n") == [
        (
            *(1, 10),
            "version 2: this card was written for a newer Pressel;"
            " update Pressel, or write the file for version: 1",
        )
    ]


@pytest.mark.parametrize("version", ["0", "'1'", "1.0", "one", "-1"])
def test_a_version_that_never_was_is_answered_with_1(version):
    line, column, said = only_complaint(SMALLEST.replace("1", version))
    assert (line, column) == (1, 10)
    assert said.endswith("; type 1")


def test_what_is_missing_is_named_at_the_section_that_lacks_it():
    assert [place[:2] for place in complaints("# remark\nversion: 1\nspeaker: {}\n")] == [
        (2, 1),  # microphone
        (3, 1),  # speaker.device
    ]


@pytest.mark.parametrize("text", ["hello", "- version: 1", "'x'", "[version]"])
def test_a_file_without_settings_says_so(text):
    assert only_complaint(text)[2] == "the file holds no settings; start from pressel.example.yaml"


def test_a_file_of_another_kind_is_not_complained_about_without_end():
    said = complaints("".join(f"key{number}: 1\n" for number in range(500)))
    assert len(said) == 50
    assert "more problems" in said[-1][2]


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("limits:\n  reply_s: 60\n", (4, 1)),
        ("limits: {}\n", (4, 1)),
    ],
)
def test_what_comes_later_is_accepted_with_one_warning(typed, place):
    ((line, column, said),) = warned(SMALLEST + typed)
    assert (line, column) == place
    assert "is accepted, but this version does not do it yet; " in said


@pytest.mark.parametrize("typed", ["talk: {wake: none}", "panel: {button: none}", "server: {}"])
def test_a_default_that_is_written_out_warns_of_nothing(typed):
    assert warned(SMALLEST + typed) == []


@pytest.mark.parametrize("name", ["hw:0", "plughw:1,0", "plughw:CARD=1,DEV=0"])
def test_a_card_by_number_is_warned_of(name):
    text = f'version: 1\nmicrophone: {{device: "{name}"}}\nspeaker: {{device: "hw:CARD=Two"}}\n'
    ((line, column, said),) = warned(text)
    assert (line, column) == (2, 22)
    assert "by number" in said


def test_a_key_never_appears_in_a_complaint():
    text = (
        "version: 1\nsk-1234567890abcdef: x\nlog: {level: sk-1234567890abcdef}\n"
        'server:\n  api_key: "sk-1234567890 abcdef"\n  url: sk-1234567890abcdef\n'
        "  profile: sk-1234567890abcdef\nmicrophone: sk-1234567890abcdef\n"
        "sk-1234567890abcdef: twice\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), source="f")
    assert len(caught.value.problems) >= 7
    assert "1234567890" not in str(caught.value)


def test_a_complaint_is_one_line_with_file_line_and_column():
    assert complaint("a.yaml", Problem(3, 7, "what", "cure")) == "a.yaml:3:7: what; cure"
    with pytest.raises(ConfigError, match=r"^a\.yaml:1:1: the file is empty") as caught:
        parse(b"", source="a.yaml")
    assert caught.value.exit_status == 78


def test_a_file_that_cannot_be_read_is_a_complaint_too(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml:1:1: the file cannot be read: No such"):
        load_file(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_file(tmp_path)


def test_a_file_is_read_from_disk(tmp_path):
    path = tmp_path / "pressel.yaml"
    path.write_text(SMALLEST + 'server: {api_key: "sk-abc"}\n')
    assert load_file(path).config.server.api_key == Secret("sk-abc")
