"""The client's side of the dialect: which events exist, what each must carry, how ids look."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Final, NoReturn

from . import g711
from .refusal import Refusal, not_one_of, wrong_type
from .settings import MODEL_FIELDS, OUTPUT_FIELDS
from .shapes import (
    Rule,
    Shape,
    Variant,
    anything,
    choice,
    flag,
    integer,
    listed,
    nullable,
    pairs,
    text,
)

Json = dict[str, Any]

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MOST_AUDIO: Final = 15 * 1024 * 1024
_MOST_LEVELS: Final = 64


def new_id(kind: str) -> str:
    """An id like the service's: `event_`, `item_`, `resp_`, ... and 21 characters."""
    return f"{kind}_{''.join(random.choices(_BASE62, k=21))}"


def _part(kind: str, *required: str, **fields: Rule) -> Shape:
    return Shape({"type": choice(kind), **fields}, ("type", *required))


def _item(*required: str, **fields: Rule) -> Shape:
    return Shape(
        {
            "id": text(32),
            "object": choice("realtime.item"),
            "type": anything,
            "status": choice("completed", "incomplete", "in_progress"),
            **fields,
        },
        required,
    )


def _message(content: Rule) -> Shape:
    return _item("content", role=anything, content=listed(content))


_AUDIO: Final = text(21 * 1024 * 1024)
_DETAIL: Final = choice("auto", "low", "high")
_INPUT_TEXT: Final = _part("input_text", "text", text=text())
_USER_PART: Final = Variant(
    "type",
    {
        "input_text": _INPUT_TEXT,
        "input_audio": _part("input_audio", "audio", audio=_AUDIO, transcript=nullable(text())),
        "input_image": _part("input_image", "image_url", image_url=_AUDIO, detail=_DETAIL),
    },
)
_ITEMS: Final[dict[str, Rule]] = {
    "message": Variant(
        "role",
        {
            "user": _message(_USER_PART),
            "system": _message(_INPUT_TEXT),
            "assistant": _message(_part("output_text", "text", text=text())),
        },
    ),
    "function_call": _item("name", "arguments", name=text(64), arguments=text(), call_id=text(32)),
    "function_call_output": _item("call_id", "output", call_id=text(32), output=text()),
    "mcp_approval_response": _item(
        "approval_request_id",
        "approve",
        approval_request_id=text(64),
        approve=flag,
        reason=nullable(text()),
    ),
}
_ITEM: Final = Variant("type", _ITEMS)
_REFERENCE: Final = Shape({"type": anything, "id": text(512)}, ("id",))
_RESPONSE: Final = Shape(
    {
        **MODEL_FIELDS,
        "conversation": choice("auto", "none"),
        "input": listed(Variant("type", {**_ITEMS, "item_reference": _REFERENCE})),
        "metadata": nullable(pairs),
        "audio": Shape({"output": Shape(OUTPUT_FIELDS)}),
    }
)


def _event(*required: str, **fields: Rule) -> Shape:
    return Shape({"type": anything, "event_id": text(512), **fields}, required)


CLIENT_EVENTS: Final[dict[str, Shape]] = {
    # The session itself is checked by `Settings.update`.
    "session.update": _event("session", session=anything),
    "input_audio_buffer.append": _event("audio", audio=_AUDIO),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "conversation.item.create": _event("item", item=_ITEM, previous_item_id=nullable(text(512))),
    "conversation.item.truncate": _event(
        "item_id",
        "content_index",
        "audio_end_ms",
        item_id=text(512),
        content_index=integer(least=0),
        audio_end_ms=integer(least=0),
    ),
    "conversation.item.delete": _event("item_id", item_id=text(512)),
    "conversation.item.retrieve": _event("item_id", item_id=text(512)),
    "response.create": _event(response=nullable(_RESPONSE)),
    "response.cancel": _event(response_id=nullable(text(512))),
}

