"""Plots of a report, drawn from plain data: cost by layer, accuracy against embedding size, accuracies with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinyclap_edge.evaluate.intervals import wilson
from tinyclap_edge.report.accuracy import HELD_OUT, Examined, Line, lines
from tinyclap_edge.report.svg import CHARACTER, Drawing, shorten, ticks
from tinyclap_edge.report.tables import CALCULATED, EMULATED, number, percent

WIDTH = 760.0
HALF = 480.0  # of plots that stand beside each other, and stay readable on a phone
KINDS = {  # layer kind -> colour class and what a person calls it
    "CONV_2D": ("c1", "1×1 and full convolution"),
    "DEPTHWISE_CONV_2D": ("c2", "depthwise convolution"),
    "ADD": ("c3", "add (shortcut)"),
    "FULLY_CONNECTED": ("c4", "dense"),
}
OTHER = ("c0", "other")


def kind_colours(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The legend of the kinds that occur, in a fixed order."""
    found = {KINDS.get(layer["kind"], OTHER) for layer in layers}
    return [item for item in (*KINDS.values(), OTHER) if item in found]


def cost_by_layer(manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> str:
    """A row a layer: its multiply-accumulates, and its instructions where they were counted."""
    layers = manifest["layers"]
    counted = {m["function"]: m.get("instructions") for m in (bench or {}).get("layers", ())}
    row, top, names = 19.0, 62.0, 132.0
    panels = [("multiply-accumulates", CALCULATED, [layer["macs"] for layer in layers])]
    if counted:
        panels.append(("instructions", EMULATED, [counted.get(layer["function"]) or 0 for layer in layers]))
    drawing = Drawing(WIDTH, top + row * len(layers) + 8, "Cost by layer")
    drawing.swatches(names, 14, kind_colours(layers))
    span = (WIDTH - names) / len(panels)
    for i, layer in enumerate(layers):
        y = top + row * i
        drawing.text(names - 10, y + 13, shorten(layer["name"], names - 12), "label", "end", layer["name"])
    for index, (title, tag, values) in enumerate(panels):
        left = names + index * span
        width, total = span - 84, sum(values)
        largest = max([*values, 1])
        drawing.text(left, 44, f"{title} ({tag})", "head")
        drawing.line(left, top - 4, left, top + row * len(layers), "axis")
        for i, (layer, value) in enumerate(zip(layers, values, strict=True)):
            y, css = top + row * i, KINDS.get(layer["kind"], OTHER)[0]
            long = width * value / largest
            share = f" ({percent(value / total)})" if total else ""
            tip = f"{layer['name']}, {layer['kind'].lower()}: {value:,} {title}{share}"
            drawing.rect(left, y + 2, max(long, 0.75 if value else 0), row - 5, css, tip, radius=2)
            drawing.text(left + long + 6, y + 13, number(value) if value else "0", "small")
    return drawing.render()


_CURVES = {"rotate": ("s1", "rotate"), "prune": ("s2", "prune"), "random": ("s0", "random")}


def size_curve(card: Mapping[str, Any], chosen: int | None) -> str:
    """Accuracy against the number of dimensions kept (logarithmic), with 95 % intervals and the chosen size marked."""
    points = sorted((int(r), p) for r, p in card["curve"].items())
    height, left, right, top, bottom = 330.0, 50.0, 84.0, 20.0, 46.0
    drawing = Drawing(HALF, height, "Accuracy against embedding size")
    low, high = math.log2(points[0][0]), math.log2(max(points[-1][0], points[0][0] + 1))
    values = [p[how] for _, p in points for how in _CURVES if p.get(how) is not None]
    floor = max(0.0, math.floor(10 * min(values) - 0.3) / 10)

    def at(r: float, value: float) -> tuple[float, float]:
        x = left + (HALF - left - right) * (math.log2(r) - low) / (high - low)
        return x, top + (height - top - bottom) * (1 - (value - floor) / (1 - floor or 1))

    for value in ticks(floor, 1.0):
        y = at(points[0][0], value)[1]
        drawing.line(left, y, HALF - right, y, "grid")
        drawing.text(left - 8, y + 4, f"{100 * value:g} %", "small", "end")
    for r, _ in points:
        x = at(r, floor)[0]
        drawing.text(x, height - bottom + 18, str(r), "small strong" if r == chosen else "small", "middle")
    drawing.text((left + HALF - right) / 2, height - 8, "dimensions of the embedding", "small", "middle")
    if chosen is not None and points[0][0] <= chosen <= points[-1][0]:
        x = at(chosen, floor)[0]
        drawing.line(x, top - 4, x, height - bottom, "mark")
        drawing.text(x + 6, height - bottom - 8, f"chosen: {chosen}", "small strong")
    ends: list[tuple[float, str, str]] = []
    for how, (css, title) in _CURVES.items():
        have = [(r, p[how], p["n"]) for r, p in points if p.get(how) is not None]
        if not have:
            continue
        if how != "random":  # a mean of draws has no binomial interval
            shares = [(r, wilson(v * n, n)) for r, v, n in have]
            band = [at(r, s.low) for r, s in shares] + [at(r, s.high) for r, s in reversed(shares)]
            drawing.polygon([(x, min(y, height - bottom)) for x, y in band], f"band {css}")
        drawing.polyline([at(r, v) for r, v, _ in have], f"curve {css}")
        for r, v, n in have:
            drawing.dot(*at(r, v), 4, f"dot {css}", f"{title}, {r} dimensions: {percent(v)}, n = {n}")
        ends.append((at(*have[-1][:2])[1], title, css))
    y = -math.inf
    for end, title, css in sorted(ends):
        y = max(end, y + 16)
        drawing.dot(HALF - right + 14, y, 4, f"dot {css}")
        drawing.text(HALF - right + 23, y + 4, title, "small strong")
    return drawing.render()


_MARKS = {"teacher": ("s0", 4.5), "float": ("s3", 3.5), "reduced": ("s2", 3.5), "int8": ("s1", 4.5)}


def accuracies(e: Examined) -> str:
    """What it recognises: the forms of the model beside each other, intervals as bars, guessing as a tick."""
    groups = lines(e)
    wanted = [x for x in groups.get("Seen families", []) if x.path[-1] != "among themselves"]
    wanted += [x for x in groups.get("Families that neither teacher nor student ever heard", []) if _main(x)]
    wanted += groups.get("Retrieval, R@1", [])
    return _dots(e, [(_title(x), x) for x in wanted], "What it recognises")


def shifts(e: Examined) -> str:
    """The shift table as dots."""
    rows = lines(e).get("Shifts", [])
    return _dots(e, [(x.title, x) for x in rows], "What distortion does")


def _main(x: Line) -> bool:
    return x.path[0] in HELD_OUT and x.path[-1] in ("ensemble", "described")


def _title(x: Line) -> str:
    if x.path[0] in HELD_OUT:
        return (
            f"{HELD_OUT[x.path[0]].removeprefix('random ')}, {'described' if x.path[-1] == 'described' else 'by name'}"
        )
    short = {"fresh": "seen", "second": "second generators"}[x.path[0]]
    if "retrieval" in x.path:
        return x.path[-1].replace("_", " ") + ", R@1"
    return short + {"single": ", one prompt", "reworded": ", other words"}.get(x.path[-1], "")


def _dots(e: Examined, rows: Sequence[tuple[str, Line]], title: str) -> str:
    row, top, left, right = 30.0, 34.0, 160.0, 62.0
    foot = top + row * len(rows)
    drawing = Drawing(HALF, foot + 26, title)
    forms = [form for form in e.forms if form in _MARKS]
    x = 24.0
    for form in forms:
        drawing.dot(x + 5, 11, 4.5, f"dot {_MARKS[form][0]}")
        drawing.text(x + 15, 15, form, "small")
        x += 15 + CHARACTER * len(form) + 18
    if any(line.chance for _, line in rows):
        drawing.line(x + 5, 4, x + 5, 18, "chance")
        drawing.text(x + 13, 15, "chance", "small")

    def at(value: float) -> float:
        return left + (HALF - left - right) * value

    for value in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        drawing.line(at(value), top - 4, at(value), foot, "grid")
        drawing.text(at(value), foot + 17, f"{100 * value:g} %", "small", "middle")
    for i, (name, line) in enumerate(rows):
        y = top + row * i + row / 2
        drawing.text(left - 12, y + 4, shorten(name, left - 14), "label", "end", name)
        if line.chance:
            drawing.line(at(line.chance), y - 10, at(line.chance), y + 10, "chance")
        for k, form in enumerate(forms):
            share = e.at(form, *line.path)
            if not share:
                continue
            css, radius = _MARKS[form]
            offset = y + 5.4 * (k - (len(forms) - 1) / 2)
            drawing.line(at(share["low"]), offset, at(share["high"]), offset, f"interval {css}")
            interval = f"{100 * share['low']:.1f}–{100 * share['high']:.1f}"
            tip = f"{name}: {form} {percent(share['value'])} {interval}, n = {share['n']:,}"
            drawing.dot(at(share["value"]), offset, radius, f"dot {css}", tip)
        last = e.at("int8", *line.path) or e.at(forms[-1], *line.path)
        if last:
            drawing.text(HALF - right + 14, y + 4, percent(last["value"]), "label strong")
    return drawing.render()
