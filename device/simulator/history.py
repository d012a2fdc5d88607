"""The conversation as the server remembers it: items in order, and what may be done to them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .dialect import Json, new_id
from .refusal import Refusal, no_such_item, quoted
from .script import RATE

_IN_TOKENS_PER_S: Final = 10
_OUT_TOKENS_PER_S: Final = 20
_COMMON: Final = ("id", "object", "status")


@dataclass(slots=True)
class Item:
    """One message, call or the like. Assistant audio grows while its response is generated."""

    id: str
    role: str
    content: list[Json]
    status: str = "completed"
    source: bytes = field(default=b"", repr=False)
    """What the assistant would say to the end, or what the user said: S16_LE at 24 kHz."""
    frames: int = 0
    """Audio that exists: generated so far, or spoken by the user."""
    cut_ms: int | None = None
    """Where a truncate cut it; None while it is whole."""
    body: Json = field(default_factory=dict)
    """An item that is no message: its `type` and all its own fields."""

    @property
    def audio(self) -> bytes:
        """The user's audio, or the assistant's generated so far, whatever was cut later."""
        return self.source[: 2 * self.frames]

    @property
    def remembered_ms(self) -> int:
        """Audio the model still knows of."""
        return self.frames * 1000 // RATE if self.cut_ms is None else self.cut_ms

    def wire(self) -> Json:
        """The item as events show it."""
        if self.body:
            # Only items of functions have a status.
            function = self.body["type"].startswith("function_")
            return {"id": self.id, **self.body, **({"status": self.status} if function else {})}
        return {
            "id": self.id,
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [dict(part) for part in self.content],
        }

    def tokens(self) -> tuple[int, int]:
        """Text and audio tokens this item costs as context."""
        words = [part.get("text") or part.get("transcript") or "" for part in self.content]
        words += [self.body.get(name) or "" for name in ("arguments", "output")]
        rate = _OUT_TOKENS_PER_S if self.role == "assistant" else _IN_TOKENS_PER_S
        return sum(map(text_tokens, words)), self.remembered_ms * rate // 1000


class History:
    """The items of one session. `keep` is called with each new item, for the record."""

    def __init__(self, keep: Callable[[Item], None]) -> None:
        self.items: list[Item] = []
        self.context = (0, 0)
        """Text and audio tokens of the last response's context: the service has them cached."""
        self._keep = keep

    @property
    def last_id(self) -> str | None:
        """The id that the next item will follow."""
        return self.items[-1].id if self.items else None

    @property
    def approved(self) -> str | None:
        """The id of the last request for approval that the client granted."""
        answers = [item.body for item in self.items if item.body]
        granted = [body["approval_request_id"] for body in answers if body.get("approve")]
        return granted[-1] if granted else None

    def append(self, item: Item) -> str | None:
        """Put an item of the server's own at the end; returns the id it follows."""
        before = self.last_id
        self.items.append(item)
        self._keep(item)
        return before

    def tell_added(self, item: Item, before: str | None, emit: Callable[[Json], None]) -> None:
        """The two events by which a client learns of an item that is complete from the start."""
        for moment in ("added", "done"):
            kind = f"conversation.item.{moment}"
            emit({"type": kind, "previous_item_id": before, "item": item.wire()})

    def create(self, wish: Json, *, after: str | None) -> tuple[Item, str | None]:
        """Put the client's item after the named one (`root`: in front; None: at the end)."""
        item_id = wish.get("id") or new_id("item")
        if any(item.id == item_id for item in self.items):
            message = f"Error adding item: an item with id '{item_id}' already exists."
            raise Refusal(message, code="item_create_duplicate_item_id")
        if after == "root":
            place = 0
        elif after is None:
            place = len(self.items)
        else:
            known = self.find(after, doing="adding", code="item_create_invalid_previous_item_id")
            place = self.items.index(known) + 1
        item = self._made(item_id, wish)
        self.items.insert(place, item)
        self._keep(item)
        return item, self.items[place - 1].id if place else None

    def cost(self, wishes: list[Json]) -> tuple[int, int]:
        """Text and audio tokens of a context made of these items and references alone."""
        code = "item_reference_invalid_item_id"
        items = [
            self.find(wish["id"], doing="referencing", code=code)
            if wish["type"] == "item_reference"
            else self._made(wish.get("id") or new_id("item"), wish)
            for wish in wishes
        ]
        return _sum(items)

    def retrieve(self, item_id: str) -> Json:
        """An item as events show it, a user's with its audio."""
        item = self.find(item_id, doing="retrieving", code="item_retrieve_invalid_item_id")
        shown = item.wire()
        for part in shown.get("content", []):
            if part["type"] == "input_audio":
                part["audio"] = base64.b64encode(item.audio).decode()
        return shown

    def _made(self, item_id: str, wish: Json) -> Item:
        """A client's item. Its audio is S16_LE at 24 kHz already; see `Session`."""
        if wish["type"] != "message":
            body = {name: value for name, value in wish.items() if name not in _COMMON}
            if wish["type"] == "function_call":
                body.setdefault("call_id", new_id("call"))
            self._check_answered(body)
            return Item(item_id, "", [], body=body)
        parts = [dict(part) for part in wish["content"]]
        pcm = b"".join(part.pop("audio") for part in parts if part["type"] == "input_audio")
        for part in parts:
            if part["type"] == "input_audio":
                part.setdefault("transcript", None)
        return Item(item_id, wish["role"], parts, source=pcm, frames=len(pcm) // 2)

    def _check_answered(self, body: Json) -> None:
        """Refuse an output of a call, or an answer to a request, that never was."""
        if body["type"] == "function_call_output":
            calls = [item.body.get("call_id") for item in self.items if item.body]
            if body["call_id"] not in calls:
                message = f"Tool call ID {quoted(body['call_id'])} not found in conversation."
                raise Refusal(message, code="invalid_tool_call_id", param="item.call_id")
        if body["type"] == "mcp_approval_response":
            request = body["approval_request_id"]
            if not any(item.id == request for item in self.items if item.body):
                message = f"No approval request {quoted(request)} found in conversation."
                raise Refusal(message, code="invalid_value", param="item.approval_request_id")

    def find(self, item_id: str, *, doing: str, code: str) -> Item:
        """The item with this id, or a refusal that says what it was wanted for."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise no_such_item(item_id, doing=doing, code=code)

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        item = self.find(item_id, doing="deleting", code="item_delete_invalid_item_id")
        self.items.remove(item)

    def truncate(self, item_id: str, *, content_index: int, audio_end_ms: int) -> None:
        """Keep the first `audio_end_ms` of an assistant's audio; its transcript is lost."""
        item = self.find(item_id, doing="truncating", code="item_truncate_invalid_item_id")
        if item.role != "assistant" or not item.source:
            message = "Only model output audio messages can be truncated"
            raise Refusal(message, code=None)
        if content_index != 0:
            message = f"Invalid content index: the item has no content at index {content_index}."
            raise Refusal(message, code="invalid_value", param="content_index")
        if audio_end_ms > item.remembered_ms:
            message = (
                f"Audio content of {item.remembered_ms}ms is already shorter than {audio_end_ms}ms"
            )
            raise Refusal(message, code="invalid_value", param="audio_end_ms")
        item.cut_ms = audio_end_ms
        for part in item.content:
            part.pop("transcript", None)

    def tokens(self) -> tuple[int, int]:
        """Text and audio tokens of everything remembered."""
        return _sum(self.items)


def _sum(items: list[Item]) -> tuple[int, int]:
    costs = [item.tokens() for item in items]
    return sum(text for text, _ in costs), sum(audio for _, audio in costs)


def text_tokens(text: str) -> int:
    """About four characters a token."""
    return math.ceil(len(text) / 4)


def audio_out_tokens(frames: int) -> int:
    """Output tokens of this much generated audio."""
    return math.ceil(frames * _OUT_TOKENS_PER_S / RATE)
