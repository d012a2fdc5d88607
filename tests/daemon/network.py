"""Ways to the server that a test can spoil: a proxy, certificates, a clock, a portal."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.proxy import Proxy
from daemon.running import KEY, RunningDevice

SHIM: Final = Path(__file__).with_name("clock.c")
COMPILER: Final = shutil.which("gcc") or shutil.which("cc")


@contextmanager
def behind(
    device: RunningDevice,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    name: str = "",
    **sections: Any,
) -> Iterator[Proxy]:
    """A proxy between a device that has not started yet and its server, called `name`.

    With `tls` the device meets that; a second proxy ends it, so that the first sees every try.
    """
    with ExitStack() as stack:
        target = port_of(device.server.url)
        if tls is not None:
            target = stack.enter_context(Proxy(target, tls=tls)).port
        proxy = stack.enter_context(Proxy(target, host=host))
        url = proxy.through(device.server.url, name=name, scheme="ws" if tls is None else "wss")
        server = {"url": url, "api_key": KEY, "allow_insecure": True}
        device.configure(**{"server": server, **sections})
        yield proxy


def port_of(url: str) -> int:
    """The port in an address."""
    return int(url.split(":")[2].split("/")[0])


@dataclass(frozen=True)
class FalseClock:
    """The wall clock of a program that is started with `environment`; it can be set meanwhile."""

    place: Path

    @property
    def environment(self) -> dict[str, str]:
        """What puts it before the system's."""
        return {"LD_PRELOAD": str(self.place / "clock.so"), "FALSE_CLOCK": str(self.place / "now")}

    def make(self) -> None:
        """Compile it; it is right at first, and somebody has set it."""
        assert COMPILER is not None
        self.place.mkdir(parents=True, exist_ok=True)
        command = [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]
        words = [*command, str(self.place / "clock.so"), str(SHIM)]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
        self.show(0, synced=True)

    def show(self, days: int, *, synced: bool) -> None:
        """So many days off, and whether the kernel says that it was set."""
        fresh = self.place / "fresh"
        fresh.write_text(f"{days * 86400} {int(synced)}\n")
        fresh.replace(self.place / "now")


class Portal:
    """What answers every request with a page of its own; use it as a context manager."""

    def __init__(self, status: int, *, location: str = "") -> None:
        self.asked: list[dict[str, str]] = []
        asked = self.asked

        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append(dict(self.headers))
                page = b"<html><body>Welcome to the hotel. Please log in.</body></html>"
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *words: object) -> None:
                """Not on the test's output."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="portal")

    def __enter__(self) -> Portal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)
        assert not self._thread.is_alive()
