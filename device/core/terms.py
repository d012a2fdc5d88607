"""The terms of a session: the settings we ask for, and what a server made of it instead.

Source: the API reference of the Realtime service; field by field the types of the official SDK.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from device.core.audio import RATE


class PcmFormat(Struct, frozen=True, tag_field="type", tag="audio/pcm"):
    """16 bit mono at `rate` Hz; the service takes 24 000 only."""

    rate: int = RATE


class PcmuFormat(Struct, frozen=True, tag_field="type", tag="audio/pcmu"):
    """Telephone sound, mu-law; 8 kHz by definition, so nothing else is said of it."""


class PcmaFormat(Struct, frozen=True, tag_field="type", tag="audio/pcma"):
    """Telephone sound, A-law."""


LineFormat = PcmFormat | PcmuFormat | PcmaFormat


class NoiseReduction(Struct, frozen=True):
    """The service's own noise reduction, before its VAD."""

    type: Literal["near_field", "far_field"]


class SemanticVad(Struct, frozen=True, tag_field="type", tag="semantic_vad"):
    """The server decides by meaning when a turn is over."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Struct, frozen=True, omit_defaults=True):
    """The server writes down what the person said, by a model of its own."""

    model: str
    language: str | None = None
    """ISO 639-1, two letters; None lets the model find out."""


class AudioInput(Struct, frozen=True):
    """What the server does with our microphone. `noise_reduction: null` switches it off."""

    turn_detection: SemanticVad
    noise_reduction: NoiseReduction | None
    transcription: Transcription | UnsetType = UNSET
    format: LineFormat = PcmFormat()


class AudioOutput(Struct, frozen=True):
    """How the server speaks."""

    voice: str
    format: LineFormat = PcmFormat()


class SessionAudio(Struct, frozen=True):
    """Both directions."""

    input: AudioInput
    output: AudioOutput


class Session(Struct, frozen=True, kw_only=True, tag_field="type", tag="realtime"):
    """The settings we ask for, sent whole and once per connection."""

    instructions: str
    audio: SessionAudio
    output_modalities: tuple[Literal["audio"]] = ("audio",)


def differences(asked: Session, granted: dict[str, Any]) -> list[str]:
    """What the server's echo does differently from what was asked, as sentences; [] when nothing.

    Some servers ignore an update and still answer `session.updated`. Only what we asked for is
    compared; fields the server adds, and those it leaves out of its echo, are its own affair.
    """
    wish = msgspec.to_builtins(asked)
    return list(_compare("session", wish, granted))


def other_format(differences: Iterable[str]) -> str:
    """The difference that would make noise of all sound: another format; '' when there is none."""
    return next((one for one in differences if ".format.type is " in one), "")


def _compare(path: str, asked: object, granted: object) -> list[str]:
    if isinstance(asked, dict) and isinstance(granted, dict):
        found = []
        for key, value in asked.items():
            if key in granted:
                found += _compare(f"{path}.{key}", value, granted[key])
        return found
    same = list(asked) == granted if isinstance(asked, tuple) else asked == granted
    if same:
        return []
    other = f"{reprlib.repr(granted)}, not {asked!r}"
    what = "other than asked" if path == "session.instructions" else other
    return [f"{path} is {what}"[:200]]
