"""The dialect: Realtime API (GA) events as types. JSON text in, one message out, and back.

Sizes are strict and names are tolerant. Both directions are tagged unions on `type`; an event
this version does not know becomes `Unknown`, fields it does not know are ignored, and anything
that does not fit its type (wrong JSON, wrong kinds, bad base64, half a sample) raises `WireError`.
Beta spellings of event names still in use elsewhere are read, never written.

Source: the API reference of the Realtime service; field by field the types of the official SDK.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NewType

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from device.core.audio import FRAME_BYTES, Ms
from device.core.gate import Uplink
from device.core.terms import Session

ResponseId = NewType("ResponseId", str)

Message = NewType("Message", bytes)
"""JSON text (UTF-8) that may be sent. Only `encode` and `append` make it."""

Id = Annotated[str, Meta(max_length=256)]
Word = Annotated[str, Meta(max_length=256)]
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""The largest message accepted: 65 s of audio in one delta. The largest seen has 130 kB."""
_MOST_TOKENS: Final = 1 << 32
"""A usage beyond this is none: a number of 4300 digits would be too long for the journal."""


class WireError(ValueError):
    """The server sent something that is not of this dialect. The text quotes no audio."""


# What we send.


class _Client(Struct, frozen=True, tag_field="type"):
    """Base of everything we send, except audio (see `append`)."""


class SessionUpdate(_Client, frozen=True, tag="session.update"):
    """First message of a connection."""

    session: Session


class Commit(_Client, frozen=True, tag="input_audio_buffer.commit"):
    """The turn ends here: the buffered audio becomes an item."""


class Clear(_Client, frozen=True, tag="input_audio_buffer.clear"):
    """Forget what was appended since the last commit."""


class CreateResponse(_Client, frozen=True, tag="response.create"):
    """Ask for a reply."""


class CancelResponse(_Client, frozen=True, tag="response.cancel"):
    """Stop generating this reply."""

    response_id: str


class TruncateItem(_Client, frozen=True, tag="conversation.item.truncate"):
    """The person heard this much of the item: the server's memory is cut there."""

    item_id: str
    audio_end_ms: Ms
    content_index: int = 0


class DeleteItem(_Client, frozen=True, tag="conversation.item.delete"):
    """The person heard nothing of the item: it never was."""

    item_id: str


class Text(Struct, frozen=True):
    """A piece of text: the person's is input, the assistant's output."""

    text: str
    type: Literal["input_text", "output_text"]


class Saying(Struct, frozen=True, tag_field="type", tag="message"):
    """What one side said, as text. Audio of the assistant cannot be given back to a server."""

    role: Literal["user", "assistant"]
    content: tuple[Text]

    @classmethod
    def of(cls, role: Literal["user", "assistant"], text: str) -> Saying:
        """One side's words."""
        return cls(role, (Text(text, "input_text" if role == "user" else "output_text"),))


class CreateItem(_Client, frozen=True, tag="conversation.item.create"):
    """Put something that was said before at the end of the server's memory."""

    item: Saying


ClientEvent = (
    SessionUpdate
    | Commit
    | Clear
    | CreateResponse
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | CreateItem
)

_encoder: Final = msgspec.json.Encoder()
_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'


def encode(event: ClientEvent) -> Message:
    """One event as JSON text."""
    return Message(_encoder.encode(event))


def append(uplink: Uplink, *, through: Callable[[bytes], bytes] | None = None) -> Message:
    """Microphone audio as JSON text, `through` a coder where the line wants another format.

    A template is 4 times cheaper than any encoder (measured).
    """
    sound = uplink.pcm if through is None else through(uplink.pcm)
    return Message(_APPEND + b2a_base64(sound, newline=False) + b'"}')


# What we receive.


class _Server(Struct, frozen=True, tag_field="type", gc=False):
    """Base of everything we use of what the server sends. Fields it may leave out have defaults."""


class SessionCreated(_Server, frozen=True, tag="session.created"):
    """First event of every connection; `session` is the server's default."""

    session: dict[str, Any]


class SessionUpdated(_Server, frozen=True, tag="session.updated"):
    """The settings in force: to be compared with what was asked for."""

    session: dict[str, Any]


class Fault(Struct, frozen=True):
    """The server's own words for what went wrong."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None


class ServerError(_Server, frozen=True, tag="error"):
    """Something we sent was refused. Never fatal by itself: a close frame would follow."""

    error: Fault


class SpeechStarted(_Server, frozen=True, tag="input_audio_buffer.speech_started"):
    """The server's VAD heard an onset; `item_id` runs through the whole utterance."""

    item_id: Id
    audio_start_ms: int = 0


