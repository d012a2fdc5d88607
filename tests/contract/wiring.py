"""The drawings of `hardware.md`, from the board profiles: what is on which pin, and what to wire.

In the family of `provisioning/wiring.svg`, which is drawn by hand: its own paper, so that it reads
on a light and on a dark page alike; one colour for each thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

from device.boards import Board

# fmt: off
HEADER: Final = (
    "3.3 V", "5 V",     "GPIO2", "5 V",      "GPIO3", "ground",   "GPIO4", "GPIO14",
    "ground", "GPIO15", "GPIO17", "GPIO18",  "GPIO27", "ground",  "GPIO22", "GPIO23",
    "3.3 V", "GPIO24",  "GPIO10", "ground",  "GPIO9", "GPIO25",   "GPIO11", "GPIO8",
    "ground", "GPIO7",  "ID_SD", "ID_SC",    "GPIO5", "ground",   "GPIO6", "GPIO12",
    "GPIO13", "ground", "GPIO19", "GPIO16",  "GPIO26", "GPIO20",  "ground", "GPIO21",
)
# fmt: on
"""The 40 pins in the order of their numbers (raspberrypi/documentation, GPIO and the 40-pin
header)."""

PAPER, INK, FAINT, RIM, PLASTIC = "#fcfcfa", "#22282e", "#59636d", "#c9ced3", "#2b3138"
FREE, GROUND, POWER = "#8c959e", "#4a525a", "#b26a00"
BOARD, PANEL, OWN = "#1565c0", "#2e7d32", "#b3361f"
NETS: Final = (
    "#1565c0", "#6a1b9a", "#2e7d32", "#00838f", "#ad1457", "#5d4037", "#283593", "#c2410c",
)  # fmt: skip
STYLE: Final = f"""
    text {{ fill: {INK}; font-size: 14px }}
    .heading {{ font-size: 17px; font-weight: 600 }}
    .small {{ font-size: 12px; fill: {FAINT} }}
    .part {{ font-weight: 600 }}
    .number {{ fill: #fff; font-size: 11px; font-weight: 600; text-anchor: middle }}
    .left {{ text-anchor: end }}
    .middle {{ text-anchor: middle }}
    .wire {{ fill: none; stroke-width: 3; stroke-linejoin: round }}
    .under {{ fill: none; stroke: {PAPER}; stroke-width: 8 }}
"""


def number_of(gpio: int) -> int:
    """The position of a GPIO on the header, 1 to 40."""
    return HEADER.index(f"GPIO{gpio}") + 1


class Net(Struct, frozen=True):
    """What is joined: `MODULE.TERMINAL`s, and a pin of the header if there is one."""

    name: str
    pin: int | None
    to: tuple[str, ...]


def document(width: int, height: int, *, title: str, about: str, parts: Iterable[str]) -> str:
    """The whole drawing. `about` is read to those who do not see it."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="title about" '
            "font-family=\"system-ui, 'DejaVu Sans', sans-serif\">",
            f'  <title id="title">{escape(title)}</title>',
            f'  <desc id="about">{escape(about)}</desc>',
            f"  <style>{STYLE}  </style>",
            f'  <rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12" '
            f'fill="{PAPER}" stroke="{RIM}" stroke-width="2"/>',
            f'  <text class="heading" x="28" y="38">{escape(title)}</text>',
            *(f"  {part}" for part in parts),
            "</svg>\n",
        )
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}">{escape(words)}</text>'


def pin(x: float, y: float, number: int, paint: str) -> Iterator[str]:
    """One pin; the first is square, as on the board."""
    shape = f'x="{x - 10:g}" y="{y - 10:g}" width="20" height="20" rx="3"'
    yield (
        f'<rect {shape} fill="{paint}"/>'
        if number == 1
        else f'<circle cx="{x:g}" cy="{y:g}" r="10" fill="{paint}"/>'
    )
    yield text(x, y + 4, str(number), "number")


# What a board that sits on the header has on which pin.


def pin_map(profile: Board) -> str:
    """All 40 pins: what the board uses, and where a mute switch and a light may go."""
    uses = {number_of(one.gpio): one.does for one in profile.pins}
    own = _own(profile, taken=set(uses))
    used = ", ".join(f"pin {number} {does}" for number, does in sorted(uses.items()))
    free = ", ".join(f"pin {number} {does}" for number, does in own.items())
    return document(
        760, 680, title=f"{profile.name}: its pins",
        about=f"It uses {used}. Free for parts of your own: {free}.",
        parts=_map_parts(uses, own),
    )  # fmt: skip


