"""What quantisation-aware training leaves in a student file, and how export finds it again. No torch here.

The record is JSON in the student's card, under "qat": the r and reduction that it was trained for, (low, high) of each
activation of the export graph, and the int8 scales of each weighted operator. The weights themselves are in the file's
tensors, with the batch norms taken out of them again, so that folding gives the trained weights back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tinyclap_export.graph import Graph

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.students.file import StudentFile, reduce_matrix
from tinyclap_edge.students.layout import block_names, stem_names
from tinyclap_edge.students.to_graph import BN_EPS, student_graph

KEY = "qat"
MAX_ENTRIES = 1 << 20


@dataclass(frozen=True)
class QatRecord:
    """ranges: activation -> (low, high); weight_scales: operator -> (channels,) float32; start, end: mean cosines."""

    r: int
    reduction: str
    steps: int
    ranges: dict[str, tuple[float, float]]
    weight_scales: dict[str, np.ndarray]
    start: float
    end: float


def store_record(student: StudentFile, record: QatRecord) -> StudentFile:
    """The student with the record in its card; float32 and float64 values survive JSON exactly."""
    entry = {
        "r": record.r,
        "reduction": record.reduction,
        "steps": record.steps,
        "cosine": {"start": record.start, "end": record.end},
        "ranges": {name: [float(low), float(high)] for name, (low, high) in record.ranges.items()},
        "weight_scales": {name: [float(s) for s in scale] for name, scale in record.weight_scales.items()},
    }
    return replace(student, card={**student.card, KEY: entry})


def without_record(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a student whose weights were changed after quantisation-aware training."""
    return {key: value for key, value in card.items() if key != KEY}


def read_record(student: StudentFile) -> QatRecord | None:
    """The record, or None where there is none. CorruptFile (7) for one that holds anything but finite numbers."""
    entry = student.card.get(KEY)
    if entry is None:
        return None
    try:
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in entry["ranges"].items()}
        scales = {str(name): np.array(values, np.float32) for name, values in entry["weight_scales"].items()}
        cosine = entry["cosine"]
        record = QatRecord(
            int(entry["r"]), str(entry["reduction"]), int(entry["steps"]), ranges, scales,
            float(cosine["start"]), float(cosine["end"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFile(f"{student.name}: its record of trained ranges cannot be read ({error})") from error
    ordered = all(np.isfinite(pair).all() and pair[0] <= 0 <= pair[1] for pair in ranges.values())
    positive = all(s.ndim == 1 and np.isfinite(s).all() and (s > 0).all() for s in scales.values())
    if not (ordered and positive) or sum(map(len, scales.values())) > MAX_ENTRIES:
        raise CorruptFile(f"{student.name}: a trained range or scale is not a usable number", "train it again")
    return record


def trained_quantisation(
    student: StudentFile, graph: Graph, r: int, reduction: str | None
) -> tuple[dict[str, tuple[float, float]], dict[str, np.ndarray]]:
    """(ranges, weight scales) for an export at r: everything learnt that is about the same tensors; empty without QAT.

    graph: the student's float graph at r. At another r than the trained one the head is left out.
    """
    record = read_record(student)
    if record is None:
        return {}, {}
    same = (r, reduction or student.reduction) == (record.r, record.reduction)
    head = {"head", *graph.outputs}
    ops = {op.name: graph.tensors[op.outputs[0]].shape[-1] for op in graph.ops}
    ranges = {n: v for n, v in record.ranges.items() if n in graph.tensors and (same or n not in head)}
    scales = {n: s for n, s in record.weight_scales.items() if (same or n not in head) and len(s) in (1, ops.get(n, 0))}
    return ranges, scales


def unfold(student: StudentFile, graph: Graph, r: int, reduction: str) -> dict[str, np.ndarray]:
    """The student's tensors such that its graph at r becomes `graph`: batch norms keep all but their shift.

    A channel whose batch norm multiplies by zero keeps its weights: they have no effect.
    """
    tensors = dict(student.tensors)

    def conv(op: str, weight: str, norm: str, axes: tuple[int, ...]) -> None:
        gamma, mean, var = (
            tensors[f"{norm}.{n}"].astype(np.float64) for n in ("weight", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(var + BN_EPS)
        trained = graph.constant(f"{op}/weight").astype(np.float64).transpose(axes)
        shaped = scale.reshape(-1, *[1] * (trained.ndim - 1))
        plain = np.divide(trained, shaped, out=tensors[weight].astype(np.float64), where=shaped != 0)
        tensors[weight] = plain.astype(np.float32)
        shift = graph.constant(f"{op}/bias").astype(np.float64) + mean * scale
        tensors[f"{norm}.bias"] = shift.astype(np.float32)

    dense, deep = (0, 3, 1, 2), (3, 0, 1, 2)
    stem = stem_names(student.config)
    if stem.pointwise:
        tensors[f"{stem.conv}.weight"] = graph.constant("stem/depthwise/weight").transpose(deep)
        conv("stem/pointwise", f"{stem.pointwise}.weight", stem.norm, dense)
    else:
        tensors[f"{stem.conv}.weight"] = graph.constant("stem/weight").transpose(dense)
        mean, var = (tensors[f"{stem.norm}.{n}"].astype(np.float64) for n in ("running_mean", "running_var"))
        gain = graph.constant("stem/norm/weight").astype(np.float64).reshape(-1)  # a norm that stands alone
        tensors[f"{stem.norm}.weight"] = (gain * np.sqrt(var + BN_EPS)).astype(np.float32)
        tensors[f"{stem.norm}.bias"] = (graph.constant("stem/norm/bias") + mean * gain).astype(np.float32)
    for index, names in enumerate(block_names(student.config)):
        block = f"block{index}"
        if names.expand:
            conv(f"{block}/expand", f"{names.expand}.weight", names.expand_norm, dense)
        conv(f"{block}/depthwise", f"{names.depthwise}.weight", names.depthwise_norm, deep)
        if names.se:
            for op, name in (("squeeze", "se_conv"), ("excite", "se_conv2")):
                tensors[f"{names.se}.{name}.weight"] = graph.constant(f"{block}/se/{op}/weight").transpose(dense)
        conv(f"{block}/project", f"{names.project}.weight", names.project_norm, dense)
    matrix = reduce_matrix(student, r, reduction).astype(np.float64)
    before = student_graph(student, r, reduction)
    for name, tensor in (("weight", "head.weight"), ("bias", "head.bias")):
        change = (graph.constant(f"head/{name}") - before.constant(f"head/{name}").astype(np.float64)).reshape(r, -1)
        full = tensors[tensor].astype(np.float64) + (np.linalg.pinv(matrix) @ change).reshape(tensors[tensor].shape)
        tensors[tensor] = full.astype(np.float32)
    return {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