class SpeechStopped(_Server, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """The server decided that the utterance is over."""

    item_id: Id
    audio_end_ms: int = 0


class Committed(_Server, frozen=True, tag="input_audio_buffer.committed"):
    """The utterance is an item of the conversation now."""

    item_id: Id


class ResponseInfo(Struct, frozen=True):
    """A reply as a whole. `usage` comes with `response.done`."""

    id: Id
    status: str | None = None
    status_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None

    @property
    def failure(self) -> Fault | None:
        """Why the reply failed, when it did."""
        if self.status != "failed":
            return None
        error = (self.status_details or {}).get("error")
        fields = error if isinstance(error, dict) else {}
        message, code = fields.get("message"), fields.get("code")
        return Fault(
            message if isinstance(message, str) else "no reason given",
            code if isinstance(code, str) else None,
        )

    def tokens(self, name: Literal["input_tokens", "output_tokens"]) -> int | None:
        """A number of the usage, when there is one."""
        number = (self.usage or {}).get(name)
        return number if isinstance(number, int) and 0 <= number < _MOST_TOKENS else None


class ResponseCreated(_Server, frozen=True, tag="response.created"):
    """A reply begins."""

    response: ResponseInfo


class ResponseDone(_Server, frozen=True, tag="response.done"):
    """A reply is generated, cancelled or failed. Its sound may play on for long."""

    response: ResponseInfo


class ItemInfo(Struct, frozen=True):
    """One item of a reply: a message, or a call of a function."""

    id: Id
    type: Word = "message"


class OutputItemAdded(_Server, frozen=True, tag="response.output_item.added"):
    """A reply has a further item: its deltas may come now."""

    response_id: Id
    item: ItemInfo


class AudioDelta(_Server, frozen=True, tag="response.output_audio.delta"):
    """A piece of sound of one item, in whole frames of the session's format (`decode` checks)."""

    response_id: Id
    item_id: Id
    delta: bytes


class AudioDone(_Server, frozen=True, tag="response.output_audio.done"):
    """All sound of one item was sent."""

    response_id: Id
    item_id: Id


class Transcribed(
    _Server, frozen=True, tag="conversation.item.input_audio_transcription.completed"
):
    """What the person said, written down by the server; comes when it likes."""

    item_id: Id
    transcript: str


class TranscriptDelta(_Server, frozen=True, tag="response.output_audio_transcript.delta"):
    """A piece of what the assistant says."""

    item_id: Id
    delta: str


class BetaTranscriptDelta(TranscriptDelta, frozen=True, tag="response.audio_transcript.delta"):
    """The beta spelling of `TranscriptDelta`."""


class BetaAudioDelta(AudioDelta, frozen=True, tag="response.audio.delta"):
    """The beta spelling of `AudioDelta`."""


class BetaAudioDone(AudioDone, frozen=True, tag="response.audio.done"):
    """The beta spelling of `AudioDone`."""


class Unknown(Struct, frozen=True):
    """An event this version does not use. `kind` is its `type`, cut to 80 characters."""

    kind: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ServerError
    | SpeechStarted
    | SpeechStopped
    | Committed
    | ResponseCreated
    | ResponseDone
    | OutputItemAdded
    | AudioDelta
    | AudioDone
    | BetaAudioDelta
    | BetaAudioDone
    | Transcribed
    | TranscriptDelta
    | BetaTranscriptDelta
)


class _Envelope(Struct):
    type: str | UnsetType = UNSET


_KNOWN: Final = frozenset(str(kind.__struct_config__.tag) for kind in ServerEvent.__args__)
_decoder: Final[msgspec.json.Decoder[ServerEvent]] = msgspec.json.Decoder(ServerEvent)
_envelope: Final = msgspec.json.Decoder(_Envelope)
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises; the last for a thousand brackets in each other."""


def decode(text: bytes, *, frame_bytes: int = FRAME_BYTES) -> ServerEvent | Unknown:
    """One message of the server. Raises `WireError` naming what does not fit.

    `frame_bytes` is the size of a sample in the session's format.
    """
    try:
        event = _decoder.decode(text)
    except _BROKEN as problem:
        return _not_ours(text, problem)
    if isinstance(event, AudioDelta) and len(event.delta) % frame_bytes:
        raise WireError(f"audio delta of {len(event.delta)} bytes: not whole samples")
    return event


def _not_ours(text: bytes, problem: Exception) -> Unknown:
    """Tell an event that is merely unknown from one that is broken."""
    try:
        kind = _envelope.decode(text).type
    except _BROKEN:
        raise WireError(f"not an event: {problem!s:.120}") from None
    if kind is UNSET or kind in _KNOWN:
        raise WireError(f"{'event' if kind is UNSET else kind}: {problem!s:.120}")
    return Unknown(str(kind)[:80])
