"""The local brain's thread, and one conversation with it.

The event loop never waits for a model: a question goes into a bounded queue, and what is not
answered in time is answered by a sentence prepared at the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Protocol, Self

from ..script import RATE, Answer
from .skills import Skills

LATE: Final = "Sorry, that took me too long."
BUSY: Final = "Sorry, I have too many questions at once."
BROKEN: Final = "Sorry, I could not think of an answer."

_ANSWER_WITHIN_S: Final = 20.0
_MOST_WAITING: Final = 8
_LONGEST_QUESTION_S: Final = 30
_LOGGER: Final = logging.getLogger("device.simulator")


class Voice(Protocol):
    """Understands and speaks; see `Speech`."""

    def understand(self, pcm: bytes) -> str:
        """The words in mono S16_LE at 24 kHz."""

    def say(self, words: str) -> bytes:
        """The words as mono S16_LE at 24 kHz."""


@dataclass(frozen=True, slots=True)
class _Question:
    what: bytes | str
    skills: Skills
    tell: Callable[[Answer], None]


class LocalBrain:
    """Hears, thinks and speaks on a thread of its own; `with LocalBrain(Speech()) as brain`.

    Args:
        voice: used by that thread alone once it runs.
        clock: what time it is for the skills.
        answer_within_s: then `LATE` is said instead.
    """

    def __init__(
        self,
        voice: Voice,
        *,
        clock: Callable[[], datetime] = datetime.now,
        answer_within_s: float = _ANSWER_WITHIN_S,
    ) -> None:
        self.answer_within_s = answer_within_s
        self._voice = voice
        self._clock = clock
        self._prepared = {one: self._spoken(one) for one in (LATE, BUSY, BROKEN)}
        self._waiting: queue.Queue[_Question | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="brain", daemon=True)

    def __enter__(self) -> Self:
        """Start thinking."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `stop`."""
        self.stop()

    def stop(self, timeout: float = 10.0) -> None:
        """Forget what waits and end the thread. RuntimeError when that takes longer."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise RuntimeError(f"the brain did not end within {timeout} s")

    def meet(self) -> LocalMind:
        """A new conversation: the `mind` of a `Script`."""
        return LocalMind(self)

    def ask(self, what: bytes | str, skills: Skills, *, tell: Callable[[Answer], None]) -> None:
        """Queue a question; `tell` gets the answer on the brain's thread, or now `BUSY`."""
        try:
            self._waiting.put_nowait(_Question(what, skills, tell))
        except queue.Full:
            tell(self.prepared(BUSY))

    def prepared(self, words: str) -> Answer:
        """One of the three sentences that need no thinking."""
        return self._prepared[words]

    def _run(self) -> None:
        while (question := self._waiting.get()) is not None:
            try:
                answer = self._answer(question)
            except Exception:
                # The models are others' code; one bad question must not silence the brain.
                _LOGGER.exception("the local brain failed at a question")
                answer = self.prepared(BROKEN)
            question.tell(answer)

    def _answer(self, question: _Question) -> Answer:
        what = question.what
        heard = what if isinstance(what, str) else self._voice.understand(what)
        words = question.skills.answer(heard, now=self._clock())
        _LOGGER.info("heard %r, says %r", heard, words)
        return self._spoken(words)

    def _spoken(self, words: str) -> Answer:
        # Thinking took time enough: the first delta need not wait.
        return Answer(self._voice.say(words), words, first_delta_s=0.0)


class LocalMind:
    """The brain in one session: keeps the newest half minute heard, and what was asked last."""

    def __init__(self, brain: LocalBrain) -> None:
        self._brain = brain
        self._skills = Skills()
        self._recent = bytearray()
        self._appended = 0
        self._asked: bytes | str = ""

    def heard(self, pcm: bytes) -> None:
        """Audio came in."""
        self._appended += len(pcm) // 2
        self._recent += pcm
        del self._recent[: -2 * _LONGEST_QUESTION_S * RATE]

    def spoke(self, first: int, last: int) -> None:
        """These frames of the session are a turn of the person; of a long one, the end counts."""
        kept_from = self._appended - len(self._recent) // 2
        start, end = (2 * max(0, frame - kept_from) for frame in (first, last))
        self._asked = bytes(self._recent[start:end])

    def wrote(self, text: str) -> None:
        """The person's turn came as text."""
        self._asked = text

    async def answer(self) -> Answer:
        """The answer to the newest turn, within the brain's deadline."""
        loop = asyncio.get_running_loop()
        thought: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer) -> None:
            if not thought.done():
                thought.set_result(answer)

        def tell(answer: Answer) -> None:
            # The loop may have ended while the brain thought.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, answer)

        self._brain.ask(self._asked, self._skills, tell=tell)
        try:
            async with asyncio.timeout(self._brain.answer_within_s):
                return await thought
        except TimeoutError:
            return self._brain.prepared(LATE)
