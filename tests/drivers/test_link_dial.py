"""The way to an open WebSocket: names, addresses, certificates, and who answers instead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import serve

from authority import DAY, Authority
from device.core import events as ev
from device.drivers import dial, link
from device.drivers.clock import Clock
from device.drivers.dial import Dialler
from device.drivers.link import Link
from device.errors import LinkError
from drivers.line import dialling, forever, greet

SET = Clock(time.time(), synced=True, built=0.0)
UNSET = Clock(time.time(), synced=False, built=0.0)


def found(*addresses: str) -> Callable[[str, int], list[tuple[Any, ...]]]:
    """A name server that knows one answer."""

    def lookup(_: str, port: int) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port))
            for one in addresses
        ]

    return lookup


# Names.


def test_a_slow_name_server_holds_up_nothing_but_its_own_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dial, "LOOKUP_S", 0.2)
    asked: list[str] = []
    answer = threading.Event()

    def slow(host: str, port: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        answer.wait(20)
        return found("127.0.0.1")(host, port)

    async def main() -> None:
        dialler = Dialler(lookup=slow)
        for _ in range(3):
            with pytest.raises(LinkError, match="no name server tells the address of box") as told:
                await dialler.connect("ws://box.example/", headers={})
            assert told.value.code == "dns"
        assert asked == ["box.example"], "a lookup under way is not asked again"
        assert [thread.name for thread in threading.enumerate()].count("link-lookup") == 1
        async with serve(forever, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            direct = await dialler.connect(f"ws://127.0.0.1:{port}/", headers={})
            await direct.close()
            answer.set()
            named = await dialler.connect(f"ws://box.example:{port}/", headers={})
            await named.close()

    asyncio.run(main())


def test_the_end_of_the_loop_does_not_wait_for_a_name_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dial, "LOOKUP_S", 0.05)
    answer = threading.Event()

    def never(host: str, port: int) -> list[tuple[Any, ...]]:
        answer.wait(20)
        return []

    async def main() -> None:
        with pytest.raises(LinkError):
            await Dialler(lookup=never).connect("ws://box.example/", headers={})

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < 5.0
    answer.set()
    for thread in threading.enumerate():
        if thread.name == "link-lookup":
            thread.join(5.0)


def test_what_the_name_server_says_is_raised_in_the_dial() -> None:
    def unknown(host: str, port: int) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def main() -> None:
        dialler = Dialler(lookup=unknown)
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await dialler.connect("ws://box.example/", headers={})

    asyncio.run(main())


# Addresses.


def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second() -> None:
    async def main() -> None:
        async with serve(forever, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with deaf(port) as address:
                begun = time.monotonic()
                dialler = Dialler(lookup=found(address, "127.0.0.1"))
                connection = await dialler.connect(f"ws://box.example:{port}/", headers={})
                assert time.monotonic() - begun < 3.0
                await connection.close()

    asyncio.run(main())


@contextlib.contextmanager
def deaf(port: int) -> Any:
    """An address whose queue of connections is full: a further one gets no answer."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.2", port))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", port))
        yield "127.0.0.2"


def test_an_address_that_refuses_costs_nothing() -> None:
    async def main() -> None:
        async with serve(forever, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            dialler = Dialler(lookup=found("::1", "127.0.0.3", "127.0.0.1"))
            connection = await dialler.connect(f"ws://box.example:{port}/", headers={})
            await connection.close()

    asyncio.run(main())


def test_when_all_addresses_fail_the_first_reason_is_told() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            dialler = Dialler(lookup=found("127.0.0.1", "127.0.0.2"))
            with pytest.raises(ConnectionRefusedError):
                await dialler.connect(f"ws://box.example:{port}/", headers={})

    asyncio.run(main())


def test_the_families_take_turns() -> None:
    answer = found("::1", "::2", "::3", "127.0.0.1", "127.0.0.2")("h", 1)
    places = [place[0] for _, place in dial._interleaved(answer)]
    assert places == ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]


# Who answers.


def test_a_redirection_is_a_portal_and_gets_nothing_of_the_key() -> None:
    shown: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(await reader.read(4096))
        writer.close()

    async def main() -> None:
        other = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
        target = other.sockets[0].getsockname()[1]
        answer = (
            f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n"
        )

        async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer.encode())
            await writer.drain()
            writer.close()

        listening = await asyncio.start_server(portal, "127.0.0.1", 0)
        async with listening, other:
            port = listening.sockets[0].getsockname()[1]
            async with dialling(f"ws://127.0.0.1:{port}/") as line:
                down = await line.until(ev.LinkDown)
        assert down.code == "captive"
        assert shown == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "days", "known", "clock", "code"),
    [
        ("127.0.0.1", 2, True, SET, ""),
        ("127.0.0.1", 2, False, SET, "tls"),
        ("127.0.0.1", -0.5, True, SET, "tls"),
        ("127.0.0.1", -0.5, True, UNSET, "clock"),
        ("login.portal.example", 2, True, SET, "captive"),
    ],
    ids=["good", "unknown authority", "expired", "expired by a clock nobody set", "other host"],
)
def test_a_certificate_is_told_by_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, days: float, *, known: bool,
    clock: Clock, code: str,
) -> None:  # fmt: skip
    context, authority = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Authority(tmp_path)
    authority.certify(context, name=name, ends=days * DAY)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted if known else tmp_path / "none"))
    requests: list[object] = []

    async def serving(connection: Any) -> None:
        requests.append(connection.request)
        await greet(connection)
        await forever(connection)

    async def main() -> None:
        async with serve(serving, "127.0.0.1", 0, ssl=context, close_timeout=0.2) as server:
            port = server.sockets[0].getsockname()[1]
            async with dialling(f"wss://127.0.0.1:{port}/", clock=lambda: clock) as line:
                if not code:
                    await line.until(ev.LinkUp)
                    return
                down = await line.until(ev.LinkDown)
                assert (down.code, requests) == (code, []), "and the key was not sent"
                assert "127.0.0.1 does not hold" in down.reason

    asyncio.run(main())


# Where.


def test_where_to_dial_is_asked_before_each_try() -> None:
    async def main() -> None:
        async with dialling("ws://127.0.0.1:1/", draw=lambda _, __: 0.01) as line:
            assert (await line.until(ev.LinkDown)).code == "network"
            line.trouble = LinkError("the broker is tired", code="rate", cure="wait")
            seen = len(line.all(ev.LinkDown))
            down = await line.until(ev.LinkDown, count=seen + 2)
            assert (down.code, down.reason, down.cure) == ("rate", "the broker is tired", "wait")

    asyncio.run(main())


def test_whoever_tells_where_to_dial_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "WHERE_S", 0.1)

    async def main() -> None:
        posted: asyncio.Queue[ev.Event] = asyncio.Queue()
        running = asyncio.create_task(Link(asyncio.Event().wait, post=posted.put_nowait).run())  # type: ignore[arg-type]
        assert isinstance(await posted.get(), ev.Dialing)
        down = await posted.get()
        assert isinstance(down, ev.LinkDown)
        assert "was not told" in down.reason
        running.cancel()
        await asyncio.wait([running], timeout=2.0)

    asyncio.run(main())
