"""A student at r dimensions: which directions of the shared space it keeps, or what training made of them.

A pooled linear head prunes exactly: an entry that goes is a row that goes, and a rotation folds into head and text side
alike. So the file keeps the whole space with the one matrix for both sides, and says at which r it is to be used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_edge.distill.qat_record import without_record
from tinyclap_edge.errors import UsageError
from tinyclap_edge.reduce.prune import magnitude_order
from tinyclap_edge.reduce.rotate import kept_energy, rotation
from tinyclap_edge.students.file import StudentFile

WAYS = ("rotate", "prune", "train")
OF_ANOTHER_R = (
    "reduced",
    "int8",
    "seen",
    "kept",
    "threshold",
    "cosine",
)  # entries of a card that were measured at an r


def measured_space(student: StudentFile, audio: np.ndarray, text: np.ndarray | None = None) -> StudentFile:
    """The student with principal directions and magnitudes measured anew. audio: (n, dim) embeddings of training clips;
    text: (m, dim) of names, each side with equal weight."""
    if audio.ndim != 2 or audio.shape[1] != student.dim:
        raise UsageError(f"embeddings of {audio.shape[-1]} entries, {student.name} has {student.dim}")
    return replace(student, rotation=rotation(audio, text), order=magnitude_order(audio, text))


def reduced_student(student: StudentFile, r: int, how: str) -> StudentFile:
    """The student set to r by 'rotate' or 'prune' with the directions that it has. UsageError (2) for any other r or way.

    An imported tinyCLAP is shrunk for good, since its LayerNorm ties all entries together (students/tinyclap_reduce.py).
    """
    if how not in ("rotate", "prune"):
        raise UsageError(f"unknown reduction {how!r}", f"one of {', '.join(WAYS)}")
    if not 1 <= r <= student.dim:
        raise UsageError(f"r={r} is outside 1..{student.dim}", "the reduced size cannot exceed the student's embedding")
    special = SHRUNK.get(student.arch.partition(":")[0])
    if special is not None:
        return special(student, r, how)
    card = {k: v for k, v in student.card.items() if k not in OF_ANOTHER_R}
    if (r, how) == (student.default_r, student.reduction):
        card = dict(student.card)
    return replace(student, default_r=r, reduction=how, card=card | {"reduction": {"r": r, "how": how}})


def with_head(student: StudentFile, matrix: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> StudentFile:
    """The student whose head gives (weight, bias) behind `matrix`; what is orthogonal to its rows stays as it was.

    matrix: (r, dim) with orthonormal rows, weight: (r, channels), bias: (r,).
    """
    back = np.linalg.pinv(matrix.astype(np.float64))  # (dim, r)
    old_w, old_b = (student.tensors[f"head.{n}"].astype(np.float64) for n in ("weight", "bias"))
    new_w = old_w + back @ (weight.astype(np.float64) - matrix @ old_w)
    new_b = old_b + back @ (bias.astype(np.float64) - matrix @ old_b)
    tensors = {**student.tensors, "head.weight": new_w.astype(np.float32), "head.bias": new_b.astype(np.float32)}
    return replace(student, tensors=tensors, card=without_record(student.card))


def text_vectors(student: StudentFile) -> np.ndarray | None:
    """(n, dim) unit embeddings of the bank's names in the student's space; None where its words are another tower's."""
    from tinyclap_edge.labels.bank import load_bank
    from tinyclap_edge.labels.prompts import unit_rows

    bank = load_bank()
    if student.teacher != "reference" or student.text_projection.shape[1] != bank.dim:
        return None
    return unit_rows(unit_rows(bank.vectors(list(bank)) @ student.text_projection.T) - student.text_mean)


def store_embeddings(store: Any, student: StudentFile, most: int = 20_000) -> np.ndarray:
    """(n, dim) of a store of the student's own teacher, at most `most` rows, spread evenly; centred as the student is."""
    student.require_teacher(store.teacher.name, store.teacher.identity, "the store")
    if store.dim != student.dim:
        raise UsageError(
            f"the store is of {store.teacher.name!r} with {store.dim} entries",
            f"{student.name} learnt from {student.teacher!r} with {student.dim}",
        )
    picks = np.unique(np.linspace(0, len(store) - 1, min(len(store), most)).astype(np.int64))
    found = np.asarray(store.embeddings(picks), np.float32)
    if student.teacher != "reference" and student.text_mean.any():
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        found = found - found.mean(0)
    return found


def summary(student: StudentFile, audio: np.ndarray | None) -> dict[str, Any]:
    """What the reduction keeps: share of the embeddings' energy in the kept directions, where embeddings are at hand."""
    if audio is None:
        return {}
    r = student.default_r
    basis = student.rotation if student.reduction == "rotate" else np.eye(student.dim)[student.order]
    return {"kept energy": round(float(kept_energy(audio, basis)[r - 1]), 4)}


def _tinyclap(student: StudentFile, r: int, how: str) -> StudentFile:
    from tinyclap_edge.students.tinyclap_reduce import reduce_imported

    return reduce_imported(student, r, how)


SHRUNK: dict[str, Callable[[StudentFile, int, str], StudentFile]] = {"tinyclap": _tinyclap}