def _own(profile: Board, *, taken: set[int]) -> dict[int, str]:
    """Free pins for what the board has not: always a mute switch, a light where it has none."""
    panel, found = profile.settings.panel, {}
    wanted = [("yours: mute switch", (27, 22, 5))]
    if panel.led == panel.rgb == panel.ring == "none":
        wanted.append(("yours: LED and 330 Ω", (13, 26, 12)))
    if panel.button == "none":
        wanted.append(("yours: button", (17, 23, 24)))
    for does, candidates in wanted:
        number = next(n for n in map(number_of, candidates) if n not in taken)
        found[number] = does
    return found


def _map_parts(uses: dict[int, str], own: dict[int, str]) -> Iterator[str]:
    yield text(28, 60, "Seen from above, USB sockets down: pin 1 is at the top left.", "small")
    yield f'<rect x="330" y="78" width="100" height="532" rx="8" fill="{PLASTIC}"/>'
    for number, name in enumerate(HEADER, 1):
        left = number % 2 == 1
        x, y = (356 if left else 404), 97 + (number - 1) // 2 * 26
        paint, words, kind = _told(number, name, uses, own)
        yield from pin(x, y, number, paint)
        if left:
            yield text(318, y + 5, words, f"left {kind}".strip())
        else:
            yield text(442, y + 5, words, kind)
    keys = ((BOARD, "the board"), (OWN, "yours, if you want it"), (POWER, "current"))
    for (paint, words), x in zip(
        (*keys, (GROUND, "ground"), (FREE, "free")), (44, 190, 380, 500, 620), strict=True
    ):
        yield f'<circle cx="{x}" cy="640" r="7" fill="{paint}"/>'
        yield text(x + 14, 644, words, "small")


def _told(
    number: int, name: str, uses: dict[int, str], own: dict[int, str]
) -> tuple[str, str, str]:
    """Colour, words and class of a pin's label."""
    if number in uses:
        return BOARD, f"{name}, {uses[number]}", "part"
    if number in own:
        return OWN, f"{name}, {own[number]}", "part"
    if name == "ground":
        return GROUND, name, "small"
    return (POWER if name.endswith(" V") else FREE), name, "small"


# What is wired by hand: the header above, one line for each net, the modules below.

LEFT, PITCH, TOP, RAIL = 268, 40, 168, 30


def net_drawing(title: str, nets: tuple[Net, ...], *, note: str) -> str:
    """The nets as horizontal lines between the header and the modules. A dot joins."""
    about = "; ".join(
        f"{net.name}{f', pin {net.pin}' if net.pin else ''}: {', '.join(net.to)}" for net in nets
    )
    bottom = TOP + RAIL * len(nets) + 24
    parts = [
        text(28, 60, "Seen from above, USB sockets to the right: pin 1 is the left one below.",
             "small"),
        *_header_across(nets),
        *_rails(nets, bottom=bottom),
        *_modules(nets, top=bottom),
        text(28, bottom + 116, note, "small"),
        text(28, bottom + 134, "Lines that cross are joined only where there is a dot.", "small"),
    ]  # fmt: skip
    return document(1090, bottom + 156, title=title, about=about, parts=parts)


def _paint(nets: tuple[Net, ...], net: Net) -> str:
    if net.name == "ground":
        return GROUND
    if net.name.endswith(" V"):
        return POWER
    return NETS[nets.index(net) % len(NETS)]


def _header_across(nets: tuple[Net, ...]) -> Iterator[str]:
    """The whole header; even numbers above, as on the board."""
    yield (
        f'<rect x="{LEFT - 22}" y="78" width="{19 * PITCH + 44}" height="64" rx="8" '
        f'fill="{PLASTIC}"/>'
    )
    joined = {net.pin for net in nets}  # drawn last, over the ends of their wires
    for number in range(1, 41):
        if number not in joined:
            yield from pin(*_seat(number), number, FREE)


def _seat(number: int) -> tuple[int, int]:
    return LEFT + (number - 1) // 2 * PITCH, 96 if number % 2 == 0 else 124


def _terminals(nets: tuple[Net, ...]) -> dict[str, int]:
    """Where each terminal is; those of one module side by side, a gap between modules."""
    ordered = sorted({end for net in nets for end in net.to}, key=lambda end: _rank(nets, end))
    found, column, before = {}, 0, ""
    for end in ordered:
        module = end.partition(".")[0]
        column += 2 if before and module != before else 0
        # Between the verticals that come from the pins, which stand on every half pitch.
        found[end], before = LEFT - 10 + column * PITCH, module
        column += 1
    return found


