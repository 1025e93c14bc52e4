"""`generate`: an int8 graph to a folder of C that compiles anywhere, with its sizes and memory plan as data."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyclap_export.codegen import emit
from tinyclap_export.codegen.ctext import is_identifier
from tinyclap_export.codegen.layout import ISAS, kernel_source, variant_headers
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.memory import MemoryPlan, plan_memory
from tinyclap_export.codegen.step import Step
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph

ENGINE_HEADERS = ("tce_engine.h", "tce_requant.h")
SCHEDULES = ("layers",)
LIBRARY_VERSION = "0.1.0"  # of the generated library's interface, in library.json


@dataclass(frozen=True)
class Layer:
    """One generated function.

    reads, writes: tensor names. arena_in, arena_out: (offset, bytes) of each tensor it reads and of the one it writes.
    """

    index: int
    name: str
    kind: str
    function: str
    macs: int
    in_shapes: tuple[tuple[int, ...], ...]
    out_shapes: tuple[tuple[int, ...], ...]
    weight_bytes: int  # constants of this layer: weights, biases, scales, tables
    arena_in: tuple[tuple[int, int], ...]
    arena_out: tuple[tuple[int, int], ...]
    reads: tuple[str, ...]
    writes: str


@dataclass(frozen=True)
class CLibrary:
    """A generated library. sources: the .c files to compile; include_dir: the one folder to put on the include path."""

    name: str
    directory: Path
    sources: tuple[Path, ...]
    include_dir: Path
    arena_bytes: int
    const_bytes: int
    macs: int
    layers: tuple[Layer, ...]
    memory_plan: MemoryPlan
    isa: str = "portable"
    schedule: str = "layers"
    why: str = ""  # the reason for the schedule, a sentence


def engine_directory() -> Path:
    """The C kernels: inside this package in an installed wheel, firmware/engine in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "_engine", package.parents[1] / "firmware" / "engine"):
        if (candidate / "tce_engine.h").is_file():
            return candidate
    raise ExportError("the C kernels (firmware/engine) were not found",
                      "pass engine_dir, or reinstall the package", exit_code=3)  # fmt: skip


def generate(
    graph: Graph,
    out_dir: str | Path,
    name: str = "encoder",
    engine_dir: str | Path | None = None,
    isa: str = "portable",
    schedule: str = "layers",
) -> CLibrary:
    """Write the library of an int8 graph to `out_dir` (created; an earlier one there is replaced).

    name: lower-case identifier that prefixes every symbol (tce_NAME_...), so that several models share a firmware.
    isa: whose kernels are called, one of ISAS; only "portable" compiles everywhere. schedule: one of SCHEDULES.
    Raises ExportError (exit code 5) naming the operator when a layer cannot be generated; nothing is left half-written.
    """
    if not is_identifier(name):
        raise ExportError(f"library name {name!r} is not a lower-case C identifier", "use for example 'encoder'",
                          exit_code=2)  # fmt: skip
    for what, value, known in (("isa", isa, ISAS), ("schedule", schedule, SCHEDULES)):
        if value not in known:
            raise ExportError(f"{what} {value!r} does not exist", f"one of {', '.join(known)}", exit_code=2)
    engine = Path(engine_dir) if engine_dir is not None else engine_directory()
    graph.validate()
    steps = lower(graph, isa)
    sizes = {t.name: t.size for t in graph.activations()}
    plan = plan_memory([s.memory() for s in steps], sizes, graph.inputs, graph.outputs)
    unit = emit.Unit(name, graph, steps, plan)

    out = Path(out_dir)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".tce-", dir=out.parent))
    try:
        staging.chmod(0o755)
        files = _write(unit, staging, engine, isa)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return CLibrary(
        name, out, tuple(out / f for f in files), out, plan.arena_bytes, sum(s.const_bytes for s in steps),
        sum(s.macs for s in steps), tuple(_layer(unit, i, s) for i, s in unit.layers()), plan, isa,
        schedule,
    )  # fmt: skip


def _write(unit: emit.Unit, folder: Path, engine: Path, isa: str) -> list[str]:
    """All files of the library into `folder`; returns the C files, relative."""
    texts = {
        f"{unit.prefix}.h": emit.header(unit),
        f"{unit.prefix}.c": emit.source(unit),
        f"{unit.prefix}_weights.h": emit.weights_header(unit),
        f"{unit.prefix}_weights.c": emit.weights_source(unit),
        "library.json": emit.library_json(unit, LIBRARY_VERSION),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="ascii", newline="\n")
    (folder / "engine").mkdir()
    kernels = sorted({kernel for step in unit.steps for kernel in step.kernels})
    headers = [engine / file for file in ENGINE_HEADERS]
    for source in (*headers, *variant_headers(engine, isa), *(kernel_source(engine, k, isa) for k in kernels)):
        shutil.copyfile(source, folder / "engine" / source.name)
    return [f"{unit.prefix}.c", f"{unit.prefix}_weights.c", *(f"engine/{k}.c" for k in kernels)]


def _layer(unit: emit.Unit, index: int, step: Step) -> Layer:
    tensors, plan = unit.graph.tensors, unit.plan
    reads = [name for _, name in step.operands]
    return Layer(
        index, step.op.name, step.op.kind, unit.function(index, step), step.macs,
        tuple(tensors[n].shape for n in reads), (tensors[step.output].shape,), step.const_bytes,
        tuple((plan.offset(n), tensors[n].size) for n in reads),
        ((plan.offset(step.output), tensors[step.output].size),), tuple(reads), step.output,
    )  # fmt: skip
