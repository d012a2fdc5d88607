"""What YAML and editors do to a file of settings, one test each."""

import pytest
from config_text import SMALLEST, accepted, complaints, only_complaint


def test_an_unquoted_NO_is_not_taken_for_false():  # noqa: N802
    assert only_complaint(SMALLEST + "assistant:\n  voice: NO\n") == (
        *(5, 10),
        "assistant.voice is 'NO', yes or no to YAML; put it in quotes: \"NO\"",
    )
    line, column, said = only_complaint(SMALLEST + "assistant: {language: NO}\n")
    assert (line, column) == (4, 23)
    assert said.endswith("; type no")
    assert accepted(SMALLEST + "assistant: {language: no}\n").assistant.language == "no"


def test_the_word_off_stays_a_word():
    config = accepted(SMALLEST + "assistant: {noise_reduction: off}\n")
    assert config.assistant.noise_reduction == "off"


def test_the_key_on_is_a_word_and_not_true():
    line, column, said = only_complaint(SMALLEST + "on: 1\n")
    assert (line, column) == (4, 1)
    assert said.startswith("'on' is not a setting")


def test_a_leading_zero_is_not_octal():
    text = "version: 1\nmicrophone: {device: in}\nspeaker: {device: out, volume: 070}\n"
    assert only_complaint(text) == (
        *(3, 32),
        "speaker.volume is '070', not a whole number; type 70",
    )


def test_an_underscore_is_no_part_of_a_number():
    text = "version: 1\nmicrophone: {device: in, preroll_ms: 1_000}\nspeaker: {device: out}\n"
    assert only_complaint(text) == (
        *(2, 38),
        "microphone.preroll_ms is '1_000', not a whole number; type 1000",
    )


@pytest.mark.parametrize(
    ("typed", "reading"),
    [
        ("0123", "a number"),
        ("12345678", "a number"),
        ("1_000", "a number"),
        ("22:30", "a number"),
        ("0x1F", "a number"),
        ("1.10", "a number"),
        ("089", "a number"),
        ("1e3", "a number"),
        ("-1E3", "a number"),
        ("1.5e3", "a number"),
        (".5e1", "a number"),
        ("0o17", "a number"),
        ("2026-11-22", "a date"),
    ],
)
def test_what_some_reader_takes_for_a_number_or_a_date_is_not_taken_for_a_name(typed, reading):
    assert only_complaint(SMALLEST + f"server: {{model: {typed}}}\n") == (
        *(4, 17),
        f"server.model is '{typed}', {reading} to YAML; put it in quotes: \"{typed}\"",
    )
    assert accepted(SMALLEST + f'server: {{model: "{typed}"}}\n').server.model == typed


@pytest.mark.parametrize("typed", ["1e", "e3", "1e3x", "0o8", "0o", "v1.10", "1.2.3", "1-2"])
def test_what_is_text_to_every_reader_needs_no_quotes(typed):
    assert accepted(SMALLEST + f"server: {{model: {typed}}}\n").server.model == typed


@pytest.mark.parametrize("typed", ["12345678", "1e30", "0o1234", "22:30:15"])
def test_a_key_that_some_reader_takes_for_a_number_wants_quotes_and_is_not_repeated(typed):
    line, column, said = only_complaint(SMALLEST + f"server: {{api_key: {typed}}}\n")
    assert (line, column) == (4, 19)
    assert said == "server.api_key is not text to YAML; put the value in quotes"


def test_a_colon_between_digits_is_not_base_sixty():
    assert only_complaint(SMALLEST + "talk: {linger_s: 22:30}\n")[:2] == (4, 18)


def test_version_1_10_is_not_version_1_1():
    said = complaints("version: 1.10\n")
    assert (1, 10, "version is '1.10', not a whole number; type 1") in said


def test_a_key_written_twice_is_not_the_last_one():
    assert only_complaint(SMALLEST + "log:\n  level: info\n  level: debug\n") == (
        *(6, 3),
        "'level' is written twice, first on line 5; keep one of the two",
    )


