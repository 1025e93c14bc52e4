"""Two pictures of memory: what lies in each region of the board, and what lives where in the arena while layers run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyclap_edge.report.plots import KINDS, OTHER, WIDTH, kind_colours
from tinyclap_edge.report.svg import CHARACTER, Drawing, ticks
from tinyclap_edge.report.tables import percent, region_sizes, size

_PARTS = {
    "weights and tables": "c1",
    "label pack": "c4",
    "encoder's arena": "c2",
    "log-mel rows": "c3",
    "stack": "c5",
}
_REST = "code and data"
_INSIDE = 5.5  # mean width of a character inside a box, at 9.5 px


def memory_map(manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> str:
    """A bar a region, as long as the region; what the linked image holds besides the planned parts is code and data."""
    linked = (bench or {}).get("bytes_by_region") or {}
    sizes = region_sizes(manifest)
    row, bar, top = 74.0, 22.0, 8.0
    drawing = Drawing(WIDTH, top + row * len(sizes), "Memory by region")
    for index, (region, room) in enumerate(sizes.items()):
        y = top + row * index
        parts = [(m["what"], m["bytes"]) for m in manifest["memory"] if m["region"] == region]
        rest = linked.get(region, 0) - sum(n for _, n in parts)
        if rest > 0:
            parts.append((_REST, rest))
        used = sum(n for _, n in parts)
        drawing.text(0, y + 14, region, "head")
        source = "in the linked image" if region in linked else "planned"
        drawing.text(WIDTH, y + 14, f"{size(used)} of {size(room)}, {percent(used / room)} {source}", "small", "end")
        drawing.rect(0, y + 22, WIDTH, bar, "free", f"{region}: {size(max(room - used, 0))} free", radius=3)
        x, key = 0.0, 0.0
        for what, count in sorted(parts, key=lambda part: -part[1]):
            css, width = _PARTS.get(what, "c0"), WIDTH * count / room
            drawing.rect(x, y + 22, max(width - 1, 1), bar, css, f"{what}: {count:,} bytes ({percent(count / room)})")
            x += max(width, 1.5)
            text = f"{what} {size(count)}"
            drawing.swatches(key, y + 59, [(css, text)])
            key += 15 + CHARACTER * len(text) + 16
        drawing.text(key, y + 59, f"free {size(max(room - used, 0))}", "small")
    return drawing.render()


def arena_over_time(manifest: Mapping[str, Any]) -> str:
    """A rectangle a tensor: as high as its bytes at its offset, as wide as the steps during which it is needed.

    A step is a layer, or in the schedule `rows` a phase: there many layers run together, each with a ring of rows.
    """
    layers, encoder = manifest["layers"], manifest["encoder"]
    tensors = _without_hidden_scratch(manifest["tensors"])
    arena = encoder["arena_bytes"]
    kinds = {layer["writes"]: layer["kind"] for layer in layers}
    height, left, top, bottom = 340.0, 58.0, 34.0, 42.0
    first = min(t["first"] for t in tensors)
    last = max(t["last"] for t in tensors)
    word, steps = ("layer", len(layers)) if encoder["schedule"] == "layers" else ("phase", last)
    step = (WIDTH - left - 6) / (last - first + 1)
    scale = (height - top - bottom) / max(arena, 1)
    drawing = Drawing(WIDTH, height, "The arena while the layers run")
    drawing.swatches(left, 14, [("c5", "input"), *kind_colours(layers)])
    drawing.rect(left, top, WIDTH - left - 6, height - top - bottom, "free", radius=3)
    for value in ticks(0, arena / 1024, 4):
        y = height - bottom - value * 1024 * scale
        drawing.line(left, y, WIDTH - 6, y, "grid")
        drawing.text(left - 8, y + 4, f"{value:g} KB", "small", "end")
    for t in tensors:
        taken = [o["first"] for o in tensors if o["storage"] == t["storage"] and o["first"] > t["first"]]
        end = min([t["last"] + 1, *taken])  # what works in place takes its input's box over
        x, wide = left + (t["first"] - first) * step, (end - t["first"]) * step
        tall = t["size"] * scale
        y = height - bottom - (t["offset"] + t["size"]) * scale
        css = "c5" if t["role"] == "input" else KINDS.get(kinds.get(t["name"], ""), OTHER)[0]
        when = f"{word}s {max(t['first'], 0)} to {max(min(t['last'], steps - 1), 0)}"
        tip = f"{t['name']}: {t['size']:,} bytes at {t['offset']:,}, {when}"
        drawing.rect(x + 0.6, y + 0.6, wide - 1.2, max(tall - 1.2, 0.8), css, tip, alpha=0.85, radius=1.5)
        name = t["name"] if wide >= _INSIDE * len(t["name"]) + 8 else t["name"].split("/")[0]
        if tall > 14 and wide >= _INSIDE * len(name) + 4:
            drawing.text(x + wide / 2, y + 12.5, name, "inside", "middle", tip)
    for value in range(0, steps, 5 if steps > 12 else 1):
        x = left + (value - first + 0.5) * step
        drawing.text(x, height - bottom + 16, str(value), "small", "middle")
    drawing.text((left + WIDTH) / 2, height - 6, word, "small", "middle")
    return drawing.render()


def _without_hidden_scratch(tensors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Layers of one phase share their scratch: only the largest of those at one place and time is drawn."""
    seen: dict[tuple[int, int, int], Mapping[str, Any]] = {}
    for t in tensors:
        if t["role"] == "scratch":
            key = (t["first"], t["last"], t["offset"])
            seen[key] = max(seen.get(key, t), t, key=lambda other: int(other["size"]))
    return [t for t in tensors if t["role"] != "scratch" or t is seen[t["first"], t["last"], t["offset"]]]
