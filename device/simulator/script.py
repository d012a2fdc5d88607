"""What the simulated assistant does: which answers it gives, and how quickly.

Nothing here is random: the same script and the same uploaded audio give the same conversation.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol, TypedDict, Unpack

import numpy as np

from .faults import Fail, Fault

RATE: Final = 24_000
"""Frames per second of everything a session carries."""


Habit = Literal[
    "silent error ids",
    "obfuscation",
    "no truncation to 0",
    "conversation.created",
    "401",
    "any model",
]
"""What servers of this dialect do differently:

    silent error ids       `error.event_id` is null whatever the client sent
    obfuscation            random letters beside every delta
    no truncation to 0     `audio_end_ms: 0` is refused
    conversation.created   sent before `session.created`
    401                    a wrong key is refused with HTTP 401, before the upgrade
    any model              whatever its name, not only those of the service
"""

_A_WORD_S: Final = 0.35
"""How long the stand-in for a spoken word hums."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The response ends short."""

    reason: Literal["max_output_tokens", "content_filter"]


@dataclass(frozen=True, slots=True)
class Call:
    """The assistant calls a function of the client's."""

    name: str
    arguments: str = "{}"
    """A JSON object, as text."""


@dataclass(frozen=True, slots=True)
class McpCall:
    """The server calls a tool of an MCP server, before it speaks."""

    server: str
    """The label."""
    name: str
    arguments: str = "{}"
    output: str = ""
    error: str | None = None
    """What the tool failed with; None: it gave its output."""


@dataclass(frozen=True, slots=True)
class McpRequest:
    """The server asks whether it may call a tool of an MCP server, after it spoke."""

    server: str
    name: str
    arguments: str = "{}"


AnyCall = Call | McpCall | McpRequest