def test_a_secret_is_not_cut_at_the_hash():
    line, column, said = only_complaint(SMALLEST + "server:\n  api_key: abc #def\n")
    assert (line, column) == (5, 12)
    assert said.endswith("put the value in quotes")
    assert "abc" not in said
    config = accepted(SMALLEST + 'server:\n  api_key: "abcdef" # mine\n')
    assert config.server.api_key
    assert config.server.api_key.reveal() == "abcdef"


def test_instructions_are_not_cut_at_the_hash():
    text = SMALLEST + "assistant:\n  instructions: You live in room #5.\n"
    assert only_complaint(text)[:2] == (5, 17)


def test_a_value_that_is_all_comment_says_so():
    line, column, said = only_complaint(SMALLEST + "server:\n  api_key: #abc\n")
    assert (line, column) == (5, 11)
    assert "comment" in said


@pytest.mark.parametrize(
    ("value", "sign"), [("&amp", "&"), ("*star", "*"), ("!bang", "!"), ("!!str x", "!")]
)
def test_anchors_aliases_and_tags_are_unquoted_text(value, sign):
    line, column, said = only_complaint(SMALLEST + f"server:\n  model: {value}\n")
    assert (line, column) == (5, 10)
    assert f"beginning with {sign} " in said
    assert said.endswith("put the value in quotes")


@pytest.mark.parametrize("value", ["@home", "%x", "`x", "*", "& x", "!a!b c"])
def test_a_value_may_not_begin_with_a_sign_of_yaml(value):
    line, column, said = only_complaint(SMALLEST + f"server:\n  model: {value}\n")
    assert (line, column) == (5, 10)
    assert said.endswith("put the value in quotes")


def test_an_anchor_does_not_hide_what_is_wrong_below_it():
    said = complaints(SMALLEST + "log: &a\n  level: loud\n")
    assert [place[:2] for place in said] == [(4, 6), (5, 10)]


def test_the_merge_key_is_refused():
    line, column, said = only_complaint(SMALLEST + "log:\n  <<: {level: info}\n")
    assert (line, column) == (5, 3)
    assert "merge key" in said


def test_a_backslash_in_double_quotes_is_not_a_path():
    text = 'version: 1\nmicrophone: {device: "C:\\temp"}\nspeaker: {device: out}\n'
    line, column, said = only_complaint(text)
    assert (line, column) == (2, 22)
    assert "holds a Tab" in said
    assert "single quotes" in said


def test_an_unknown_escape_names_its_place():
    line, column, said = only_complaint(SMALLEST + 'server: {model: "a\\d"}\n')
    assert (line, column) == (4, 20)
    assert "backslash" in said


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000", "\\ud800"])
def test_an_escape_that_is_no_letter_is_a_complaint(escape):
    line, _, _ = complaints(SMALLEST + f'server: {{model: "{escape}"}}\n')[0]
    assert line == 4


@pytest.mark.parametrize("typed", ["“in”", "‘in’", "„in“", "in”"])
def test_curly_quotes_are_not_quotes(typed):
    text = f"version: 1\nmicrophone:\n  device: {typed}\nspeaker: {{device: out}}\n"
    line, column, said = only_complaint(text)
    assert (line, column) == (3, 13 if typed == "in”" else 11)
    assert said.endswith('type straight quotes: "..."')


def test_curly_quotes_around_a_colon_are_still_named():
    text = "version: 1\nmicrophone:\n  device: “plughw: x”\nspeaker: {device: out}\n"
    assert only_complaint(text)[:2] == (3, 11)


def test_curly_quotes_inside_a_name_are_refused_and_inside_prose_are_text():
    assert only_complaint(SMALLEST + 'server: {model: "a’b"}\n')[:2] == (4, 17)
    said = accepted(SMALLEST + "assistant:\n  instructions: Don’t say “no”, please.\n")
    assert said.assistant.instructions == "Don’t say “no”, please."


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        ("\u00a0", "U+00A0 (no-break space)"),
        ("\u200b", "U+200B (zero width space)"),
        ("\ufeff", "U+FEFF (zero width no-break space)"),
        ("\u2028", "U+2028 (line separator)"),
        ("\u0085", "U+0085 (control character)"),
        ("\x00", "U+0000 (control character)"),
        ("\u200d", "U+200D (zero width joiner)"),
    ],
)
def test_an_invisible_character_is_named_with_its_place(letter, name):
    line, column, said = only_complaint(SMALLEST + f'server:\n  api_key: "sk-{letter}abc"\n')[:3]
    assert (line, column) == (5, 16)
    assert said.startswith(f"invisible character {name}")


