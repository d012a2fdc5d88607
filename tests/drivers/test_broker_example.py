"""The broker of provisioning/README.md, asked by the device's own driver."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from device.drivers.broker import Broker
from device.errors import LinkError, Secret
from simulator.caller import live

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "broker_example.py"
KEY = "sk-of-the-owner-CANARY"


class Provider(BaseHTTPRequestHandler):
    """Mints as the Realtime service does."""

    asked: list[tuple[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers["Authorization"], body))
        answer = {"value": "ek_minted", "expires_at": int(time.time()) + 60, "session": {}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    Provider.asked.clear()
    provider = HTTPServer(("127.0.0.1", 0), Provider)
    serving = threading.Thread(target=provider.serve_forever, name="provider")
    serving.start()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    devices = tmp_path / "devices.json"
    devices.write_text(json.dumps({"token-of-kitchen": "kitchen"}))
    process = subprocess.Popen(
        [sys.executable, EXAMPLE, str(port)], text=True,
        stdout=(tmp_path / "said").open("w"), stderr=subprocess.STDOUT,
        env={**os.environ, "OPENAI_API_KEY": KEY, "DEVICES": str(devices),
             "MINT": f"http://127.0.0.1:{provider.server_port}/"},
    )  # fmt: skip
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/pressel"
    process.terminate()
    process.wait(10)
    provider.shutdown()
    serving.join(10)
    provider.server_close()


@live
async def test_a_device_that_is_known_gets_a_key_for_its_model(broker: str, tmp_path: Path) -> None:
    asking = Broker(broker, token=Secret("token-of-kitchen"), model="gpt-realtime-2.1")
    assert (await asking.secret()).reveal() == "ek_minted"
    ((authorization, wish),) = Provider.asked
    assert authorization == f"Bearer {KEY}"
    assert wish["session"] == {"type": "realtime", "model": "gpt-realtime-2.1"}
    assert wish["expires_after"]["seconds"] == 60
    said = (tmp_path / "said").read_text()
    assert "kitchen: minted, 1 in this hour" in said
    for secret in (KEY, "ek_minted", "token-of-kitchen"):
        assert secret not in said


@live
async def test_a_device_that_is_not_known_gets_none(broker: str) -> None:
    asking = Broker(broker, token=Secret("token-of-nobody"), model="m")
    with pytest.raises(LinkError) as caught:
        await asking.secret()
    assert caught.value.code == "key"
    assert Provider.asked == []


@live
async def test_a_device_that_asks_too_often_is_told_to_wait(broker: str) -> None:
    for _ in range(60):
        await Broker(broker, token=Secret("token-of-kitchen"), model="m").secret()
    with pytest.raises(LinkError) as caught:
        await Broker(broker, token=Secret("token-of-kitchen"), model="m").secret()
    assert caught.value.code == "rate"


def test_it_is_no_longer_than_promised() -> None:
    code = EXAMPLE.read_text().split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60
