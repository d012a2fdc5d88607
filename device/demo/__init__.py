"""The demo: one whole conversation on a virtual sound card, told while it happens.

`pressel demo` starts the real daemon and a local server, speaks to it, interrupts it, and measures
what came of that on the sound card's own record. The map:

    answers    the recordings of this folder, and the two servers that may answer them
    stage      the server and the daemon: started, asked, ended
    narrator   waits for what happens next and tells it in the order in which it happened
    phrases    what each thing that happens is called; `timeline` prints it
    play       the plot on the virtual card; `live` the same with this machine's sound card
    figures    what was measured; `picture` draws it
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from device.demo.failure import DemoFailed
from device.errors import PresselError

__all__ = ["demo"]

Brain = Literal["script", "local"]


def demo(out: Path, *, live: bool, brain: Brain) -> int:
    """Play the demo and leave its recordings in `out`; returns the exit status.

    0 when all went as it should, 69 when a part failed, after a sentence that says which. `live`:
    on this machine's own sound card with Enter as the button; nothing is recorded. `brain`: whose
    the answers are.
    """
    # `pressel simulate` needs this package's answers and none of this.
    from device.demo.answers import local, scripted
    from device.demo.live import play_live
    from device.demo.play import play

    try:
        with local() if brain == "local" else scripted() as cast:
            if live:
                play_live(cast)
            else:
                play(out, cast)
    except PresselError as problem:
        print(f"pressel demo: {problem}", file=sys.stderr)
        if isinstance(problem, DemoFailed) and problem.last_lines:
            print("The daemon's last lines:", file=sys.stderr)
            print(*(f"  {line}" for line in problem.last_lines), sep="\n", file=sys.stderr)
        return problem.exit_status
    return 0
