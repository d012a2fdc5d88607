"""The input buffer of one session: appended audio, turns, the items and words made of them."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import Final

from .answering import Answering
from .dialect import Json, new_id
from .ear import WINDOW, Ear, Onset
from .history import History, Item, text_tokens
from .record import SessionRecord
from .refusal import Refusal
from .reply import Emit
from .script import RATE, Mind, Script
from .settings import Settings

_PREFIX_MS: Final = 300
_LEAST_COMMIT_FRAMES: Final = RATE // 10
_LONGEST_WAIT_S: Final = {"high": 2.0, "medium": 4.0, "auto": 4.0, "low": 8.0}
_SURE: Final = -0.01
_UNHEARD: Final[Json] = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
    "param": None,
}


class Hearing:
    """Takes the client's audio; its turns interrupt the assistant and make it answer."""

    def __init__(
        self,
        script: Script,
        *,
        settings: Settings,
        history: History,
        answering: Answering,
        record: SessionRecord,
        mind: Mind | None,
        emit: Emit,
    ) -> None:
        self._script = script
        self._settings = settings
        self._history = history
        self._answering = answering
        self._record = record
        self._mind = mind
        self._emit = emit
        self._ear = Ear(loud_dbfs=script.loud_dbfs)
        self._turn_ends = cycle(script.turn_ends())
        self._heard = cycle(script.heard)
        self._next_item_id = new_id("item")
        self._idle_from: int | None = None

    def append(self, event: Json) -> None:
        """Hear more audio."""
        pcm: bytes = event["audio"]
        first = self._ear.appended
        self._record.heard(pcm, first_frame=first)
        if self._mind is not None:
            self._mind.heard(pcm)
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
        self._notice_idleness(detection)

    def commit(self, _: Json) -> None:
        """Make an item of what is buffered."""
        if self._ear.buffered < _LEAST_COMMIT_FRAMES:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms "
                f"of audio, but buffer only has {self._ear.buffered * 1000 / RATE:.2f}ms of audio."
            )
            raise Refusal(message, code="input_audio_buffer_commit_empty")
        self._make_item(self._ear.take_all())

    def clear(self, _: Json) -> None:
        """Forget what is buffered."""
        self._ear.take_all()
        self._next_item_id = new_id("item")
        self._tell("cleared")

    def hush(self) -> None:
        """Forget an open turn without reporting its end: the VAD was switched off."""
        self._ear.hush()

    def expect(self, playing: int) -> None:
        """A response of so many frames is done: from the end of its playback silence counts."""
        self._idle_from = self._ear.appended + playing

    def _patience_ms(self) -> float:
        detection = self._settings.turn_detection
        assert detection is not None
        if detection["type"] == "server_vad":
            return float(detection["silence_duration_ms"])
        return 1000 * min(next(self._turn_ends), _LONGEST_WAIT_S[detection["eagerness"]])

    def _speech_started(self, start_ms: int) -> None:
        self._idle_from = None
        self._tell("speech_started", audio_start_ms=start_ms, item_id=self._next_item_id)
        detection = self._settings.turn_detection
        if detection is not None and detection["interrupt_response"]:
            self._answering.interrupt("turn_detected")

    def _turn_ended(self, end_ms: int) -> None:
        self._tell("speech_stopped", audio_end_ms=end_ms, item_id=self._next_item_id)
        self._make_item(self._ear.take_turn())
        self._answer()

    def _answer(self) -> None:
        detection = self._settings.turn_detection
        if detection is not None and detection["create_response"] and not self._answering.active:
            self._answering.respond({})

    def _notice_idleness(self, detection: Json) -> None:
        """Commit the silence and answer it, when it has lasted as long as the client allows."""
        allowed_ms = detection.get("idle_timeout_ms")
        if allowed_ms is None or self._idle_from is None or self._answering.active:
            return
        windows = -(-(self._idle_from + allowed_ms * RATE // 1000) // WINDOW)
        if self._ear.speaking or self._ear.judged < windows * WINDOW:
            return
        start, end = self._idle_from, windows * WINDOW
        self._idle_from = None
        ends = {"audio_start_ms": start * 1000 // RATE, "audio_end_ms": end * 1000 // RATE}
        self._tell("timeout_triggered", **ends, item_id=self._next_item_id)
        self._ear.take_turn()
        self._make_item((start, end))
        self._answer()

    def _make_item(self, span: tuple[int, int]) -> None:
        first, last = span
        if self._mind is not None:
            self._mind.spoke(first, last)
        part = {"type": "input_audio", "transcript": None}
        pcm = bytes(self._record.uplink[2 * first : 2 * last])
        item = Item(self._next_item_id, "user", [part], source=pcm, frames=last - first)
        self._next_item_id = new_id("item")
        before = self._history.append(item)
        self._tell("committed", previous_item_id=before, item_id=item.id)
        self._history.tell_added(item, before, self._emit)
        if self._settings.transcribes:
            delay = self._script.heard_after_s
            asyncio.get_running_loop().call_later(delay, self._tell_words, item)

    def _tell_words(self, item: Item) -> None:
        words = next(self._heard, "...")
        place = {"item_id": item.id, "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        if words is None:
            self._emit({"type": f"{kind}.failed", **place, "error": _UNHEARD})
            return
        pieces = [f"{' ' * (number > 0)}{word}" for number, word in enumerate(words.split())]
        for piece in pieces:
            self._emit({"type": f"{kind}.delta", **place, "delta": piece, **self._sure([piece])})
        item.content[0]["transcript"] = words
        came, told = item.frames * 10 // RATE, text_tokens(words)
        usage = {
            "type": "tokens",
            "total_tokens": came + told,
            "input_tokens": came,
            "input_token_details": {"text_tokens": 0, "audio_tokens": came},
            "output_tokens": told,
        }
        told_words = {"transcript": words, "usage": usage, **self._sure(pieces)}
        self._emit({"type": f"{kind}.completed", **place, **told_words})

    def _sure(self, pieces: list[str]) -> Json:
        """How sure it is of each piece, if the client wants to know: always the same."""
        if not self._settings.wants_logprobs:
            return {}
        tokens = [{"token": piece, "bytes": list(piece.encode())} for piece in pieces]
        return {"logprobs": [{**token, "logprob": _SURE} for token in tokens]}

    def _tell(self, kind: str, **fields: object) -> None:
        self._emit({"type": f"input_audio_buffer.{kind}", **fields})
