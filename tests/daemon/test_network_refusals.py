"""Every way in which a server, or what stands in its place, says no: code, light and recovery."""

from __future__ import annotations

import time

import pytest

from daemon.conftest import Bench
from daemon.network import Portal, behind
from daemon.proxy import Proxy
from daemon.running import KEY, RunningDevice, answer, eventually, noise
from device.simulator.faults import CONNECT, Close, Complain, Deed, Expire, Fault, Http
from device.simulator.script import Script

WATCHED_S = 1.5
"""A first retry by the back-off comes within 0.5 s: what has not come by now waits longer."""
MIC = "input_audio_buffer.append"


def script(at: str, deed: Deed, *, nth: int = 1) -> Script:
    """A server that does this to its first connection only."""
    faults = [Fault(at=at, do=deed, nth=nth, session=1)]
    return Script([answer(0.4)], turn_end_s=0.3, faults=faults)


def tries(proxy: Proxy, count: int) -> float:
    """Wait for so many tries; returns when the last of them came."""
    eventually(lambda: len(proxy.accepted) >= count or None, f"{count} tries")
    return proxy.accepted[count - 1]


def recovers(device: RunningDevice, proxy: Proxy, *, by: str) -> None:
    """By itself within the first wait; or not before a press, and with it at once."""
    if by == "press":
        time.sleep(WATCHED_S)
        assert len(proxy.accepted) == 1, "it was dialled again though nothing has changed"
        device.do("tap")
    device.wait_for("link", state="up")


@pytest.mark.parametrize(
    ("status", "code", "by"),
    [
        (302, "captive", "press"),
        (401, "key", "press"),
        (402, "quota", "press"),
        (403, "key", "press"),
        (404, "model", "press"),
        (429, "rate", "itself"),
        (500, "server", "itself"),
        (502, "server", "itself"),
        (503, "server", "itself"),
        (511, "captive", "press"),
    ],
)
def test_each_http_status_has_its_light_and_its_way_back(
    bench: Bench, status: int, code: str, by: str
) -> None:
    device = bench.prepare(script(CONNECT, Http(status)))
    with behind(device) as proxy:
        device.start()
        device.light("offline", code=code)
        down = device.wait_for("link", state="down", code=code)
        assert str(status) in down["reason"]
        recovers(device, proxy, by=by)


@pytest.mark.parametrize(("status", "code"), [(429, "rate"), (503, "server")])
def test_a_server_that_says_when_to_come_back_is_obeyed_and_a_press_is_not_kept_waiting(
    bench: Bench, status: int, code: str
) -> None:
    busy = script(CONNECT, Http(status, retry_after_s=2))
    later, long = bench.prepare(busy), bench.prepare(script(CONNECT, Http(status, 600)))
    with behind(later) as later_way, behind(long) as long_way:
        later.start()
        long.start()
        later.light("offline", code=code)
        long.light("offline", code=code)
        long.do("tap")
        long.wait_for("link", state="up")
        assert tries(long_way, 2) - long_way.accepted[0] >= 0.9, "at most one try a second"
        later.wait_for("link", state="up")
        assert later_way.accepted[1] - later_way.accepted[0] >= 2.0


@pytest.mark.parametrize(
    ("close", "code", "by"),
    [
        (1000, "session-over", "itself"),
        (1001, "session-over", "itself"),
        (1008, "policy", "press"),
        (1009, "too-big", "itself"),
        (1011, "server", "itself"),
        (1012, "server", "itself"),
        (1013, "server", "itself"),
        (3000, "key", "press"),
        (4000, "model", "press"),
    ],
)
def test_each_close_code_has_its_code_and_its_way_back(
    patient_bench: Bench, close: int, code: str, by: str
) -> None:
    device = patient_bench.prepare(script(MIC, Close(close, "because"), nth=3))
    with behind(device) as proxy:
        device.start()
        device.light("idle")
        device.tap()
        down = device.wait_for("link", state="down")
        assert down["code"] == code
        assert f"{close} because" in down["reason"]
        recovers(device, proxy, by=by)


def test_a_session_that_expires_is_followed_by_the_next_and_nobody_is_told(
    patient_bench: Bench,
) -> None:
    device = patient_bench.prepare(script("response.done", Expire()))
    with behind(device):
        device.start()
        device.light("idle")
        begun = device.tap()
        for number in (1, 2):
            device.say(noise(0.5, seed=number))
            assert device.wait_for("turn", heard_ms=400)["interrupted"] is False
            if number == 1:
                device.wait_for("link", state="down", code="session-over")
                device.wait_for("link", state="up")
        assert not device.all("error")
        assert not [line for line in device.all("light") if line["state"] in ("fault", "offline")]
        assert begun


def test_a_session_that_expires_while_somebody_speaks_loses_none_of_their_words(
    patient_bench: Bench,
) -> None:
    device = patient_bench.prepare(script(MIC, Expire(), nth=20))
    with behind(device):
        device.start()
        device.light("idle")
        device.tap()
        question = noise(1.2)
        device.say(question)
        device.wait_for("link", state="down", code="session-over")
        device.wait_for("turn", heard_ms=400)
        assert device.server.uplink().count(question.tobytes()) == 1, "missing or doubled"


@pytest.mark.parametrize("moment", ["session.created", "response.created"])
def test_an_empty_account_is_told_as_quota_and_not_asked_again_soon(
    patient_bench: Bench, moment: str
) -> None:
    poor = Complain("insufficient_quota", "You exceeded your current quota.")
    device = patient_bench.prepare(script(moment, poor))
    with behind(device) as proxy:
        device.start()
        if moment == "response.created":
            device.light("idle")
            device.tap()
            device.say(noise(0.5))
        device.wait_for("link", state="down", code="quota")
        recovers(device, proxy, by="press")


@pytest.mark.parametrize(("status", "location"), [(200, ""), (302, "https://login.hotel.invalid/")])
def test_a_login_page_in_place_of_the_server_is_told_as_such_and_not_followed(
    bench: Bench, status: int, location: str
) -> None:
    device = bench.prepare()
    with Portal(status, location=location) as portal:
        url = f"ws://127.0.0.1:{portal.port}/v1/realtime"
        device.configure(server={"url": url, "profile": "local", "api_key": KEY})
        device.start()
        device.light("offline", code="captive")
        time.sleep(WATCHED_S)
        assert len(portal.asked) == 1
        assert KEY not in device.text