def test_a_joiner_between_letters_of_its_script_is_text():
    text = "می\u200cخواهم"
    config = accepted(SMALLEST + f'assistant: {{instructions: "{text}"}}\n')
    assert config.assistant.instructions == text


def test_a_tab_does_not_indent():
    assert only_complaint(SMALLEST + "log:\n\tlevel: info\n") == (
        *(5, 1),
        "this line is indented with a Tab; indent with spaces",
    )
    assert only_complaint(SMALLEST + "log:\n  \tlevel: info\n")[:2] == (5, 3)


def test_the_rest_of_a_file_with_tabs_is_judged_too():
    said = complaints(SMALLEST + "log:\n\tlevel: info\n\ttranscripts: yes\n")
    assert [place[:2] for place in said] == [(5, 1), (6, 1), (6, 15)]


def test_what_a_tab_puts_out_of_line_is_not_complained_about_twice():
    text = SMALLEST + "log:\n  level: info\n\ttranscripts: true\n"
    assert only_complaint(text)[:2] == (6, 1)


def test_a_tab_inside_a_value_is_named():
    assert only_complaint(SMALLEST + 'server: {model: "a\tb"}\n')[:2] == (4, 19)


def test_a_tab_before_a_remark_or_a_line_end_does_no_harm():
    accepted(SMALLEST + "log:\n  level: info\t# loud\n\t\n\t# remark\n  transcripts: false\t\n")


@pytest.mark.parametrize(
    "encoded",
    [
        SMALLEST.encode("utf-8-sig"),
        SMALLEST.encode("utf-16"),
        b"\xfe\xff" + SMALLEST.encode("utf-16-be"),
        SMALLEST.encode("utf-16-le"),
        SMALLEST.encode("utf-16-be"),
        SMALLEST.replace("\n", "\r\n").encode(),
        SMALLEST.replace("\n", "\r").encode(),
    ],
    ids=["bom", "utf-16", "utf-16-be", "le-without-mark", "be-without-mark", "crlf", "cr"],
)
def test_whatever_notepad_writes_is_read(encoded):
    assert accepted(encoded) == accepted(SMALLEST)


def test_line_numbers_are_the_same_with_windows_line_ends():
    text = (SMALLEST + "log:\n  level: loud\n").replace("\n", "\r\n")
    assert only_complaint(text)[:2] == (5, 10)


def test_a_file_in_a_windows_code_page_is_not_utf8():
    text = (SMALLEST + 'assistant: {instructions: "Café"}\n').encode("cp1252")
    line, column, said = only_complaint(text)
    assert (line, column) == (4, 31)
    assert "byte 0xE9" in said
    assert said.endswith('save it again with encoding "UTF-8"')


def test_half_a_letter_of_utf16_is_named():
    assert "UTF-16" in only_complaint(SMALLEST.encode("utf-16") + b"\0")[2]


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"{\\rtf1\\ansi version: 1", "RTF"),
        (b"PK\x03\x04\x14\x00", "word processor"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Word document"),
        (b"%PDF-1.7", "PDF"),
        (b"\n<!doctype html>", "web page"),
    ],
)
def test_a_document_of_another_program_is_recognised(start, name):
    line, column, said = only_complaint(start)
    assert (line, column) == (1, 1)
    assert name in said


@pytest.mark.parametrize("text", ["", "\n\n", "# remark\n", "---\n", "\ufeff"])
def test_an_empty_file_says_what_to_do(text):
    assert "pressel.example.yaml" in only_complaint(text)[2]


def test_aliases_of_aliases_are_refused_before_anyone_walks_them():
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [
        f"{n}: &{n} [{', '.join(['*' + p] * 9)}]" for p, n in zip("abcdefg", "bcdefgh", strict=True)
    ]
    said = complaints("\n".join(rows))
    assert (1, 4) in [place[:2] for place in said]
    assert len(said) <= 50


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_nesting_without_end_stops_at_a_number(bracket):
    text = bracket * 3000
    said = [said for _, _, said in complaints(text)]
    assert any("12 levels" in one for one in said)


