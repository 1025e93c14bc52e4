"""Tables of an export's manifest: memory by region as planned, and how far each stage moves an embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tinyclap_export.codegen.library import CLibrary
from tinyclap_export.float_run import run_float

from tinyclap_edge.bundle.calibration import Calibration
from tinyclap_edge.bundle.drift import Step, step
from tinyclap_edge.bundle.encoder import Encoder, dequantized, embed_int8, end_quant
from tinyclap_edge.device.memory_plan import MemoryPlan
from tinyclap_edge.fit.ring import LEAST_SAMPLES, Ring
from tinyclap_edge.gate.statistics import ROW_BYTES
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.students.file import reduce_matrix
from tinyclap_edge.students.to_graph import student_graph

if TYPE_CHECKING:
    from tinyclap_edge.bundle.export import ExportRequest


def drift_table(
    request: ExportRequest, encoder: Encoder, calibration: Calibration, behind: Step | None = None
) -> list[dict[str, Any]]:
    """teacher → float → reduced → int8, as cosines on the calibration windows. behind: one more step, of a stream.

    The teacher's embeddings of these windows are the reference teacher's, in the space of the students that ship: one
    that was distilled from a store has another teacher, or another mean, and its table begins with itself.
    """
    student = request.student
    x = calibration.network_input(student.frontend)
    full = np.asarray(run_float(student_graph(student), x))
    matrix = reduce_matrix(student, request.r, request.reduction)
    reduced = np.asarray(run_float(encoder.float_graph, x))
    quant = end_quant(encoder.graph, encoder.graph.inputs[0])
    codes = np.clip(np.rint(x[..., 0] / quant.s) + quant.z, -128, 127).astype(np.int8)
    int8 = dequantized(encoder.graph, embed_int8(encoder.graph, codes))
    taught = student.teacher == "reference" and not student.store
    heard = calibration.teacher if taught else None
    first = [] if heard is None else [step("teacher", "float", heard, full)]
    steps = [
        *first,
        step("float", f"reduced to {request.r}", full, reduced @ matrix),
        step(f"reduced to {request.r}", "int8", reduced, int8),
        *([behind] if behind else []),
    ]
    return [s.to_dict() for s in steps]


def memory_table(
    request: ExportRequest, library: CLibrary, arena_bytes: int, ring: Ring, pack: LabelPack, plan: MemoryPlan
) -> list[dict[str, Any]]:
    """Planned bytes by region, before anything is compiled; `build` replaces them by the linked image's."""
    spec = request.student.frontend
    rows = [
        ("weights and tables", library.const_bytes, plan.code),
        ("label pack", len(pack.to_bytes()), plan.code),
        ("encoder's arena", arena_bytes, plan.arena),
        ("log-mel rows", spec.frames * spec.mel_bins, plan.data),
        ("stack", plan.stack_bytes, plan.data),
        *([("ring of sound", 2 * ring.samples, plan.data)] if ring.samples > LEAST_SAMPLES else []),
        *([("gate's columns", spec.frames * ROW_BYTES, plan.data)] if request.gate else []),
    ]
    return [
        {"what": what, "bytes": size, "region": region.name, "share": size / region.size_bytes}
        for what, size, region in rows
    ]
