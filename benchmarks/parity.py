"""The same bytes everywhere: embeddings and scores of 200 windows in every implementation, by digest.

python -m benchmarks.parity        writes benchmarks/results/parity.json
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.interpreters import run_litert

from benchmarks.exports import LABELS, Open, exports
from benchmarks.store import EMULATED, MEASURED, save_result
from tinyclap_edge.boards import find_board
from tinyclap_edge.bundle.golden import PARITY_WINDOWS, Stages, parity_windows
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import prepare
from tinyclap_edge.device.emulator.qemu_target import qemu_available
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.students.presets import MADE_FOR

# For each core the boards to try: the first that the student fits. QEMU is named where it is a second opinion.
CORES = (
    ("Cortex-M4", ("stm32f4", "stm32l4"), "unicorn"),
    ("Cortex-M4", ("stm32f4",), "qemu"),
    ("Cortex-M7", ("stm32h7",), "unicorn"),
    ("Cortex-M33", ("stm32u5",), "unicorn"),
    ("Cortex-M55", ("mps3-an547",), "qemu"),
    ("RV32IMC", ("esp32c3",), "unicorn"),
)


def main() -> None:
    """Every shipped student in every implementation."""
    with exports() as export:
        rows = [row for student in MADE_FOR for row in measure(student, export)]
    save_result("parity", {"windows": PARITY_WINDOWS, "labels": list(LABELS), "rows": rows})


def measure(student: str, export: Open, count: int = PARITY_WINDOWS) -> list[dict[str, Any]]:
    """One row an implementation; `identical` compares with the integer reference. An emulator that is absent is left out."""
    bundle = export(student, "stm32h7")
    pcm = parity_windows(count, bundle.spec)
    pipeline = bundle.pipeline()
    wanted = pipeline.run(pcm)
    assert wanted.inputs is not None
    litert = np.asarray(
        run_litert((bundle.folder / "encoder.tflite").read_bytes(), pipeline.encoder, wanted.inputs[..., None])
    )

    def row(implementation: str, core: str, provenance: str, found: Stages | np.ndarray, **more: str) -> dict[str, Any]:
        embeddings = found if isinstance(found, np.ndarray) else found.embeddings
        same = np.array_equal(embeddings, wanted.embeddings)
        if isinstance(found, Stages):
            same = same and np.array_equal(found.scores, wanted.scores)
        made = {
            "student": student,
            "encoder": bundle.manifest["encoder"]["id"],
            "implementation": implementation,
            "core": core,
            **more,
            "windows": len(embeddings),
            "embeddings_sha256": hashlib.sha256(embeddings.astype("<i1").tobytes()).hexdigest(),
            "digest": found.digest() if isinstance(found, Stages) else "",
            "identical": bool(same),
            "provenance": provenance,
        }
        print(student, implementation, core, *more.values(), "same bytes" if same else "DIFFERENT BYTES", flush=True)
        return made

    rows = [
        row("integer reference", "this PC", MEASURED, wanted),
        row("LiteRT reference kernels (encoder only)", "this PC", MEASURED, litert),
        row("C", "this PC", MEASURED, run(bundle, "host", pcm)),
    ]
    for core, boards, engine in CORES:
        for board in boards:
            if engine == "qemu" and not qemu_available(find_board(board)):
                continue
            try:
                found = run(export(student, board), "emulator", pcm, engine)
            except DoesNotFit:
                continue
            rows.append(row("firmware", core, EMULATED, found, board=board, emulator=engine))
            break
    return rows


def run(bundle: Bundle, target: str, pcm: np.ndarray, engine: str | None = None) -> Stages:
    """Build what the target needs and run the windows, without counting."""
    with tempfile.TemporaryDirectory() as work:
        return prepare(bundle, target, Path(work), engine, count=False).run_windows(pcm)[0]


if __name__ == "__main__":
    main()
