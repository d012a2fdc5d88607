"""The responses of one session: one at a time in the conversation, and some beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from . import dialect
from .dialect import Json
from .faults import Fail
from .history import History, text_tokens
from .refusal import Refusal
from .reply import Emit, Reply, Terms
from .script import Answer, Mind, Script
from .settings import Settings

_MOST_ASIDES: Final = 16


class Answering:
    """Makes, cancels and fails responses.

    Args:
        script: where the answers come from.
        settings: what a response does not say itself.
        history: the conversation.
        conversation_id: its id.
        emit: sends an event.
        room: waits while the client takes nothing.
        done: called with the frames of each response of the conversation when it is over.
    """

    def __init__(
        self,
        script: Script,
        *,
        settings: Settings,
        history: History,
        conversation_id: str,
        emit: Emit,
        room: Callable[[], Awaitable[None]],
        mind: Mind | None,
        done: Callable[[int], None],
    ) -> None:
        self._script = script
        self._settings = settings
        self._history = history
        self._conversation_id = conversation_id
        self._emit = emit
        self._room = room
        self._mind = mind
        self._tell_done = done
        self._given = 0
        self._asides_given = 0
        self._reply: Reply | None = None
        self._tasks: dict[Reply, asyncio.Task[None]] = {}

    @property
    def active(self) -> Reply | None:
        """The conversation's response in progress."""
        reply = self._reply
        return reply if reply is not None and reply.status == "in_progress" else None

    def create(self, event: Json) -> None:
        """Answer a `response.create`."""
        wish = event.get("response") or {}
        aside = wish.get("conversation") == "none"
        if aside and len(self._tasks) >= _MOST_ASIDES:
            message = f"Too many responses in progress: {len(self._tasks)}."
            raise Refusal(message, code="rate_limit_exceeded", kind="rate_limit_error")
        if not aside and self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal(message, code="conversation_already_has_active_response")
        self.respond(wish)

    def cancel(self, event: Json) -> None:
        """Answer a `response.cancel`: without an id it is the conversation's."""
        wanted = event.get("response_id")
        for reply in [reply for reply in self._tasks if reply.status == "in_progress"]:
            if reply.id == wanted or (wanted is None and reply is self._reply):
                self._end(reply)
                reply.cancel("client_cancelled")
                return
        message = "Cancellation failed: no active response found"
        raise Refusal(message, code="response_cancel_not_active")

    def respond(self, wish: Json) -> None:
        """Begin a response with what its `response.create` asks for."""
        aside = wish.get("conversation") == "none"
        terms = self._terms(wish)
        # An aside writes into a history of its own, which nobody reads again.
        history = History(lambda _: None) if aside else self._history
        answer = self._next_aside() if aside else self._next_answer()
        reply = Reply(answer, terms=terms, history=history, emit=self._emit, done=self._over)
        if not aside:
            self._reply = reply
        run = reply.run(self._room, mind=None if aside else self._mind)
        self._tasks[reply] = asyncio.create_task(run, name=f"reply {reply.id}")

    def interrupt(self, reason: str) -> None:
        """Cancel the conversation's response, if there is one."""
        active = self.active
        if active is not None:
            self._end(active)
            active.cancel(reason)

    def fail(self, fail: Fail) -> None:
        """End the conversation's response as failed, if there is one."""
        active = self.active
        if active is not None:
            self._end(active)
            active.fail(fail)

    async def stop(self) -> None:
        """Generate nothing more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _next_answer(self) -> Answer:
        if self._reply is not None and self._reply.given:
            self._given += 1
        return self._script.answers[self._given % len(self._script.answers)]

    def _next_aside(self) -> Answer:
        answers = self._script.asides or self._script.answers
        self._asides_given += 1
        return answers[(self._asides_given - 1) % len(answers)]

    def _terms(self, wish: Json) -> Terms:
        session = self._settings.echo()
        output = {**session["audio"]["output"], **wish.get("audio", {}).get("output", {})}
        items = wish.get("input")
        if items is None:
            text, audio = self._history.tokens()
        else:
            kind = self._settings.input_format
            text, audio = self._history.cost(
                [
                    dialect.decoded(item, kind=kind, path=f"response.input[{index}]")
                    for index, item in enumerate(items)
                ]
            )
        aside = wish.get("conversation") == "none"
        wish = {**session, "metadata": None, **wish}
        return Terms(
            conversation_id=None if aside else self._conversation_id,
            context=(text + text_tokens(wish["instructions"]), audio),
            modalities=wish["output_modalities"],
            max_output_tokens=wish["max_output_tokens"],
            audio_output={"format": output["format"], "voice": output["voice"]},
            metadata=wish["metadata"],
        )

    def _over(self, reply: Reply) -> None:
        self._tasks.pop(reply, None)
        if reply is self._reply:
            self._tell_done(sum(item.frames for item in reply.items))

    def _end(self, reply: Reply) -> None:
        self._tasks[reply].cancel()
