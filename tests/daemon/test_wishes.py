"""What the words of the file come to: the address, the key's header, the settings asked for."""

from __future__ import annotations

import json

import pytest

from device import wishes
from device.config import Config, parse
from device.core import wire
from device.drivers.lamps import Ring
from device.errors import Secret

KEY = Secret("sk-0123456789abcdef")
BEARER = {"Authorization": "Bearer sk-0123456789abcdef"}


def config(**sections: object) -> Config:
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in sections.items())
    whole = f"version: 1\nmicrophone: {{device: in}}\nspeaker: {{device: out}}\n{text}"
    return parse(whole.encode(), source="f").config


@pytest.mark.parametrize(
    ("server", "url", "headers"),
    [
        ({}, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1", BEARER),
        (
            {"url": "wss://eu.api.openai.com"},
            "wss://eu.api.openai.com/v1/realtime?model=gpt-realtime-2.1",
            BEARER,
        ),
        (
            {"url": "wss://me.openai.azure.com/", "profile": "azure", "model": "my voice"},
            "wss://me.openai.azure.com/openai/v1/realtime?model=my+voice",
            {"api-key": "sk-0123456789abcdef"},
        ),
        (
            {"url": "wss://me.openai.azure.com/gate/realtime", "profile": "azure", "model": "m"},
            "wss://me.openai.azure.com/gate/realtime?model=m",
            {"api-key": "sk-0123456789abcdef"},
        ),
        (
            {"url": "ws://127.0.0.1:8080?voice=x", "profile": "local", "model": "m"},
            "ws://127.0.0.1:8080/v1/realtime?voice=x&model=m",
            BEARER,
        ),
    ],
)
def test_each_kind_of_server_is_addressed_in_its_own_way(
    server: dict[str, str], url: str, headers: dict[str, str]
) -> None:
    endpoint = wishes.endpoint(config(server=server), KEY)
    assert (endpoint.url, endpoint.headers) == (url, headers)


def test_a_client_secret_is_a_bearer_everywhere() -> None:
    azure = config(server={"url": "wss://me.openai.azure.com", "profile": "azure"})
    assert wishes.endpoint(azure, KEY, minted=True).headers == BEARER


def test_without_a_key_nothing_is_shown() -> None:
    assert wishes.endpoint(config(), None).headers == {}


@pytest.mark.parametrize(
    ("language", "asked"),
    [
        ("en", {"model": "gpt-transcribe", "language": "en"}),
        ("pt-BR", {"model": "gpt-transcribe", "language": "pt"}),
        ("haw", {"model": "gpt-transcribe"}),
    ],
)
def test_the_persons_words_are_asked_for_as_text_in_their_language(
    language: str, asked: dict[str, str]
) -> None:
    wished = config(assistant={"transcription": "gpt-transcribe", "language": language})
    message = json.loads(wire.encode(wire.SessionUpdate(wishes.session(wished))))
    assert message["session"]["audio"]["input"]["transcription"] == asked


def test_without_transcription_the_session_does_not_name_it() -> None:
    message = json.loads(wire.encode(wire.SessionUpdate(wishes.session(config()))))
    assert "transcription" not in message["session"]["audio"]["input"]


@pytest.mark.parametrize(("typed", "seconds"), [("always", None), (1.5, 90.0), (55, 3300.0)])
def test_keep_warm_is_minutes_in_the_file_and_seconds_in_the_habits(
    typed: object, seconds: float | None
) -> None:
    assert wishes.habits(config(server={"keep_warm": typed})).keep_warm_s == seconds


def test_patience_is_passed_on() -> None:
    assert wishes.habits(config()).patience_s == 12.0
    assert wishes.habits(config(server={"patience_s": 20})).patience_s == 20.0


def test_a_ring_points_where_its_board_knows_how_it_stands() -> None:
    def ring(board: str) -> Ring | None:
        text = f"version: 1\nboard: {board}\nspeaker: {{device: out}}\n"
        return wishes.pins(parse(text.encode(), source="f").config).ring

    known, row = ring("respeaker-4mic-hat"), ring("respeaker-2mic-v2")
    assert known == Ring(leds=12, power=5, zero=195)
    assert row == Ring(leds=3)
    mine = {"leds": 8, "zero": 90, "clockwise": True}
    assert wishes.pins(config(panel={"ring": mine})).ring == Ring(leds=8, zero=90, clockwise=True)


@pytest.mark.parametrize(
    ("echo", "loopback", "used"),
    [("auto", 5, 5), ("software", 0, 0), ("auto", "none", None), ("hardware", 5, None)],
)
def test_a_loopback_is_for_a_canceller_of_ours(
    echo: str, loopback: int | str, used: int | None
) -> None:
    sound = f"channels: 6, use: 1, echo: {echo}, loopback: {loopback}"
    text = f"version: 1\nmicrophone: {{device: in, {sound}}}\nspeaker: {{device: out}}\n"
    assert wishes.loopback(parse(text.encode(), source="f").config) == used
