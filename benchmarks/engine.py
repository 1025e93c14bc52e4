"""What one inference of the engine costs on emulated cores, and whether it gives LiteRT's bytes, beside TFLM.

python -m benchmarks.engine [MODEL ...]        writes benchmarks/results/engine.json; with names only those are measured
                                               anew, the other rows stay as they are
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.graph import Graph
from tinyclap_export.interpreters import run_litert, tflm_available
from tinyclap_export.passes import optimise
from tinyclap_export.tflite_writer import write_tflite

from benchmarks.engine_models import MODELS, PHINET_S, SHAPES, engine_model
from benchmarks.engine_stream import stream_row
from benchmarks.store import EMULATED, MEASURED, load_results, save_result
from tinyclap_edge.boards import find_board
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.engine.model_file import Model, read_model
from tinyclap_edge.engine.model_run import run_model
from tinyclap_edge.errors import DoesNotFit, NumbersDiffer

CORES = {  # a board of each core whose flash and RAM hold every model
    "Cortex-M4": "stm32l4",
    "Cortex-M7": "stm32h7",
    "Cortex-M55": "mps3-an547",
    "RV32IMC": "esp32c3",
}
SCHEDULES, SCHEDULES_ON = ("layers", "rows"), "Cortex-M4"  # each is run by itself on one core
SAMPLES = 2  # one picture, one row of extremes

TITLES = {
    "phinet_s": "PhiNet, SE and hard-swish, 64 x 100",
    "backbone": "tinyCLAP's backbone, ReLU6, 690 x 64",
    "small": "α 0.5, ReLU6, 128 x 64",
    "gated": "α 1, SE and hard-swish, 100 x 64",
}

PEER_SOURCE = (
    "TFLM + CMSIS-NN -O3, measured once: tflite-micro 90b983c2b (2026-08-20), CMSIS-NN 99f736a6 (2026-07-15), "
    "arm-none-eabi-gcc 12.2.1, QEMU 7.2.22 with -icount; phinet_s on the same file, the others on files of the same "
    "shapes with other random weights"
)
PEER: dict[str, dict[str, Any]] = {  # instructions of one inference in millions, RAM in bytes (arena on a Cortex-M4)
    "phinet_s": {"Cortex-M4": 124.7, "Cortex-M7": 132.5, "Cortex-M55": 79.8, "ram_bytes": 250_752},
    "backbone": {"Cortex-M4": 926.9, "Cortex-M55": 204.7, "ram_bytes": 4_810_000},
    "small": {"Cortex-M4": 31.1, "Cortex-M55": 9.2, "ram_bytes": 227_500},
    "gated": {"Cortex-M4": 174.4, "Cortex-M55": 112.3, "ram_bytes": 528_000},
}

_ARENA = """
import sys
from tflite_micro.python.tflite_micro import runtime
model = open(sys.argv[1], "rb").read()
runtime.Interpreter.from_bytes(model, arena_size=1 << 25).print_allocations()
"""


def main(names: list[str] | None = None) -> None:
    """The models of these names, by default all. NumbersDiffer (6) when a byte is not LiteRT's."""
    chosen = names or MODELS
    old = load_results().get("engine", {})
    tables: dict[str, list[dict[str, Any]]] = {"models": [], "rows": [], "schedules": [], "streams": []}
    with tempfile.TemporaryDirectory(prefix="tce-engine-") as work:
        for name in MODELS:
            if name in chosen:
                fresh = measure(name, Path(work))
            else:
                fresh = {key: [row for row in old.get(key, []) if row["model"] == name] for key in tables}
            for key, rows in tables.items():
                rows.extend(fresh[key])
    save_result("engine", {"samples": SAMPLES, "peer_source": PEER_SOURCE, **tables})
    ran = [row for row in (*tables["rows"], *tables["schedules"], *tables["streams"]) if row["fits"]]
    different = [f"{row['model']} on {row['core']} ({row['schedule']})" for row in ran if not row["identical"]]
    if different:
        raise NumbersDiffer(f"other bytes than LiteRT's: {', '.join(different)}", "the result file says where")


def model_bytes(name: str) -> bytes:
    """The .tflite of one of MODELS."""
    return PHINET_S.read_bytes() if name == "phinet_s" else write_tflite(engine_model(name))


