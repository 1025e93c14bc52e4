"""The figures of a benchmark, one list whatever was measured, and the identity of the model that they are of.

`record` is what --json-path writes: the benchmark's data, with `schema_version`, `model` and `figures`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_edge.boards import Board, find_board

SCHEMA = 1


@dataclass(frozen=True)
class Figure:
    """One number of which less is better."""

    name: str
    unit: str
    value: float


def record(data: dict[str, Any], what: str) -> dict[str, Any]:
    """data: of bundle/bench.py or of engine/model_bench.py's facts. what: the student's or model file's name."""
    form = [[layer["kind"], layer["macs"]] for layer in layers_of(data) if layer["macs"]]
    identity = [form, data["macs"], *([data["per"]] if "per" in data else [])]  # a hop is compared with no window
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    return {
        "schema_version": SCHEMA,
        "model": {"name": what, "form": digest, "encoder": data["encoder"]},
        "figures": [asdict(figure) for figure in figures_of(data)],
        **data,
    }


def layers_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """{name, kind, macs, instructions, ...} a layer; empty where nothing was counted."""
    layers = data.get("layers")  # of a model: their number
    return list(layers if isinstance(layers, list) else data.get("layer_table") or [])


def figures_of(data: dict[str, Any]) -> list[Figure]:
    """Latency apart for front end, encoder and scoring, memory by region, stack, flash, MACs, estimated energy.

    Instructions are there where an emulator counted them, time and energy where that was done or a board timed itself,
    sizes where an image was linked.
    """
    board = find_board(data["board"])
    counted = data.get("instructions")
    parts = dict(counted) if isinstance(counted, dict) else {"encoder": counted, "total": counted} if counted else {}
    names = {"frontend": "front end", "encoder": "encoder", "labels": "scoring", "total": data.get("per", "one window")}
    found = [Figure(f"{names[k]}: instructions", "instructions", parts[k]) for k in names if k in parts]
    measured = data.get("seconds") or {}
    if measured:  # by the board's own clock
        how = "emulated board" if data.get("emulated") else "measured"
        for key, name in names.items():
            found += [Figure(f"{name}: cycles", "cycles", data["cycles"][key])] if "cycles" in data else []
            found.append(Figure(f"{name}: time ({how})", "ms", round(measured[key] * 1e3, 4)))
        if "energy_mj" in data:
            found.append(Figure(f"{names['total']}: energy (estimated)", "mJ", round(data["energy_mj"], 5)))
    else:
        found += _estimates(board, parts, names)
    kinds = {region.name: region.kind for region in board.regions}
    ram = data.get("ram") or {n: v for n, v in data.get("bytes_by_region", {}).items() if kinds.get(n) == "ram"}
    found += [Figure(f"RAM: {name}", "bytes", size) for name, size in sorted(ram.items())]
    for key, name in (("stack_bytes", "stack: high-water mark"), ("flash_bytes", "flash")):
        if data.get(key):
            found.append(Figure(name, "bytes", data[key]))
    found.append(Figure("encoder: multiply-accumulates", "MACs", data["macs"]))
    return found


def _estimates(board: Board, parts: dict[str, int], names: dict[str, str]) -> list[Figure]:
    """Time and energy from counted instructions."""
    found = []
    for key, name in names.items():
        if key in parts:
            milliseconds = board.estimate_seconds(parts[key])[0] * 1e3
            found.append(Figure(f"{name}: time (estimated)", "ms", round(milliseconds, 4)))
    if "total" in parts:
        power = board.power.active_mw_per_mhz * board.clock_hz / 1e6
        energy = board.estimate_seconds(parts["total"])[0] * power
        found.append(Figure(f"{names['total']}: energy (estimated)", "mJ", round(energy, 5)))
    return found
