"""One connection: takes client events one by one and answers them as the service would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from . import dialect
from .answering import Answering
from .dialect import Json, new_id
from .faults import Fate
from .hearing import Hearing
from .history import History, Item
from .line import Line
from .record import Record
from .refusal import Refusal
from .script import Script
from .settings import Settings


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
        attached: Json | None,
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
            fail=lambda fail: self._answering.fail(fail),
            obfuscate="obfuscation" in script.habits,
        )
        self._history = History(self._mine.made)
        self._mind = script.mind() if script.mind is not None else None
        self._conversation_id, self._session_s = new_id("conv"), session_s
        expires = int(time.time() + session_s)
        self._settings = Settings(session_id=new_id("sess"), model=model, expires_at=expires)
        if attached is not None:
            self._settings.attach(attached)
        self._answering = Answering(
            script,
            settings=self._settings,
            history=self._history,
            conversation_id=self._conversation_id,
            emit=self.emit,
            room=self._line.outbox.room,
            mind=self._mind,
            done=lambda frames: self._hearing.expect(frames),
        )
        self._hearing = Hearing(
            script,
            settings=self._settings,
            history=self._history,
            answering=self._answering,
            record=self._mine,
            mind=self._mind,
            emit=self.emit,
        )
        self._listed: set[str] = set()
        self._acts = self._handlers()

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
            sending.cancel()
            await asyncio.gather(sending, self._answering.stop(), return_exceptions=True)
            self._record.close(self._mine)

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
        length, pcm = 1000, b""
        try:
            try:
                event = dialect.parse(message)
                noted = {**event, "audio": 0} if "audio" in event else event
                audio = event.get("audio")
                length = len(message) - (len(audio) if isinstance(audio, str) else 0)
                dialect.check(event)
                if "audio" in event:
                    pcm = dialect.pcm_of(event["audio"], kind=self._settings.input_format)
                    event = {**event, "audio": pcm}
                    noted["audio"] = len(pcm)
            finally:
                self._record.note(
                    noted, session=self.number, direction="client", length=length, audio=pcm
                )
            if self._line.came(event["type"]):
                self._acts[event["type"]](event)
        except Refusal as refusal:
            answers = event.get("event_id")
            told = isinstance(answers, str) and "silent error ids" not in self._script.habits
            self.emit(refusal.event(answers=answers if told else None))

    def _handlers(self) -> dict[str, Callable[[Json], None]]:
        return {
            "session.update": self._update,
            "input_audio_buffer.append": self._hearing.append,
            "input_audio_buffer.commit": self._hearing.commit,
            "input_audio_buffer.clear": self._hearing.clear,
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
            "response.create": self._answering.create,
            "response.cancel": self._answering.cancel,
        }

    # Settings.

    def _update(self, event: Json) -> None:
        before = self._settings.turn_detection
        spoken = any(item.frames for item in self._history.items if item.role == "assistant")
        self._settings.update(event["session"], spoken=spoken)
        if self._settings.turn_detection is None and before is not None:
            self._hearing.hush()
        new = [label for label in self._settings.mcp_servers if label not in self._listed]
        self._listed.update(new)
        lists = [(new_id("mcpl"), label) for label in new]
        for item_id, _ in lists:
            self.emit({"type": "mcp_list_tools.in_progress", "item_id": item_id})
        self.emit({"type": "session.updated", "session": self._settings.echo()})
        for item_id, label in lists:
            self._list_tools(item_id, label)

    def _list_tools(self, item_id: str, label: str) -> None:
        names = self._script.mcp.get(label)
        if names is None:
            self.emit({"type": "mcp_list_tools.failed", "item_id": item_id})
            return
        schema = {"type": "object"}
        tools = [{"name": name, "input_schema": schema, "annotations": None} for name in names]
        body = {"type": "mcp_list_tools", "server_label": label, "tools": tools}
        item = Item(item_id, "", [], body=body)
        self._history.tell_added(item, self._history.append(item), self.emit)
        self.emit({"type": "mcp_list_tools.completed", "item_id": item_id})

    # The conversation.

    def _create_item(self, event: Json) -> None:
        kind = self._settings.input_format
        wish = dialect.decoded(event["item"], kind=kind, path="item")
        item, before = self._history.create(wish, after=event.get("previous_item_id"))
        if self._mind is not None and item.role == "user" and not item.source:
            self._mind.wrote(" ".join(part.get("text", "") for part in item.content))
        self._history.tell_added(item, before, self.emit)

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
        item = self._history.retrieve(event["item_id"])
        self.emit({"type": "conversation.item.retrieved", "item": item})
