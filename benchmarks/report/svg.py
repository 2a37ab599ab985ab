"""Elements of a picture that can be read on a white page and on a dark one."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

# Contrast with white and with the documentation's dark page alike: about 4:1 for what is read, and
# more than 3:1 for the other shapes. No colour has more with both.
TEXT = "#7a7f89"
STRONG = "#5f78e0"
TINT = "#858fbd"
NEUTRAL = "#8b909c"
WHITE = "#ffffff"

SIZE = 13
_FONT = "system-ui, sans-serif"
# Of the size, for the widest of the usual fonts: a figure of DejaVu Sans has 0.64.
_WIDTH_OF_A_CHARACTER = 0.64
_BOLD_IS_WIDER = 1.1


def width_of(words: str, *, size: float = SIZE, bold: bool = False) -> float:
    """Return a width that the words do not exceed, whatever font there is."""
    width = len(words) * size * _WIDTH_OF_A_CHARACTER
    return width * _BOLD_IS_WIDER if bold else width


def text(
    x: float,
    y: float,
    words: str,
    fill: str = TEXT,
    *,
    size: float = SIZE,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """Return words on a baseline."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}" '
        f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
    )


def bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'
    )


def path(steps: str, stroke: str, *, width: float = 1, opacity: float = 1) -> str:
    """Return a line."""
    return (
        f'<path d="{steps}" fill="none" stroke="{stroke}" stroke-width="{width:g}" '
        f'stroke-opacity="{opacity:g}"/>'
    )


def picture(
    title: str, description: str, size: tuple[float, float], elements: Sequence[str]
) -> str:
    """Return a whole picture without a background, with words for those who cannot see it."""
    width, height = size
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" role="img" aria-labelledby="title description" '
        f"font-family={quoteattr(_FONT)}>"
    )
    words = [
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
    ]
    return "\n".join([head, *words, *elements, "</svg>"]) + "\n"
