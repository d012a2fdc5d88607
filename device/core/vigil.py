"""The watch over our own loops: each is asked for a sign of life, and answers from inside itself.

A timer that feeds a watchdog proves that one thread runs. So every part is asked at its own door,
where its orders come in, and answers on its own thread; the answers come together in the loop,
which is thereby asked too. Only when the last of them is in may the service manager be told: each
`WATCHDOG=1` is a proof made within milliseconds, and a part that stops is noticed from that
moment on, not from the last time somebody looked.

What is watched is ourselves only: never the network, the server or a card. Those are states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from device.core.events import PartAnswers, PartLate, Redial
from device.core.outlet import Outlet


class Vigil:
    """Who was asked, and who has not answered yet. `names` are the parts that are watched."""

    def __init__(self, names: Iterable[str]) -> None:
        self._asked_at = dict.fromkeys(names, 0.0)
        self._silent: set[str] = set()
        self._late: set[str] = set()

    @property
    def parts(self) -> tuple[str, ...]:
        """All that are watched."""
        return tuple(self._asked_at)

    @property
    def complete(self) -> bool:
        """Everybody has answered the last question."""
        return not self._silent

    def ask(self, now: float) -> tuple[tuple[str, ...], list[PartLate]]:
        """A new round: whom to ask, and who has not answered the last one.

        A part that owes an answer is not asked again: its inbox must not grow.
        """
        late = [PartLate(now, name, round(now - self._asked_at[name], 1)) for name in self.parts
                if name in self._silent]  # fmt: skip
        self._late |= self._silent
        asked = tuple(name for name in self.parts if name not in self._silent)
        self._asked_at.update(dict.fromkeys(asked, now))
        self._silent.update(asked)
        return asked, late

    def answered(self, name: str, now: float) -> PartAnswers | None:
        """A sign of life. Returns news of a part that had been late."""
        self._silent.discard(name)
        if name not in self._late:
            return None
        self._late.discard(name)
        return PartAnswers(now, name, round(now - self._asked_at[name], 1))


class Healing:
    """What is done about a part that stays silent: in steps, each written down once.

    A part that takes no orders cannot be told to open its PCM anew. (One that does so by itself,
    when its device stalls, is a state of the device: `microphone-stalled`.) What can be taken from
    it is load: a flood from the server is ended by dialling anew. Then the manager must help.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._missed: Counter[str] = Counter()

    @property
    def fault(self) -> str:
        """The code for the light; '' when all parts answer."""
        return "late" if self._missed else ""

    def late(self, event: PartLate) -> None:
        """One more question without an answer."""
        self._missed[event.name] += 1
        silent = f"the {event.name} thread has not answered for {event.waited_s:.0f} s"
        match self._missed[event.name]:
            case 1:
                self._tell(silent, "it is waited for")
            case 2:
                self._tell(silent, "the link is dialled anew to lighten the load")
                self._outlet.do(Redial("late", silent))
            case 3:
                self._tell(silent, "the service manager starts pressel anew")
            case _:
                pass

    def _tell(self, what: str, cure: str) -> None:
        fields: dict[str, object] = {"code": "late", "what": what, "cure": cure}
        self._outlet.report("error", fields, f"{what}; {cure}", level="error")

    def answers(self, event: PartAnswers) -> None:
        """It is back."""
        del self._missed[event.name]
        fields: dict[str, object] = {"part": event.name, "waited_s": event.waited_s}
        said = f"the {event.name} thread answers again, after {event.waited_s:.1f} s"
        self._outlet.report("recovered", fields, said)
