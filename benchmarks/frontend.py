"""What one frame of the C front end costs: instructions, flash and RAM on emulated cores, by FFT size and compiler.

python -m benchmarks.frontend        writes benchmarks/results/frontend.json
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bare_function import CORES, BareMachine, compile_image, compiler_version, has_compiler
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import build_tables, emit_c
from tinyclap_edge.resources import firmware_dir

RESULT = Path(__file__).parent / "results" / "frontend.json"
SPECS = (
    FrontendSpec(n_fft=256, window_samples=256, hop_samples=160, mel_bins=40),
    FrontendSpec(),
    FrontendSpec(n_fft=1024, window_samples=1024),
    FrontendSpec(n_fft=1024, window_samples=1024, mel_bins=128),
    FrontendSpec(n_fft=2048, window_samples=2048),
)


def measure(spec: FrontendSpec, core: str, compiler: str = "zig", optimise: str = "-O2") -> dict[str, Any]:
    """Compiles the front end, runs one frame of noise and one silent frame, compares the noise row with the twin.

    Returns instructions (the larger of the two), bytes of code and tables (flash) and of scratch (RAM), and whether the
    row was the same.
    """
    folder = firmware_dir() / "frontend"
    with tempfile.TemporaryDirectory() as scratch:
        emit_c(spec, Path(scratch))
        sources = [*sorted(folder.glob("*.c")), Path(scratch) / "tce_logmel_tables.c"]
        image = compile_image(
            sources, [folder, Path(scratch)], CORES[core], Path(scratch) / "a.elf", optimise, compiler
        )
        machine = BareMachine(image, CORES[core])
    noise = np.random.default_rng(0).integers(-32768, 32768, spec.window_samples).astype(np.int16)
    context = machine.place(bytes(4 * spec.n_fft))
    source, target = machine.place(np.zeros_like(noise).tobytes()), machine.place(bytes(2 * spec.mel_bins))
    silent = machine.call("tce_logmel_frame", context, source, target)
    machine.write(source, noise.tobytes())
    loud = machine.call("tce_logmel_frame", context, source, target)
    row = np.frombuffer(machine.read(target, 2 * spec.mel_bins), np.int16)
    tables = build_tables(spec)
    arrays = (tables.window_in_order(spec.n_fft), *(getattr(tables, n) for n in ("order", "twiddle", "split")))
    arrays += (tables.edge, tables.rise, tables.log2)
    return {
        "n_fft": spec.n_fft,
        "mel_bins": spec.mel_bins,
        "core": core,
        "compiler": compiler_version(compiler),
        "optimise": optimise,
        "instructions_per_frame": max(loud, silent),
        "by_function": machine.by_function(),
        "code_bytes": machine.code_bytes,
        "table_bytes": sum(a.nbytes for a in arrays),
        "scratch_bytes": 4 * spec.n_fft,
        "equals_twin": bool(np.array_equal(row, logmel_q8(noise, spec)[0])),
        "provenance": "emulated",
        "image_sha256": machine.image_sha256,
    }


def main() -> None:
    """Measures every specification on every core and writes the result."""
    rows = []
    for spec in SPECS:
        for core in CORES:
            if core in ("cortex-m0", "rv32imc") and spec.n_fft > 1024:
                continue
            compilers = [c for c in ("zig", "gcc") if has_compiler(c) and (c == "zig" or core == "cortex-m4")]
            for compiler in compilers:
                for optimise in ("-O2", "-O3") if core == "cortex-m4" else ("-O2",):
                    row = measure(spec, core, compiler, optimise)
                    rows.append(row)
                    print(*(row[k] for k in ("n_fft", "mel_bins", "core", "compiler", "optimise")), end=": ")
                    print(row["instructions_per_frame"], "same bytes" if row["equals_twin"] else "DIFFERENT BYTES")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"schema_version": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
