"""A .tflite and a board to a generated library: read, refuse in words, choose a schedule, write, know the sizes."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyclap_export.codegen import CLibrary, generate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph
from tinyclap_export.validation import located

from tinyclap_edge.boards import Board
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.engine.library_folder import replacing_library, write_record
from tinyclap_edge.engine.model_file import Model
from tinyclap_edge.engine.model_project import NAME, ROOTS, Form, compile_object, form_of, model_sections, model_stack
from tinyclap_edge.engine.objects import read_object
from tinyclap_edge.engine.sizes import Placement, Sizes, aligned, place, planned_sizes
from tinyclap_edge.errors import ToolMissing, UsageError

SCHEDULES = ("layers", "rows", "auto")  # of one window; a stream without end has inputs of another kind


@dataclass(frozen=True)
class Compiled:
    """A written library. sizes: planned for the board, None where no compiler for its core is installed."""

    model: Model
    board: Board
    library: CLibrary
    form: Form
    placement: Placement
    sizes: Sizes | None
    stack_bytes: int | None
    no_sizes: str  # why there are none

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json and model.json."""
        graph, library = self.model.graph, self.library
        sizes = self.sizes
        return {
            "board": self.board.name,
            "isa": kernel_isa(self.board),
            "model": self.model.id,
            "name": library.name,
            **schedule_facts(library),
            "operators": dict(Counter(op.kind for op in graph.ops)),
            "passes": pass_facts(self.model),
            "layers": len(library.layers),
            "macs": graph.macs(),
            "live_macs": library.macs,
            "arena_bytes": library.arena_bytes,
            "push_arena_bytes": library.push_arena_bytes or None,
            "ram_bytes": sizes.ram_bytes if sizes else aligned(self.form.static_bytes),
            "const_bytes": sizes.const_bytes if sizes else library.const_bytes,
            "code_bytes": sizes.code_bytes if sizes else None,
            "stack_bytes": self.stack_bytes,
            "regions": {
                "code": self.placement.code.name,
                "constants": self.placement.constants.name,
                "arena": self.placement.arena.name,
            },
            "inputs": [tensor_facts(graph, name) for name in graph.inputs],
            "outputs": [tensor_facts(graph, name) for name in graph.outputs],
        }


def compile_model(model: Model, board: Board, out: Path, schedule: str, name: str) -> Compiled:
    """Writes the library into `out`, which is replaced as a whole.

    DoesNotFit (5) names region and bytes, ExportError (5) the operator that cannot be generated, UsageError (2) a
    folder that holds something else. On any error `out` stays as it was.
    """
    with replacing_library(out) as folder:
        library = generate_library(model, folder / "lib", name, kernel_isa(board), schedule)
        form = form_of(library)
        placement = place(board, form.static_bytes, library.const_bytes, library.schedule)
        sizes, stack, why = measure(model, board, library, placement, schedule)
        done = Compiled(model, board, library, form, placement, sizes, stack, why)
        for path in sorted((folder / "lib").iterdir()):
            path.rename(folder / path.name)
        (folder / "lib").rmdir()
        write_record(folder, done.to_dict())
    return done


def measure(
    model: Model, board: Board, library: CLibrary, placement: Placement, schedule: str
) -> tuple[Sizes | None, int | None, str]:
    """Sizes and deepest stack of the model on the board, from objects that are compiled and thrown away."""
    try:
        tool = find_toolchain(board)
    except (ToolMissing, UsageError) as error:
        return None, None, error.fact
    with tempfile.TemporaryDirectory(prefix="tce-sizes-") as work:
        same = library
        if library.name != NAME:  # the runner knows the library by one name
            same = generate_library(model, Path(work) / "lib", NAME, kernel_isa(board), schedule)
        objects = read_object(compile_object(board, same, model.id, Path(work), tool))
        form = form_of(same)
        sizes = planned_sizes(placement, form.static_bytes, objects.kept(ROOTS), model_sections(objects, same))
        return sizes, model_stack(objects, form), ""


def generate_library(model: Model, folder: Path, name: str, isa: str, schedule: str) -> CLibrary:
    """The C of a model; an operator that cannot be generated is named with its index, shapes and a way out."""
    if schedule not in SCHEDULES:
        raise UsageError(f"unknown schedule {schedule!r}", f"one of {', '.join(SCHEDULES)}")
    try:
        return generate(model.optimised, folder, name, isa=isa, schedule=schedule)
    except ExportError as error:
        raise located(error, model.graph) from error


def pass_facts(model: Model) -> list[dict[str, Any]]:
    """What the graph passes did: a row each."""
    return [{"name": n.name, "changes": len(n.changes), "macs_removed": n.macs_removed} for n in model.notes]


def schedule_facts(library: CLibrary) -> dict[str, str]:
    """Which schedule the library has, and why it was taken."""
    return {"schedule": library.schedule, "why": library.why}


def tensor_facts(graph: Graph, name: str) -> dict[str, Any]:
    """What a caller must know of an input or output."""
    tensor = graph.tensors[name]
    assert tensor.quant is not None
    return {"name": name, "shape": list(tensor.shape), "scale": float(tensor.quant.s), "zero_point": tensor.quant.z}
