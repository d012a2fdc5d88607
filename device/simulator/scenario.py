"""Scenario files: a `Script` written in YAML. README.md documents every key; `load` checks them."""

from __future__ import annotations

import dataclasses
import json
import re
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

from . import faults
from .faults import MOMENTS, Deed, Fail, Fault
from .page import ScenarioMistake, Value, read
from .script import Answer, AnyCall, Call, Habit, Incomplete, McpCall, McpRequest, Script

Reader = Callable[[Value], Any]
_T = TypeVar("_T")

_ALL_AT_ONCE: Final = 24 * 3600 * 1000
"""A delta longer than any answer."""


def load(file: Path) -> Script:
    """The script in a scenario file.

    Raises ScenarioMistake, for all mistakes at once: file, line, what, what to type.
    """
    page = read(file)
    held = page.fields(_SCRIPT)
    if "answers" not in held:
        page.wrong("there are no answers", cure="type answers: and a list of answers")
    return _made(page, Script, held)


def _made(value: Value, make: Callable[..., _T], fields: Mapping[str, Any]) -> _T:
    """An object, its own complaints told with the line of the value it is made from."""
    try:
        return make(**fields)
    except ScenarioMistake:
        raise
    except (OSError, EOFError, ValueError, wave.Error) as error:
        value.wrong(str(error) or type(error).__name__, cure="the simulator's README has all keys")


def _seconds(value: Value) -> float:
    return value.number(least=0.0, most=3600.0)


def _speed(value: Value) -> float:
    return value.number(least=0.01)


def _count(value: Value) -> int:
    return value.whole(least=1, most=1000)


def _words(value: Value) -> str | None:
    return None if value.plain() is None else value.text()


# Answers.


def _delta_ms(value: Value) -> int | list[int]:
    if value.plain() == "all":
        return _ALL_AT_ONCE
    return value.one_or_more(lambda one: one.whole(least=1))


def _wav(value: Value) -> Path:
    path = value.folder / value.text()
    if not path.is_file():
        value.wrong(f"there is no file {path}", cure="type its path as seen from this file")
    return path


def _arguments(value: Value) -> str:
    plain = value.plain()
    text = plain if isinstance(plain, str) else json.dumps(plain, default=str)
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        value.wrong("arguments are no JSON object", cure="type them as {city: Paris}")
    return text


def _call(value: Value) -> AnyCall:
    held = value.fields(_CALL)
    if "name" not in held:
        value.wrong("this call has no name", cure="type name: and the name of the function")
    if "server" not in held:
        if len(held.keys() & {"output", "error", "approval"}):
            value.wrong("output, error and approval belong to MCP", cure="type server: its label")
        return Call(**held)
    if held.pop("approval", None) is None:
        return McpCall(**held)
    if "output" in held or "error" in held:
        value.wrong("a request for approval has no result", cure="put it into the next answer")
    return McpRequest(**held)


def _incomplete(value: Value) -> Incomplete:
    reasons = ("max_output_tokens", "content_filter")
    return _made(value, Incomplete, {"reason": value.word("reason", reasons)})


_CALL: Final[dict[str, Reader]] = {
    "name": Value.text,
    "arguments": _arguments,
    "server": Value.text,
    "output": Value.text,
    "error": Value.text,
    "approval": lambda value: value.word("kind of approval", ("required",)),
}
_MANNER: Final[dict[str, Reader]] = {
    "transcript": Value.text,
    "first_delta_s": _seconds,
    "speed": _speed,
    "delta_ms": _delta_ms,
    "items": _count,
    "tail_s": _seconds,
    "late_deltas": lambda value: value.whole(least=0, most=1000),
    "calls": lambda value: value.one_or_more(_call),
    "incomplete": _incomplete,
    "fail": Value.text,
    "message": Value.text,
}
_SOUNDS: Final[dict[str, Reader]] = {
    "wav": _wav,
    "tone_s": lambda value: value.number(least=0.001, most=3600.0),
    "text": Value.text,
}


def _answer(value: Value) -> Answer:
    held = value.fields({**_SOUNDS, "hz": lambda one: one.number(least=20, most=11_000), **_MANNER})
    sounds = [name for name in _SOUNDS if name in held]
    if len(sounds) > 1:
        value.wrong(f"an answer has {' and '.join(sounds)}", cure="keep one of them")
    if "hz" in held and sounds != ["tone_s"]:
        value.wrong("only a tone has hz", cure="remove hz, or type tone_s: 2")
    _put_ending(value, held)
    match sounds:
        case ["wav"]:
            return _made(value, Answer.wav, {"path": held.pop("wav"), **held})
        case ["tone_s"]:
            return _made(value, Answer.tone, {"seconds": held.pop("tone_s"), **held})
        case ["text"]:
            if "transcript" in held:
                value.wrong("a text is its own transcript", cure="remove transcript")
            return _made(value, Answer.text, {"words": held.pop("text"), **held})
        case _:
            if "calls" not in held and not isinstance(held.get("ends"), Fail):
                value.wrong(
                    "this answer says nothing", cure="type wav, tone_s, text, calls or fail"
                )
            return _made(value, Answer, {"audio": b"", **held})


