"""report.html of a run: its loss, its rate, how it does on held-out clips, and what it was made from. No clock in it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyclap_edge.distill.validate import METRICS
from tinyclap_edge.report.svg import Drawing, escape, fmt, ticks

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760.0, 280.0, 64.0, 24.0, 20.0, 42.0
_STYLE = """
:root { color-scheme: light dark; --ink: #16181d; --soft: #5a606b; --line: #e3e3de; --page: #f6f6f3; --c1: #2f6fd0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ebee; --soft: #a1a8b3; --line: #2e333b; --page: #121418; --c1: #5b95ec; }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 28px 16px 64px; }
h1 { font-size: 22px; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; } svg .small { fill: var(--soft); }
.grid { stroke: var(--line); } .curve { fill: none; stroke: var(--c1); stroke-width: 1.8; } .dot { fill: var(--c1); }
.mark { stroke: var(--soft); stroke-dasharray: 4 4; }
table { border-collapse: collapse; font-size: 13.5px; }
td { padding: 4px 20px 4px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:first-child { color: var(--soft); white-space: nowrap; }
"""


def curve(title: str, points: Sequence[tuple[float, float]], marks: Sequence[float] = (), percent: bool = False) -> str:
    """An <svg> of values by step; marks are steps at which a stage ends."""
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        drawing.text(_LEFT, _HEIGHT / 2, "nothing yet", "small")
        return drawing.render()
    low, high = min(y for _, y in finite), max(y for _, y in finite)
    if high - low < 1e-9:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    first, last = min(0.0, finite[0][0]), max(finite[-1][0], 1.0)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (_WIDTH - _LEFT - _RIGHT) * (x - first) / (last - first),
            _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (y - low) / (high - low)),
        )

    for value in ticks(low, high):
        y = at(first, value)[1]
        drawing.line(_LEFT, y, _WIDTH - _RIGHT, y, "grid")
        drawing.text(_LEFT - 8, y + 4, f"{100 * value:g} %" if percent else f"{value:g}", "small", "end")
    for value in ticks(first, last):
        drawing.text(at(value, low)[0], _HEIGHT - _BOTTOM + 18, f"{value:g}", "small", "middle")
    drawing.text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "steps", "small", "middle")
    for step in marks:
        x = at(step, low)[0]
        drawing.line(x, _TOP, x, _HEIGHT - _BOTTOM, "mark")
    drawing.polyline([at(x, y) for x, y in finite], "curve")
    if len(finite) <= 40:
        for x, y in finite:
            drawing.dot(*at(x, y), 3, "dot", f"step {fmt(x)}: {y:.4f}")
    return drawing.render()


def report_html(run: dict[str, Any], memory: dict[str, Any]) -> str:
    """The page. run: what run.json holds; memory: a Tracker's curves."""
    marks = [sum(s["steps"] for s in run["stages"][: i + 1]) for i in range(len(run["stages"]) - 1)]
    parts = [
        f"<h1>{escape(run['student'])}</h1>",
        f"<p>recipe {escape(run['recipe']['name'])}, teacher {escape(run['teacher']['name'])}, "
        f"{run['store']['rows']:,} clips, seed {run['seed']}</p>",
        "<h2>Loss</h2>",
        curve("Loss by step", [(x, y) for x, y, _ in memory["loss"]], marks),
        "<h2>Learning rate</h2>",
        curve("Learning rate by step", [(x, rate) for x, _, rate in memory["loss"]], marks),
    ]
    names = list(dict.fromkeys(name for _, values in memory["scores"] for name in values))
    for name in names:
        points = [(x, values[name]) for x, values in memory["scores"] if name in values]
        parts += [f"<h2>{escape(METRICS.get(name, name)).capitalize()}</h2>"]
        parts.append(curve(name, points, marks, percent=name != "cosine"))
    facts = [("status", run["status"]), *_flat("result", run.get("result") or {}), *_flat("recipe", run["recipe"])]
    facts += [*_flat("store", run["store"]), *_flat("teacher", run["teacher"]), *_flat("made with", run["environment"])]
    rows = "\n".join(f"<tr><td>{escape(k)}</td><td>{escape(str(v))}</td></tr>" for k, v in facts)
    parts.append(f"<h2>What it was made from</h2>\n<table>\n{rows}\n</table>")
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(run["student"])}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def write_report(folder: Path, run: dict[str, Any], memory: dict[str, Any]) -> None:
    """report.html, whole or not at all."""
    temporary = folder / "report.html.tmp"
    temporary.write_text(report_html(run, memory), encoding="utf-8")
    os.replace(temporary, folder / "report.html")


def _flat(prefix: str, values: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(f"{prefix}: {key}", value) for key, value in sorted(values.items())]