def test_a_file_of_too_many_values_is_refused():
    text = SMALLEST + "x: [" + "1, " * 2000 + "1]\n"
    assert any("more than 2000 values" in said for _, _, said in complaints(text))


def test_a_file_larger_than_64_kib_is_not_read():
    padding = "#" * (64 * 1024 - len(SMALLEST) - 1) + "\n"
    accepted(SMALLEST + padding)
    assert only_complaint(SMALLEST + "#" + padding)[2].startswith("the file is larger than 64 KiB")


def test_a_second_document_is_refused_at_its_line():
    accepted("---\n" + SMALLEST)
    line, column, said = only_complaint(SMALLEST + "---\nlog: {level: info}\n")
    assert (line, column) == (4, 1)
    assert "second document" in said


@pytest.mark.parametrize(
    "directive", ["%YAML 1.1", "%YAML 2.0", "%TAG ! x:", "%YAML " + "9" * 5000]
)
def test_a_line_with_a_percent_sign_is_refused(directive):
    assert complaints(f"{directive}\n---\n{SMALLEST}")[0][0] == 1


def test_a_list_is_no_key():
    assert only_complaint(SMALLEST + "[a]: b\n")[:2] == (4, 1)


@pytest.mark.parametrize(
    ("added", "place", "words"),
    [
        ("log:\n  level info\n", (5, 3), "type its settings below it as key: value"),
        ("log:\n  level info\n  transcripts: true\n", (5, 3), "no ': '"),
        ("log\n", (4, 1), "no ':'"),
        ("log:\n  level: info\n   transcripts: true\n", (6, 4), "not indented like"),
        ("log:\n    level: info\n  transcripts: true\n", (6, 3), "not indented like"),
        ("server:\n  url: wss: //x\n", (5, 11), "second ': '"),
        ("server:\n  model: 'x\nlog: {}\n", (5, 10), "never closed"),
        ("panel:\n  led: {gpio: 18\nlog: {}\n", (5, 8), "this { is not closed"),
        ("panel: {led: {gpio: 18},\n", (5, 1), "not closed"),
        ("panel: ]\n", (4, 8), "] without an opening bracket"),
        ('server:\n  model: "a" b\n', (5, 14), "already ended"),
        ("server: - a\n", (4, 9), "list cannot begin here"),
        ("...\nlog: {}\n", (5, 1), "already ended"),
        ("server:\n  model: |x\n    y\n", (5, 11), "begins on the next line"),
    ],
)
def test_a_mistake_of_syntax_is_told_in_plain_words_at_its_place(added, place, words):
    line, column, said = only_complaint(SMALLEST + added)
    assert (line, column) == place
    assert words in said


def test_what_stands_above_a_mistake_of_syntax_is_judged_too():
    said = complaints("version: 1\nlog: {level: loud}\nspeaker: {device: 'x\n")
    assert [place[:2] for place in said] == [(2, 14), (3, 19)]


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ('assistant: {language: "en\\n"}', "type en"),
        ("assistant:\n  language: |\n    en\n", "type en"),
        ('assistant: {transcription: "none\\n"}', "type none"),
        ('speaker: {device: out, quiet: {start: "22:00\\n", end: "07:00"}}', "type 22:00"),
    ],
)
def test_a_line_break_behind_a_word_is_no_part_of_it(text, cure):
    base = SMALLEST.replace("speaker: {device: out}\n", "") if "speaker" in text else SMALLEST
    assert only_complaint(base + text)[2].endswith(cure)


@pytest.mark.parametrize("mark", ["", "# mine\n\n"])
@pytest.mark.parametrize(("spaces", "name"), [(" ", "a space"), ("   ", "3 spaces")])
def test_a_first_line_that_is_indented_is_pointed_at(mark, spaces, name):
    line, column, said = only_complaint(mark + spaces + SMALLEST)
    assert (line, column) == (1 + mark.count("\n"), 1)
    assert said.endswith(f"delete {name} at the beginning of line {line}")
