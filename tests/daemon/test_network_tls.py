"""Certificates that do not hold, and clocks that make good ones look bad."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from authority import DAY, Authority
from daemon.conftest import Bench
from daemon.network import COMPILER, FalseClock, behind
from daemon.proxy import Proxy
from daemon.running import KEY, RunningDevice, answer, noise

compiled = pytest.mark.skipif(COMPILER is None, reason="compiles a false clock with gcc")
WATCHED_S = 3.0
MOST_TRIES = 8
"""Full jitter within 0.5, 1, 2 s: more than this in three seconds is a storm."""
CLOCK_S = 12.0
"""The clock is looked at every five seconds."""


@contextmanager
def over_tls(
    bench: Bench, authority: Authority, *, clock: FalseClock | None = None, **certificate: Any
) -> Iterator[tuple[RunningDevice, Proxy, ssl.SSLContext]]:  # fmt: skip
    """A device that has just been started, and the server whose certificate it will see."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.certify(server, **certificate)
    device = bench.prepare(answer(0.4))
    environment = {} if clock is None else clock.environment
    environment["SSL_CERT_FILE"] = str(authority.trusted)
    with behind(device, tls=server) as proxy:
        device.start(**environment)
        yield device, proxy, server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def clock(tmp_path: Path) -> FalseClock:
    clock = FalseClock(tmp_path / "clock")
    clock.make()
    return clock


def never_asked(device: RunningDevice, proxy: Proxy) -> None:
    """The server has heard nothing, not even the key; and it was not stormed."""
    assert not device.server.log
    assert len(proxy.accepted) <= MOST_TRIES


def test_a_certificate_that_holds_is_no_news(bench: Bench, authority: Authority) -> None:
    with over_tls(bench, authority) as (device, _, _):
        device.light("idle")
        device.tap()
        device.say(noise(0.5))
        device.wait_for("turn", heard_ms=400)


def test_an_authority_nobody_knows_is_refused_until_the_server_has_a_better_one(
    bench: Bench, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    with over_tls(bench, authority) as (device, proxy, server):
        device.light("idle")
        stranger.certify(server)
        proxy.drop()
        device.wait_for("link", state="down")
        down = device.wait_for("link", state="down", code="tls")
        assert "127.0.0.1" in down["reason"]
        device.light("offline", code="tls")
        authority.certify(server)
        device.wait_for("link", state="up", timeout=30.0)
        device.light("idle")


@compiled
def test_an_expired_certificate_is_refused_when_the_clock_is_right(
    bench: Bench, authority: Authority, clock: FalseClock
) -> None:
    spell = {"begins": -30 * DAY, "ends": -DAY}
    with over_tls(bench, authority, clock=clock, **spell) as (device, proxy, _):
        device.light("offline", code="tls")
        time.sleep(WATCHED_S)
        never_asked(device, proxy)


def test_the_certificate_of_another_host_is_a_login_page_and_gets_no_key(
    bench: Bench, authority: Authority
) -> None:
    with over_tls(bench, authority, name="login.hotel.example") as (device, proxy, _):
        device.light("offline", code="captive")
        time.sleep(WATCHED_S)
        never_asked(device, proxy)
        assert len(proxy.accepted) == 1, "a person has to log in first: it is tried every minute"


def test_an_old_version_of_tls_is_refused(bench: Bench, authority: Authority) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.certify(old)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    device = bench.prepare()
    with shaking_hands(old) as (port, hands):
        url = f"wss://127.0.0.1:{port}/v1/realtime"
        device.configure(server={"url": url, "profile": "local", "api_key": KEY})
        device.start(SSL_CERT_FILE=str(authority.trusted))
        device.light("offline", code="tls")
        time.sleep(WATCHED_S)
        assert len(hands) <= MOST_TRIES
        assert not any(hands), "a hand was shaken"


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[tuple[int, list[bool]]]:
    """A server that does no more than TLS; unlike asyncio's, it says why it does not."""
    hands: list[bool] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                    hands.append(True)
                except OSError:
                    hands.append(False)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, name="handshakes")
        serving.start()
        yield listener.getsockname()[1], hands
        listener.shutdown(socket.SHUT_RDWR)
        serving.join(5.0)
        assert not serving.is_alive()


@compiled
@pytest.mark.parametrize("days", [-3650, 3650], ids=["ten years behind", "ten years ahead"])
def test_a_clock_nobody_has_set_is_told_as_such_and_when_it_is_set_the_link_comes_up(
    bench: Bench, authority: Authority, clock: FalseClock, days: int
) -> None:
    clock.show(days, synced=False)
    with over_tls(bench, authority, clock=clock) as (device, proxy, _):
        device.light("offline", code="clock")
        assert "certificate" in device.wait_for("link", state="down", code="clock")["reason"]
        time.sleep(WATCHED_S)
        assert len(proxy.accepted) == 1, "no server cures the clock"
        never_asked(device, proxy)
        clock.show(0, synced=True)
        device.wait_for("link", state="up", timeout=CLOCK_S)
        device.light("idle")


@compiled
def test_a_clock_before_this_program_was_made_is_wrong_whoever_has_set_it(
    bench: Bench, authority: Authority, clock: FalseClock
) -> None:
    clock.show(-3650, synced=True)
    with over_tls(bench, authority, clock=clock) as (device, _, _):
        device.light("offline", code="clock")


@compiled
def test_a_clock_that_jumps_ten_years_moves_nothing_in_a_conversation(
    bench: Bench, clock: FalseClock
) -> None:
    device = bench.prepare(answer(0.4))
    device.start(**clock.environment)
    device.light("idle")
    device.tap()
    for number, days in enumerate((3650, -3650, 0)):
        clock.show(days, synced=True)
        device.say(noise(0.5, seed=number + 1))
        device.wait_for("turn", heard_ms=400)
    assert len(device.all("link")) == 1
