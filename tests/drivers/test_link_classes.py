"""The one function that classes a failure: every way to end, its code and its retry rule."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from device.core.wire import Fault, WireError
from device.drivers.clock import Clock
from device.drivers.failure import (
    CLOSES,
    FAULTS,
    KINDS,
    STATUSES,
    Failure,
    Refused,
    Retry,
    ends_session,
    failure_of,
)
from device.errors import LinkError

TODAY = 1_800_000_000.0
RIGHT = Clock(TODAY, synced=True, built=TODAY - 1e6)
UNSET = Clock(TODAY, synced=False, built=TODAY - 1e6)
PAST = Clock(0.0, synced=True, built=TODAY)


def classed(problem: Exception, *, clock: Clock = RIGHT) -> Failure:
    failure = failure_of(problem, url="wss://box.example:443/v1/realtime?model=m", clock=clock)
    assert failure is not None
    return failure


def closed(code: int, reason: str = "") -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, reason), Close(code, reason), rcvd_then_sent=True)


def answered(status: int, body: bytes = b"", **headers: str) -> InvalidStatus:
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return InvalidStatus(Response(status, "", named, body))


def mistrusted(verify_code: int) -> ssl.SSLCertVerificationError:
    problem = ssl.SSLCertVerificationError()
    problem.verify_code, problem.verify_message = verify_code, "it does not hold"
    return problem


@dataclass(frozen=True)
class Row:
    problem: Exception
    code: str
    retry: Retry
    clock: Clock = RIGHT


ROWS = [
    Row(ConnectionRefusedError(111, "x"), "network", Retry.BACKOFF),
    Row(TimeoutError(), "network", Retry.BACKOFF),
    Row(ConnectionClosedError(None, None), "network", Retry.BACKOFF),
    Row(ConnectionClosedError(None, Close(1011, "keepalive ping timeout")), "network",
        Retry.BACKOFF),
    Row(ssl.SSLEOFError(), "network", Retry.BACKOFF),
    Row(socket.gaierror(-2, "Name or service not known"), "dns", Retry.BACKOFF),
    Row(mistrusted(9), "clock", Retry.CLOCK, UNSET),
    Row(mistrusted(10), "clock", Retry.CLOCK, UNSET),
    Row(mistrusted(9), "clock", Retry.CLOCK, PAST),
    Row(mistrusted(9), "tls", Retry.BACKOFF),
    Row(mistrusted(10), "tls", Retry.BACKOFF),
    Row(mistrusted(20), "tls", Retry.BACKOFF, UNSET),
    Row(ssl.SSLError(1, "x"), "tls", Retry.BACKOFF),
    Row(mistrusted(62), "captive", Retry.MINUTE, UNSET),
    Row(mistrusted(64), "captive", Retry.MINUTE),
    Row(answered(302, Location="http://portal/"), "captive", Retry.MINUTE),
    Row(answered(200, b"<html>", Content_Type="text/html; charset=x"), "captive", Retry.MINUTE),
    Row(answered(511), "captive", Retry.MINUTE),
    Row(answered(200, b"hi"), "protocol", Retry.BACKOFF),
    Row(answered(400), "protocol", Retry.BACKOFF),
    Row(answered(401), "key", Retry.CHANGE),
    Row(answered(403), "key", Retry.CHANGE),
    Row(closed(3000, "invalid_request_error.invalid_api_key"), "key", Retry.CHANGE),
    Row(Refused(Fault("Incorrect", "invalid_api_key")), "key", Retry.CHANGE),
    Row(answered(404), "model", Retry.CHANGE),
    Row(closed(4000, "invalid_request_error.missing_model"), "model", Retry.CHANGE),
    Row(closed(4000), "model", Retry.CHANGE),
    Row(Refused(Fault("Unknown voice")), "settings", Retry.CHANGE),
    Row(Refused(Fault("", "insufficient_quota")), "quota", Retry.QUARTER),
    Row(answered(402), "quota", Retry.QUARTER),
    Row(answered(429, b'{"error":{"code":"insufficient_quota"}}'), "quota", Retry.QUARTER),
    Row(closed(1008, "insufficient_quota"), "quota", Retry.QUARTER),
    Row(closed(4000, "x.billing_hard_limit_reached"), "quota", Retry.QUARTER),
    Row(closed(1008, "no"), "policy", Retry.QUARTER),
    Row(answered(429), "rate", Retry.TOLD),
    Row(answered(429, b'"error"'), "rate", Retry.TOLD),
    Row(answered(429, b"\xff"), "rate", Retry.TOLD),
    Row(Refused(Fault("", "session_limit_reached")), "rate", Retry.TOLD),
    Row(answered(503), "server", Retry.TOLD),
    Row(closed(1011), "server", Retry.TOLD),
    Row(closed(1012), "server", Retry.TOLD),
    Row(closed(1013), "server", Retry.TOLD),
    Row(closed(4999), "server", Retry.TOLD),
    Row(closed(1009), "too-big", Retry.BACKOFF),
    Row(ConnectionClosedError(None, Close(1009, "frame")), "too-big", Retry.BACKOFF),
    Row(ConnectionClosedError(None, Close(1007, "not UTF-8")), "protocol", Retry.BACKOFF),
    Row(WireError("not an event"), "protocol", Retry.BACKOFF),
    Row(InvalidMessage("no HTTP"), "protocol", Retry.BACKOFF),
    Row(closed(1000), "session-over", Retry.AT_ONCE),
    Row(closed(1001, "60 minutes."), "session-over", Retry.AT_ONCE),
    Row(Refused(Fault("60 minutes", "session_expired")), "session-over", Retry.AT_ONCE),
    Row(LinkError("the broker is tired", code="rate"), "rate", Retry.TOLD),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.problem!r}"[:60])
def test_every_end_has_its_class_and_its_retry_rule(row: Row) -> None:
    failure = classed(row.problem, clock=row.clock)
    assert (failure.code, failure.kind.retry) == (row.code, row.retry)
    assert failure.reason
    assert not failure.reason.endswith(".")


def test_the_rows_above_leave_out_no_class() -> None:
    assert {row.code for row in ROWS} == set(KINDS) - {"resting"}


def test_every_class_that_the_tables_name_exists() -> None:
    named = {*FAULTS.values(), *CLOSES.values(), *STATUSES.values()}
    assert named <= set(KINDS)


def test_what_no_network_can_do_is_a_bug() -> None:
    assert failure_of(TypeError("x"), url="wss://h/", clock=RIGHT) is None


@pytest.mark.parametrize(
    ("told", "after_s"),
    [
        ("7", 7.0),
        ("Fri, 15 Jan 2027 08:00:20 GMT", 20.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-3", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(told: str, after_s: float | None) -> None:
    assert classed(answered(429, Retry_After=told)).after_s == after_s
    assert classed(answered(503, Retry_After=told)).after_s == after_s


@pytest.mark.parametrize(
    "problem",
    [
        Refused(Fault("Incorrect API key provided: sk-secret.", "invalid_api_key")),
        answered(401, b'{"error":{"message":"sk-secret","code":"invalid_api_key"}}'),
    ],
)
def test_a_refused_key_is_not_repeated(problem: Exception) -> None:
    failure = classed(problem)
    assert "sk-secret" not in f"{failure}"


@pytest.mark.parametrize(
    ("code", "ends"),
    [("session_expired", True), ("insufficient_quota", True), ("invalid_api_key", True),
     ("rate_limit_exceeded", False), ("invalid_model", False), ("server_error", False),
     (None, False)],
)  # fmt: skip
def test_an_error_while_up_ends_the_session_only_when_it_is_its_end(
    code: str | None, *, ends: bool
) -> None:
    assert ends_session(Fault("x", code)) is ends


def test_a_long_reason_is_cut() -> None:
    assert len(classed(Refused(Fault("x" * 10_000))).reason) < 300
    assert len(classed(WireError("x" * 10_000)).reason) <= 200
