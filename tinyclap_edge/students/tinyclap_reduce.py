"""An imported tinyCLAP student, reduced to r entries, with what that loses in its card. No torch.

LayerNorm's mean stays exact; its deviation becomes the root mean square over the calibration sounds that the file
carries. Only the share of the offset beta then varies from clip to clip, which the card reports as a cosine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import REDUCTIONS, StudentFile
from tinyclap_edge.students.tinyclap_config import parse_tinyclap
from tinyclap_edge.students.tinyclap_head import embed_pooled, embed_reduced, prune_head, rotate_head


def reduce_imported(student: StudentFile, r: int, reduction: str | None = None) -> StudentFile:
    """The student with r entries instead of all; reduction: 'rotate' or 'prune', by default the file's own.

    UsageError (2) for an r out of range, a head that is not whole, or a file without calibration sounds.
    """
    config = parse_tinyclap(student.arch)
    reduction = reduction or student.reduction
    if config.head != "folded":
        raise UsageError(f"{student.name} has a {config.head} head", "reduce the imported student with its whole space")
    if reduction not in REDUCTIONS:
        raise UsageError(f"unknown reduction {reduction!r}", "choose 'rotate' or 'prune'")
    if not 1 <= r <= student.dim:
        raise UsageError(f"r={r} is outside 1..{student.dim}", "the reduced size cannot exceed the student's embedding")
    if r == student.dim:
        return student  # with its exact LayerNorm
    if student.samples is None:
        raise UsageError(f"{student.name} carries no calibration sounds", "import it again")
    whole, deviations = embed_pooled(student.tensors, student.samples)
    used = int(student.card.get("imported", {}).get("fold", {}).get("samples_used", len(whole)))
    deviation = float(np.sqrt(np.mean(deviations[:used] ** 2)))
    samples = student.samples.astype(np.float64)
    if reduction == "prune":
        reduced = replace(config, head="pruned")
        matrix = np.eye(student.dim, dtype=np.float32)[np.sort(student.order[:r])]
        tensors = prune_head(student.tensors, np.sort(student.order[:r]), deviation)
    else:
        reduced = replace(config, head="rotated")
        tensors, matrix, turn = rotate_head(student.tensors, config, student.rotation[:r], deviation)
        samples = samples @ turn.T
    found = embed_reduced(tensors, reduced, samples)
    held = slice(used, None) if used < len(whole) else slice(None)  # what neither directions nor statistics have seen
    loss = reduction_loss(whole[held], found[held], matrix) | {
        "reduction": reduction, "r": r, "deviation": deviation, "deviation_spread": float(deviations.std() / deviation),
        "samples": len(whole[held]),
    }  # fmt: skip
    return replace(
        student,
        arch=reduced.arch(),
        dim=r,
        tensors=tensors,
        rotation=_principal(found),
        order=np.argsort(-np.abs(_unit(found)).mean(0), kind="stable").astype(np.int32),
        text_projection=matrix @ student.text_projection,
        text_mean=matrix @ student.text_mean,
        default_r=r,
        reduction=reduction,
        card=student.card | {"imported": student.card.get("imported", {}) | {"loss": loss}},
        samples=samples.astype(np.float32),
    )


def reduction_loss(whole: np.ndarray, reduced: np.ndarray, matrix: np.ndarray) -> dict[str, Any]:
    """Cosines between (n, inner) whole and (n, r) reduced embeddings of the same sounds.

    layer_norm: against the exact LayerNorm in the reduced space, what the constant deviation costs; space: of the
    whole embedding with the part that was kept; pairs: mean change of the cosine between two sounds.
    """
    exact, unit = _unit(whole @ matrix.T.astype(np.float64)), _unit(reduced)
    norm = (exact * unit).sum(1)
    space = (_unit(whole) * _unit(reduced @ matrix.astype(np.float64))).sum(1)
    change = np.abs(_unit(whole) @ _unit(whole).T - unit @ unit.T)
    pairs = change[~np.eye(len(change), dtype=bool)]
    return {
        "layer_norm_cosine": float(norm.mean()),
        "layer_norm_cosine_least": float(norm.min()),
        "space_cosine": float(space.mean()),
        "space_cosine_least": float(space.min()),
        "pair_cosine_change": float(pairs.mean()) if pairs.size else 0.0,
    }


def principal_directions(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (dim, dim) and order of entries (dim,) of a space, from embeddings (n, dim)."""
    return _principal(embeddings), np.argsort(-np.abs(_unit(embeddings)).mean(0), kind="stable").astype(np.int32)


def _principal(x: np.ndarray) -> np.ndarray:
    from tinyclap_edge.reduce.rotate import rotation

    return rotation(x)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
