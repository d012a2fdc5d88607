"""The proxy is believed because each toxic was seen to do what it says, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from daemon.proxy import Proxy, Toxics

WAIT_S = 5.0
SHORT_S = 0.3


class Echo:
    """A server that sends everything back, and keeps what it got."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got: list[bytearray] = []
        self._threads = [threading.Thread(target=self._serve, name="echo", daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.got.append(bytearray())
            answering = threading.Thread(
                target=self._answer, args=(connection, self.got[-1]), daemon=True
            )
            answering.start()
            self._threads.append(answering)

    def _answer(self, connection: socket.socket, got: bytearray) -> None:
        with connection:
            try:
                while piece := connection.recv(65536):
                    got += piece
                    connection.sendall(piece)
            except OSError:
                pass

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.stop()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as proxy:
        yield proxy


def dial(proxy: Proxy) -> socket.socket:
    host, port = proxy.through("ws://x/").split("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=WAIT_S)


def back(client: socket.socket, size: int) -> bytes:
    """So much of what comes back."""
    got = b""
    while len(got) < size:
        piece = client.recv(size - len(got))
        if not piece:
            break
        got += piece
    return got


def around(client: socket.socket, sent: bytes) -> float:
    """Send it, see it come back unchanged; returns how long that took."""
    begun = time.monotonic()
    client.sendall(sent)
    assert back(client, len(sent)) == sent
    return time.monotonic() - begun


def nothing_comes(client: socket.socket) -> bool:
    client.settimeout(SHORT_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(WAIT_S)
    return False


def test_a_clean_proxy_changes_nothing(proxy: Proxy) -> None:
    with dial(proxy) as one, dial(proxy) as two:
        assert around(one, bytes(range(256)) * 2000) < WAIT_S
        assert around(two, b"two") < WAIT_S
        assert proxy.connections == 2
    assert len(proxy.accepted) == 2


def test_an_end_on_either_side_is_an_end_on_the_other(proxy: Proxy, echo: Echo) -> None:
    with dial(proxy) as client:
        around(client, b"hello")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert echo.got == [b"hello"]


def test_latency_is_that_of_its_way_and_can_come_and_go(proxy: Proxy) -> None:
    with dial(proxy) as client:
        proxy.poison(up=Toxics(latency_s=0.2))
        assert around(client, b"late") >= 0.2
        proxy.poison(up=Toxics(latency_s=0.2), down=Toxics(latency_s=0.2))
        assert around(client, b"later") >= 0.4
        proxy.poison()
        assert around(client, b"soon") < 0.2


def test_jitter_keeps_the_order(proxy: Proxy) -> None:
    proxy.poison(down=Toxics(jitter_s=0.05))
    with dial(proxy) as client:
        sent = [bytes([n]) * 10 for n in range(20)]
        for piece in sent:
            client.sendall(piece)
            time.sleep(0.005)
        assert back(client, 200) == b"".join(sent)


def test_a_slow_way_takes_its_time(proxy: Proxy) -> None:
    proxy.poison(up=Toxics(bytes_per_s=40_000))
    with dial(proxy) as client:
        assert around(client, b"x" * 20_000) >= 0.5


def test_a_sliced_piece_comes_in_slices_and_whole(proxy: Proxy) -> None:
    proxy.poison(down=Toxics(slice_bytes=10, slice_gap_s=0.02))
    with dial(proxy) as client:
        client.sendall(b"0123456789" * 10)
        assert len(client.recv(1000)) < 100
        assert len(back(client, 90)) == 90


def test_what_is_stalled_comes_when_the_stall_is_over(proxy: Proxy, echo: Echo) -> None:
    with dial(proxy) as client:
        around(client, b"before")
        proxy.poison(down=Toxics(flow="stall"))
        client.sendall(b"during")
        assert nothing_comes(client)
        assert echo.got == [b"beforeduring"], "the other way is free"
        proxy.poison()
        assert back(client, 6) == b"during"


def test_a_stalled_sender_feels_it(proxy: Proxy) -> None:
    proxy.poison(up=Toxics(flow="stall"))
    with dial(proxy) as client:
        client.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            client.sendall(b"x" * 64_000_000)


def test_what_a_blackhole_swallows_never_comes(proxy: Proxy, echo: Echo) -> None:
    with dial(proxy) as client:
        around(client, b"before")
        proxy.poison(up=Toxics(flow="blackhole"), down=Toxics(flow="blackhole"))
        client.sendall(b"during")
        assert nothing_comes(client)
        proxy.poison()
        client.sendall(b"after")
        assert nothing_comes(client), "a gap in the stream would be another fault"
        assert echo.got == [b"before"]
    with dial(proxy) as fresh:
        around(fresh, b"the next connection works")


def test_a_drop_ends_both_sides(proxy: Proxy) -> None:
    with dial(proxy) as client:
        around(client, b"hello")
        proxy.drop()
        assert client.recv(1) == b""
    with dial(proxy) as client:
        around(client, b"again")


def test_a_reset_is_a_reset(proxy: Proxy) -> None:
    with dial(proxy) as client:
        around(client, b"hello")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_reset_can_strike_in_the_midst_of_a_piece(proxy: Proxy) -> None:
    proxy.poison(down=Toxics(slice_bytes=10, slice_gap_s=0.05))
    with dial(proxy) as client:
        client.sendall(b"0123456789" * 10)
        assert back(client, 10) == b"0123456789"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            back(client, 90)


def test_half_open_ends_the_server_and_tells_the_client_nothing(proxy: Proxy, echo: Echo) -> None:
    with dial(proxy) as client:
        around(client, b"hello")
        proxy.half_open()
        client.sendall(b"is anybody there")
        assert nothing_comes(client)
        assert echo.got == [b"hello"]
        with dial(proxy) as fresh:
            around(fresh, b"the next connection works")


def test_a_closed_port_refuses_and_comes_back_as_the_same_port(proxy: Proxy) -> None:
    with dial(proxy) as before:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            dial(proxy)
        around(before, b"what was there goes on")
        since = proxy.accept()
        with dial(proxy) as client:
            around(client, b"back")
        assert proxy.accepted[-1] >= since


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = contextlib.suppress(ConnectionResetError)
        with Proxy(taken.getsockname()[1]) as proxy, dial(proxy) as client, ended:
            assert client.recv(1) == b""


def test_its_thread_ends_with_it_whatever_it_carries(echo: Echo) -> None:
    with Proxy(echo.port) as proxy:
        client = dial(proxy)
        around(client, b"hello")
        proxy.poison(up=Toxics(flow="stall"), down=Toxics(flow="blackhole"))
        client.sendall(b"stuck")
    assert not [thread for thread in threading.enumerate() if thread.name == "proxy"]
    client.close()
