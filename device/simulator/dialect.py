"""The client's side of the dialect: which events exist, what each must carry, how ids look."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Final, NoReturn

from .refusal import Refusal, not_one_of, wrong_type
from .settings import MODEL_FIELDS, OUTPUT_FIELDS
from .shapes import Rule, Shape, Variant, anything, choice, integer, listed, nullable, pairs, text

Json = dict[str, Any]

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MOST_AUDIO: Final = 15 * 1024 * 1024
_MOST_LEVELS: Final = 64


def new_id(kind: str) -> str:
    """An id like the service's: `event_`, `item_`, `resp_`, ... and 21 characters."""
    return f"{kind}_{''.join(random.choices(_BASE62, k=21))}"


def _message(content: str) -> Shape:
    part = Shape({"type": choice(content), "text": text()}, ("type", "text"))
    return Shape(
        {
            "id": text(32),
            "object": choice("realtime.item"),
            "type": choice("message"),
            "role": anything,
            "status": choice("completed", "incomplete", "in_progress"),
            "content": listed(part),
        },
        ("type", "content"),
    )


_ITEM: Final = Variant(
    "type",
    {
        "message": Variant(
            "role",
            {
                "user": _message("input_text"),
                "system": _message("input_text"),
                "assistant": _message("output_text"),
            },
        )
    },
)
_RESPONSE: Final = Shape(
    {
        **MODEL_FIELDS,
        "conversation": choice("auto"),
        "metadata": nullable(pairs),
        "audio": Shape({"output": Shape(OUTPUT_FIELDS)}),
    }
)


def _event(*required: str, **fields: Rule) -> Shape:
    return Shape({"type": anything, "event_id": text(512), **fields}, required)


CLIENT_EVENTS: Final[dict[str, Shape]] = {
    # The session itself is checked by `Settings.update`.
    "session.update": _event("session", session=anything),
    "input_audio_buffer.append": _event("audio", audio=text(21 * 1024 * 1024)),
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


def pcm_of(audio: str) -> bytes:
    """The samples of one append: base64 of whole 16-bit samples, at most 15 MiB."""
    try:
        pcm = base64.b64decode(audio, validate=True)
    except ValueError:
        message = (
            "Invalid 'audio'. Expected base64-encoded audio bytes, but the value is not base64."
        )
        raise Refusal(message, code="invalid_value", param="audio") from None
    if len(pcm) % 2:
        message = (
            f"Invalid 'audio'. Expected 16-bit samples, but got an odd count of {len(pcm)} bytes."
        )
        raise Refusal(message, code="invalid_value", param="audio")
    if len(pcm) > _MOST_AUDIO:
        message = f"Invalid 'audio'. Expected at most {_MOST_AUDIO} bytes, but got {len(pcm)}."
        raise Refusal(message, code="invalid_value", param="audio")
    return pcm


def _deeper_than(levels: int, event: Json) -> bool:
    layer: list[Any] = [event]
    for _ in range(levels):
        branches = [value.values() if isinstance(value, dict) else value for value in layer]
        layer = [leaf for branch in branches for leaf in branch if isinstance(leaf, dict | list)]
    return bool(layer)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
