"""Classes of link failure: one function from what was raised to a code, a sentence and a cure."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from device.core.wire import WireError
from device.errors import LinkError

PATIENT_S: Final = 60.0
"""Nothing but a person cures these; a press still tries at once."""


class Failure(Struct, frozen=True):
    """Why a connection ended: `code` for the light, `reason` and `cure` for people.

    `retry_s` is a fixed wait before the next try; None leaves it to the back-off.
    """

    code: str
    reason: str
    cure: str = ""
    retry_s: float | None = None


def failure_of(problem: Exception, url: str) -> Failure | None:
    """The class of what a connection raised; None for what is not a failure of a link: a bug."""
    host = urlsplit(url).hostname or url
    match problem:
        case ConnectionClosed():
            return _closed(problem)
        case InvalidStatus():
            return _status(problem.response.status_code, host)
        case ssl.SSLCertVerificationError():
            return Failure(
                "tls",
                f"the certificate of {host} does not hold: {problem.verify_message}",
                "check the date of this device and server.url",
            )
        case ssl.SSLError():
            return Failure("tls", f"no secure connection to {host}: {problem.reason}", "")
        case socket.gaierror():
            return Failure(
                "dns", f"the name {host} is not found", "check the network and server.url"
            )
        case TimeoutError():
            return Failure("network", f"{host} does not answer", "check the network")
        case OSError():
            return Failure(
                "network", f"no connection to {host}: {_system_words(problem)}", "check the network"
            )
        case LinkError():
            return Failure(problem.code, problem.what, problem.cure)
        case WireError():
            return Failure("protocol", f"{host} speaks another language: {problem}"[:200])
        case InvalidHandshake() | WebSocketException():
            return Failure(
                "protocol", f"{host} is no Realtime server: {problem}"[:200], "check server.url"
            )
        case _:
            return None


def _system_words(problem: OSError) -> str:
    """What the system says; asyncio's own text names a call, or every address it tried."""
    hidden = re.search(r"\[Errno (\d+)\]", str(problem))
    number = problem.errno or (int(hidden[1]) if hidden else 0)
    return os.strerror(number) if number else str(problem)[:200]


def _closed(problem: ConnectionClosed) -> Failure:
    received = problem.rcvd
    if received is None:
        return Failure("network", "the connection broke", "it is dialled again")
    said = f"closed with {received.code} {received.reason}".strip()[:200]
    match received.code:
        case 3000:
            return Failure(
                "key", f"the server refused the key ({said})", "put a new server.api_key", PATIENT_S
            )
        case 4000:
            return Failure(
                "model", f"the server refused the request ({said})", "check server.model", PATIENT_S
            )
        case 1000 | 1001:
            return Failure("session-over", f"the session ended ({said})", "")
        case _:
            return Failure("server", f"the server ended the connection ({said})", "")


def _status(status: int, host: str) -> Failure:
    match status:
        case 401 | 403:
            return Failure(
                "key", f"{host} refused the key (HTTP {status})", "put a new server.api_key",
                PATIENT_S,
            )  # fmt: skip
        case 404:
            return Failure("model", f"{host} has no such address (HTTP 404)",
                           "check server.url and server.model", PATIENT_S)  # fmt: skip
        case 429:
            return Failure("rate", f"{host} asks for patience (HTTP 429)", "", PATIENT_S)
        case _:
            return Failure("server", f"{host} answered HTTP {status}", "")
