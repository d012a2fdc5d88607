"""Client secrets over HTTP, and TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect

from authority import Authority
from device.cli import main
from device.simulator import Answer, BackgroundSimulator, Script, Simulator
from simulator.caller import Caller, Json, live

SCRIPT = Script([Answer.tone(0.3, speed=50.0, first_delta_s=0.0)])
KEY = "sk-right-key"


def post(url: str, body: Any, key: str = KEY) -> tuple[int, Json]:
    address = f"{url.replace('ws', 'http', 1)}/client_secrets"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(address, data, {"Authorization": f"Bearer {key}"})
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


async def first(url: str, key: str, *, tls: ssl.SSLContext | None = None) -> Json:
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(url, additional_headers=headers, proxy=None, ssl=tls) as ws:
        event: Json = json.loads(await ws.recv())
        return event


@live
async def test_the_official_client_gets_a_secret_that_opens_sessions_with_its_settings() -> None:
    async with Simulator(SCRIPT, key=KEY) as simulator:
        root = simulator.url.removesuffix("/realtime").replace("ws", "http", 1)
        async with AsyncOpenAI(api_key=KEY, base_url=root) as client:
            secret = await client.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Brief."},
            )
        assert secret.value.startswith("ek_")
        assert abs(secret.expires_at - time.time() - 60) < 10
        for _ in range(2):
            created = await first(simulator.url, secret.value)
            session = created["session"]
            assert (session["instructions"], session["model"]) == ("Brief.", "gpt-realtime-2.1")
            assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_a_secret_expires_and_an_unknown_one_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with BackgroundSimulator(SCRIPT, key=KEY) as simulator:
        wish = {"expires_after": {"anchor": "created_at", "seconds": 10}}
        status, secret = post(simulator.url, wish)
        assert status == 200
        url = f"{simulator.url}?model=gpt-realtime-2.1"
        assert asyncio.run(first(url, secret["value"]))["type"] == "session.created"
        later = time.time() + 11
        monkeypatch.setattr(time, "time", lambda: later)
        for key in (secret["value"], "ek_unknown"):
            error = asyncio.run(first(url, key))["error"]
            assert error["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        ({}, "sk-wrong", 401, "invalid_api_key"),
        (b"{", KEY, 400, "invalid_json"),
        ([], KEY, 400, "invalid_type"),
        ({"bogus": 1}, KEY, 400, "unknown_parameter"),
        ({"session": {"instructions": "x"}}, KEY, 400, "missing_required_parameter"),
        ({"expires_after": {"seconds": 9}}, KEY, 400, "integer_below_min_value"),
        (b" " * 300_000, KEY, 413, None),
    ],
)
def test_a_wrong_request_is_refused_in_the_words_of_the_service(
    body: Any, key: str, status: int, code: str | None
) -> None:
    with BackgroundSimulator(SCRIPT, key=KEY) as simulator:
        answered, told = post(simulator.url, body, key)
    assert (answered, told["error"]["code"]) == (status, code)


def test_a_secret_mints_no_other_and_only_by_post() -> None:
    with BackgroundSimulator(SCRIPT) as simulator:
        _, secret = post(simulator.url, {})
        assert post(simulator.url, {}, secret["value"])[0] == 401
        address = f"{simulator.url.replace('ws', 'http', 1)}/client_secrets"
        with pytest.raises(HTTPError, match="405"):
            urlopen(address, timeout=10)
        with pytest.raises(HTTPError, match="404"):
            urlopen(Request(address.replace("/client_secrets", ""), b"{}"), timeout=10)


@live
async def test_a_request_may_come_byte_by_byte() -> None:
    async with Simulator(SCRIPT) as simulator:
        host, port = simulator.url.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = (
            b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
        )
        for at in range(len(request)):
            writer.write(request[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        answered = await reader.read()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b'"ek_' in answered
        writer.close()


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext, Path]:
    """For 127.0.0.1, of an authority of its own: the server's side, the client's, and the file."""
    server, authority = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Authority(folder)
    chain = authority.certify(server)
    return server, ssl.create_default_context(cafile=str(authority.trusted)), chain


def test_over_tls_only_a_client_that_knows_the_authority_gets_in(tmp_path: Path) -> None:
    server, client, _ = certified(tmp_path)

    @live
    async def play() -> None:
        async with Simulator(SCRIPT, tls=server) as simulator:
            assert simulator.url.startswith("wss://127.0.0.1:")
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(f"{simulator.url}?model=gpt-realtime-2.1", proxy=None)
            async with Caller(simulator.url, tls=client) as caller:
                await caller.send("response.create")
                done = await caller.last("response.done")
                assert done["response"]["status"] == "completed"

    play()


def test_the_command_serves_tls_with_the_files_it_is_given(tmp_path: Path) -> None:
    _, client, chain = certified(tmp_path)
    words = ["--tls", str(chain), "--key-file", str(chain)]
    command = [sys.executable, "-m", "device", "simulate", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().split()[-1]
        try:
            assert url.startswith("wss://127.0.0.1:")
            event = asyncio.run(first(f"{url}?model=gpt-realtime-2.1", KEY, tls=client))
            assert event["type"] == "session.created"
        finally:
            running.terminate()
            running.communicate(timeout=30)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tls", "no.pem"], "no.pem: No such file or directory; name a certificate chain"),
        (["--tls", "odd.pem", "--key-file", "odd.pem"], "odd.pem and odd.pem: "),
        (["--key-file", "odd.pem"], "type --tls and the file of its certificate"),
    ],
)
def test_files_that_serve_no_tls_are_a_mistake(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("odd.pem").write_text("odd")
    assert main(["simulate", "--port", "0", *words]) == 78
    assert told in capsys.readouterr().err
