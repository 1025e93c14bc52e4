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
from tinyclap_export.codegen.memory import MemoryPlan
from tinyclap_export.codegen.schedule import SCHEDULES, Layer, Scheduled, make_schedule
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph

__all__ = ["SCHEDULES", "CLibrary", "Layer", "engine_directory", "generate"]

ENGINE_HEADERS = ("tce_engine.h", "tce_requant.h")
LIBRARY_VERSION = "0.1.0"  # of the generated library's interface, in library.json


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
    push_arena_bytes: int = 0  # arena for callers that push the input's rows; 0 where rows cannot be pushed


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
    made = make_schedule(graph, lower(graph, isa), name, schedule)

    out = Path(out_dir)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".tce-", dir=out.parent))
    try:
        staging.chmod(0o755)
        files = _write(made, staging, engine, isa)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    unit = made.unit
    return CLibrary(
        name, out, tuple(out / f for f in files), out, unit.arena_bytes, unit.const_bytes, unit.macs, made.layers,
        made.memory, isa, unit.schedule, made.why, unit.push.arena_bytes if unit.push else 0,
    )  # fmt: skip


def _write(made: Scheduled, folder: Path, engine: Path, isa: str) -> list[str]:
    """All files of the library into `folder`; returns the C files, relative."""
    unit = made.unit
    texts = {
        f"{unit.prefix}.h": emit.header(unit),
        f"{unit.prefix}.c": made.text,
        f"{unit.prefix}_weights.h": emit.weights_header(unit),
        f"{unit.prefix}_weights.c": emit.weights_source(unit),
        "library.json": emit.library_json(unit, LIBRARY_VERSION),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="ascii", newline="\n")
    (folder / "engine").mkdir()
    headers = [engine / file for file in ENGINE_HEADERS]
    for source in (*headers, *variant_headers(engine, isa), *(kernel_source(engine, k, isa) for k in made.kernels)):
        shutil.copyfile(source, folder / "engine" / source.name)
    return [f"{unit.prefix}.c", f"{unit.prefix}_weights.c", *(f"engine/{k}.c" for k in made.kernels)]
