"""Where the effects of one event are collected, in order."""

from __future__ import annotations

from typing import Literal

from device.core import events as ev
from device.core.events import Effect, Report
from device.core.wire import ClientEvent


class Outlet:
    """A list of effects with the few phrases that fill it."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []

    def do(self, *effects: Effect) -> None:
        """Let these be done, after what is already here."""
        self._effects += effects

    def send(self, *messages: ClientEvent) -> None:
        """Let these be sent to the server."""
        self._effects += [ev.Send(message) for message in messages]

    def report(
        self, event: str, fields: dict[str, object], sentence: str = "", *,
        level: Literal["debug", "info", "warning", "error"] = "info",
        repeats: str = "",
    ) -> None:  # fmt: skip
        """Let this be written in the journal."""
        self._effects.append(Report(event, fields, sentence, level, repeats))

    def complain(self, code: str, what: str, cure: str) -> None:
        """Let this be written in the journal as an error: what happened, and what to do."""
        fields: dict[str, object] = {"code": code, "what": what, "cure": cure}
        self.report("error", fields, f"{what}; {cure}", level="error", repeats=f"error {code}")

    def take(self) -> list[Effect]:
        """All of them; the outlet is empty again."""
        effects, self._effects = self._effects, []
        return effects