def _rank(nets: tuple[Net, ...], end: str) -> tuple[int, int]:
    flat = [one for net in nets for one in net.to]
    modules = list(dict.fromkeys(one.partition(".")[0] for one in flat))
    return modules.index(end.partition(".")[0]), flat.index(end)


def _lane(number: int) -> int:
    """Where the vertical from a pin goes down: those of the upper row between two of the lower."""
    return _seat(number)[0] + (0 if number % 2 else PITCH // 2)


def _rails(nets: tuple[Net, ...], *, bottom: int) -> Iterator[str]:
    """The horizontal lines; over them the verticals, each with a gap in what it only crosses."""
    ends = _terminals(nets)
    for row, net in enumerate(nets):
        y, paint = TOP + row * RAIL, _paint(nets, net)
        stops = [ends[end] for end in net.to] + ([_lane(net.pin)] if net.pin else [])
        yield text(28, y + 5, net.name)
        yield f'<path class="wire" stroke="{paint}" d="M{LEFT - 64} {y} H{max(stops)}"/>'
    for row, net in enumerate(nets):
        y, paint = TOP + row * RAIL, _paint(nets, net)
        runs = [(ends[end], y, bottom, "") for end in net.to]
        if net.pin:
            x, at = _seat(net.pin)
            runs.append((_lane(net.pin), at, y, f"M{x} {at} H{_lane(net.pin)} "))
        for x, start, stop, jog in runs:
            yield f'<path class="under" d="M{x} {max(start, 150) + 6} V{stop - 6}"/>'
            yield f'<path class="wire" stroke="{paint}" d="{jog}M{x} {start} V{stop}"/>'
            yield f'<circle cx="{x}" cy="{y}" r="4.5" fill="{paint}"/>'
    for net in nets:
        if net.pin:
            yield from pin(*_seat(net.pin), net.pin, _paint(nets, net))


def _modules(nets: tuple[Net, ...], *, top: int) -> Iterator[str]:
    ends = _terminals(nets)
    for module in dict.fromkeys(end.partition(".")[0] for end in ends):
        places = {
            end.partition(".")[2]: x for end, x in ends.items() if end.startswith(f"{module}.")
        }
        first, last = min(places.values()), max(places.values())
        yield (
            f'<rect x="{first - 36}" y="{top}" width="{last - first + 72}" height="84" rx="8" '
            f'fill="#fff" stroke="{INK}" stroke-width="2"/>'
        )
        for row, (terminal, x) in enumerate(places.items()):
            yield f'<circle cx="{x}" cy="{top}" r="5" fill="{INK}"/>'
            yield text(x, top + (24 if row % 2 == 0 else 42), terminal, "middle small")
        yield text((first + last) / 2, top + 70, module, "middle part")


def by_hand(profile: Board) -> str:
    """The modules of a board that is wired by hand."""
    nets = tuple(Net(wire.name, wire.pin, wire.to) for wire in profile.wires)
    return net_drawing(
        f"{profile.name}: the wires", nets,
        note="The speaker goes to the two screws of the MAX98357A, and to nothing else.",
    )  # fmt: skip


def mute(profile: Board) -> str:
    """A switch that no program can undo, and a light that has the microphone's own current."""
    nets = (
        Net("3.3 V", 1, ("Switch.A",)),
        Net("3.3 V while on", None, ("Switch.A on", "INMP441.VDD", "LED.330 Ω")),
        Net("ground", 6, ("Switch.B muted", "INMP441.GND", "INMP441.L/R", "LED.short leg")),
        Net("what it hears, while on", None, ("Switch.B on", "INMP441.SD")),
        Net("GPIO20, microphone", 38, ("Switch.B",)),
        Net("GPIO18, bit clock", 12, ("INMP441.SCK",)),
        Net("GPIO19, word clock", 35, ("INMP441.WS",)),
    )
    known = {wire.name: wire.pin for wire in profile.wires}
    assert all(known[net.name] == net.pin for net in nets if net.pin), "wired as in the profile"
    return net_drawing(
        "A mute switch that software cannot undo", nets,
        note="A switch of two poles, each with three contacts. Muted: A is open, so the microphone "
        "and its light have no current; B holds the Pi's input at ground.",
    )  # fmt: skip
