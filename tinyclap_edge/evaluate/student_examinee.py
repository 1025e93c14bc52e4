"""Students as examinees: the float torch network, the reduced space, the int8 graph; and the encoder of an export.

A PhiNet is a mean over time and frequency, so it takes a window of any length: another `window_s` is another number of
frames through the same weights, in float and in int8 alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import ToolMissing, UsageError
from tinyclap_edge.evaluate.texts import student_texts
from tinyclap_edge.evaluate.windows import mean_over_windows
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.frontend.fixed import logmel_q8
from tinyclap_edge.frontend.native import NativeLogMel
from tinyclap_edge.frontend.reference import logmel_float
from tinyclap_edge.frontend.spec import Q8, FrontendSpec
from tinyclap_edge.labels.encode import quantize_rows
from tinyclap_edge.students.embed import student_module
from tinyclap_edge.students.file import StudentFile, reduce_matrix

Features = Callable[[np.ndarray], np.ndarray]  # (n, frames, mels) int16 in 1/256 dB, or float dB -> (n, dim) float32
BATCH = 64  # windows at a time
LONGEST_S = 60.0


@lru_cache(maxsize=8)
def front_end(spec: FrontendSpec) -> Callable[[np.ndarray], np.ndarray]:
    """int16 PCM (n,) -> (frames, mels): int16 in 1/256 dB by the integer front end, its C where a compiler is at hand;
    float dB by the definition for a front end that boards do not compute."""
    if spec.plain != spec:
        return partial(logmel_float, spec=spec)
    try:
        return NativeLogMel(spec).frames
    except (ToolMissing, OSError):
        return partial(logmel_q8, spec=spec)


def float_network(student: StudentFile) -> Features:
    """The float embedding of a student of any family, by torch."""
    import torch

    module, spec = student_module(student), student.frontend

    def run(features: np.ndarray) -> np.ndarray:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(features), BATCH):
                level = features[start : start + BATCH].astype(np.float32)
                level = level / np.float32(Q8) if features.dtype == np.int16 else level
                x = torch.from_numpy((level + np.float32(spec.offset_db)) / np.float32(spec.scale_db))[:, None]
                try:
                    parts.append(module(x.contiguous(memory_format=torch.channels_last)).numpy())
                except RuntimeError as error:
                    reason = str(error).splitlines()[0]
                    raise UsageError(f"{student.name} cannot take {features.shape[1]} frames ({reason})") from error
        return np.concatenate(parts)

    return run


def int8_network(student: StudentFile, r: int, reduction: str | None, frames: int) -> Features:
    """The int8 embedding at `frames` rows, dequantised; its ranges are those of the student's own window."""
    from tinyclap_export.quantize import quantize

    from tinyclap_edge.bundle.calibration import calibration_for
    from tinyclap_edge.bundle.encoder import make_encoder
    from tinyclap_edge.evaluate.quantized import int8_embed
    from tinyclap_edge.students.to_graph import student_graph

    encoder = make_encoder(student, r, reduction, "minmax", calibration_for(student.frontend))
    if frames == student.frontend.frames:
        return int8_embed(encoder.graph, student.frontend)
    other = replace(student, frontend=replace(student.frontend, frames=frames))
    ranges = {t.name: _range(t.quant) for t in encoder.graph.activations()}
    scales = {op.name: encoder.graph.tensors[op.inputs[1]].quant for op in encoder.graph.ops if len(op.inputs) > 1}
    known = {name: q.scale for name, q in scales.items() if q is not None}
    return int8_embed(quantize(student_graph(other, r, reduction), ranges, known), other.frontend)


def _range(quant: Any) -> tuple[float, float]:
    """What the codes -128 and 127 stand for."""
    return (-128 - quant.z) * float(quant.s), (127 - quant.z) * float(quant.s)


@dataclass
class FeatureExaminee:
    """Anything that embeds log-mels of one front end. network(frames) gives the embedding at that many rows."""

    name: str
    form: str
    identity: str
    dim: int
    frontend: FrontendSpec
    network: Callable[[int], Features]
    texts: Callable[[Sequence[str]], np.ndarray] | None
    costs: Callable[[int], dict[str, Any]]
    int8_rows: bool = False
    one_window: bool = False  # an export's shape is fixed
    student: StudentFile | None = None  # whose stages a drift table compares
    r: int | None = None
    reduction: str | None = None
    silent: str = "examine it by --task probe"  # what to do where there are no words

    def __post_init__(self) -> None:
        self._networks: dict[int, Features] = {}

    @property
    def rate_hz(self) -> int:
        """Of the front end."""
        return self.frontend.sample_rate_hz

    @property
    def speaks(self) -> bool:
        """See Examinee."""
        return self.texts is not None

    def frames(self, window_s: float | None) -> int:
        """Rows of a window. UsageError (2) for one that is shorter than a row or longer than a minute."""
        spec = self.frontend
        if window_s is None:
            return spec.frames
        count = spec.frame_count(round(window_s * spec.sample_rate_hz))
        if count < 1 or window_s > LONGEST_S:
            low = spec.window_samples / spec.sample_rate_hz
            raise UsageError(f"a window of {window_s:g} s is outside {low:g}..{LONGEST_S:g} s")
        if self.one_window and count != spec.frames:
            raise UsageError(
                f"{self.name} was exported for windows of {spec.window_seconds:.2f} s", "evaluate its student instead"
            )
        return count

    def embed_clips(self, clips: Sequence[np.ndarray], window_s: float | None) -> np.ndarray:
        """See Examinee."""
        frames = self.frames(window_s)
        if frames not in self._networks:
            self._networks[frames] = self.network(frames)
        spec, run = self.frontend, self._networks[frames]
        samples = replace(spec, frames=frames).window_total_samples

        def embed(windows: np.ndarray) -> np.ndarray:
            pcm = np.clip(np.round(windows * 32768.0), -32768, 32767).astype(np.int16)
            return run(np.stack([front_end(spec)(row) for row in pcm]))

        return mean_over_windows(clips, samples, embed)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """See Examinee."""
        if self.texts is None:
            raise UsageError(f"{self.name} has no text side here", self.silent)
        return self.texts(texts)

    def class_rows(self, classes: np.ndarray) -> np.ndarray:
        """See Examinee."""
        return unit(quantize_rows(classes)) if self.int8_rows else classes

    def cost(self, window_s: float | None) -> dict[str, Any]:
        """See Examinee."""
        frames = self.frames(window_s)
        return {"window_s": window_s or round(self.frontend.window_seconds, 4), "frames": frames, **self.costs(frames)}


