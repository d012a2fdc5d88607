"""Who may come in: the key, and the client secrets minted from it; how a connection shows either.

`POST .../client_secrets` gives a browser or a small box a secret of its own, with the session's
settings attached: it opens sessions until it expires, and an open session outlives it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response

from .dialect import Json, new_id
from .refusal import Refusal
from .settings import SESSION, Settings
from .shapes import Shape, choice, integer

_SHOWN_BY: Final = "openai-insecure-api-key."
_LIFE_S: Final = 600
_MOST_SECRETS: Final = 1024
_MOST_BODY: Final = 256 * 1024
_MOST_HEAD: Final = 32 * 1024
_DEFAULT_MODEL: Final = "gpt-realtime-2.1"
_MODELS: Final = (
    *("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-1.5"),
    *("gpt-realtime", "gpt-realtime-2025-08-28"),
    *("gpt-realtime-mini", "gpt-realtime-mini-2025-10-06", "gpt-realtime-mini-2025-12-15"),
    *("gpt-audio-1.5", "gpt-audio-mini"),
    *("gpt-audio-mini-2025-10-06", "gpt-audio-mini-2025-12-15"),
    *("gpt-4o-realtime-preview", "gpt-4o-realtime-preview-2024-10-01"),
    *("gpt-4o-realtime-preview-2024-12-17", "gpt-4o-realtime-preview-2025-06-03"),
    *("gpt-4o-mini-realtime-preview", "gpt-4o-mini-realtime-preview-2024-12-17"),
)
"""The names in the official client's list."""
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_WISH: Final = Shape(
    {
        "expires_after": Shape(
            {"anchor": choice("created_at"), "seconds": integer(least=10, most=7200)}
        ),
        "session": SESSION,
    }
)


@dataclass(frozen=True, slots=True)
class _Minted:
    expires_at: int
    session: Json


class Keys:
    """The one key of a simulator, None for any, and its client secrets."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._minted: dict[str, _Minted] = {}

    def refusal(self, shown: list[str]) -> Refusal | None:
        """Why these keys open nothing; None when one of them does."""
        minted = [self._minted[key] for key in shown if key in self._minted]
        if any(one.expires_at > time.time() for one in minted):
            return None
        if not minted and (self._key is None or self._key in shown):
            return None
        if not shown:
            return Refusal("Missing bearer or basic authentication in header", code=None)
        return Refusal(f"Incorrect API key provided: {shown[0][:4]}***.", code="invalid_api_key")

    def attached(self, shown: list[str]) -> Json | None:
        """The session settings that came with a client secret."""
        return next((self._minted[key].session for key in shown if key in self._minted), None)

    def mint(self, body: bytes | None, shown: list[str]) -> Response:
        """Answer a request for a client secret, as HTTP."""
        if body is None:
            return answer(405, _error("This address wants a POST."))
        if len(body) > _MOST_BODY:
            return answer(413, _error(f"Expected at most {_MOST_BODY} bytes."))
        refusal = self.refusal(shown)
        if refusal is not None or self.attached(shown) is not None:
            refusal = refusal or Refusal("A client secret mints no other.", code="invalid_api_key")
            return answer(401, _error(refusal.message, code=refusal.code))
        try:
            wish = _parsed(body)
        except Refusal as mistake:
            return answer(400, _error(mistake.message, code=mistake.code, param=mistake.param))
        now = int(time.time())
        life = wish.get("expires_after", {}).get("seconds", _LIFE_S)
        session = wish.get("session", {"type": "realtime"})
        model = session.get("model", _DEFAULT_MODEL)
        settings = Settings(session_id=new_id("sess"), model=model, expires_at=0)
        settings.attach(session)
        value = f"ek_{secrets.token_hex(16)}"
        self._minted[value] = _Minted(now + life, {**session, "model": model})
        if len(self._minted) > _MOST_SECRETS:
            del self._minted[next(iter(self._minted))]
        return answer(200, {"value": value, "expires_at": now + life, "session": settings.echo()})


def model_refusal(model: str, *, any_name: bool) -> Refusal | None:
    """Why a session with this model does not begin; None when it does."""
    if not model:
        message = (
            "You must provide a model parameter, for example "
            "wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5"
        )
        return Refusal(message, code="missing_model")
    if model not in _MODELS and not any_name:
        message = f'Model "{model[:100]}" is not supported in realtime mode.'
        return Refusal(message, code="invalid_model")
    return None


def shown_keys(connection: ServerConnection) -> list[str]:
    """Every key the client showed: bearer, `api-key` header, or subprotocol."""
    assert connection.request is not None
    headers = connection.request.headers
    bearers = [value.split(None, 1) for value in headers.get_all("Authorization")]
    keys = [words[1] for words in bearers if len(words) == 2 and words[0].lower() == "bearer"]
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    protocols = [name.strip() for name in offered]
    keys += headers.get_all("api-key")
    return keys + [p.removeprefix(_SHOWN_BY) for p in protocols if p.startswith(_SHOWN_BY)]


def answer(status: int, body: Json, extra: Mapping[str, str] | None = None) -> Response:
    """An HTTP answer with a JSON body, after which the connection ends."""
    raw = json.dumps(body).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            "Connection": "close",
            **(extra or {}),
        }
    )
    return Response(status, _PHRASES.get(status, "Refused"), headers, raw)


class Door(ServerConnection):
    """A connection that may also be one HTTP POST, which a WebSocket library does not read.

    The library is shown the same request as a GET without a body; `posted` is the body.
    """

    def __init__(self, *args: Any, **terms: Any) -> None:
        super().__init__(*args, **terms)
        self.posted: bytes | None = None
        self._early: bytearray | None = bytearray()

    def data_received(self, data: bytes) -> None:
        """Pass on what arrives, a POST only when it is complete."""
        if self._early is None:
            super().data_received(data)
            return
        self._early += data
        head, gap, body = bytes(self._early).partition(b"\r\n\r\n")
        if b"POST "[: len(head)] != head[:5] or (not gap and len(head) > _MOST_HEAD):
            self._pass_on(bytes(self._early))
        elif gap:
            wanted = min(_length(head), _MOST_BODY + 1)
            if len(body) >= wanted:
                self.posted = body[:wanted]
                self._pass_on(_without_body(head) + gap)

    def _pass_on(self, data: bytes) -> None:
        self._early = None
        super().data_received(data)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


def _without_body(head: bytes) -> bytes:
    first, *lines = head.split(b"\r\n")
    kept = [
        line for line in lines if not line.lower().startswith((b"content-length:", b"transfer"))
    ]
    return b"\r\n".join([b"GET " + first.removeprefix(b"POST "), *kept])


def _parsed(body: bytes) -> Json:
    try:
        wish = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refusal("The body is no valid JSON.", code="invalid_json") from None
    _WISH(wish, "")
    assert isinstance(wish, dict)
    return wish


def _error(message: str, *, code: str | None = None, param: str | None = None) -> Json:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
