"""Whatever bytes a server sends, the decoder gives an event, `Unknown` or `WireError`, and soon."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.fuzz import VALID
from device.core import terms, wire

NEVER_S = 5.0
"""What no message may take, on a machine that is busy with other things."""
TIMES_ITS_SIZE = 40
"""The memory a message may need while it is decoded: the worst is a list of empty objects."""

SESSION = b'{"type":"session.updated","session":{"a":%s}}'
STOPPED = b'{"type":"input_audio_buffer.speech_stopped","item_id":"u","audio_end_ms":%s}'
DELTA = b'{"type":"response.output_audio.delta","response_id":"r","item_id":"a","delta":"%s"}'
FAILED = (
    b'{"type":"response.done","response":{"id":"r","status":"failed",'
    b'"status_details":{"error":{"message":%s,"code":%s}},"usage":{"input_tokens":%s}}}'
)

jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5)
    ),
    max_leaves=20,
)


def told(text: bytes) -> object:
    """What the decoder says to it: the event, or the sentence of what is wrong."""
    try:
        message = wire.decode(text)
    except wire.WireError as problem:
        what = str(problem)
    else:
        _check(message)
        return message
    assert len(what) < 300
    return what


def _check(message: wire.ServerEvent | wire.Unknown) -> None:
    if isinstance(message, wire.Unknown):
        assert len(message.kind) <= 80
    if isinstance(message, wire.AudioDelta):
        assert len(message.delta) % 2 == 0
    if isinstance(message, wire.ResponseDone):
        fault = message.response.failure
        assert fault is None or isinstance(fault.message, str)
        assert fault is None or isinstance(fault.code, str | None)
        assert (message.response.tokens("input_tokens") or 0) < 1 << 32


@given(st.binary(max_size=200))
@settings(derandomize=True, deadline=None, max_examples=300)
@example(b"\xef\xbb\xbf{}")
@example(b'{"type":"\\ud800"}')
@example(b'{"type":"error","type":"ping","error":{}}')
def test_any_bytes_are_an_event_or_told(text: bytes) -> None:
    told(text)


@given(
    event=st.sampled_from(VALID),
    changes=st.dictionaries(
        st.sampled_from(["type", "item_id", "delta", "response", "error", "session", "item", "x"]),
        jsons,
        max_size=3,
    ),
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_event_with_anything_in_its_fields_is_an_event_or_told(
    event: dict[str, object], changes: dict[str, object]
) -> None:
    told(json.dumps({**event, **changes}).encode())


@given(data=st.data(), event=st.sampled_from(VALID))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_event_with_a_piece_replaced_is_an_event_or_told(
    data: st.DataObject, event: dict[str, object]
) -> None:
    text = json.dumps(event).encode()
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, min(len(text), first + 8)))
    told(text[:first] + data.draw(st.binary(max_size=8)) + text[last:])


LARGE = {
    "lists in lists": SESSION % (b"[" * 2_000_000 + b"]" * 2_000_000),
    "objects in objects": SESSION % (b'{"a":' * 690_000 + b"1" + b"}" * 690_000),
    "an unknown event with lists in lists": b'{"type":"x","y":' + b"[" * 4_000_000,
    "a million empty lists": SESSION % (b"[" + b",".join([b"[]"] * 1_300_000) + b"]"),
    "a million empty objects": SESSION % (b"[" + b",".join([b"{}"] * 1_300_000) + b"]"),
    "a million numbers": SESSION % (b"[" + b",".join([b"999"] * 1_000_000) + b"]"),
    "many names": SESSION
    % (b"{" + b",".join(b'"%x":0' % number for number in range(350_000)) + b"}"),
    "one name, many times": SESSION % (b"{" + b",".join([b'"a":[]'] * 550_000) + b"}"),
    "a number of four million digits": SESSION % (b"9" * 4_000_000),
    "a time of four million digits": STOPPED % (b"9" * 4_000_000),
    "a fraction of four million digits": SESSION % (b"0." + b"9" * 4_000_000),
    "a type of four million letters": b'{"type":"' + b"x" * 4_000_000 + b'"}',
    "a type in escapes": b'{"type":"' + b"\\ud83d\\ude00" * 340_000 + b'"}',
    "65 s of sound": DELTA % (b"A" * 4_000_000),
    "sound that is none": DELTA % (b"*" * 4_000_000),
    "sound for a type": b'{"type":"error","type":"' + b"A" * 4_000_000 + b'"}',
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_the_largest_messages_are_read_in_bounded_time(text: bytes) -> None:
    assert len(text) < 4_200_000
    began = time.monotonic()
    told(text)
    assert time.monotonic() - began < NEVER_S


@pytest.mark.parametrize("name", ["a million empty lists", "many names", "65 s of sound"])
def test_the_largest_messages_need_bounded_memory(name: str) -> None:
    tracemalloc.start()
    try:
        told(LARGE[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < TIMES_ITS_SIZE * len(LARGE[name])


@pytest.mark.parametrize("depth", range(900, 1100, 4))
def test_a_failure_told_in_brackets_is_a_failure_without_reason(depth: int) -> None:
    """What the decoder has just managed to read must not be too deep for those who use it."""
    deep = b"[" * depth + b"]" * depth
    message = told(FAILED % (deep, deep, b"1"))
    if isinstance(message, wire.ResponseDone):
        assert message.response.failure == wire.Fault("no reason given")


def test_an_echo_in_brackets_is_a_difference_of_one_line() -> None:
    session = terms.Session(
        instructions="",
        audio=terms.SessionAudio(
            terms.AudioInput(terms.SemanticVad(), None), terms.AudioOutput(voice="marin")
        ),
    )
    for depth in range(900, 1000, 3):
        deep: object = "deep"
        for _ in range(depth):
            deep = [deep]
        echo = {"audio": {"input": {"turn_detection": deep}}}
        assert len(terms.differences(session, echo)) == 1


@pytest.mark.parametrize("number", ["-1", "9" * 40, "9" * 4300, "4294967296", '"7"', "null"])
def test_a_usage_that_cannot_be_is_none(number: str) -> None:
    message = told(FAILED % (b"1", b"1", number.encode()))
    if isinstance(message, wire.ResponseDone):
        assert message.response.tokens("input_tokens") is None


@pytest.mark.parametrize("secret", ["AAECAwQF" * 60, "the person's own words, written down " * 9])
def test_what_is_wrong_is_told_without_repeating_all_of_it(secret: str) -> None:
    for kind in ("error", "response.output_audio.delta"):
        text = json.dumps({"type": kind})[:-1] + f', "type": "{secret}", "delta": 5}}'
        assert secret not in str(told(text.encode()))
