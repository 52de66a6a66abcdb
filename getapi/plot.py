"""Bar charts as SVG: a picture that needs no script, no library and no other host, and that a screen reader can pass over for its table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 80, 8, 16, 34
"""Margins, for the words at the axes."""

INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_LABELS = 12
WIDEST_BAR = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """``label`` stands below it, ``told`` is what it says of itself."""

    label: str
    value: int
    told: str


def bars(name: str, title: str, values: Sequence[Bar], *, shown: Callable[[int], str]) -> str:
    """An SVG element whose title and description have ids that begin with ``name``. ``shown`` writes a value at the axis."""
    step = _step(max((bar.value for bar in values), default=0))
    top = step * max(1, math.ceil(max((bar.value for bar in values), default=0) / step))
    peak = max(values, key=lambda bar: bar.value, default=None)
    description = f"{len(values)} bars. The highest: {peak.told}." if peak and peak.value else "Nothing to show."
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>',
        *_lines(top, step, shown),
        *_columns(values, top),
        f'<line class="axis" x1="{LEFT}" y1="{TOP + INNER_HEIGHT}" x2="{WIDTH - RIGHT}" y2="{TOP + INNER_HEIGHT}"/>',
        "</svg>",
    ]
    return "".join(parts)


def _lines(top: int, step: int, shown: Callable[[int], str]) -> list[str]:
    parts = []
    for value in range(0, top + 1, step):
        y = TOP + INNER_HEIGHT * (1 - value / top)
        if value:
            parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(shown(value))}</text>')
    return parts


def _columns(values: Sequence[Bar], top: int) -> list[str]:
    room = INNER_WIDTH / max(len(values), 1)
    width = min(room * 0.72, WIDEST_BAR)
    every = math.ceil(len(values) / MOST_LABELS)
    parts = []
    for number, bar in enumerate(values):
        middle = LEFT + room * (number + 0.5)
        height = INNER_HEIGHT * bar.value / top
        if bar.value:
            x, y = middle - width / 2, TOP + INNER_HEIGHT - height
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{min(2, width / 4):.1f}">'
                f"<title>{escape(bar.told)}</title></rect>"
            )
        if number % every == 0:
            parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(bar.label)}</text>')
    return parts


def _step(largest: int) -> int:
    """A round distance between lines, 1, 2 or 5 times a power of ten, so that there are at most five of them."""
    if largest <= 4:
        return 1
    power = int("1" + "0" * (len(str(largest // 4)) - 1))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power * 5 >= largest)