class Manner(TypedDict, total=False):
    """The optional fields of `Answer` that say how it is delivered."""

    first_delta_s: float
    speed: float
    delta_ms: int | Sequence[int]
    items: int
    tail_s: float
    late_deltas: int
    calls: Sequence[AnyCall]
    ends: Fail | Incomplete | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: something spoken, or calls, or a failure, or the first and then one of these.

    `audio` is mono S16_LE at 24 kHz. Raises ValueError when it holds half a frame, and when it is
    empty although there is neither a call nor a failure.
    """

    audio: bytes
    transcript: str = ""
    first_delta_s: float = 0.25
    """From `response.created` to the first delta."""
    speed: float = 5.0
    """Seconds of audio sent per second; `math.inf` sends all at once."""
    delta_ms: int | Sequence[int] = 100
    """Length of each delta; a sequence is used in turn, for irregular ones."""
    items: int = 1
    """The answer is split into this many audio messages of one response."""
    tail_s: float = 0.0
    """From the end of the last item to `response.done`."""
    late_deltas: int = 0
    """Deltas that still arrive after a `speech_started` that cancels the response."""
    calls: Sequence[AnyCall] = ()
    """Made in the same response, those to MCP servers before the audio, the others after it."""
    ends: Fail | Incomplete | None = None
    """How the response ends if not well."""

    def __post_init__(self) -> None:
        """Refuse what cannot be spoken."""
        silent = bool(self.calls) or isinstance(self.ends, Fail)
        if len(self.audio) % 2 or not (self.audio or silent):
            raise ValueError(f"an answer needs whole 16-bit frames, not {len(self.audio)} bytes")
        if min(self.lengths()) < 1 or self.items < 1 or self.speed <= 0:
            raise ValueError("an answer's delta_ms, items and speed must be positive")

    @classmethod
    def wav(cls, path: Path, *, transcript: str = "", **manner: Unpack[Manner]) -> Answer:
        """The recording in a 24 kHz mono 16-bit WAV file. Raises ValueError for any other."""
        with wave.open(str(path), "rb") as recording:
            found = (recording.getframerate(), recording.getnchannels(), recording.getsampwidth())
            if found != (RATE, 1, 2):
                raise ValueError(
                    f"{path}: {found[0]} Hz, {found[1]} channels, {found[2] * 8} bits; "
                    f"convert it to {RATE} Hz, 1 channel, 16 bits"
                )
            return cls(recording.readframes(recording.getnframes()), transcript, **manner)

    @classmethod
    def tone(
        cls, seconds: float, *, hz: float = 440.0, transcript: str = "", **manner: Unpack[Manner]
    ) -> Answer:
        """A sine at -10 dBFS, with 5 ms ramps so that it does not click."""
        at = np.arange(round(seconds * RATE)) / RATE
        ramp = np.clip(np.minimum(at, at[::-1]) / 0.005, 0.0, 1.0) if len(at) else at
        wave_form = 10_000 * ramp * np.sin(2 * np.pi * hz * at)
        return cls(wave_form.astype("<i2").tobytes(), transcript, **manner)

    @classmethod
    def text(cls, words: str, **manner: Unpack[Manner]) -> Answer:
        """Words, with a low hum as long as speaking them would take."""
        seconds = _A_WORD_S * max(1, len(words.split()))
        return cls.tone(seconds, hz=180.0, transcript=words, **manner)

    @classmethod
    def call(cls, *made: AnyCall, first_delta_s: float = 0.25) -> Answer:
        """Calls and not a word."""
        return cls(b"", first_delta_s=first_delta_s, calls=made)

    @classmethod
    def fail(cls, code: str, *, message: str = "", first_delta_s: float = 0.25) -> Answer:
        """A response that fails before it says anything, for example `insufficient_quota`."""
        failure = Fail(code, message) if message else Fail(code)
        return cls(b"", first_delta_s=first_delta_s, ends=failure)

    def lengths(self) -> Sequence[int]:
        """Delta lengths in ms, to be used in turn."""
        return (self.delta_ms,) if isinstance(self.delta_ms, int) else self.delta_ms

    def parts(self) -> Iterator[tuple[bytes, list[str]]]:
        """The audio and the words of each item, in order."""
        frames, words = len(self.audio) // 2, self.transcript.split()
        for part in range(self.items if frames else 0):
            first, last = (frames * n // self.items for n in (part, part + 1))
            from_word, to_word = (len(words) * n // self.items for n in (part, part + 1))
            yield self.audio[2 * first : 2 * last], words[from_word:to_word]


class Mind(Protocol):
    """Thinks of the answers of one session, in place of the script. Nothing of it may wait."""

    def heard(self, pcm: bytes) -> None:
        """Audio was appended: mono S16_LE at 24 kHz."""

    def spoke(self, first: int, last: int) -> None:
        """The session's frames from the first to before the last became a turn of the person."""

    def wrote(self, text: str) -> None:
        """A turn of the person came as text."""

    async def answer(self) -> Answer:
        """What to say to the newest turn. Never raises, and keeps a deadline of its own."""


@dataclass(frozen=True, slots=True)
class Script:
    """The whole play; every session plays it from the start.

    An answer counts as given with its first delta: one cancelled before is given the next time.
    Raises ValueError when there is no answer or no turn end.
    """

    answers: Sequence[Answer]
    """Given in turn, then from the first again."""
    turn_end_s: Sequence[float] | float = 0.5
    """semantic_vad: silence after the speech of each turn until the turn ends, used in turn.
    Never longer than the eagerness allows: 2 s (high), 4 s (medium, auto), 8 s (low)."""
    loud_dbfs: float = -45.0
    """A 32 ms window whose RMS is above this counts as speech."""
    heard: Sequence[str | None] = ()
    """What the transcription of each user turn says, used in turn; None: it fails."""
    heard_after_s: float = 0.3
    """From the commit to the transcription, whatever the response does meanwhile."""
    asides: Sequence[Answer] = ()
    """Given to out-of-band responses in turn; empty: the answers."""
    mcp: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The tools of each MCP server that can be reached, by its label; others cannot."""
    faults: Sequence[Fault] = ()
    """What goes wrong, and when."""
    habits: Collection[Habit] = ()
    """Where this server differs from the usual one."""
    mind: Callable[[], Mind] | None = None
    """Called once for each session: who answers in it instead. `answers` then only fill in."""

    def __post_init__(self) -> None:
        """Refuse a script that would have nothing to say."""
        if not self.answers or not self.turn_ends():
            raise ValueError("a script needs at least one answer and one turn end")

    def turn_ends(self) -> Sequence[float]:
        """Seconds of silence that end each turn, to be used in turn."""
        return (self.turn_end_s,) if isinstance(self.turn_end_s, int | float) else self.turn_end_s