def _put_ending(value: Value, held: dict[str, Any]) -> None:
    """Make `ends` of `fail` with `message`, or of `incomplete`."""
    code, message = held.pop("fail", None), held.pop("message", None)
    reason = held.pop("incomplete", None)
    if message is not None and code is None:
        value.wrong("message belongs to fail", cure="type fail: server_error")
    if code is not None and reason is not None:
        value.wrong("a response is failed or incomplete", cure="keep fail or incomplete")
    if code is not None:
        held["ends"] = Fail(code, message) if message else Fail(code)
    elif reason is not None:
        held["ends"] = reason


def _tools(value: Value) -> dict[str, list[str]]:
    servers = _mapping(value)
    for names in servers.values():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            value.wrong("the tools of a server are a list", cure="type it as {home: [lights]}")
    return servers


# Faults.


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


_DEEDS: Final[dict[str, type[Deed]]] = {_snake(deed.__name__): deed for deed in get_args(Deed)}
"""`half_open` and the like: the classes of `faults`, spelled as YAML keys are."""


def _paths(value: Value) -> list[str]:
    return value.one_or_more(Value.text)


def _mapping(value: Value) -> dict[str, Any]:
    plain = value.plain()
    if not isinstance(plain, dict) or not all(isinstance(name, str) for name in plain):
        value.wrong(f"expected keys, found {value.kind}", cure="type it as {name: value}")
    try:
        json.dumps(plain)
    except (TypeError, ValueError):
        value.wrong("this cannot be sent as JSON", cure="put dates and the like in quotes")
    return plain


_FIELDS: Final[dict[object, Reader]] = {
    str: Value.text,
    int: lambda value: value.whole(least=0),
    int | None: lambda value: value.whole(least=0),
    float: _seconds,
    get_type_hints(faults.Without)["fields"]: _paths,
    get_type_hints(faults.Change)["fields"]: _mapping,
}
"""How the field of a deed is read, by its type."""


def _nth(value: Value) -> int | str:
    return "every" if value.plain() == "every" else value.whole(least=1)


def _moment(value: Value) -> str:
    return value.word("moment", MOMENTS)


_FAULT: Final[dict[str, Reader]] = {"at": _moment, "nth": _nth, "session": _count}


def _fault(value: Value) -> Fault:
    hidden = sorted({name for deed in _DEEDS.values() for name in _readers(deed)})
    held = value.keys("do", *_FAULT, *hidden)
    if "do" not in held or "at" not in held:
        value.wrong("a fault needs at and do", cure="type at: response.created and do: drop")
    name = held.pop("do").word("deed", _DEEDS)
    readers = _readers(_DEEDS[name])
    when = {key: _FAULT[key](held.pop(key)) for key in _FAULT if key in held}
    for key, one in held.items():
        if key not in readers:
            cure = f"its keys are {', '.join(readers)}" if readers else "remove it"
            one.wrong(f"{name} has no {key}", cure=cure)
    fields = {key: readers[key](one) for key, one in held.items()}
    for field in dataclasses.fields(_DEEDS[name]):
        if field.name not in fields and field.default is dataclasses.MISSING:
            value.wrong(f"{name} needs {field.name}", cure=f"type {field.name}: ...")
    return _made(value, Fault, {"do": _made(value, _DEEDS[name], fields), **when})


def _readers(deed: type[Deed]) -> dict[str, Reader]:
    return {name: _FIELDS[kind] for name, kind in get_type_hints(deed).items()}


_SCRIPT: Final[dict[str, Reader]] = {
    "answers": lambda value: value.list_of(_answer),
    "turn_end_s": lambda value: value.one_or_more(_seconds),
    "loud_dbfs": lambda value: value.number(least=-90.0, most=0.0),
    "heard": lambda value: value.list_of(_words),
    "heard_after_s": _seconds,
    "asides": lambda value: value.list_of(_answer),
    "mcp": _tools,
    "faults": lambda value: value.list_of(_fault),
    "habits": lambda value: value.one_or_more(lambda one: one.word("habit", get_args(Habit))),
}
