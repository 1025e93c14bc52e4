"""A curve of accuracy against r as one SVG: lines on a logarithmic axis, labelled at their ends, no script, no font."""

from __future__ import annotations

import math
from typing import Any
from xml.sax.saxutils import escape

from tinyclap_edge.reduce.curve import ways_of

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 56, 96, 40, 48
COLOURS = {"rotate": "#0b6e99", "prune": "#c44e1c", "train": "#2f7d32", "random": "#8a8a8a"}


def curve_svg(curve: dict[str, Any]) -> str:
    """The picture of reduce.curve.reduction_curve's record."""
    sizes = [row["r"] for row in curve["rows"]]
    low = 10 * math.floor(min(row[way]["value"] for row in curve["rows"] for way in ways_of(curve)) * 10 - 1e-9)
    low = max(0, low)

    def x(r: int) -> float:
        first, last = math.log2(sizes[0]), math.log2(sizes[-1])
        return LEFT + (WIDTH - LEFT - RIGHT) * ((math.log2(r) - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (100 * value - low) / (100 - low))

    title = f"{curve['student']}: zero-shot {curve['measure']} against r, {curve['corpus']}, n = {curve['clips']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" fill="#222222">{escape(title)}</text>',
    ]
    for percent in range(low, 101, 10):
        at = y(percent / 100)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#555555">{percent} %</text>')
    for r in sizes:
        parts.append(f'<text x="{x(r):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#555555">{r}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle" fill="#555555">dimensions r</text>')
    taken: list[float] = []
    for way in ways_of(curve):
        points = [(x(row["r"]), y(row[way]["value"])) for row in curve["rows"]]
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        dash = ' stroke-dasharray="5 4"' if way == "random" else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[way]}" stroke-width="2"{dash}/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{COLOURS[way]}"/>' for px, py in points]
        at = points[-1][1] + 4
        while any(abs(at - other) < 14 for other in taken):  # lines end together at r = dim
            at += 14
        taken.append(at)
        parts.append(f'<text x="{points[-1][0] + 10:.1f}" y="{at:.1f}" fill="{COLOURS[way]}">{way}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
