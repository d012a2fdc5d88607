"""The simulator on a thread of its own, for synchronous callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from .dialect import Json
from .history import Item
from .record import Append, Entry
from .script import Script
from .server import Simulator

_ANSWER_WITHIN_S: Final = 5.0
_T = TypeVar("_T")


class BackgroundSimulator:
    """`Simulator` with the same words, each of them done when the call returns.

    Use it as a context manager. The keyword arguments are those of `Simulator`.
    """

    def __init__(self, script: Script, **terms: Any) -> None:
        self._simulator = Simulator(script, **terms)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the address is taken."""
        self._thread.start()
        try:
            self._do(self._simulator.__aenter__)
        except BaseException:
            self._end(_ANSWER_WITHIN_S)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `stop`."""
        self.stop()

    def stop(self, timeout: float = _ANSWER_WITHIN_S) -> None:
        """End every session and the thread. RuntimeError when that takes longer."""
        if self._thread.is_alive():
            self._do(lambda: self._simulator.__aexit__(None, None, None))
        self._end(timeout)

    @property
    def url(self) -> str:
        """Where to connect; a client adds `?model=...`."""
        return self._simulator.url

    @property
    def log(self) -> list[Entry]:
        """Every event of every session in the order in which they passed."""
        return self._simulator.log

    @property
    def appends(self) -> list[Append]:
        """The newest session's appends."""
        return self._simulator.appends

    @property
    def items(self) -> dict[str, Item]:
        """The newest session's items by id, also those deleted since."""
        return self._simulator.items

    @property
    def sessions(self) -> list[int]:
        """The numbers of the sessions that are open now."""
        return self._simulator.sessions

    def uplink(self, session: int = -1) -> bytes:
        """All audio a session appended, in order."""
        return self._simulator.uplink(session)

    def drop(self) -> None:
        """Cut every connection now: no close frame."""
        self._do(_later(self._simulator.drop))

    def stop_accepting(self) -> None:
        """Refuse new connections; those that are open go on."""
        self._do(self._simulator.stop_accepting)

    def start_accepting(self) -> None:
        """Listen (again) on the same port."""
        self._do(self._simulator.start_accepting)

    def inject(self, event: Json | str, session: int = -1) -> None:
        """Send an event or any text to the client of an open session."""
        self._do(_later(lambda: self._simulator.inject(event, session)))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _do(self, work: Callable[[], Awaitable[_T]]) -> _T:
        async def done() -> _T:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(_ANSWER_WITHIN_S)

    def _end(self, timeout: float) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)
        if self._thread.is_alive():
            raise RuntimeError(f"the simulator's thread did not end within {timeout} s")


def _later(work: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def done() -> None:
        work()

    return done
