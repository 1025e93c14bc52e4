"""Tables of the engine measurement: models by core, schedules, passes, where the instructions go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.markdown import code, number, size, table
from benchmarks.store import Results

PEER_CORES = ("Cortex-M4", "Cortex-M7", "Cortex-M55")


def engine(results: Results) -> str:
    """Each model beside TFLM with CMSIS-NN: instructions and RAM."""
    found = results["engine"]
    cells = []
    for model in found["models"]:
        rows = {row["core"]: row for row in found["rows"] if row["model"] == model["model"]}
        peer, wheel = model["peer"], model["tflm_wheel"]
        ram = max((_ram(row) for row in rows.values() if row["fits"]), default=None)
        cells.append(
            [
                f"{model['title']} {code(model['encoder'][:8])}", _millions(model["macs"]),
                *(_ours(rows.get(core)) for core in (*PEER_CORES, "RV32IMC")), size(ram) if ram else "",
                " / ".join(f"{peer[core]:.1f} M" if core in peer else "?" for core in PEER_CORES),
                size(peer["ram_bytes"]), size(wheel["total_bytes"]) if wheel else "",
            ]
        )  # fmt: skip
    head = ["model", "MACs", "Cortex-M4", "Cortex-M7", "Cortex-M55", "RV32IMC", "RAM, stack included",
            "TFLM: M4 / M7 / M55", "TFLM: arena", "TFLM's wheel here: arena"]  # fmt: skip
    text = table(head, cells, right=range(1, len(head)))
    return f"{text}\n\nTFLM's instructions and its arena on an M4: {found['peer_source']}."


def engine_costs(results: Results) -> str:
    """Every figure of every model on every core."""
    weights = {model["model"]: model["weight_bytes"] for model in results["engine"]["models"]}
    cells = [
        [
            row["model"], code(row["encoder"]), row["core"], row["schedule"], number(row["instructions"]),
            f"{row['instructions_per_mac']:.2f}", number(row["ram_bytes"]), number(row["stack_bytes"]),
            number(row["code_bytes"]), number(row["const_bytes"]), number(weights[row["model"]]),
            "yes" if row["identical"] else "**no**",
            f"{row['toolchain']}, {row['engine']}",
        ]
        for row in results["engine"]["rows"] if row["fits"]
    ]  # fmt: skip
    head = ["model", "file", "core", "schedule", "instructions (emulated)", "a MAC", "static RAM", "stack (emulated)",
            "code", "constants", "weights, biases, 8 bytes a channel", "LiteRT's bytes", "compiler, emulator"]  # fmt: skip
    return table(head, cells, right=range(4, 11))


def engine_schedules(results: Results) -> str:
    """Both schedules of each model on one core."""
    cells = []
    for row in results["engine"]["schedules"]:
        fits = row["fits"]
        cells.append(
            [
                row["model"], code(row["encoder"][:8]), row["schedule"],
                number(_ram(row)) if fits else row["why"], number(row["instructions"]) if fits else "",
                number(row["code_bytes"]) if fits else "",
            ]
        )  # fmt: skip
    head = ["model", "file", "schedule", "RAM, stack included", "instructions (emulated)", "code"]
    return table(head, cells, right=(3, 4, 5))


def engine_streams(results: Results) -> str:
    """What a hop costs when rows never end."""
    cells = [
        [
            row["model"], code(row["encoder"][:8]), f"{row['hop_rows']} of {row['window_rows']} rows",
            number(row["instructions_per_hop"]), number(row["window_share"]), f"{row['ratio']:.3f}",
            number(row["arena_bytes"]), "yes" if row["identical"] else "**no**",
        ]
        for row in results["engine"]["streams"]
    ]  # fmt: skip
    head = ["model", "file", "hop", "instructions a hop (emulated)", "its share of a window", "ratio", "arena",
            "the reference's bytes"]  # fmt: skip
    return table(head, cells, right=(3, 4, 5, 6))


def engine_passes(results: Results) -> str:
    """What the passes take out of each file."""
    cells = []
    for model in results["engine"]["models"]:
        after = model["after_passes"]
        done = "<br>".join(
            f"{note['name']}: {note['changes']}"
            + (f", {number(note['macs_removed'])} MACs" * bool(note["macs_removed"]))
            for note in model["passes"]
        )
        cells.append(
            [
                model["model"], code(model["encoder"][:8]), f"{model['operators']} → {after['operators']}",
                f"{number(model['macs'])} → {number(after['macs'])}", done or "nothing",
            ]
        )  # fmt: skip
    return table(["model", "file", "operators", "MACs", "changes by pass"], cells, right=(2, 3))


def engine_kinds(results: Results) -> str:
    """Share of each kind of layer, model by model, on Cortex-M4 and M55."""
    cells = []
    for row in results["engine"]["rows"]:
        if row["fits"] and row["core"] in ("Cortex-M4", "Cortex-M55"):
            shares = [
                f"{kind} {count / row['instructions']:.0%}"
                for kind, count in row["by_kind"].items()
                if count >= row["instructions"] / 200
            ]
            cells.append([row["model"], code(row["encoder"][:8]), row["core"], ", ".join(shares)])
    return table(["model", "file", "core", "instructions (emulated)"], cells)


def _ram(row: dict[str, Any]) -> int:
    return int(row["ram_bytes"] + row["stack_bytes"])


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f} M"


def _ours(row: dict[str, Any] | None) -> str:
    if row is None or not row["fits"]:
        return ""
    return f"{_millions(row['instructions'])} ({row['instructions_per_mac']:.2f})" + (
        "" if row["identical"] else " **other bytes**"
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "engine": engine,
    "engine-costs": engine_costs,
    "engine-schedules": engine_schedules,
    "engine-streams": engine_streams,
    "engine-passes": engine_passes,
    "engine-kinds": engine_kinds,
}
