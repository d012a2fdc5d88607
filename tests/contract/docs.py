"""The generated documents: states, diagrams, lights, boards and their wiring, figures, the catalog.

`python -m contract.docs` (make docs) writes them; `test_docs` fails when they are stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from bench import measured, picture
from bench.echo import drawing
from bench.echo import told as echo
from contract import guide
from device.config import schema
from device.core.gate import GateState
from device.core.tables import (
    GATE,
    LINK,
    REPLY,
    GateSignal,
    Link,
    LinkSignal,
    Reply,
    ReplySignal,
    Row,
)
from device.drivers.failure import failure_rows
from device.drivers.lights import light_rows
from device.messages import catalog
from device.troubles import TROUBLES
from device.voice.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]


def rendered() -> dict[Path, str]:
    """Every document with generated parts, as it should be."""
    parts = {
        ROOT / "device/README.md": {
            "link": region(LINK, list(Link), LinkSignal),
            "gate": region(GATE, get_args(GateState), GateSignal),
            "reply": region(REPLY, list(Reply), ReplySignal),
            "failures": table(list(failure_rows())),
        },
        ROOT / "hardware.md": {
            "lights": table(list(light_rows())),
            "blinks": table(blink_rows()),
            "chooser": table(guide.chooser()),
            "overlays": table(guide.overlays()),
        },
        ROOT / "README.md": {"measured": measured.told()},
        ROOT / "tests/bench/README.md": {"echo": echo.told()},
    }
    filled = {path: _filled(path.read_text(), found) for path, found in parts.items()}
    return {
        **filled,
        ROOT / guide.PAGES: guide.pages(),
        **guide.drawings(ROOT / "provisioning"),
        measured.SVG: picture.bars(measured.kept()),
        echo.SVG: drawing.bars(echo.kept()),
        ROOT / "systemd/pressel.catalog": catalog(),
        ROOT / "device/provision/card/pressel.schema.json": schema.text(),
    }


def blink_rows() -> Iterator[tuple[str, ...]]:
    """The table of troubles for people: what the light counts, and what the voice says."""
    yield ("blinks", "what it means", "what to do", "what it says", "code")
    for code, trouble in sorted(TROUBLES.items(), key=lambda one: one[1].blinks):
        said = SENTENCES["en"][trouble.clip] if trouble.clip else "nothing"
        yield (str(trouble.blinks), trouble.means, trouble.cure, said, f"`{code}`")


def region(rows: Mapping[Any, Row[Any]], states: Iterable[Any], signals: type[StrEnum]) -> str:
    """One region: its diagram, its transitions, and the pairs that change nothing."""
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, signal), row in rows.items():
        if state != row.to:
            edges.setdefault((_name(state), _name(row.to)), []).append(signal.value)
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR"]
    lines += [
        f"    {state} --> {to}: {' · '.join(labels)}" for (state, to), labels in edges.items()
    ]
    lines += ["```", ""]
    listed = [
        (_name(state), signal.value, _name(row.to), ", ".join(action.value for action in row.do))
        for (state, signal), row in rows.items()
    ]
    lines += [table([("in", "on", "to", "does"), *listed]), ""]
    ignored = []
    for state in states:
        rest = [signal.value for signal in signals if (state, signal) not in rows]
        ignored.append((_name(state), ", ".join(rest) or "nothing"))
    lines += [table([("in", "changes nothing"), *ignored])]
    return "\n".join(lines)


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as Markdown, the heading first."""
    heading, *body = rows
    rule = tuple("---" for _ in heading)
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, rule, *body))


def _name(state: Any) -> str:
    name: str = state.value if isinstance(state, StrEnum) else state.__name__.lower()
    return name


def _filled(text: str, parts: Mapping[str, str]) -> str:
    for name, body in parts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        head, found, rest = text.partition(start)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"the markers of {name!r} are missing")
        text = f"{head}{start}{body}\n{end}{tail}"
    return text


def write() -> None:
    """Bring all documents up to date."""
    for document, content in rendered().items():
        document.write_text(content)


if __name__ == "__main__":
    write()
