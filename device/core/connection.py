"""The Link region: is there a server, and if not, why."""

from __future__ import annotations

from device.core.tables import LINK, Link, LinkSignal


class Connection:
    """What the conversation knows of its link. The socket itself is the link driver's."""

    def __init__(self) -> None:
        self.state = Link.DOWN
        self.trouble = ""
        """The code of the last failure; '' while up, and before the first one."""

    @property
    def up(self) -> bool:
        """Connected, configured and confirmed."""
        return self.state is Link.UP

    def signal(self, signal: LinkSignal) -> None:
        """Move the region by one signal."""
        row = LINK.get((self.state, signal))
        if row is not None:
            self.state = row.to
        if self.up:
            self.trouble = ""
