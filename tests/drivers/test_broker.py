"""Client secrets from a broker: asked for once, kept for their time, and every way to get none."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from authority import Authority
from device.drivers import broker as broker_module
from device.drivers.broker import MARGIN_S, Broker
from device.errors import LinkError, Secret
from simulator.caller import live

SECRET = "ek_0123456789abcdefCANARY"
Answering = Callable[[int], bytes]


def http(status: str, body: object = "", *head: str) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", *head]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def minted(*, value: object = SECRET, lasts_s: float = 600.0) -> dict[str, Any]:
    return {"value": value, "expires_at": int(time.time() + lasts_s)}


class Counter:
    """A broker's side: what it was asked, and what it says to the first, the second, ..."""

    def __init__(self, answers: Answering) -> None:
        self.asked: list[bytes] = []
        self.url = ""
        self._answers = answers
        self._silent: StreamWriter | None = None

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        self.asked.append(head + await reader.readexactly(int(length.split()[1])))
        answer = self._answers(len(self.asked))
        if answer:
            writer.write(answer)
            await writer.drain()
            writer.close()
        else:
            self._silent = writer  # let go of, it would be closed


@asynccontextmanager
async def counter(
    answers: Answering, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Counter]:
    served = Counter(answers)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/mint?for=box"
    try:
        yield served
    finally:
        server.close()


async def complaint(answer: bytes) -> LinkError:
    async with counter(lambda _: answer) as served:
        with pytest.raises(LinkError) as caught:
            await Broker(served.url, token=Secret("sk-token-CANARY"), model="m").secret()
    assert "127.0.0.1" in str(caught.value)
    assert "CANARY" not in str(caught.value)
    return caught.value


@live
async def test_it_is_asked_with_the_token_and_for_the_model_and_answers_with_a_secret() -> None:
    async with counter(lambda _: http("200 OK", minted())) as served:
        secret = await Broker(served.url, token=Secret("sk-token"), model="my-model").secret()
    assert secret == Secret(SECRET)
    (asked,) = served.asked
    assert asked.startswith(b"POST /mint?for=box HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer sk-token\r\n" in asked
    wish = json.loads(asked.partition(b"\r\n\r\n")[2])
    assert wish == {"session": {"type": "realtime", "model": "my-model"}}


@live
async def test_without_a_token_none_is_shown() -> None:
    async with counter(lambda _: http("201 Created", minted())) as served:
        await Broker(served.url, token=None, model="m").secret()
    assert b"authorization" not in served.asked[0].lower()


@live
async def test_a_secret_is_kept_until_shortly_before_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with counter(lambda nth: http("200 OK", minted(value=f"ek_{nth}"))) as served:
        broker = Broker(served.url, token=None, model="m")
        begun = time.time()
        assert [await broker.secret() for _ in range(3)] == [Secret("ek_1")] * 3
        monkeypatch.setattr(time, "time", lambda: begun + 600 - MARGIN_S - 2)
        assert await broker.secret() == Secret("ek_1")
        monkeypatch.setattr(time, "time", lambda: begun + 600 - MARGIN_S + 2)
        assert await broker.secret() == Secret("ek_2")
    assert len(served.asked) == 2


@live
async def test_a_secret_that_a_server_refused_is_not_shown_again() -> None:
    async with counter(lambda nth: http("200 OK", minted(value=f"ek_{nth}"))) as served:
        broker = Broker(served.url, token=None, model="m")
        await broker.secret()
        broker.forget()
        assert not broker.outworn, "a new one would be refused as well"
        for _ in range(2):
            assert await broker.secret() == Secret("ek_2")
        broker.forget()
        assert broker.outworn
        assert await broker.secret() == Secret("ek_3")
        assert not broker.outworn


@live
async def test_a_failure_is_not_kept() -> None:
    def answers(nth: int) -> bytes:
        return http("503 Busy") if nth == 1 else http("200 OK", minted())

    async with counter(answers) as served:
        broker = Broker(served.url, token=None, model="m")
        with pytest.raises(LinkError, match=r"\(HTTP 503\)"):
            await broker.secret()
        assert await broker.secret() == Secret(SECRET)


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@live
async def test_a_body_may_come_in_chunks(pieces: int) -> None:
    text = json.dumps(minted())
    parts = [text[at : at + pieces] for at in range(0, len(text), pieces)]
    body = "".join(f"{len(part):X};note\r\n{part}\r\n" for part in parts) + "0\r\n\r\n"
    answer = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    async with counter(lambda _: answer.encode()) as served:
        assert await Broker(served.url, token=None, model="m").secret() == Secret(SECRET)


@live
async def test_a_body_may_end_with_the_connection_and_be_nested() -> None:
    answer = f"HTTP/1.0 200\r\n\r\n{json.dumps({'client_secret': minted()})}"
    async with counter(lambda _: answer.encode()) as served:
        assert await Broker(served.url, token=None, model="m").secret() == Secret(SECRET)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        ("401 Unauthorized", "key", "refused this device (HTTP 401); check server.api_key"),
        ("403 Forbidden", "key", "refused this device (HTTP 403); check server.api_key"),
        ("302 Found", "key", "points elsewhere (HTTP 302), where no key is shown; put the addr"),
        ("404 Not Found", "key", "does not mint keys at this address (HTTP 404); check server.k"),
        ("405 No", "key", "does not mint keys at this address (HTTP 405); check server.key_url"),
        ("429 Slow down", "rate", "asks for patience (HTTP 429)"),
        ("502 Bad Gateway", "server", "has a fault of its own (HTTP 502)"),
    ],
)
@live
async def test_a_refusal_has_its_code_and_its_cure(status: str, code: str, said: str) -> None:
    problem = await complaint(http(status, "", "Location: http://127.0.0.1:1/elsewhere"))
    assert (problem.code, said in str(problem)) == (code, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        http("200 OK", "<html>login</html>"),
        http("204 Empty"),
        http("200 OK", []),
        http("200 OK", {"value": SECRET}),
        http("200 OK", minted(value="")),
        http("200 OK", minted(value=7)),
        http("200 OK", minted(value="ek_a b")),
        http("200 OK", minted(value="ek_a\r\nX-More: yes")),
        http("200 OK", {"value": SECRET, "expires_at": "soon"}),
        http("200 OK", f'{{"value": "{SECRET}", "expires_at": NaN}}'),
        http("200 OK", f'{{"value": "{SECRET}", "expires_at": 1e400}}'),
        http("200 OK", {"value": SECRET, "expires_at": 10**400}),
        http("200 OK", {"value": SECRET, "expires_at": int(time.time() * 1000)}),
        http("200 OK", "[" * 60_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + b" " * 65_537,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"{}" * 40_000,
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n{}",
    ],
    ids=range(23),
)
@live
async def test_an_answer_without_a_secret_is_a_matter_of_the_key(answer: bytes) -> None:
    problem = await complaint(answer)
    assert (problem.code, "not with a client secret" in problem.what) == ("key", True)


