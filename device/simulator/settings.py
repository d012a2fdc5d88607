"""The session's settings: the service's live defaults, and `session.update` on top of them.

An update is merged field by field; one wrong value discards all of it.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from .refusal import Refusal
from .shapes import (
    Rule,
    Shape,
    Variant,
    anything,
    choice,
    either,
    flag,
    integer,
    listed,
    mapping,
    nullable,
    number,
    pairs,
    text,
)

Json = dict[str, Any]

_EVENT_SWITCHES: Final[dict[str, Rule]] = {"create_response": flag, "interrupt_response": flag}
_TURN_DETECTION: Final = Variant(
    "type",
    {
        "server_vad": Shape(
            {
                "type": anything,
                "threshold": number(least=0.0, most=1.0),
                "prefix_padding_ms": integer(least=0, most=10_000),
                "silence_duration_ms": integer(least=0, most=10_000),
                "idle_timeout_ms": nullable(integer(least=5_000, most=30_000)),
                **_EVENT_SWITCHES,
            }
        ),
        "semantic_vad": Shape(
            {
                "type": anything,
                "eagerness": choice("auto", "low", "medium", "high"),
                **_EVENT_SWITCHES,
            }
        ),
    },
)
_FORMAT: Final = Variant(
    "type",
    {
        "audio/pcm": Shape({"type": anything, "rate": integer(least=24_000, most=24_000)}),
        "audio/pcmu": Shape({"type": anything}),
        "audio/pcma": Shape({"type": anything}),
    },
)
_VOICE: Final = either(
    dict,
    Shape({"id": text(64)}, ("id",)),
    choice(
        *("alloy", "ash", "ballad", "coral", "echo", "sage"),
        *("shimmer", "verse", "marin", "cedar"),
    ),
)


OUTPUT_FIELDS: Final[dict[str, Rule]] = {"format": _FORMAT, "voice": _VOICE}
"""How the answer sounds."""


_FUNCTION: Final = Shape(
    {"type": anything, "name": text(64), "description": text(), "parameters": mapping},
    ("name",),
)
_MCP: Final = Shape(
    {
        "type": anything,
        "server_label": text(64),
        "server_url": text(2048),
        "connector_id": text(200),
        "tunnel_id": text(200),
        "authorization": text(),
        "headers": nullable(mapping),
        "server_description": text(),
        "allowed_tools": anything,
        "allowed_callers": listed(choice("direct", "programmatic")),
        "require_approval": anything,
        "defer_loading": flag,
    },
    ("server_label",),
)
_TRUNCATION: Final = Shape(
    {
        "type": choice("retention_ratio"),
        "retention_ratio": number(least=0.0, most=1.0),
        "token_limits": Shape({"post_instructions": integer(least=0)}),
    },
    ("type", "retention_ratio"),
)
_TRACING: Final = Shape({"workflow_name": text(), "group_id": text(), "metadata": mapping})
_PROMPT: Final = Shape({"id": text(), "version": text(), "variables": pairs}, ("id",))


def _modalities(value: object, path: str) -> None:
    listed(choice("audio", "text"))(value, path)
    if value not in (["audio"], ["text"]):
        message = (
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        )
        raise Refusal(message, code="invalid_value", param=path)


MODEL_FIELDS: Final[dict[str, Rule]] = {
    "output_modalities": _modalities,
    "instructions": text(),
    "tools": listed(Variant("type", {"function": _FUNCTION, "mcp": _MCP})),
    "tool_choice": either(
        dict,
        Variant(
            "type",
            {
                "function": Shape({"type": anything, "name": text(64)}, ("name",)),
                "mcp": Shape(
                    {"type": anything, "name": text(64), "server_label": text(64)},
                    ("server_label",),
                ),
            },
        ),
        choice("none", "auto", "required"),
    ),
    "parallel_tool_calls": flag,
    "reasoning": Shape({"effort": choice("minimal", "low", "medium", "high", "xhigh")}),
    "max_output_tokens": either(int, integer(least=1, most=4096), choice("inf")),
    "prompt": nullable(_PROMPT),
}
"""Settings that a single `response.create` may override."""

SESSION: Final = Shape(
    {
        "type": choice("realtime"),
        "model": text(200),
        **MODEL_FIELDS,
        "truncation": either(dict, _TRUNCATION, choice("auto", "disabled")),
        "tracing": nullable(either(dict, _TRACING, choice("auto"))),
        "include": nullable(listed(choice("item.input_audio_transcription.logprobs"))),
        "audio": Shape(
            {
                "input": Shape(
                    {
                        "format": _FORMAT,
                        "transcription": nullable(
                            Shape(
                                {
                                    "model": text(200),
                                    "language": text(35),
                                    "languages": listed(text(35)),
                                    "prompt": text(),
                                    "keywords": listed(text(200)),
                                    "delay": choice("minimal", "low", "medium", "high", "xhigh"),
                                }
                            )
                        ),
                        "noise_reduction": nullable(
                            Shape(
                                {
                                    "type": choice("near_field", "far_field"),
                                    "strength": number(least=0.0, most=1.0),
                                }
                            )
                        ),
                        "turn_detection": nullable(_TURN_DETECTION),
                    }
                ),
                "output": Shape({**OUTPUT_FIELDS, "speed": number(least=0.25, most=1.5)}),
            }
        ),
    },
    ("type",),
)

_PCM: Final[Json] = {"type": "audio/pcm", "rate": 24_000}
_DETECTION: Final[dict[str, Json]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}


class Settings:
    """The effective session object of one connection."""

    def __init__(self, *, session_id: str, model: str, expires_at: int) -> None:
        self._session: Json = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "You are a helpful, witty, and friendly voice.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "truncation": "auto",
            "tracing": None,
            "prompt": None,
            "expires_at": expires_at,
            "audio": {
                "input": {
                    "format": _PCM,
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": _DETECTION["server_vad"],
                },
                "output": {"format": _PCM, "voice": "marin", "speed": 1.0},
            },
            "include": None,
        }

    def echo(self) -> Json:
        """The whole object, as `session.created` and `session.updated` show it; a copy."""
        return copy.deepcopy(self._session)

    @property
    def turn_detection(self) -> Json | None:
        """The effective turn detection, complete; None when the client ends turns itself."""
        detection: Json | None = self._session["audio"]["input"]["turn_detection"]
        return detection

    @property
    def input_format(self) -> str:
        """What the client's audio is: `audio/pcm`, `audio/pcmu` or `audio/pcma`."""
        return str(self._session["audio"]["input"]["format"]["type"])

    @property
    def transcribes(self) -> bool:
        """The client wants the words of its own audio."""
        return self._session["audio"]["input"]["transcription"] is not None

    @property
    def wants_logprobs(self) -> bool:
        """The client wants to know how sure the transcription is."""
        return bool(self._session["include"])

    @property
    def mcp_servers(self) -> list[str]:
        """The labels of the MCP servers among the tools."""
        return [tool["server_label"] for tool in self._session["tools"] if tool["type"] == "mcp"]

    @property
    def voice(self) -> object:
        """The voice: a name, or `{"id": ...}`."""
        return self._session["audio"]["output"]["voice"]

    def attach(self, wish: Json) -> None:
        """Start with the settings that came with a client secret; they are checked already."""
        self._session = {**_merged(self._session, wish), "model": self._session["model"]}

    def update(self, wish: object, *, spoken: bool) -> None:
        """Merge the `session` of one `session.update`, or refuse all of it.

        Args:
            wish: the client's object, not yet checked.
            spoken: assistant audio exists; from then on the voice is fixed.
        """
        SESSION(wish, "session")
        assert isinstance(wish, dict)
        if wish.get("model", self._session["model"]) != self._session["model"]:
            message = "Cannot update a session's model once the session is open."
            raise Refusal(message, code="invalid_value", param="session.model")
        tracing = self._session["tracing"]
        if tracing is not None and wish.get("tracing", tracing) != tracing:
            message = "Cannot update a session's tracing once it is enabled."
            raise Refusal(message, code="invalid_value", param="session.tracing")
        voice = wish.get("audio", {}).get("output", {}).get("voice", self.voice)
        if spoken and voice != self.voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refusal(message, code="cannot_update_voice", param="session.audio.output.voice")
        self._session = _merged(self._session, wish)


def _merged(held: Json, wish: Json) -> Json:
    """`held` with the fields of `wish`; objects are merged, everything else is replaced."""
    merged = dict(held)
    for name, value in wish.items():
        before = held.get(name)
        if name == "turn_detection" and isinstance(value, dict):
            # Another kind starts from its own defaults: the two share no numbers.
            same = isinstance(before, dict) and before["type"] == value["type"]
            before = before if same else _DETECTION[value["type"]]
        if name == "format" and isinstance(value, dict):
            # Only PCM has a rate, and it need not be said.
            merged[name] = _PCM if value["type"] == "audio/pcm" else value
        elif isinstance(before, dict) and isinstance(value, dict):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    return merged
