"""As much of SVG as a drawing of a conversation needs. Lengths are pixels, paints are CSS's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape

_FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


class Canvas:
    """A drawing; what is drawn later covers what was drawn before."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._fades = 0

    def text(
        self,
        x: float,
        y: float,
        words: str,
        paint: str,
        *,
        size: int = 13,
        weight: int = 400,
        anchor: Literal["start", "middle", "end"] = "start",
    ) -> None:
        """A line of text on its base line."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{paint}" font-size="{size}" '
            f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, paint: str, *, dashes: str = "none"
    ) -> None:
        """A thin straight line."""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{paint}" stroke-dasharray="{dashes}"/>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        paint: str,
        *,
        round_: float = 0,
        edge: str = "none",
    ) -> None:
        """A rectangle."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'rx="{round_:g}" fill="{paint}" stroke="{edge}"/>'
        )

    def disc(self, x: float, y: float, radius: float, paint: str) -> None:
        """A full circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{paint}"/>')

    def polygon(self, corners: Sequence[tuple[float, float]], paint: str) -> None:
        """A filled outline."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self._parts.append(f'<polygon points="{points}" fill="{paint}"/>')

    def fade(self, paint: str, x1: float, x2: float) -> str:
        """A paint that fades away from `x1` to `x2`."""
        self._fades += 1
        name = f"fade{self._fades}"
        self._parts.append(
            f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" x1="{x1:.1f}" y1="0" '
            f'x2="{x2:.1f}" y2="0"><stop offset="0" stop-color="{paint}"/>'
            f'<stop offset="1" stop-color="{paint}" stop-opacity="0"/></linearGradient>'
        )
        return f"url(#{name})"

    def document(
        self, width: float, height: float, *, title: str, dark: Mapping[str, str] | None = None
    ) -> str:
        """The whole drawing on white, as an SVG document.

        `dark`: the paints that replace others where the reader prefers dark pages.
        """
        rules = "".join(
            f'[fill="{light}"]{{fill:{paint}}}[stroke="{light}"]{{stroke:{paint}}}'
            for light, paint in (dark or {}).items()
        )
        style = [f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"] if rules else []
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
                f'width="{width:g}" height="{height:g}" font-family="{_FONT}">',
                f"<title>{escape(title)}</title>",
                *style,
                '<rect width="100%" height="100%" fill="#ffffff"/>',
                *self._parts,
                "</svg>\n",
            )
        )
