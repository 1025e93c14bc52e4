"""Running a model on this PC or in an emulator, with what it costs on the board."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.host import HostEncoder

from tinyclap_edge.boards import Board
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.engine.compile_model import generate_library, measure, pass_facts, schedule_facts
from tinyclap_edge.engine.emulate import DEFAULT_TIMEOUT_S, Emulated, choose_engine, emulate
from tinyclap_edge.engine.model_file import Model
from tinyclap_edge.engine.model_project import NAME, ModelImage, build_image, form_of
from tinyclap_edge.engine.sizes import Placement, Sizes, aligned, place
from tinyclap_edge.errors import UsageError

TARGETS = ("host", "emulator")


@dataclass(frozen=True)
class ModelRun:
    """Outputs (n, bytes of all outputs) int8, and the figures that `run` reports."""

    outputs: np.ndarray
    facts: dict[str, Any]


def run_model(
    model: Model,
    board: Board,
    rows: np.ndarray,
    target: str = "emulator",
    schedule: str = "auto",
    engine: str | None = None,
    toolchain: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> ModelRun:
    """Compile, build and run a model over rows (n, bytes of all inputs) int8.

    On the host the portable kernels run, and the sizes are those planned for the board. In the emulator the board's
    own kernels run, instructions are counted and the sizes are read from the linked image.
    DoesNotFit (5) where the board cannot hold the model; UsageError (2) for a board without an emulator.
    """
    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}", f"one of {', '.join(TARGETS)}")
    chosen = choose_engine(board, engine) if target == "emulator" else None
    with tempfile.TemporaryDirectory(prefix="tce-run-") as work:
        library = generate_library(model, Path(work) / "lib", NAME, kernel_isa(board), schedule)
        facts = schedule_facts(library)
        common = {
            "board": board.name,
            "isa": kernel_isa(board),
            "target": target,
            "encoder": model.id,
            **facts,
            "passes": pass_facts(model),
            "samples": len(rows),
            "macs": model.graph.macs(),
            "live_macs": library.macs,
            "layers": len(library.layers),
            "layer_table": [
                {"name": x.name, "kind": x.kind, "function": x.function, "macs": x.macs} for x in library.layers
            ],
            "arena_bytes": library.arena_bytes,
            "push_arena_bytes": library.push_arena_bytes or None,
        }
        if chosen is None:
            static_bytes = form_of(library).static_bytes
            placement = place(board, static_bytes, library.const_bytes, facts["schedule"])
            planned, stack, _ = measure(model, board, library, placement, schedule)
            outputs = run_host(model, Path(work) / "host", rows, schedule)
            sized = _host_facts(placement, planned, stack, library.const_bytes, static_bytes)
            return ModelRun(outputs, {**common, "engine": "host", "instructions": None, **sized})
        image = build_image(board, library, model.id, Path(work) / "image", toolchain, facts["schedule"])
        done = emulate(board, image.elf, rows.view(np.uint8), chosen, timeout_s)
        return ModelRun(done.outputs.view(np.int8), {**common, **_image_facts(image, done, model.graph.macs())})


def run_host(model: Model, folder: Path, rows: np.ndarray, schedule: str) -> np.ndarray:
    """(n, bytes of all inputs) int8 to (n, bytes of all outputs) int8 by the portable C on this PC."""
    graph = model.graph
    library = generate_library(model, folder, NAME, "portable", schedule)
    encoder = HostEncoder(library.directory, NAME)
    ends = np.cumsum([graph.tensors[name].size for name in graph.inputs])[:-1]
    parts = np.split(rows, ends, axis=1)
    out = np.empty((len(rows), sum(graph.tensors[name].size for name in graph.outputs)), np.int8)
    for i in range(len(rows)):
        encoder.run(*(part[i : i + 1] for part in parts))
        out[i] = np.concatenate([encoder.output(k) for k in range(len(graph.outputs))])
    return out


def _host_facts(
    placement: Placement, planned: Sizes | None, stack: int | None, const_bytes: int, static_bytes: int
) -> dict[str, Any]:
    """Sizes for the board as far as they are known without building its image."""
    return {
        "ram_bytes": planned.ram_bytes if planned else aligned(static_bytes),
        "ram": planned.ram if planned else {placement.arena.name: aligned(static_bytes)},
        "stack_bytes": stack,
        "code_bytes": planned.code_bytes if planned else None,
        "const_bytes": planned.const_bytes if planned else const_bytes,
        "flash_bytes": planned.flash_bytes if planned else None,
        "flash": planned.flash if planned else None,
        "sizes": {"planned": planned.to_dict() if planned else None, "linked": None},
    }


def _image_facts(image: ModelImage, done: Emulated, macs: int) -> dict[str, Any]:
    planned, linked, counts = image.planned, image.linked, done.counts
    per_sample = counts.per_sample if counts else None
    return {
        "engine": done.engine,
        "toolchain": image.toolchain,
        "instructions": per_sample,
        "instructions_per_mac": round(per_sample / macs, 4) if per_sample and macs else None,
        "by_function": {k: round(v / counts.samples) for k, v in counts.by_function.items()} if counts else None,
        "ram_bytes": linked.ram_bytes,
        "ram": linked.ram,
        "stack_bytes": done.stack_bytes,
        "stack_planned_bytes": image.stack_planned_bytes,
        "code_bytes": linked.code_bytes,
        "const_bytes": linked.const_bytes,
        "flash_bytes": linked.flash_bytes,
        "flash": linked.flash,
        "sizes": {
            "planned": planned.to_dict(),
            "linked": linked.to_dict(),
            "ram_equal": planned.ram == linked.ram,
            "flash_error": round(abs(planned.flash_bytes - linked.flash_bytes) / linked.flash_bytes, 6),
        },
    }