@live
async def test_a_secret_that_has_already_ended_tells_of_the_clocks() -> None:
    problem = await complaint(http("200 OK", minted(lasts_s=-5)))
    assert problem.code == "key"
    assert "has expired; check the date of this device" in str(problem)


@live
async def test_an_answer_that_breaks_off_is_the_networks_fault() -> None:
    problem = await complaint(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    assert (problem.code, "broke off" in problem.what) == ("network", True)


@live
async def test_a_broker_that_says_nothing_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "ASK_S", 0.3)
    async with asyncio.timeout(5):
        problem = await complaint(b"")
    assert problem.code == "network"
    assert "did not answer within" in problem.what


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://127.0.0.1:9/", "network", "127.0.0.1 cannot be reached: Connection refused"),
        ("https://keys.invalid/", "dns", "the key broker keys.invalid is not found"),
    ],
)
@live
async def test_a_broker_that_is_not_there_is_named(url: str, code: str, said: str) -> None:
    with pytest.raises(LinkError) as caught:
        await Broker(url, token=None, model="m").secret()
    assert (caught.value.code, said in caught.value.what) == (code, True)


def test_over_tls_only_a_broker_with_a_good_certificate_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, authority = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Authority(tmp_path)
    authority.certify(tls)

    @live
    async def play() -> None:
        async with counter(lambda _: http("200 OK", minted()), tls=tls) as served:
            with pytest.raises(LinkError, match="certificate that does not hold") as caught:
                await Broker(served.url, token=Secret("sk-token"), model="m").secret()
            assert caught.value.code == "tls"
            assert served.asked == []
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
            secret = await Broker(served.url, token=None, model="m").secret()
            assert secret == Secret(SECRET)

    play()
