"""One connection: takes client events one by one and answers them as the service would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import cycle
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from . import dialect
from .dialect import Json, new_id
from .ear import Ear, Onset
from .faults import Fail, Fate
from .history import History, Item
from .line import Line
from .record import Record
from .refusal import Refusal
from .reply import Reply, Terms
from .script import RATE, Script
from .settings import Settings

_PREFIX_MS: Final = 300
_LEAST_COMMIT_FRAMES: Final = RATE // 10
_LONGEST_WAIT_S: Final = {"high": 2.0, "medium": 4.0, "auto": 4.0, "low": 8.0}


class Session:
    """A session from `session.created` to the close."""

    def __init__(
        self,
        connection: ServerConnection,
        *,
        script: Script,
        fate: Fate,
        record: Record,
        model: str,
        session_s: float,
    ) -> None:
        self.connection = connection
        self._script = script
        self._record = record
        self._mine = record.open()
        self._line = Line(
            connection,
            fate=fate,
            record=record,
            number=self._mine.number,
            fail=self._fail,
            obfuscate="obfuscation" in script.habits,
        )
        self._ear = Ear(loud_dbfs=script.loud_dbfs)
        self._history = History(lambda item: self._mine.items.update({item.id: item}))
        self._turn_ends = cycle(script.turn_ends())
        self._answers_given = 0
        self._next_item_id = new_id("item")
        self._conversation_id = new_id("conv")
        self._session_s = session_s
        expires_at = int(time.time() + session_s)
        self._settings = Settings(session_id=new_id("sess"), model=model, expires_at=expires_at)
        self._reply: Reply | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    @property
    def number(self) -> int:
        """Its number in the record."""
        return self._mine.number

    async def run(self) -> None:
        """Serve the connection until it closes or the session expires."""
        sending = asyncio.create_task(self._line.outbox.run(), name=f"outbox {self.number}")
        end = asyncio.get_running_loop().call_later(self._session_s, self._line.expire)
        if "conversation.created" in self._script.habits:
            conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
            self.emit({"type": "conversation.created", "conversation": conversation})
        self.emit({"type": "session.created", "session": self._settings.echo()})
        try:
            async for message in self.connection:
                self.receive(message)
                await self._line.outbox.room()
        except ConnectionClosed:
            pass
        finally:
            end.cancel()
            tasks = [task for task in (sending, self._speaking) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def halted(self) -> bool:
        """A fault has made the connection half-open: no handshake will close it."""
        return self._line.halted

    def emit(self, event: Json, *, audio: bytes = b"") -> None:
        """Send an event; `audio` becomes its `delta`."""
        self._line.emit(event, audio=audio)

    def inject(self, text: str) -> None:
        """Send any text at all, for tests of what a client makes of it."""
        self._line.inject(text)

    def receive(self, message: str | bytes) -> None:
        """Answer one frame. Whatever it holds, the session goes on."""
        event: Json = {}
        noted: Json = {"raw": str(message[:1000])}
        pcm = b""
        try:
            try:
                event = dialect.parse(message)
                noted = {**event, "audio": 0} if "audio" in event else event
                dialect.check(event)
                if "audio" in event:
                    pcm = event["audio"] = dialect.pcm_of(event["audio"])
                    noted["audio"] = len(pcm)
            finally:
                self._record.note(noted, session=self.number, direction="client", audio=pcm)
            if self._line.came(event["type"]):
                self._handlers[event["type"]](event)
        except Refusal as refusal:
            answers = event.get("event_id")
            told = isinstance(answers, str) and "silent error ids" not in self._script.habits
            self.emit(refusal.event(answers=answers if told else None))

    # Settings.

    def _update(self, event: Json) -> None:
        before = self._settings.turn_detection
        spoken = any(item.frames for item in self._history.items if item.role == "assistant")
        self._settings.update(event["session"], spoken=spoken)
        if self._settings.turn_detection is None and before is not None:
            self._ear.hush()
        self.emit({"type": "session.updated", "session": self._settings.echo()})

    # The input buffer.

    def _append(self, event: Json) -> None:
        pcm: bytes = event["audio"]
        self._mine.heard(pcm, first_frame=self._ear.appended)
        detection = self._settings.turn_detection
        if detection is None:
            self._ear.store(pcm)
            return
        prefix_ms = detection.get("prefix_padding_ms", _PREFIX_MS)
        reports = self._ear.hear(pcm, prefix_ms=prefix_ms, patience_ms=self._patience_ms)
        for report in reports:
            if isinstance(report, Onset):
                self._speech_started(report.start_ms)
            else:
                self._turn_ended(report.end_ms)

    def _patience_ms(self) -> float:
        detection = self._settings.turn_detection
        assert detection is not None
        if detection["type"] == "server_vad":
            return float(detection["silence_duration_ms"])
        return 1000 * min(next(self._turn_ends), _LONGEST_WAIT_S[detection["eagerness"]])

    def _speech_started(self, start_ms: int) -> None:
        self._buffer_event("speech_started", audio_start_ms=start_ms, item_id=self._next_item_id)
        detection = self._settings.turn_detection
        if detection is not None and detection["interrupt_response"]:
            self._interrupt("turn_detected")

    def _turn_ended(self, end_ms: int) -> None:
        self._buffer_event("speech_stopped", audio_end_ms=end_ms, item_id=self._next_item_id)
        self._make_item(self._ear.take_turn())
        detection = self._settings.turn_detection
        if detection is not None and detection["create_response"] and self._active() is None:
            self._respond({})

    def _commit(self, _: Json) -> None:
        if self._ear.buffered < _LEAST_COMMIT_FRAMES:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms "
                f"of audio, but buffer only has {self._ear.buffered * 1000 / RATE:.2f}ms of audio."
            )
            raise Refusal(message, code="input_audio_buffer_commit_empty")
        self._make_item(self._ear.take_all())

    def _clear(self, _: Json) -> None:
        self._ear.take_all()
        self._next_item_id = new_id("item")
        self._buffer_event("cleared")

    def _make_item(self, span: tuple[int, int]) -> None:
        first, last = span
        item = Item(
            self._next_item_id,
            "user",
            [{"type": "input_audio", "transcript": None}],
            frames=last - first,
        )
        self._next_item_id = new_id("item")
        before = self._history.append(item)
        self._buffer_event("committed", previous_item_id=before, item_id=item.id)
        self._added(item, before)

    def _buffer_event(self, kind: str, **fields: object) -> None:
        self.emit({"type": f"input_audio_buffer.{kind}", **fields})

    # The conversation.

    def _create_item(self, event: Json) -> None:
        self._added(*self._history.create(event["item"], after=event.get("previous_item_id")))

    def _added(self, item: Item, before: str | None) -> None:
        for moment in ("added", "done"):
            kind = f"conversation.item.{moment}"
            self.emit({"type": kind, "previous_item_id": before, "item": item.wire()})

    def _truncate(self, event: Json) -> None:
        place = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        if place["audio_end_ms"] == 0 and "no truncation to 0" in self._script.habits:
            raise Refusal(
                "Audio content of 0ms is already shorter than 0ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        self._history.truncate(**place)
        self.emit({"type": "conversation.item.truncated", **place})

    def _delete(self, event: Json) -> None:
        self._history.delete(event["item_id"])
        self.emit({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _retrieve(self, event: Json) -> None:
        code = "item_retrieve_invalid_item_id"
        item = self._history.find(event["item_id"], doing="retrieving", code=code)
        self.emit({"type": "conversation.item.retrieved", "item": item.wire()})

    # Responses.

    def _active(self) -> Reply | None:
        reply = self._reply
        return reply if reply is not None and reply.status == "in_progress" else None

    def _create_response(self, event: Json) -> None:
        active = self._active()
        if active is not None:
            message = (
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal(message, code="conversation_already_has_active_response")
        self._respond(event.get("response") or {})

    def _cancel_response(self, event: Json) -> None:
        active = self._active()
        if active is None or event.get("response_id") not in (None, active.id):
            message = "Cancellation failed: no active response found"
            raise Refusal(message, code="response_cancel_not_active")
        self._interrupt("client_cancelled")

    def _respond(self, wish: Json) -> None:
        session = self._settings.echo()
        output = {**session["audio"]["output"], **wish.get("audio", {}).get("output", {})}
        wish = {**session, "metadata": None, **wish}
        terms = Terms(
            conversation_id=self._conversation_id,
            instructions=wish["instructions"],
            modalities=wish["output_modalities"],
            max_output_tokens=wish["max_output_tokens"],
            audio_output={"format": output["format"], "voice": output["voice"]},
            metadata=wish["metadata"],
        )
        if self._reply is not None and self._reply.given:
            self._answers_given += 1
        answer = self._script.answers[self._answers_given % len(self._script.answers)]
        self._reply = Reply(answer, terms=terms, history=self._history, emit=self.emit)
        self._speaking = asyncio.create_task(
            self._reply.run(self._line.outbox.room), name=f"reply {self.number}"
        )

    def _interrupt(self, reason: str) -> None:
        active = self._active()
        if active is None:
            return
        assert self._speaking is not None
        self._speaking.cancel()
        active.cancel(reason)

    def _fail(self, fail: Fail) -> None:
        active = self._active()
        if active is None:
            return
        assert self._speaking is not None
        self._speaking.cancel()
        active.fail(fail)