def measure(name: str, work: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of one model."""
    path = work / f"{name}.tflite"
    path.write_bytes(model_bytes(name))
    model = read_model(path)
    rows = inputs_of(model.graph)
    wanted = np.asarray(run_litert(path.read_bytes(), model.graph, rows.reshape(len(rows), *_shape(model.graph))))
    wanted = wanted.reshape(len(rows), -1)
    found = [row for core in CORES if (row := on_core(name, model, rows, wanted, core, "auto"))]
    by_schedule = [
        row for schedule in SCHEDULES if (row := on_core(name, model, rows[:1], wanted[:1], SCHEDULES_ON, schedule))
    ]
    window = next((row["instructions"] for row in by_schedule if row["fits"] and row["schedule"] == "rows"), None)
    stream = stream_row(name, model.graph, window) if window else None
    return {
        "models": [about(name, model, path)],
        "rows": found,
        "schedules": by_schedule,
        "streams": [{**stream, "encoder": model.id}] if stream else [],
    }


def inputs_of(graph: Graph) -> np.ndarray:
    """(SAMPLES, bytes of the input) int8: a slow picture, then extremes."""
    _, frames, mel_bins, _ = _shape(graph)
    rng = np.random.default_rng(3)
    coarse = rng.normal(0, 50, (frames // 8 + 1, mel_bins // 8 + 1)).repeat(8, axis=0).repeat(8, axis=1)
    picture = coarse[:frames, :mel_bins] + rng.normal(0, 20, (frames, mel_bins))
    codes = np.clip(picture, -128, 127).astype(np.int8).reshape(1, -1)
    extremes = rng.choice(np.array([-128, 127], np.int8), (SAMPLES - 1, codes.shape[1]))
    return np.concatenate([codes, extremes])


def on_core(
    name: str, model: Model, rows: np.ndarray, wanted: np.ndarray, core: str, schedule: str
) -> dict[str, Any] | None:
    """One model on one core; None where nothing here emulates it. A schedule that does not fit has no figures."""
    board = find_board(CORES[core])
    if not board.emulator.unicorn and not qemu_available(board):
        return None
    row: dict[str, Any] = {"model": name, "encoder": model.id, "core": core, "board": board.name}
    try:
        done = run_model(model, board, rows, "emulator", schedule)
    except DoesNotFit as error:
        print(name, core, schedule, error.fact, flush=True)
        return {**row, "schedule": schedule, "fits": False, "why": error.fact}
    facts = done.facts
    print(name, core, facts["schedule"], f"{facts['instructions']:,}", facts["ram_bytes"], flush=True)
    return {
        **row,
        "fits": True,
        **{key: facts[key] for key in ("isa", "schedule", "why", "engine", "instructions", "instructions_per_mac",
                                       "ram_bytes", "stack_bytes", "code_bytes", "const_bytes")},
        "toolchain": find_toolchain(board, facts["toolchain"]).version,
        "sizes_as_planned": bool(facts["sizes"]["ram_equal"]),
        "flash_error": facts["sizes"]["flash_error"],
        "by_kind": by_kind(facts["by_function"]),
        "identical": bool(np.array_equal(done.outputs, wanted)),
        "provenance": {"instructions": EMULATED, "memory": "linked image", "stack": EMULATED, "identical": MEASURED},
    }  # fmt: skip


def by_kind(functions: dict[str, int]) -> dict[str, int]:
    """Instructions by the last word of the generated functions' names, which says what a layer is."""
    found: dict[str, int] = {}
    for name, count in functions.items():
        kind = name.rsplit("_", 1)[-1]
        found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def about(name: str, model: Model, path: Path) -> dict[str, Any]:
    """The file itself: its size, what the passes take out of it, and TFLM's arena for it."""
    graph = model.graph
    better, notes = optimise(graph)
    return {
        "model": name,
        "title": TITLES[name],
        "encoder": model.id,
        "architecture": SHAPES[name][0] if name in SHAPES else "",
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "file_bytes": model.file_bytes,
        "macs": graph.macs(),
        "operators": len(graph.ops),
        "weight_bytes": weight_bytes(graph),
        "after_passes": {"operators": len(better.ops), "macs": better.macs()},
        "passes": [{"name": n.name, "changes": len(n.changes), "macs_removed": n.macs_removed} for n in notes],
        "peer": PEER[name],
        "tflm_wheel": tflm_arena(path),
    }


def weight_bytes(graph: Graph) -> int:
    """Weights, biases, and eight bytes for each channel that has a multiplier and a shift."""
    total = 0
    for op in graph.ops:
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            out = graph.tensors[op.outputs[0]].shape[-1]
            total += graph.tensors[op.inputs[1]].bytes + 4 * out + 8 * out
    return total


def tflm_arena(path: Path) -> dict[str, int] | None:
    """Arena of TFLM's Python wheel on this PC, whose pointers are twice as long; None where it is not installed."""
    if not tflm_available():
        return None
    done = subprocess.run([sys.executable, "-c", _ARENA, str(path)], capture_output=True, text=True, check=True)
    found = {}
    for line in done.stderr.splitlines():
        words = line.split()
        if "Arena allocation" in line:
            found[f"{words[-3]}_bytes"] = int(words[-2])
    return found


def _shape(graph: Graph) -> tuple[int, ...]:
    return graph.tensors[graph.inputs[0]].shape


if __name__ == "__main__":
    main(sys.argv[1:])
