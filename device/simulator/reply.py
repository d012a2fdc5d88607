"""One response: from `response.created` to `response.done`, paced as the script says.

The generation is an iterator of due times; between two of them a step of events is emitted. So
a cancellation can end it between any two steps, and can let late deltas slip through first.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from itertools import cycle
from typing import Final, Protocol

from . import g711
from .dialect import Json, new_id
from .faults import Fail
from .history import History, Item, audio_out_tokens, text_tokens
from .script import RATE, Answer, Call, Incomplete, McpCall, McpRequest, Mind

_TRANSCRIPT_LEAD_S: Final = 1.0
_RATE_LIMITS_AFTER_S: Final = 0.043
_TOKEN_LIMIT: Final = 15_000_000


class Emit(Protocol):
    """Sends one event to the client; `audio` is its payload, put into `delta` as base64."""

    def __call__(self, event: Json, *, audio: bytes = b"") -> None:
        """Queue the event; never waits."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a response is made under: the session's settings and what `response.create` changed."""

    conversation_id: str | None
    """None: out of band; the response leaves no item in the conversation."""
    context: tuple[int, int]
    """Text and audio tokens the model reads first."""
    modalities: list[str]
    max_output_tokens: int | str
    audio_output: Json
    metadata: Json | None


class Reply:
    """A response being generated. `status` is `in_progress` until its `response.done`."""

    def __init__(
        self,
        answer: Answer,
        *,
        terms: Terms,
        history: History,
        emit: Emit,
        done: Callable[[Reply], None],
    ) -> None:
        self.id = new_id("resp")
        self.status = "in_progress"
        self.items: list[Item] = []
        self.given = False
        """Something of the answer was told, or all of it that there is."""
        self._answer = answer
        self._terms = terms
        self._history = history
        self._emit = emit
        self._tell_done = done
        self._open: Item | None = None
        self._before: str | None = None
        self._words: list[str] = []
        self._told = 0
        self._told_tokens = 0
        self._cached = history.context
        self._spoken = terms.modalities == ["audio"]
        self._steps = self._generate()
        emit({"type": "response.created", "response": self._wire(details=None, usage=None)})

    async def run(self, room: Callable[[], Awaitable[None]], *, mind: Mind | None) -> None:
        """Generate to the end, in time; `room` waits while the client takes nothing.

        What a mind thinks of replaces the answer it was made with.
        """
        loop = asyncio.get_running_loop()
        if mind is not None:
            self._answer = await mind.answer()
        start = loop.time()
        for due in self._steps:
            await asyncio.sleep(start + due - loop.time())
            await room()

    def cancel(self, reason: str) -> None:
        """End it now: `turn_detected` (after the late deltas of the script), `client_cancelled`."""
        if reason == "turn_detected":
            for _ in range(self._answer.late_deltas):
                if self._open is not None:
                    next(self._steps, None)
        if self.status == "in_progress":
            self._stop("cancelled", details={"type": "cancelled", "reason": reason})

    def fail(self, fail: Fail) -> None:
        """End it now as failed."""
        self._stop("failed", details=_failed(fail))

    def _stop(self, status: str, *, details: Json) -> None:
        self._steps.close()
        if self._open is not None and self._open.body:
            self._finish("incomplete")
        elif self._open is not None:
            self._close("incomplete")
        self._done(status, details=details)

    def _generate(self) -> Generator[float, None, None]:
        due = self._answer.first_delta_s
        lengths = cycle(self._answer.lengths())
        yield due
        for call in self._answer.calls:
            if isinstance(call, McpCall):
                yield from self._mcp_call(call, due)
        for pcm, words in self._answer.parts():
            self._begin(pcm, words)
            at, total = 0, len(pcm) // 2
            while at < total:
                frames = min(next(lengths) * RATE // 1000, total - at)
                at += frames
                if self._too_much(at, total=total):
                    self._close("incomplete")
                    details = {"type": "incomplete", "reason": "max_output_tokens"}
                    self._done("incomplete", details=details)
                    return
                self._say(at, total=total)
                due += frames / RATE / self._answer.speed
                yield due
            self._close("completed")
        for call in self._answer.calls:
            if isinstance(call, Call):
                yield from self._call(call, due)
            elif isinstance(call, McpRequest):
                self._mcp_request(call)
        yield due + self._answer.tail_s
        self.given = True
        match self._answer.ends:
            case Fail() as fail:
                self._done("failed", details=_failed(fail))
            case Incomplete(reason):
                self._done("incomplete", details={"type": "incomplete", "reason": reason})
            case None:
                self._done("completed", details=None)

    # The life of one item.

    def _add(self, item: Item) -> None:
        self._open = item
        self.items.append(item)
        self.given = True
        self._before = self._history.append(item)
        self._item_event("response.output_item.added")
        self._conversation_event("conversation.item.added")

    def _begin(self, pcm: bytes, words: list[str]) -> None:
        item = Item(new_id("item"), "assistant", [], status="in_progress")
        self._words, self._told = words, 0
        self._add(item)
        kind, text = ("output_audio", "transcript") if self._spoken else ("output_text", "text")
        item.content.append({"type": kind, text: ""})
        item.source = pcm if self._spoken else b""
        self._event("content_part.added", {"part": self._part()})

    def _say(self, at: int, *, total: int) -> None:
        """Tell the words that belong to the audio up to frame `at`, and a little ahead; speak."""
        assert self._open is not None
        words = self._next_words(at, total=total)
        if words:
            self._told += len(words.split())
            self._told_tokens += text_tokens(words)
            self._event(f"{self._text_kind}.delta", {"delta": words})
        if self._spoken:
            pcm = self._open.source[2 * self._open.frames : 2 * at]
            self._open.frames = at
            kind = self._terms.audio_output["format"]["type"]
            audio = pcm if kind == "audio/pcm" else g711.to_line(pcm, kind)
            self._event("output_audio.delta", {}, audio=audio)

    def _next_words(self, at: int, *, total: int) -> str:
        ahead = min(total, at + round(_TRANSCRIPT_LEAD_S * RATE))
        upto = math.ceil(len(self._words) * ahead / total)
        words = " ".join(self._words[self._told : upto])
        return f" {words}" if words and self._told else words

    def _too_much(self, at: int, *, total: int) -> bool:
        """Saying this would cost more tokens than the response may."""
        limit = self._terms.max_output_tokens
        if not isinstance(limit, int):
            return False
        told = self._told_tokens + text_tokens(self._next_words(at, total=total))
        earlier = sum(item.frames for item in self.items[:-1])
        return told + (audio_out_tokens(earlier + at) if self._spoken else 0) > limit

    def _close(self, status: str) -> None:
        assert self._open is not None
        item, told = self._open, " ".join(self._words[: self._told])
        text = "transcript" if self._spoken else "text"
        if item.cut_ms is None:
            item.content[0][text] = told
        if self._spoken:
            self._event("output_audio.done", {})
        self._event(f"{self._text_kind}.done", {text: told})
        self._event("content_part.done", {"part": self._part(told)})
        self._finish(status)

    def _finish(self, status: str) -> None:
        assert self._open is not None
        self._open.status = status
        self._conversation_event("conversation.item.done")
        self._item_event("response.output_item.done")
        self._open = None

    def _call(self, call: Call, due: float) -> Generator[float, None, None]:
        call_id = new_id("call")
        body = {"type": "function_call", "name": call.name, "call_id": call_id, "arguments": ""}
        item = Item(new_id("item"), "", [], status="in_progress", body=body)
        self._add(item)
        yield from self._arguments("function_call", item, call.arguments, due, call_id=call_id)
        self._finish("completed")

    def _mcp_call(self, call: McpCall, due: float) -> Generator[float, None, None]:
        body: Json = {"type": "mcp_call", "server_label": call.server, "name": call.name}
        body |= {"arguments": "", "approval_request_id": self._history.approved, "output": None}
        item = Item(new_id("mcp"), "", [], status="in_progress", body=body)
        self._add(item)
        yield from self._arguments("mcp_call", item, call.arguments, due)
        place = {"output_index": len(self.items) - 1, "item_id": item.id}
        self._emit({"type": "response.mcp_call.in_progress", **place})
        yield due
        if call.error is None:
            body["output"] = call.output
        else:
            body["error"] = {"type": "tool_execution_error", "message": call.error}
        ends = "completed" if call.error is None else "failed"
        self._emit({"type": f"response.mcp_call.{ends}", **place})
        self._finish("completed")

    def _mcp_request(self, call: McpRequest) -> None:
        body = {"type": "mcp_approval_request", "server_label": call.server}
        body |= {"name": call.name, "arguments": call.arguments}
        self._add(Item(new_id("mcpr"), "", [], status="in_progress", body=body))
        self._finish("completed")

    def _arguments(
        self, kind: str, item: Item, arguments: str, due: float, **more: str
    ) -> Generator[float, None, None]:
        """The arguments of a call in two halves, then whole."""
        place = {**self._place(), **more}
        half = len(arguments) // 2
        for delta in filter(None, (arguments[:half], arguments[half:])):
            yield due
            item.body["arguments"] += delta
            self._told_tokens += text_tokens(delta)
            self._emit({"type": f"response.{kind}_arguments.delta", **place, "delta": delta})
        if kind == "function_call":
            place["name"] = item.body["name"]
        self._emit({"type": f"response.{kind}_arguments.done", **place, "arguments": arguments})

    def _done(self, status: str, *, details: Json | None) -> None:
        self.status = status
        usage = self._usage()
        if self.items:
            self._history.context = self._terms.context
        self._emit({"type": "response.done", "response": self._wire(details=details, usage=usage)})
        limits = {
            "name": "tokens",
            "limit": _TOKEN_LIMIT,
            "remaining": _TOKEN_LIMIT - usage["total_tokens"],
            "reset_seconds": 0.001,
        }
        loop = asyncio.get_running_loop()
        event = {"type": "rate_limits.updated", "rate_limits": [limits]}
        loop.call_later(_RATE_LIMITS_AFTER_S, self._emit, event)
        self._tell_done(self)

    # The shapes of its events.

    @property
    def _text_kind(self) -> str:
        return "output_audio_transcript" if self._spoken else "output_text"

    def _part(self, told: str = "") -> Json:
        if self._spoken:
            return {"type": "audio", "transcript": told}
        return {"type": "text", "text": told}

    def _event(self, kind: str, fields: Json, *, audio: bytes = b"") -> None:
        place = {**self._place(), "content_index": 0}
        self._emit({"type": f"response.{kind}", **place, **fields}, audio=audio)

    def _place(self) -> Json:
        index = len(self.items) - 1
        return {"response_id": self.id, "item_id": self.items[-1].id, "output_index": index}

    def _item_event(self, kind: str) -> None:
        item = self.items[-1].wire()
        place = {"response_id": self.id, "output_index": len(self.items) - 1}
        self._emit({"type": kind, **place, "item": item})

    def _conversation_event(self, kind: str) -> None:
        item = self.items[-1].wire()
        if self._terms.conversation_id is not None:
            self._emit({"type": kind, "previous_item_id": self._before, "item": item})

    def _wire(self, *, details: Json | None, usage: Json | None) -> Json:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": details,
            "output": [item.wire() for item in self.items],
            "conversation_id": self._terms.conversation_id,
            "output_modalities": self._terms.modalities,
            "max_output_tokens": self._terms.max_output_tokens,
            "audio": {"output": self._terms.audio_output},
            "usage": usage,
            "metadata": self._terms.metadata,
        }

    def _usage(self) -> Json:
        """What it cost. A response that generated nothing, or failed, is free."""
        heard = cached = told = (0, 0)
        if self.items and self.status != "failed":
            heard, cached = self._terms.context, self._cached
            told = (self._told_tokens, audio_out_tokens(sum(item.frames for item in self.items)))
        known = tuple(map(min, heard, cached))
        return {
            "total_tokens": sum(heard) + sum(told),
            "input_tokens": sum(heard),
            "output_tokens": sum(told),
            "input_token_details": {
                "text_tokens": heard[0],
                "audio_tokens": heard[1],
                "image_tokens": 0,
                "cached_tokens": sum(known),
                "cached_tokens_details": {
                    "text_tokens": known[0],
                    "audio_tokens": known[1],
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": told[0], "audio_tokens": told[1]},
        }


def _failed(fail: Fail) -> Json:
    error = {"type": fail.kind, "code": fail.code, "message": fail.message}
    return {"type": "failed", "error": error}
