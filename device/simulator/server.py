"""The simulator: a listening socket, the sessions on it, and what tests may ask and do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from .dialect import Json, new_id
from .faults import CONNECT, Fate, Http
from .history import Item
from .keys import Door, Keys, answer, model_refusal, shown_keys
from .record import Append, Entry, Record
from .refusal import Refusal, not_one_of
from .script import Script
from .session import Session

_PING_EVERY_S: Final = 20.0
_PONG_WITHIN_S: Final = 60.0
_CLOSE_WITHIN_S: Final = 2.0
_LARGEST_MESSAGE: Final = 24 * 1024 * 1024
_LOGGER: Final = logging.getLogger("device.simulator")


class Simulator:
    """A Realtime server on this machine; use it as `async with Simulator(script) as simulator`.

    Args:
        script: what the assistant does.
        host: the address to listen on.
        port: 0 takes a free one; `url` names it.
        key: the only key that is accepted; None accepts any or none.
        session_s: after this the session ends like the service's, which allows 60 minutes.
        tls: serve `wss` with this context; None serves `ws`.
        watch: called with every event as it passes.
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        session_s: float = 3600.0,
        tls: ssl.SSLContext | None = None,
        watch: Callable[[Entry], None] | None = None,
    ) -> None:
        self._script = script
        self._host = host
        self._port = port
        self._keys = Keys(key)
        self._session_s = session_s
        self._tls = tls
        self._record = Record(watch)
        self._listener: Server | None = None
        self._retired: list[Server] = []
        self._live: dict[int, Session] = {}
        self._asked = 0
        self._fates: WeakKeyDictionary[ServerConnection, Fate] = WeakKeyDictionary()

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError when the address is taken."""
        await self.start_accepting()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and end every session, the stubborn ones after two seconds."""
        await self.stop_accepting()
        closing = [
            asyncio.create_task(session.connection.close(1001))
            for session in self._live.values()
            if not session.halted
        ]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_WITHIN_S)
        self.drop()
        ends = [asyncio.create_task(listener.wait_closed()) for listener in self._retired]
        if ends:
            await asyncio.wait(ends, timeout=_CLOSE_WITHIN_S)

    # What happened.

    @property
    def url(self) -> str:
        """Where to connect; a client adds `?model=...`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'wss' if self._tls else 'ws'}://{host}:{self._port}/v1/realtime"

    @property
    def log(self) -> list[Entry]:
        """Every event of every session in the order in which they passed."""
        return self._record.log

    @property
    def appends(self) -> list[Append]:
        """The newest session's appends."""
        return list(self._record.session(-1).appends)

    @property
    def items(self) -> dict[str, Item]:
        """The newest session's items by id, also those deleted since."""
        return dict(self._record.session(-1).items)

    def uplink(self, session: int = -1) -> bytes:
        """All audio a session appended, in order: mono S16_LE at 24 kHz, at most 10 minutes."""
        return bytes(self._record.session(session).uplink)

    @property
    def sessions(self) -> list[int]:
        """The numbers of the sessions that are open now."""
        return list(self._live)

    # What tests may do to a client.

    def drop(self) -> None:
        """Cut every connection now, as a network would: no close frame."""
        for session in self._live.values():
            session.connection.transport.abort()

    async def stop_accepting(self) -> None:
        """Refuse new connections (TCP); those that are open go on."""
        if self._listener is not None:
            self._listener.close(close_connections=False)
            self._retired.append(self._listener)
            self._listener = None
            # The listener's own task closes the socket when it first runs.
            await asyncio.sleep(0)

    async def start_accepting(self) -> None:
        """Listen (again) on the same port."""
        if self._listener is not None:
            return
        self._listener = await listen(
            self._serve,
            self._host,
            self._port,
            create_connection=Door,
            ssl=self._tls,
            process_request=self._admit,
            select_subprotocol=_realtime,
            compression=None,
            max_size=_LARGEST_MESSAGE,
            ping_interval=_PING_EVERY_S,
            ping_timeout=_PONG_WITHIN_S,
            close_timeout=_CLOSE_WITHIN_S,
            logger=_LOGGER,
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    def inject(self, event: Json | str, session: int = -1) -> None:
        """Send an event (given its `event_id`) or any text to the client of an open session."""
        number = self._record.session(session).number
        if number not in self._live:
            raise LookupError(f"session {number} is closed")
        if isinstance(event, str):
            self._live[number].inject(event)
        else:
            self._live[number].emit(event)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer over HTTP what is not to become a WebSocket."""
        path = urlsplit(request.path).path
        assert isinstance(connection, Door)
        if path.endswith("/realtime/client_secrets"):
            return self._keys.mint(connection.posted, shown_keys(connection))
        if not path.endswith("/realtime") or connection.posted is not None:
            message = "Only .../realtime?model=... and .../realtime/client_secrets are served.\n"
            return connection.respond(HTTPStatus.NOT_FOUND, message)
        self._asked += 1
        fate = self._fates[connection] = Fate(self._script.faults, session=self._asked)
        for deed in fate.at(CONNECT):
            if isinstance(deed, Http):
                return _refused(deed)
        fault = self._fault(connection)
        if fault is not None and fault[1] == 3000 and "401" in self._script.habits:
            return _refused(Http(401))
        return None

    def _model(self, connection: ServerConnection) -> str:
        """The model in the query, or the one that came with the client secret."""
        attached = self._keys.attached(shown_keys(connection)) or {}
        return _query(connection, "model") or str(attached.get("model", ""))

    async def _serve(self, connection: ServerConnection) -> None:
        fault = self._fault(connection)
        if fault is not None:
            refusal, code = fault
            error = {"event_id": new_id("event"), **refusal.event()}
            reason = ".".join(filter(None, ("invalid_request_error", refusal.code)))
            with contextlib.suppress(ConnectionClosed):
                await connection.send(json.dumps(error))
                await connection.close(code, reason)
            return
        session = Session(
            connection,
            script=self._script,
            fate=self._fates[connection],
            record=self._record,
            model=self._model(connection),
            session_s=self._session_s,
            attached=self._keys.attached(shown_keys(connection)),
        )
        self._live[session.number] = session
        try:
            await session.run()
        finally:
            del self._live[session.number]

    def _fault(self, connection: ServerConnection) -> tuple[Refusal, int] | None:
        """What is wrong with a connection, and its close code; told after the 101, as there."""
        refusal = self._keys.refusal(shown_keys(connection))
        if refusal is not None:
            return refusal, 3000
        assert connection.request is not None
        if "realtime=v1" in connection.request.headers.get_all("OpenAI-Beta"):
            message = (
                "The beta shape of this API is disabled. Remove the header "
                "'OpenAI-Beta: realtime=v1'."
            )
            return Refusal(message, code="beta_api_shape_disabled"), 4000
        intent = _query(connection, "intent") or "realtime"
        if intent != "realtime":
            return not_one_of("intent", allowed=("realtime",), value=intent), 4000
        any_name = "any model" in self._script.habits
        refusal = model_refusal(self._model(connection), any_name=any_name)
        return None if refusal is None else (refusal, 4000)


async def serve(
    host: str,
    port: int,
    script: Script,
    *,
    key: str | None = None,
    tls: ssl.SSLContext | None = None,
    quiet: bool = False,
) -> None:
    """Run a simulator until cancelled; says where it listens and, unless `quiet`, every event.

    Raises OSError when the address is taken.
    """
    watch = None if quiet else _tell
    async with Simulator(script, host=host, port=port, key=key, tls=tls, watch=watch) as simulator:
        sys.stdout.write(f"listening on {simulator.url}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()


def _tell(entry: Entry) -> None:
    arrow = "<-" if entry.direction == "client" else "->"
    kind = entry.event.get("type", "(not an event)")
    size = f" {len(entry.audio)} bytes" if entry.audio else ""
    sys.stdout.write(f"{entry.at:12.3f} {entry.session} {arrow} {kind}{size}\n")
    sys.stdout.flush()


def _query(connection: ServerConnection, name: str) -> str:
    assert connection.request is not None
    return parse_qs(urlsplit(connection.request.path).query).get(name, [""])[0]


def _refused(deed: Http) -> Response:
    error = {"code": str(deed.status), "message": f"This server refuses with {deed.status}."}
    wait = deed.retry_after_s
    return answer(deed.status, {"error": error}, {} if wait is None else {"Retry-After": str(wait)})


def _realtime(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("realtime") if "realtime" in offered else None
