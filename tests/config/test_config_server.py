"""The server and what is particular to it: addresses, its broker, its profile."""

import pytest
from config_text import SMALLEST, accepted, only_complaint


@pytest.mark.parametrize(
    "url",
    [
        "wss://api.openai.com/v1/realtime",
        "wss://me.openai.azure.com/openai/v1/realtime?model=x",
        "ws://127.0.0.1:9/v1/realtime",
        "ws://127.3.2.1/",
        "ws://[::1]:8080/v1",
        "ws://localhost:8080",
        "wss://box.local:8443",
    ],
)
def test_an_address_is_encrypted_or_stays_in_the_machine(url: str) -> None:
    assert accepted(SMALLEST + f"server:\n  url: {url}\n").server.url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ws://192.168.1.5/v1", "unencrypted; type wss://, or allow_insecure: true"),
        ("ws://localhost.example.org/", "unencrypted"),
        ("https://api.openai.com/v1/realtime", "does not begin with wss://"),
        ("api.openai.com", "does not begin with wss://"),
        ("wss:///v1", "has no host"),
        ("wss://a b/v1", "has no host, or a space"),
        ("wss://host:99999/", "impossible host or port"),
        ("wss://host:0/", "impossible host or port"),
        ("wss://[::1/", "impossible host or port"),
        ("wss://me:secret@host/", "name or password"),
        ("wss://host/#x", "has a #"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(
    url: str, said: str
) -> None:
    line, column, what = only_complaint(SMALLEST + f'server:\n  url: "{url}"\n')
    assert (line, column) == (5, 8)
    assert said in what
    assert "secret@" not in what


def test_allow_insecure_allows_another_machine() -> None:
    accepted(SMALLEST + 'server: {url: "ws://192.168.1.5/v1", allow_insecure: true}\n')


@pytest.mark.parametrize("url", ["https://keys.example.org/pressel", "http://[::1]:8080/x?y=1"])
def test_a_broker_is_encrypted_or_in_this_machine(url: str) -> None:
    assert accepted(SMALLEST + f"server:\n  key_url: {url}\n").server.key_url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://192.168.1.5/key", "is http:// to another machine: the key would travel unen"),
        ("wss://keys.example.org/", "does not begin with https://; type the whole address, such"),
        ("https://me:secret@host/", "name or password"),
        ("https:///x", "has no host"),
    ],
)
def test_a_broker_is_never_asked_in_the_open_whatever_is_allowed(url: str, said: str) -> None:
    text = SMALLEST + f'server:\n  key_url: "{url}"\n  allow_insecure: true\n'
    line, column, what = only_complaint(text)
    assert (line, column) == (5, 12)
    assert said in what
    assert "secret@" not in what


@pytest.mark.parametrize(
    ("profile", "example"),
    [("azure", "wss://NAME.openai.azure.com"), ("local", "ws://127.0.0.1:8080/v1/realtime")],
)
def test_a_server_other_than_openai_needs_its_address(profile: str, example: str) -> None:
    line, column, said = only_complaint(SMALLEST + f"server: {{profile: {profile}}}\n")
    assert (line, column) == (4, 19)
    assert said.endswith(f'type url: below server:, such as "{example}"')
    accepted(SMALLEST + f'server: {{profile: {profile}, url: "{example}"}}\n')


def test_minutes_kept_warm_are_a_number_or_always() -> None:
    assert accepted(SMALLEST + "server: {keep_warm: 2.5}\n").server.keep_warm == 2.5
    assert accepted(SMALLEST + "server: {keep_warm: always}\n").server.keep_warm == "always"


@pytest.mark.parametrize("name", ["none", "gpt-transcribe", "Systran/faster-whisper-tiny.en"])
def test_transcription_is_none_or_a_model(name: str) -> None:
    text = SMALLEST + f"assistant: {{transcription: {name}}}\n"
    assert accepted(text).assistant.transcription == name
