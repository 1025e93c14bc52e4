"""`export`: student + words + board -> a directory (and one .tce file) that holds everything, or an error and nothing.

Order: float graph, int8 ranges, int8 graph; .tflite and ONNX from it; label pack; golden vectors; C library; memory
plan against the board's regions; firmware project; report. All of it is written beside the target and renamed at the
end. No clock, path or random number enters a file: the same inputs give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tinyclap_export.codegen.library import CLibrary, generate
from tinyclap_export.lint import lint
from tinyclap_export.passes import optimise

from tinyclap_edge import __version__
from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.archive import npz_bytes, replacing_export, tree_bytes, write_zip
from tinyclap_edge.bundle.calibration import calibration_for
from tinyclap_edge.bundle.continuous import (
    CONTINUOUS,
    StreamShape,
    beginning,
    require_streamable,
    run_stream,
    slow_features,
    stream_drift,
)
from tinyclap_edge.bundle.encoder import Encoder, embed_int8, make_encoder
from tinyclap_edge.bundle.export_firmware import firmware_arena_bytes, firmware_static_ram, write_firmware
from tinyclap_edge.bundle.export_tables import drift_table, memory_table
from tinyclap_edge.bundle.golden import STORED_WINDOWS, Stages, parity_count, parity_windows
from tinyclap_edge.bundle.manifest import GATE, MANIFEST, SCHEMA, archive_name, file_hashes, space_id
from tinyclap_edge.bundle.pipeline import IntegerPipeline
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.memory_plan import plan_memory
from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.ring import ring_for
from tinyclap_edge.gate.file import Gate
from tinyclap_edge.labels.encode import encode_labels, make_pack, parse_labels
from tinyclap_edge.labels.pack import LabelPack
from tinyclap_edge.report.write import write_report
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.students.registry import student_cost
from tinyclap_edge.students.to_graph import board_student

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
    continuous: bool = False  # every row is computed once; otherwise every window anew

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
        continuous: bool = False,
    ) -> ExportRequest:
        """Raises UsageError (2) for a family without an int8 form, an r or hop that the student cannot have, a gate
        that was trained for another front end, and one before a continuous encoder."""
        student = board_student(student, r, reduction)
        spec = student.frontend
        chosen = student.default_r if r is None else r
        reduce_matrix(student, chosen, reduction)  # checks both
        hop_frames = round(hop_s * spec.sample_rate_hz / spec.hop_samples) if math.isfinite(hop_s) else 0
        if not 1 <= hop_frames <= spec.frames:
            low, high = spec.hop_samples / spec.sample_rate_hz, spec.frames * spec.hop_samples / spec.sample_rate_hz
            raise UsageError(f"a hop of {hop_s:g} s is outside {low:g}..{high:g} s", "a hop cannot exceed the window")
        if gate is not None and continuous:
            raise UsageError(
                "a power gate spares the encoder windows, a continuous encoder has none: it computes each row once",
                "leave out --gate or --continuous",
            )
        if gate is not None and gate.spec.frontend_id != spec.frontend_id:
            raise UsageError(
                f"the gate listens through front end {gate.spec.frontend_id}, {student.name} through {spec.frontend_id}",
                f"train it with `gate train --student {student.name}`",
            )
        reduced = reduction or student.reduction
        return cls(board, student, labels, chosen, reduced, ranges, hop_frames, background, gate, continuous)


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
        shape = require_streamable(encoder.graph, request.student.name) if request.continuous else None
        if slow := slow_features(shape, request.hop_frames, spec) if shape else None:
            warn(slow)
        schedule = CONTINUOUS if request.continuous else "auto"
        graph = optimise(encoder.graph)[0]
        library = generate(graph, folder / "c", isa=kernel_isa(request.board), schedule=schedule)
        ring = ring_for(graph, request.board, spec, len(names), request.r, request.continuous)
        static, known = firmware_static_ram(request, ring), library.const_bytes + len(pack.to_bytes())
        plan_memory(
            request.board, firmware_arena_bytes(library), static=static, code_bytes=known
        )  # before the slow part
        advance(1)
        windows = parity_windows(parity_count(library.macs), spec)
        stages = run_stream(pipeline, windows.ravel(), request.hop_frames) if shape else pipeline.run(windows)
        advance(2)
        checked = lint(encoder.tflite, *_lint_windows(encoder, stages, spec.frames)).require()
        advance(1)
        _write_files(folder, encoder, pack, windows, _golden(stages, request, shape))
        if request.gate:
            (folder / GATE).write_bytes(request.gate.to_bytes())
        plan = write_firmware(folder, request, encoder, library, pack, ring)
        advance(1)
        manifest = _manifest(request, encoder, library, stages, folder)
        manifest["lint"] = asdict(checked)
        manifest["memory"] = memory_table(request, library, firmware_arena_bytes(library), ring, pack, plan)
        behind = stream_drift(pipeline, stages, request.hop_frames) if shape else None
        manifest["drift"] = drift_table(request, encoder, calibration, behind)
        if shape:
            manifest["stream"] = asdict(shape)
        manifest["layers"] = [asdict(layer) for layer in library.layers]
        inside = manifest["encoder"]["arena_bytes"]
        manifest["tensors"] = [asdict(t) for t in library.memory_plan.tensors if t.offset + t.size <= inside]
        write_report(folder, manifest, request.student.card)
        advance(1)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, default=_plain) + "\n", encoding="utf-8")
        write_zip(folder / archive_name(manifest), tree_bytes(folder))
    advance(1)
    return Exported(out, json.loads((out / MANIFEST).read_text(encoding="utf-8")))


def _lint_windows(encoder: Encoder, stages: Stages, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Some windows (n, frames, mels, 1) and their embeddings; of a stream, cut out of it."""
    inputs, embeddings = stages.inputs, stages.embeddings
    assert inputs is not None
    if inputs.ndim == 2:
        inputs = inputs[: len(inputs) // frames * frames].reshape(-1, frames, inputs.shape[1])
        embeddings = embed_int8(encoder.graph, inputs[:LINT_WINDOWS])
    return inputs[:LINT_WINDOWS, ..., None], embeddings[:LINT_WINDOWS]


def _golden(stages: Stages, request: ExportRequest, shape: StreamShape | None) -> Stages:
    """Of the first STORED_WINDOWS windows of sound."""
    spec, n = request.student.frontend, STORED_WINDOWS
    if shape:
        rows = spec.frame_count(n * spec.window_total_samples)
        return beginning(stages, rows, shape.first_rows, request.hop_frames)
    assert stages.logmel_q8 is not None and stages.inputs is not None
    return Stages(stages.embeddings[:n], stages.scores[:n], stages.logmel_q8[:n], stages.inputs[:n])


def _write_files(folder: Path, encoder: Encoder, pack: LabelPack, windows: np.ndarray, golden: Stages) -> None:
    (folder / "encoder.tflite").write_bytes(encoder.tflite)
    (folder / "encoder.onnx").write_bytes(encoder.onnx)
    (folder / "labels.tlp").write_bytes(pack.to_bytes())
    assert golden.logmel_q8 is not None and golden.inputs is not None
    pcm = windows[:STORED_WINDOWS]
    (folder / "golden.npz").write_bytes(
        npz_bytes(
            pcm=pcm.ravel() if golden.inputs.ndim == 2 else pcm,
            logmel_q8=golden.logmel_q8,
            inputs=golden.inputs,
            embeddings=golden.embeddings,
            scores=golden.scores,
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
