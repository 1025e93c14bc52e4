"""`export`: student + words + board -> a directory (and one .tce file) that holds everything, or an error and nothing.

Order: float graph, int8 ranges, int8 graph; .tflite and ONNX from it; label pack; golden vectors; C library; memory
plan against the board's regions; firmware project; report. All of it is written beside the target and renamed at the
end. No clock, path or random number enters a file: the same inputs give the same bytes.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.codegen.library import CLibrary, generate
from tinyclap_export.float_run import run_float
from tinyclap_export.lint import lint
from tinyclap_export.passes import optimise

from tinyclap_edge import __version__
from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.archive import npz_bytes, replacing_export, tree_bytes, write_zip
from tinyclap_edge.bundle.calibration import Calibration, calibration_for
from tinyclap_edge.bundle.drift import step
from tinyclap_edge.bundle.encoder import Encoder, dequantized, embed_int8, end_quant, make_encoder
from tinyclap_edge.bundle.golden import STORED_WINDOWS, Stages, parity_count, parity_windows
from tinyclap_edge.bundle.manifest import GATE, MANIFEST, SCHEMA, archive_name, file_hashes, space_id
from tinyclap_edge.bundle.pipeline import IntegerPipeline
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.memory_plan import MemoryPlan, StaticRam, plan_memory
from tinyclap_edge.device.platformio_project import FirmwareConfig, FirmwareParts, frontend_sources, write_project
from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.cost import static_ram
from tinyclap_edge.frontend.quantize import input_multiplier
from tinyclap_edge.gate.file import Gate
from tinyclap_edge.gate.statistics import ROW_BYTES
from tinyclap_edge.labels.encode import encode_labels, make_pack, parse_labels
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.report.write import write_report
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.students.registry import student_cost
from tinyclap_edge.students.to_graph import board_student, student_graph

LINT_WINDOWS = 32


@dataclass(frozen=True)
class ExportRequest:
    """What to export; `make` checks the numbers and fills in the student's own choices."""

    board: Board
    student: StudentFile
    labels: tuple[str, ...]
    r: int
    reduction: str
    ranges: str
    hop_frames: int
    background: str | None = None  # what "none of these" sounds like, in words
    gate: Gate | None = None

    STEPS = 9

    @classmethod
    def make(
        cls,
        board: Board,
        student: StudentFile,
        labels: tuple[str, ...],
        r: int | None = None,
        reduction: str | None = None,
        ranges: str = "minmax",
        hop_s: float = 1.28,
        background: str | None = None,
        gate: Gate | None = None,
    ) -> ExportRequest:
        """Raises UsageError (2) for a family without an int8 form, an r or hop that the student cannot have, and a gate
        that was trained for another front end."""
        student = board_student(student, r, reduction)
        spec = student.frontend
        chosen = student.default_r if r is None else r
        reduce_matrix(student, chosen, reduction)  # checks both
        hop_frames = round(hop_s * spec.sample_rate_hz / spec.hop_samples) if math.isfinite(hop_s) else 0
        if not 1 <= hop_frames <= spec.frames:
            low, high = spec.hop_samples / spec.sample_rate_hz, spec.frames * spec.hop_samples / spec.sample_rate_hz
            raise UsageError(f"a hop of {hop_s:g} s is outside {low:g}..{high:g} s", "a hop cannot exceed the window")
        if gate is not None and gate.spec.frontend_id != spec.frontend_id:
            raise UsageError(
                f"the gate listens through front end {gate.spec.frontend_id}, {student.name} through {spec.frontend_id}",
                f"train it with `gate train --student {student.name}`",
            )
        reduced = reduction or student.reduction
        return cls(board, student, labels, chosen, reduced, ranges, hop_frames, background, gate)


@dataclass(frozen=True)
class Exported:
    """Where it went, and the manifest that describes it."""

    out: Path
    manifest: dict[str, Any]


