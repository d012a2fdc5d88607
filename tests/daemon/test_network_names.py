"""A network of the device's own: its cable, its names, and what becomes of it without them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from daemon.conftest import Bench
from daemon.network import behind
from daemon.running import answer, noise

NAME: Final = "voice.test"
MARK: Final = os.getpid() % 100_000
"""Names and addresses of this run: several may be under way on one machine."""


class Cable:
    """A network namespace with one cable to ours; `here` is our end's address.

    `within` are the words that run a command in there, with `resolv.conf` of its own.
    """

    def __init__(self, place: Path) -> None:
        self.here = f"10.{200 + MARK % 50}.{MARK // 50 % 250}.1"
        self._there = self.here[:-1] + "2"
        self._ours, self._theirs, self._name = (f"pt{MARK}{end}" for end in "ab-")
        place.mkdir(parents=True)
        resolver = place / "resolv.conf"
        resolver.write_text(f"nameserver {self.here}\noptions timeout:1 attempts:1\n")
        enter = 'mount --bind "$0" /etc/resolv.conf && exec nsenter "--net=/run/netns/$1" "${@:2}"'
        bash = ["unshare", "--mount", "bash", "-c", enter, str(resolver), self._name]
        self.within = bash

    def __enter__(self) -> Cable:
        ip("netns", "add", self._name)
        ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs)
        ip("link", "set", self._theirs, "netns", self._name)
        ip("addr", "add", f"{self.here}/30", "dev", self._ours)
        inside = ("-n", self._name)
        ip(*inside, "addr", "add", f"{self._there}/30", "dev", self._theirs)
        ip(*inside, "link", "set", "lo", "up")
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", self._ours)
        ip("netns", "del", self._name)

    def plug(self) -> None:
        """Both ends are up."""
        ip("link", "set", self._ours, "up")
        ip("-n", self._name, "link", "set", self._theirs, "up")

    def pull(self) -> None:
        """The device's end is down, as when Wi-Fi is lost: it has no way to anywhere."""
        ip("-n", self._name, "link", "set", self._theirs, "down")

    def cut(self) -> None:
        """Our end is down: the device's own looks well, and nothing comes."""
        ip("link", "set", self._ours, "down")


class Names:
    """A name server that knows one name; `state` says how it answers."""

    def __init__(self, host: str) -> None:
        self.state = "good"
        self.asked = 0
        self._address = socket.inet_aton(host)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 53))
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="names")

    def __enter__(self) -> Names:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5.0)
        assert not self._thread.is_alive()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                query, asker = self._socket.recvfrom(512)
                self.asked += 1
                if self.state != "silent":
                    self._socket.sendto(self._answer(query), asker)

    def _answer(self, query: bytes) -> bytes:
        """RFC 1035, 4.1: the question again, and an address when it is one for that."""
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
        found = self.state == "good" and kind == 1
        code = 0 if self.state == "good" else 3  # NXDOMAIN
        head = query[:2] + struct.pack("!5H", 0x8180 | code, 1, int(found), 0, 0)
        record = struct.pack("!3HIH", 0xC00C, 1, 1, 0, 4) + self._address
        return head + query[12:end] + (record if found else b"")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "cable")
    try:
        cable.__enter__()
    except (OSError, subprocess.CalledProcessError) as problem:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            cable.__exit__()
        pytest.skip(f"needs the right to make network namespaces and veth: {problem}")
    try:
        yield cable
    finally:
        cable.__exit__()


@contextmanager
def names(cable: Cable) -> Iterator[Names]:
    try:
        served = Names(cable.here)
    except PermissionError as problem:
        pytest.skip(f"needs the right to listen on port 53: {problem}")
    with served:
        yield served


def test_without_a_network_at_boot_it_is_ready_and_comes_up_when_there_is_one(
    bench: Bench, cable: Cable
) -> None:
    cable.pull()
    device = bench.prepare(answer(0.4))
    device.within = cable.within
    with behind(device, host=cable.here):
        started = time.monotonic()
        device.start()
        assert device.wait_for("ready")["t"] - started < 5.0
        device.light("offline", code="network")
        cable.plug()
        device.do("tap")
        device.wait_for("link", state="up", timeout=20.0)


def test_wifi_lost_while_somebody_speaks_costs_no_word_and_no_second_answer(
    patient_bench: Bench, cable: Cable
) -> None:
    device = patient_bench.prepare(answer(0.4))
    device.within = cable.within
    with behind(device, host=cable.here):
        device.start()
        device.light("idle")
        device.do("press")
        device.microphone("start")
        question = noise(3.0)
        spoken = device.say(question)
        time.sleep(0.8)
        cable.cut()
        time.sleep(1.0)
        cable.plug()
        time.sleep(max(0.0, spoken + 0.1 - time.monotonic()))
        device.do("release")
        device.wait_for("turn", heard_ms=400, timeout=30.0)
        assert device.server.uplink().count(question.tobytes()) == 1


def test_a_cut_cable_is_noticed_when_idle_and_mended_without_a_press(
    bench: Bench, cable: Cable
) -> None:
    device = bench.prepare(answer(0.4))
    device.within = cable.within
    with behind(device, host=cable.here):
        device.start()
        device.light("idle")
        cable.cut()
        device.light("offline", code="network", timeout=16.0 + 3.0)
        cable.plug()
        device.wait_for("link", state="up", timeout=20.0)


@pytest.mark.parametrize("state", ["unknown", "silent"])
def test_a_name_that_is_not_found_is_dns_and_is_found_when_it_is_there(
    bench: Bench, cable: Cable, state: str
) -> None:
    device = bench.prepare(answer(0.4))
    device.within = cable.within
    with names(cable) as served, behind(device, host=cable.here, name=NAME):
        served.state = state
        device.start()
        device.light("offline", code="dns", timeout=10.0)
        assert NAME in device.wait_for("link", state="down", code="dns")["reason"]
        assert served.asked
        assert device.do("status")["light"] == "offline", "a name holds nothing else up"
        served.state = "good"
        device.do("tap")
        device.wait_for("link", state="up", timeout=20.0)
