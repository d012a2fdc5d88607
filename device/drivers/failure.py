"""Classes of failure: one pure function from what ended a connection to a code and a sentence.

`KINDS` adds to the troubles of the link when each is dialled again; the table in device/README.md
is made of it.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.http11 import Response

from device.core.wire import Fault, WireError
from device.drivers.clock import Clock
from device.errors import LinkError
from device.troubles import TROUBLES


class Retry(StrEnum):
    """When the link is dialled again. Whatever it is, a press dials at once."""

    AT_ONCE = "at once; after less than 30 s up as for `network`"
    BACKOFF = "at random within 0.5 s, twice as long each time, up to 60 s"
    TOLD = "when the server says (`Retry-After`, at most 15 min), else as for `network`"
    MINUTE = "every minute"
    QUARTER = "every 15 min"
    CLOCK = "when the clock is set, else every 5 min"
    CHANGE = "when the configuration changes"
    PRESS = "at a press only"


class Kind(Struct, frozen=True):
    """One class of failure, for people and for the back-off."""

    means: str
    retry: Retry
    cure: str = ""


RETRIES: Final[Mapping[str, Retry]] = {
    "network": Retry.BACKOFF,
    "dns": Retry.BACKOFF,
    "clock": Retry.CLOCK,
    "captive": Retry.MINUTE,
    "tls": Retry.BACKOFF,
    "key": Retry.CHANGE,
    "model": Retry.CHANGE,
    "settings": Retry.CHANGE,
    "quota": Retry.QUARTER,
    "policy": Retry.QUARTER,
    "rate": Retry.TOLD,
    "server": Retry.TOLD,
    "protocol": Retry.BACKOFF,
    "too-big": Retry.BACKOFF,
}
"""When each trouble of the link is dialled again; what it means says `device/troubles.py`."""

KINDS: Final[Mapping[str, Kind]] = {
    **{
        code: Kind(TROUBLES[code].means, retry, TROUBLES[code].cure)
        for code, retry in RETRIES.items()
    },
    "session-over": Kind("the session came to its ordinary end", Retry.AT_ONCE),
    "resting": Kind("nobody needs the connection now", Retry.PRESS),
}
"""Every code that `LinkDown` can have. The last two are no troubles."""

# fmt: off
FAULTS: Final[Mapping[str, str]] = {
    "session_expired": "session-over",
    "invalid_api_key": "key", "account_deactivated": "key",
    "model_not_found": "model", "invalid_model": "model", "missing_model": "model",
    "beta_api_shape_disabled": "model", "DeploymentNotFound": "model",
    "insufficient_quota": "quota", "credit_balance_exhausted": "quota",
    "billing_hard_limit_reached": "quota",
    "rate_limit_exceeded": "rate", "inference_rate_limit_exceeded": "rate",
    "session_limit_reached": "rate",
    "server_error": "server",
}
"""The codes of `error` events, and the class of each that ends a session that is being opened."""

CLOSES: Final[Mapping[int, str]] = {
    1000: "session-over", 1001: "session-over", 1002: "protocol", 1003: "protocol",
    1007: "protocol", 1008: "policy", 1009: "too-big", 3000: "key", 4000: "model",
}
"""Close codes; all others are the server's trouble."""

STATUSES: Final[Mapping[int, str]] = {
    401: "key", 402: "quota", 403: "key", 404: "model", 429: "rate", 511: "captive",
}
# fmt: on

FATAL: Final = frozenset({"session-over", "key", "quota"})
"""An `error` event of these classes ends a session that is up; others refuse one request."""
NOT_YET_VALID, EXPIRED, OTHER_HOST, OTHER_ADDRESS = 9, 10, 62, 64
"""OpenSSL's verify codes (x509_vfy.h)."""


class Refused(Exception):
    """The server said in an `error` event what ends the session."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Failure(Struct, frozen=True):
    """Why a connection ended: `code` of `KINDS`, and `reason`, a sentence without a full stop."""

    code: str
    reason: str
    advice: str = ""
    """A better cure than the table's."""
    after_s: float | None = None
    """What the server asked to wait."""

    @property
    def kind(self) -> Kind:
        """Its class; a code from elsewhere is taken for the network's."""
        return KINDS.get(self.code, KINDS["network"])

    @property
    def cure(self) -> str:
        """What a person can do."""
        return self.advice or self.kind.cure


def failure_rows() -> Iterator[tuple[str, str, str, str]]:
    """The table of failures for people: a heading, then code, meaning, retry rule, cure."""
    yield ("code", "what it means", "dialled again", "what to do")
    for code, kind in KINDS.items():
        yield (f"`{code}`", kind.means, kind.retry.value, kind.cure or "nothing")