def export_bundle(
    request: ExportRequest,
    out: Path,
    advance: Callable[[int], None] = lambda steps: None,
    warn: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Export into `out`. Raises DoesNotFit (5), NumbersDiffer (6), UsageError (2); on any error `out` is untouched."""
    with replacing_export(out) as folder:
        names = parse_labels([*request.labels, *([request.background] if request.background else [])])
        encode_labels(names, request.student)  # a text side that is missing is said before the slow part
        audio, rate = request.board.audio, request.student.frontend.sample_rate_hz
        if audio.kind != "feed" and audio.rate_hz != rate:
            warn(
                f"{request.student.name} hears {rate:,} Hz; {request.board.name} is described with {audio.rate_hz:,} Hz"
            )
        calibration = calibration_for(request.student.frontend)
        encoder = make_encoder(request.student, request.r, request.reduction, request.ranges, calibration)
        advance(2)
        spec, matrix = request.student.frontend, reduce_matrix(request.student, request.r, request.reduction)
        pack = make_pack(names, request.student, matrix, encoder.encoder_id, spec.frontend_id)
        if request.background:
            pack = replace(pack, background=len(names) - 1)
        pipeline = IntegerPipeline(spec, encoder.graph, pack)
        library = generate(optimise(encoder.graph)[0], folder / "c", isa=kernel_isa(request.board), schedule="auto")
        static, known = firmware_static_ram(request), library.const_bytes + len(pack.to_bytes())
        plan_memory(
            request.board, firmware_arena_bytes(library), static=static, code_bytes=known
        )  # before the slow part
        advance(1)
        windows = parity_windows(parity_count(library.macs), spec)
        stages = pipeline.run(windows)
        advance(2)
        assert stages.inputs is not None
        checked = lint(
            encoder.tflite, stages.inputs[:LINT_WINDOWS, ..., None], stages.embeddings[:LINT_WINDOWS]
        ).require()
        advance(1)
        _write_files(folder, encoder, pack, windows, stages)
        if request.gate:
            (folder / GATE).write_bytes(request.gate.to_bytes())
        plan = write_firmware(folder, request, encoder, library, pack)
        advance(1)
        manifest = _manifest(request, encoder, library, stages, folder)
        manifest["lint"] = asdict(checked)
        manifest["memory"] = memory_table(request, library, pack, plan)
        manifest["drift"] = drift_table(request, encoder, calibration)
        manifest["layers"] = [asdict(layer) for layer in library.layers]
        inside = manifest["encoder"]["arena_bytes"]
        manifest["tensors"] = [asdict(t) for t in library.memory_plan.tensors if t.offset + t.size <= inside]
        write_report(folder, manifest, request.student.card)
        advance(1)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, default=_plain) + "\n", encoding="utf-8")
        write_zip(folder / archive_name(manifest), tree_bytes(folder))
    advance(1)
    return Exported(out, json.loads((out / MANIFEST).read_text(encoding="utf-8")))


def firmware_arena_bytes(library: CLibrary) -> int:
    """The arena of the firmware, which pushes rows where the encoder takes them: the input map is then not in it."""
    return library.push_arena_bytes or library.arena_bytes


def firmware_static_ram(request: ExportRequest) -> StaticRam:
    """RAM of the firmware beside arena and stack, by `fit`'s forms; a gate keeps columns of its own."""
    spec = request.student.frontend
    known = static_ram(request.board, spec, request.r)
    return replace(known, data_bytes=known.data_bytes + (spec.frames * ROW_BYTES if request.gate else 0))


def write_firmware(
    folder: Path, request: ExportRequest, encoder: Encoder, library: CLibrary, pack: LabelPack
) -> MemoryPlan:
    """The PlatformIO project in `folder`/firmware."""
    quant, spec = end_quant(encoder.graph, encoder.graph.inputs[0]), request.student.frontend
    multiplier, shift = input_multiplier(float(quant.s), spec)
    config = FirmwareConfig(
        version=__version__,
        encoder_id=encoder.encoder_id,
        frontend_id=spec.frontend_id,
        input_multiplier=multiplier,
        input_shift=shift,
        input_zero_point=quant.z,
        hop_frames=request.hop_frames,
    )
    with tempfile.TemporaryDirectory() as work:
        parts = FirmwareParts(
            encoder_dir=folder / "c",
            arena_bytes=firmware_arena_bytes(library),
            const_bytes=library.const_bytes,
            frontend_dir=frontend_sources(spec, Path(work) / "frontend"),
            label_pack=pack.to_bytes(),
            static_ram=firmware_static_ram(request),
            gate_model=request.gate.model.source if request.gate else None,
        )
        return write_project(folder / "firmware", request.board, parts, config).plan


def drift_table(request: ExportRequest, encoder: Encoder, calibration: Calibration) -> list[dict[str, Any]]:
    """teacher → float → reduced → int8, as cosines on the calibration windows."""
    student = request.student
    x = calibration.network_input(student.frontend)
    full = np.asarray(run_float(student_graph(student), x))
    matrix = reduce_matrix(student, request.r, request.reduction)
    reduced = np.asarray(run_float(encoder.float_graph, x))
    quant = end_quant(encoder.graph, encoder.graph.inputs[0])
    codes = np.clip(np.rint(x[..., 0] / quant.s) + quant.z, -128, 127).astype(np.int8)
    int8 = dequantized(encoder.graph, embed_int8(encoder.graph, codes))
    first = [] if calibration.teacher is None else [step("teacher", "float", calibration.teacher, full)]
    steps = [
        *first,
        step("float", f"reduced to {request.r}", full, reduced @ matrix),
        step(f"reduced to {request.r}", "int8", reduced, int8),
    ]
    return [s.to_dict() for s in steps]


def memory_table(request: ExportRequest, library: CLibrary, pack: LabelPack, plan: MemoryPlan) -> list[dict[str, Any]]:
    """Planned bytes by region, before anything is compiled; `build` replaces them by the linked image's."""
    spec = request.student.frontend
    rows = [
        ("weights and tables", library.const_bytes, plan.code),
        ("label pack", len(pack.to_bytes()), plan.code),
        ("encoder's arena", firmware_arena_bytes(library), plan.arena),
        ("log-mel rows", spec.frames * spec.mel_bins, plan.data),
        ("stack", plan.stack_bytes, plan.data),
        *([("gate's columns", spec.frames * ROW_BYTES, plan.data)] if request.gate else []),
    ]
    return [
        {"what": what, "bytes": size, "region": region.name, "share": size / region.size_bytes}
        for what, size, region in rows
    ]


def _write_files(folder: Path, encoder: Encoder, pack: LabelPack, windows: np.ndarray, stages: Stages) -> None:
    (folder / "encoder.tflite").write_bytes(encoder.tflite)
    (folder / "encoder.onnx").write_bytes(encoder.onnx)
    (folder / "labels.tlp").write_bytes(pack.to_bytes())
    n = STORED_WINDOWS
    assert stages.logmel_q8 is not None and stages.inputs is not None
    (folder / "golden.npz").write_bytes(
        npz_bytes(
            pcm=windows[:n],
            logmel_q8=stages.logmel_q8[:n],
            inputs=stages.inputs[:n],
            embeddings=stages.embeddings[:n],
            scores=stages.scores[:n],
        )
    )


def _manifest(
    request: ExportRequest, encoder: Encoder, library: CLibrary, stages: Stages, folder: Path
) -> dict[str, Any]:
    """All that is known before the slower tables; `folder` holds every file but the report."""
    student, spec = request.student, request.student.frontend
    cost = student_cost(student.arch, (1, spec.frames, spec.mel_bins), request.r)
    return {
        "schema_version": SCHEMA,
        "tool_version": __version__,
        "board": request.board.name,
        "labels": [*request.labels, *([request.background] if request.background else [])],
        "hop_frames": request.hop_frames,
        "encoder": {
            "id": encoder.encoder_id,
            "space": space_id(student, request.r, request.reduction),
            "student": student.name,
            "arch": student.arch,
            "teacher": student.teacher,
            "dim": student.dim,
            "r": request.r,
            "reduction": request.reduction,
            "ranges": request.ranges,
            "params": cost.params,
            "macs": library.macs,
            "arena_bytes": firmware_arena_bytes(library),
            "const_bytes": library.const_bytes,
            "schedule": library.schedule,
            "schedule_reason": library.why,
        },
        "frontend": {"id": spec.frontend_id, **spec.to_dict()},
        "parity": {"windows": len(stages.embeddings), "digest": stages.digest()},
        "sha256": file_hashes(tree_bytes(folder)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value)
