"""One picture of accuracy x RAM x time x window: a point a window, as lines of text or as an SVG.

Each point is the best that fits a board with that window: right of it more RAM, above it more accuracy, a larger disc takes
longer. The accuracy is that of the curve that was given, so it stands for the window, not for the network of the point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.fit.solver import WindowCost

BAR = 24  # characters
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 70, 50, 40, 60  # of the SVG, pixels
LEAST_DISC, MOST_DISC = 3.0, 16.0
INK, LINE, DISC = "#1b1f24", "#d0d7de", "#0969da"


def rows(windows: Sequence[WindowCost]) -> list[list[str]]:
    """A row a window: seconds, accuracy with its bar, RAM with its bar, time with its bar, the share of a hop."""
    costs = [w.cost for w in windows if w.cost is not None]
    most_ram = max((c.ram_bytes for c in costs), default=1)
    most_s = max((c.latency.typical_s for c in costs), default=1.0)
    found = []
    for w in windows:
        row = [f"{w.window_s:g} s", f"{w.accuracy:6.1%} {bar(w.accuracy)}"]
        if w.cost is None:
            found.append([*row, "nothing fits", "", ""])
            continue
        ram, seconds = w.cost.ram_bytes, w.cost.latency.typical_s
        found.append(
            [*row, f"{ram:>9,} {bar(ram / most_ram)}", f"{seconds * 1e3:>6.0f} {bar(seconds / most_s)}", f"{w.cost.load:.0%}"]
        )  # fmt: skip
    return found


def bar(share: float, width: int = BAR) -> str:
    """A share of 1 as blocks, to an eighth of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]


def svg(windows: Sequence[WindowCost], title: str) -> str:
    """The picture as a document of its own. UsageError (2) where no window fits."""
    points = [(w, w.cost) for w in windows if w.cost is not None]
    if not points:
        raise UsageError("no window of the curve fits this board, so there is no picture", "loosen a budget")
    rams, kind = [c.ram_bytes / 1024 for _, c in points], points[0][1].latency.kind
    x_ticks = ticks(0.8 * min(rams), 1.08 * max(rams))
    heard = [100 * w.accuracy for w, _ in points]
    y_ticks = ticks(max(0.0, min(heard) - 3), min(100.0, max(heard) + 3))
    longest = max(c.latency.typical_s for _, c in points)
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(ram: float) -> float:
        return LEFT + inner_w * (ram - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])

    def y(percent: float) -> float:
        return TOP + inner_h * (1 - (percent - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" '
        f'fill="{INK}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{escape(title)}</text>',
    ]
    for tick in x_ticks:
        parts.append(
            _line(x(tick), TOP, x(tick), HEIGHT - BOTTOM) + _text(x(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", "middle")
        )
    for tick in y_ticks:
        parts.append(_line(LEFT, y(tick), WIDTH - RIGHT, y(tick)) + _text(LEFT - 8, y(tick) + 4, f"{tick:g} %", "end"))
    parts.append(_text(LEFT + inner_w / 2, HEIGHT - 16, f"RAM, KB (planned); area of a disc: time ({kind})", "middle"))
    parts.append(_text(LEFT - 50, TOP - 12, "accuracy (given)", "start"))
    placed: list[tuple[float, float]] = []
    for w, cost in sorted(points, key=lambda p: -p[1].latency.typical_s):  # small discs are drawn over large ones
        radius = max(LEAST_DISC, MOST_DISC * math.sqrt(cost.latency.typical_s / longest))
        cx, cy = x(cost.ram_bytes / 1024), y(100 * w.accuracy)
        parts.append(
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}" fill="{DISC}" fill-opacity="0.35" stroke="{DISC}"/>'
        )
        below = any(abs(cx - a) < 110 and abs(cy - radius - 6 - b) < 16 for a, b in placed)
        label_y = cy + radius + 16 if below else max(TOP - 8, cy - radius - 6)
        placed.append((cx, label_y))
        label = f"{w.window_s:g} s: {cost.latency.typical_s * 1e3:.0f} ms"
        parts.append(_text(min(cx, WIDTH - RIGHT - 30), label_y, label, "middle"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_svg(path: Path, windows: Sequence[WindowCost], title: str) -> None:
    """The picture as a file, whole or not at all. UsageError (2) where it cannot be written."""
    drawn = svg(windows, title)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(drawn, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}", "name another file") from error


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from below `low` to above `high`, about so many."""
    span = max(high - low, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= span)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{LINE}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