SERVER_EVENTS: Final = (
    "error",
    "session.created",
    "session.updated",
    *(
        f"input_audio_buffer.{what}"
        for what in ("speech_started", "speech_stopped", "timeout_triggered")
    ),
    *(f"input_audio_buffer.{what}" for what in ("committed", "cleared")),
    "conversation.created",
    *(f"conversation.item.{what}" for what in ("added", "done", "deleted", "retrieved")),
    "conversation.item.truncated",
    *(
        f"conversation.item.input_audio_transcription.{what}"
        for what in ("delta", "completed", "failed")
    ),
    *(f"response.{what}" for what in ("created", "done")),
    *(
        f"response.{what}.{moment}"
        for what in ("output_item", "content_part")
        for moment in ("added", "done")
    ),
    *(
        f"response.{what}.{moment}"
        for what in (
            *("output_audio", "output_audio_transcript", "output_text"),
            *("function_call_arguments", "mcp_call_arguments"),
        )
        for moment in ("delta", "done")
    ),
    *(
        f"{what}.{moment}"
        for what in ("response.mcp_call", "mcp_list_tools")
        for moment in ("in_progress", "completed", "failed")
    ),
    "rate_limits.updated",
)
"""What this server sends; other types exist on other transports."""

# What the live service lists; two of them belong to sessions of another type.
_LISTED: Final = (
    "session.update",
    "session.close",
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)


def parse(message: str | bytes) -> Json:
    """One frame as a JSON object, its content not yet checked."""
    if isinstance(message, bytes):
        raise Refusal("Invalid event: expected a text frame, got binary.", code="invalid_event")
    try:
        event = json.loads(message, parse_constant=_no_constant)
        if "\\u" in message:
            # Half a surrogate pair is no character: it could not be sent back.
            json.dumps(event, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200]
        message = (
            f"Invalid event: failed to parse JSON value. Please check the value to ensure it is "
            f"valid JSON. ({reason})"
        )
        raise Refusal(message, code="invalid_json") from None
    if not isinstance(event, dict):
        raise Refusal("Invalid event: expected a JSON object.", code="invalid_event")
    if _deeper_than(_MOST_LEVELS, event):
        message = f"Invalid event: objects are nested deeper than {_MOST_LEVELS} levels."
        raise Refusal(message, code="invalid_event")
    return event


def check(event: Json) -> None:
    """Refuse an event of an unknown type or with a wrong field."""
    if "type" not in event:
        raise Refusal("The 'type' field is missing.", code="invalid_event")
    kind = event["type"]
    if not isinstance(kind, str):
        raise wrong_type("type", expected="a string", value=kind)
    if kind not in CLIENT_EVENTS:
        raise not_one_of("type", allowed=_LISTED, value=kind)
    CLIENT_EVENTS[kind](event, "")


def pcm_of(audio: str, *, kind: str = "audio/pcm", param: str = "audio") -> bytes:
    """The samples in base64 audio of this format, at most 15 MiB of it: S16_LE at 24 kHz."""
    try:
        data = base64.b64decode(audio, validate=True)
    except ValueError:
        message = (
            f"Invalid '{param}'. Expected base64-encoded audio bytes, but the value is not base64."
        )
        raise Refusal(message, code="invalid_value", param=param) from None
    if len(data) > _MOST_AUDIO:
        message = f"Invalid '{param}'. Expected at most {_MOST_AUDIO} bytes, but got {len(data)}."
        raise Refusal(message, code="invalid_value", param=param)
    if kind in g711.LAWS:
        return g711.from_line(data, kind)
    if len(data) % 2:
        found = f"an odd count of {len(data)} bytes"
        message = f"Invalid '{param}'. Expected 16-bit samples, but got {found}."
        raise Refusal(message, code="invalid_value", param=param)
    return data


def decoded(item: Json, *, kind: str, path: str) -> Json:
    """A client's item with each `input_audio` as samples instead of base64; see `pcm_of`."""
    if not isinstance(item.get("content"), list):
        return item
    parts = [
        {**part, "audio": pcm_of(part["audio"], kind=kind, param=f"{path}.content[{index}].audio")}
        if part["type"] == "input_audio"
        else part
        for index, part in enumerate(item["content"])
    ]
    return {**item, "content": parts}


def _deeper_than(levels: int, event: Json) -> bool:
    layer: list[Any] = [event]
    for _ in range(levels):
        branches = [value.values() if isinstance(value, dict) else value for value in layer]
        layer = [leaf for branch in branches for leaf in branch if isinstance(leaf, dict | list)]
    return bool(layer)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
