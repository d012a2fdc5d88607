"""What the service answers to a client's mistake: an `error` event in its own words.

A refusal never closes the connection. Texts and codes are the service's where a capture of them
is known; the others follow the same pattern.
"""

from __future__ import annotations

from typing import Any, Final

_LONGEST_QUOTE: Final = 100

_KINDS: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class Refusal(Exception):
    """One rejected client event: the fields of `error` except `event_id`."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind

    def event(self, *, answers: str | None = None) -> dict[str, Any]:
        """The `error` event; `answers` is the client's own `event_id`, if it sent one."""
        return {
            "type": "error",
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": answers,
            },
        }


def quoted(value: object) -> str:
    """A client's own words in an answer, never longer than a line."""
    text = str(value)
    return f"'{text[:_LONGEST_QUOTE]}{'...' if len(text) > _LONGEST_QUOTE else ''}'"


def missing(path: str) -> Refusal:
    """A required field is absent."""
    message = f"Missing required parameter: {quoted(path)}."
    return Refusal(message, code="missing_required_parameter", param=path)


def unknown(path: str) -> Refusal:
    """A field nobody knows."""
    path = path[:_LONGEST_QUOTE]
    return Refusal(f"Unknown parameter: '{path}'.", code="unknown_parameter", param=path)


def wrong_type(path: str, *, expected: str, value: object) -> Refusal:
    """A field of another JSON type."""
    message = (
        f"Invalid type for '{path}': expected {expected}, but got {_KINDS[type(value)]} instead."
    )
    return Refusal(message, code="invalid_type", param=path)


def not_one_of(path: str, *, allowed: tuple[str, ...], value: str) -> Refusal:
    """A string that is not on the list."""
    names = [f"'{name}'" for name in allowed]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
    message = f"Invalid value: {quoted(value)}. Supported values are: {listed}."
    return Refusal(message, code="invalid_value", param=path)


def out_of_range(path: str, *, side: str, kind: str, limit: float, value: float) -> Refusal:
    """A number below (`side="below"`) or above its limit; `kind` is `integer` or `decimal`."""
    sign, extreme = (">=", "minimum") if side == "below" else ("<=", "maximum")
    end = "min" if side == "below" else "max"
    message = (
        f"Invalid '{path}': {kind} {side} {extreme} value. "
        f"Expected a value {sign} {limit}, but got {str(value)[:_LONGEST_QUOTE]} instead."
    )
    return Refusal(message, code=f"{kind}_{side}_{end}_value", param=path)


def too_long(path: str, *, most: int, length: int) -> Refusal:
    """A string longer than the service takes."""
    message = (
        f"Invalid '{path}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead."
    )
    return Refusal(message, code="string_above_max_length", param=path)


def too_many(path: str, *, most: int, count: int) -> Refusal:
    """An object with more fields than the service takes."""
    message = (
        f"Invalid '{path}': too many properties. Expected an object with at most {most} "
        f"properties, but got an object with {count} properties instead."
    )
    return Refusal(message, code="object_above_max_properties", param=path)


def no_such_item(item_id: str, *, doing: str, code: str) -> Refusal:
    """An item id the conversation does not hold; `doing` is `deleting`, `truncating`, ..."""
    message = f"Error {doing} item: the item with id {quoted(item_id)} does not exist."
    return Refusal(message, code=code)