def ends_session(fault: Fault) -> bool:
    """Whether this `error` event is the end of a session that is up, and not of one request."""
    return FAULTS.get(fault.code or "") in FATAL


def failure_of(problem: Exception, *, url: str, clock: Clock) -> Failure | None:
    """The class of what ended a connection to `url`; None for what no network can do: a bug."""
    host = urlsplit(url).hostname or url
    match problem:
        case Refused():
            return _refused(problem.fault, host)
        case ConnectionClosed():
            return _closed(problem, host)
        case InvalidStatus():
            return _answered(problem.response, host, clock)
        case ssl.SSLError():
            return _insecure(problem, host, clock)
        case socket.gaierror():
            return Failure("dns", f"the name {host} is not found: {problem.strerror}")
        case TimeoutError():
            return Failure("network", f"{host} does not answer")
        case OSError():
            return Failure("network", f"no connection to {host}: {_system_words(problem)}")
        case LinkError():
            return Failure(problem.code, problem.what, problem.cure)
        case InvalidMessage() if isinstance(problem.__cause__, EOFError):
            return Failure("network", f"{host} hung up")
        case InvalidHandshake() | WebSocketException() | WireError():
            return Failure("protocol", f"{host} is no Realtime server: {problem}"[:200])
        case _:
            return None


def _system_words(problem: OSError) -> str:
    """What the system says; asyncio's own text names a call, or every address it tried."""
    hidden = re.search(r"\[Errno (\d+)\]", str(problem))
    number = problem.errno or (int(hidden[1]) if hidden else 0)
    return os.strerror(number) if number else str(problem)[:200]


def _refused(fault: Fault, host: str) -> Failure:
    code = FAULTS.get(fault.code or "", "settings")
    # Not the server's words for a key: some repeat it.
    words = fault.code if code == "key" else fault.message or fault.code
    return _told(code, host, f"{words}"[:200])


def _closed(problem: ConnectionClosed, host: str) -> Failure:
    received = problem.rcvd
    if received is not None:
        # `invalid_request_error.invalid_model`: the last word is the code of an error event.
        named = FAULTS.get(received.reason.rpartition(".")[2].strip())
        code = named or CLOSES.get(received.code, "server")
        return _told(code, host, f"closed with {received.code} {received.reason}".strip()[:200])
    sent = problem.sent.code if problem.sent is not None else 0
    if sent in (1002, 1007, 1009):  # we ended it, for what it had sent
        return _told(CLOSES[sent], host, f"{problem.sent.reason}"[:200] if problem.sent else "")
    silent = sent == 1011  # the library's word for a ping without answer
    return Failure("network", f"{host} fell silent" if silent else "the connection broke")


def _answered(response: Response, host: str, clock: Clock) -> Failure:
    """The upgrade was answered over HTTP."""
    status = response.status_code
    kind = response.headers.get("Content-Type", "")
    if 300 <= status < 400 or (status < 300 and "html" in kind):
        return _told("captive", host, f"HTTP {status}")
    code = STATUSES.get(status) or ("server" if status >= 500 else "protocol")
    code = FAULTS.get(_fault_in(response).code or "", code)
    after = _seconds(response.headers.get("Retry-After", ""), clock)
    return msgspec.structs.replace(_told(code, host, f"HTTP {status}"), after_s=after)


def _insecure(problem: ssl.SSLError, host: str, clock: Clock) -> Failure:
    if isinstance(problem, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failure("network", f"{host} hung up")
    if not isinstance(problem, ssl.SSLCertVerificationError):
        words = getattr(problem, "reason", None) or problem.strerror
        return Failure("tls", f"no secure connection to {host}: {words}")
    code = "tls"
    if problem.verify_code in (NOT_YET_VALID, EXPIRED) and clock.doubtful:
        code = "clock"
    elif problem.verify_code in (OTHER_HOST, OTHER_ADDRESS):
        code = "captive"
    return Failure(code, f"the certificate of {host} does not hold: {problem.verify_message}")


def _told(code: str, host: str, words: str) -> Failure:
    said = f" ({words})" if words else ""
    return Failure(code, f"{host}: {KINDS[code].means}{said}")


class _Body(Struct, frozen=True):
    error: Fault = Fault()


def _fault_in(response: Response) -> Fault:
    """The error in an HTTP answer, when it is told as the service does."""
    try:
        return msgspec.json.decode(response.body or b"{}", type=_Body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Fault()


def _seconds(told: str, clock: Clock) -> float | None:
    """`Retry-After`: seconds, or a date."""
    if told.strip().isdecimal():
        return float(told)
    try:
        from email.utils import parsedate_to_datetime  # large, and dates are rare

        return max(0.0, parsedate_to_datetime(told).timestamp() - clock.now)
    except (TypeError, ValueError, OverflowError):
        return None
