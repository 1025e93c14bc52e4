"""What a hop of the continuous schedule costs: a minute of rows through the C on an emulated Cortex-M4, beside windows."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.codegen import generate
from tinyclap_export.continuous import run_continuous
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph
from tinyclap_export.passes import optimise

from benchmarks.bare_function import CORES, BareMachine, compile_image, compiler_version
from benchmarks.store import EMULATED
from tinyclap_edge.engine.model_project import OPTIMISE
from tinyclap_edge.resources import firmware_dir

CORE, ISA, COMPILER = "cortex-m4", "dsp", "zig"
ROW_MS, SECONDS = 20, 60
HOP_ROWS = 32  # an embedding is asked for so often
CHECKED = 3  # embeddings that are compared with the integer reference, the last ones


def stream_row(name: str, graph: Graph, window_instructions: int) -> dict[str, Any] | None:
    """A minute of wandering rows. None for a graph that cannot stream (a squeeze-excite gate looks at all rows)."""
    with tempfile.TemporaryDirectory(prefix="tce-stream-") as work:
        try:
            library = generate(optimise(graph)[0], Path(work) / "c", "m", isa=ISA, schedule="continuous")
        except ExportError as error:
            print(name, "continuous", error, flush=True)
            return None
        port = firmware_dir() / "ports" / "freestanding"
        sources = [*library.sources, port / "tce_memory.c"]
        image = compile_image(
            sources, [library.include_dir, port], CORES[CORE], Path(work) / "a.elf", OPTIMISE, COMPILER
        )
        machine = BareMachine(image, CORES[CORE])
        header = (library.include_dir / "tce_m.h").read_text(encoding="utf-8")
    sizes = {key: int(value) for key, value in re.findall(r"#define TCE_M_(\w+) (\d+)$", header, re.MULTILINE)}
    count = SECONDS * 1000 // ROW_MS
    rows = wandering_rows(count, sizes["INPUT_ROW_BYTES"])
    arena, row, out = (machine.place(bytes(n)) for n in (sizes["ARENA_BYTES"], rows.shape[1], sizes["OUTPUT_BYTES"]))
    machine.call("tce_m_start", arena)
    hops, spent, counted, found = [], 0, 0, {}
    for number in range(1, count + 1):
        machine.write(row, rows[number - 1].tobytes())
        cost = machine.call("tce_m_push", arena, row)
        if number > sizes["FIRST_ROWS"]:
            spent, counted = spent + cost, counted + 1
        if number % HOP_ROWS == 0 and number >= sizes["FIRST_ROWS"]:
            cost = machine.call("tce_m_embedding", arena, out)
            hops.append(cost)
            found[number] = np.frombuffer(machine.read(out, sizes["OUTPUT_BYTES"]), np.int8)
    at = list(found)[-CHECKED:]
    wanted = run_continuous(graph, rows, at).reshape(len(at), -1)
    hop = round(spent / counted * HOP_ROWS + sum(hops) / len(hops))
    share = round(window_instructions * HOP_ROWS / sizes["INPUT_ROWS"])
    print(name, "continuous", f"{hop:,} a hop, {hop / share:.3f} of its share of a window", flush=True)
    return {
        "model": name,
        "core": CORE,
        "schedule": "continuous",
        "fits": True,
        "compiler": f"{compiler_version(COMPILER)} {OPTIMISE}",
        "seconds": SECONDS,
        "rows": count,
        "hop_rows": HOP_ROWS,
        "window_rows": sizes["INPUT_ROWS"],
        "feature_rows": sizes["FEATURE_ROWS"],
        "arena_bytes": sizes["ARENA_BYTES"],
        "instructions_per_hop": hop,
        "window_share": share,
        "ratio": round(hop / share, 4),
        "identical": bool(np.array_equal(np.stack([found[n] for n in at]), wanted)),
        "provenance": {"instructions": EMULATED},
    }


def wandering_rows(count: int, width: int) -> np.ndarray:
    """(count, width) int8 whose level wanders, so that no two means are alike."""
    rng = np.random.default_rng(4)
    level = np.repeat(rng.integers(-100, 101, count // 8 + 1), 8)[:count, None]
    return np.clip(level + rng.normal(0, 30, (count, width)), -128, 127).astype(np.int8)