def examine_student(
    student: StudentFile, form: str = "float", r: int | None = None, reduction: str | None = None
) -> FeatureExaminee:
    """A student in one of its forms. r, reduction: of 'reduced' and 'int8', by default the student's own."""
    from tinyclap_edge.students.registry import student_cost
    from tinyclap_edge.students.to_graph import board_student

    if form == "int8":
        student = board_student(student, r, reduction)
    r, reduction = r or student.default_r, reduction or student.reduction
    matrix = None if form == "float" else reduce_matrix(student, r, reduction)
    if form == "int8":
        network: Callable[[int], Features] = lambda frames: int8_network(student, r, reduction, frames)  # noqa: E731
    else:
        whole = float_network(student)
        turned = whole if matrix is None else lambda features: whole(features) @ matrix.T
        network = lambda frames: turned  # noqa: E731

    def texts(words: Sequence[str]) -> np.ndarray:
        rows = student_texts(student, words)
        return rows if matrix is None else rows @ matrix.T

    def costs(frames: int) -> dict[str, Any]:
        cost = student_cost(student.arch, (1, frames, student.frontend.mel_bins), student.dim if matrix is None else r)
        return {"params": cost.params, "macs": cost.macs, "peak_elements": cost.peak_elements}

    return FeatureExaminee(
        student.name, form, _identity(student, form, r, reduction), student.dim if matrix is None else r,
        student.frontend, network, texts, costs, int8_rows=form == "int8", student=student, r=r, reduction=reduction,
    )  # fmt: skip


def open_student(name: str, form: str, r: int | None, reduction: str | None) -> FeatureExaminee:
    """A built-in student or a student file."""
    from tinyclap_edge.students.presets import find_student

    return examine_student(find_student(name), form, r, reduction)


def open_export(path: Path, student_file: Path | None = None) -> FeatureExaminee:
    """The encoder of an export. Its words come from the student that it was made of: a built-in one, or `student_file`.

    UsageError (2) where `student_file` maps words to other places than the export does.
    """
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.evaluate.quantized import int8_embed

    with open_bundle(path) as bundle:
        manifest, spec, graph = bundle.manifest["encoder"], bundle.spec, bundle.pipeline().encoder
    r, reduction = int(manifest["r"]), str(manifest["reduction"])
    student = _exported_student(manifest, student_file)
    if student is None and student_file is not None:
        raise UsageError(f"{path.name} was not made of {student_file.name}", f"it was made of {manifest['student']!r}")
    texts = None
    if student is not None:
        found, matrix = student, reduce_matrix(student, r, reduction)
        texts = lambda words: student_texts(found, words) @ matrix.T  # noqa: E731
    cost = {"params": manifest["params"], "macs": manifest["macs"], "arena_bytes": manifest["arena_bytes"]}
    return FeatureExaminee(
        path.name, "int8", str(manifest["id"]), r, spec, lambda frames: int8_embed(graph, spec), texts,
        lambda frames: cost, int8_rows=True, one_window=True, student=student, r=r, reduction=reduction,
        silent="name the file that it was exported from by --student, or examine it by --task probe",
    )  # fmt: skip


def _exported_student(manifest: dict[str, Any], file: Path | None) -> StudentFile | None:
    """The student that an export was made of, where it is here and maps words to the same places."""
    from tinyclap_edge.bundle.manifest import space_id
    from tinyclap_edge.errors import TinyclapError
    from tinyclap_edge.students.file import read_student
    from tinyclap_edge.students.presets import find_student
    from tinyclap_edge.students.to_graph import board_student

    r, reduction = int(manifest["r"]), str(manifest["reduction"])
    student = read_student(file) if file is not None else None
    try:
        student = board_student(student or find_student(str(manifest["student"])), r, reduction)
        same = space_id(student, r, reduction) == manifest["space"]
    except TinyclapError:
        return None
    return student if same else None


def _identity(student: StudentFile, form: str, r: int, reduction: str) -> str:
    """16 hex digits over the weights, the text side, the form and, unless it is float, the reduction."""
    digest = hashlib.sha256(f"{student.arch} {form} {student.frontend.frontend_id}".encode())
    for name in sorted(student.tensors):
        digest.update(name.encode() + np.ascontiguousarray(student.tensors[name]).tobytes())
    digest.update(np.ascontiguousarray(student.text_projection).tobytes())
    if form != "float":
        digest.update(np.ascontiguousarray(reduce_matrix(student, r, reduction)).tobytes())
    return digest.hexdigest()[:16]
