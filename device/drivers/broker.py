"""The broker: whoever mints short-lived keys, so that the real one need not be in this box.

`server.key_url` is asked by HTTP before a connection is dialled and answers with a client secret,
in the words of the Realtime service's own `/v1/realtime/client_secrets`. It is kept until shortly
before it expires, or until a server refuses it. Everything that can go wrong is a `LinkError` that
names the broker's host and never the secret.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
import time
from asyncio import StreamReader
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from device.drivers.dial import Dialler
from device.errors import LinkError, Secret

ASK_S: Final = 10.0
"""Name, connection, TLS, question and answer together."""
MARGIN_S: Final = 30.0
"""A secret this close to its end is not used any more: dialling takes time, clocks differ."""
MOST_BYTES: Final = 64 * 1024
"""Of head and body each."""
LAST_S: Final = 1e11
"""No time in seconds since 1970: milliseconds, or none at all."""
_SECRET: Final = re.compile(r"[!-~]{1,1000}")
_ENCRYPTED: Final = "https"


class Minted(Struct, frozen=True):
    """A client secret, and when it ends in seconds since 1970."""

    secret: Secret
    expires_at: float


class Broker:
    """Where secrets come from. `token` is shown to it as Bearer; `model` is what they are for."""

    def __init__(self, url: str, *, token: Secret | None, model: str) -> None:
        self._url = urlsplit(url)
        self._host = self._url.hostname or url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
        self._wish = {"session": {"type": "realtime", "model": model}}
        self._dialler = Dialler()
        self._kept: Minted | None = None
        self._shown = 0
        """How many dials the last secret was given to."""

    async def secret(self) -> Secret:
        """A secret that opens a session now. Raises `LinkError` within `ASK_S`."""
        if self._kept is None or self._kept.expires_at - MARGIN_S <= time.time():
            self._shown = 0
            self._kept = await self._ask()
        self._shown += 1
        return self._kept.secret

    def forget(self) -> None:
        """The server refused the secret: the next one is asked for."""
        self._kept = None

    @property
    def outworn(self) -> bool:
        """The forgotten secret had served for a while: a new one may open what it did not."""
        return self._kept is None and self._shown > 1

    async def _ask(self) -> Minted:
        try:
            async with asyncio.timeout(ASK_S):
                status, body = await self._post()
        except (OSError, asyncio.IncompleteReadError) as problem:
            raise self._unreachable(problem) from None
        except (ValueError, HTTPException):
            status, body = 200, b""  # no HTTP, or too much of it: an answer that says nothing
        if not 200 <= status < 300:
            raise self._refused(status)
        minted = _minted(body)
        if minted is None:
            cure = "check server.key_url: does it answer with value and expires_at?"
            raise self._error("key", "answered, but not with a client secret", cure)
        if minted.expires_at <= time.time():
            cure = "check the date of this device and of the broker"
            raise self._error("key", "gave a client secret that has expired", cure)
        return minted

    async def _post(self) -> tuple[int, bytes]:
        """One question on a connection of its own; status and body of the answer."""
        encrypted = self._url.scheme == _ENCRYPTED
        reader, writer = await asyncio.open_connection(
            sock=await self._dialler.reach(
                self._host, self._url.port or (443 if encrypted else 80)
            ),
            ssl=True if encrypted else None,
            server_hostname=self._host if encrypted else None,
            limit=MOST_BYTES,
        )
        try:
            writer.write(_request(self._url, self._headers, json.dumps(self._wish).encode()))
            return await _answer(reader)
        finally:
            # Its end is not waited for: everything that matters has been read, or has failed.
            writer.transport.abort()

    def _refused(self, status: int) -> LinkError:
        """What an answer other than 2xx means."""
        said = f"(HTTP {status})"
        if status in (401, 403):
            cure = "check server.api_key, which is shown to it"
            return self._error("key", f"refused this device {said}", cure)
        if 300 <= status < 400:
            cure = "put the address it points to into server.key_url"
            return self._error("key", f"points elsewhere {said}, where no key is shown", cure)
        if status == 429:
            return self._error("rate", f"asks for patience {said}", "")
        if status >= 500:
            return self._error("server", f"has a fault of its own {said}", "")
        return self._error(
            "key", f"does not mint keys at this address {said}", "check server.key_url"
        )

    def _unreachable(self, problem: Exception) -> LinkError:
        """What kept an answer from coming."""
        match problem:
            case ssl.SSLCertVerificationError():
                what = f"has a certificate that does not hold: {problem.verify_message}"
                return self._error("tls", what, "check the date of this device and server.key_url")
            case ssl.SSLError():
                return self._error("tls", f"gives no secure connection: {problem.reason}", "")
            case socket.gaierror():
                return self._error("dns", "is not found", "check the network and server.key_url")
            case TimeoutError():
                what = f"did not answer within {ASK_S:.0f} s"
            case OSError():
                words = os.strerror(problem.errno) if problem.errno else "every address failed"
                what = f"cannot be reached: {words}"
            case _:
                what = "broke off in the midst of its answer"
        return self._error("network", what, "check the network")

    def _error(self, code: str, what: str, cure: str) -> LinkError:
        return LinkError(f"the key broker {self._host} {what}", cure=cure, code=code)


def _request(url: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    """The question as HTTP/1.1. The address was checked when the configuration was read."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = {
        "Host": url.netloc,
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _answer(reader: StreamReader) -> tuple[int, bytes]:
    """Status and body. Raises ValueError for what is no HTTP, or longer than `MOST_BYTES`."""
    try:
        first, _, rest = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError("a head without end") from None
    found = re.fullmatch(rb"HTTP/1\.[01] (\d{3})(?: .*)?", first)
    if found is None:
        raise ValueError("no status line")
    status = int(found[1])
    good = 200 <= status < 300
    return status, await _body(reader, parse_headers(BytesIO(rest))) if good else b""


async def _body(reader: StreamReader, headers: Message) -> bytes:
    """The body in any of HTTP's three ways to say where it ends."""
    if headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
        body = bytearray()
        while size := int((await reader.readline()).partition(b";")[0], 16):
            _bound(len(body) + size)
            body += await reader.readexactly(size)
            await reader.readline()
        return bytes(body)
    length = headers.get("Content-Length")
    if length is not None:
        return await reader.readexactly(_bound(int(length)))
    body = bytearray()
    while part := await reader.read(MOST_BYTES):
        body += part
        _bound(len(body))
    return bytes(body)


def _bound(size: int) -> int:
    if not 0 <= size <= MOST_BYTES:
        raise ValueError("a body too long")
    return size


def _minted(body: bytes) -> Minted | None:
    """The secret in an answer, as the service gives it today or nested as it once did."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(answer, dict) and isinstance(answer.get("client_secret"), dict):
        answer = answer["client_secret"]
    if not isinstance(answer, dict):
        return None
    value, expires_at = answer.get("value"), answer.get("expires_at")
    if not isinstance(value, str) or not _SECRET.fullmatch(value):
        return None
    if not isinstance(expires_at, int | float) or not 0 < expires_at < LAST_S:
        return None
    return Minted(Secret(value), float(expires_at))
