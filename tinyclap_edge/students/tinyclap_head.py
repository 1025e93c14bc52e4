"""The head of a tinyCLAP student in numbers: folding it exactly, reducing it to r entries, and what that loses.

Arrays by their names in a student file (`head.*`, `body.*`); everything in float64; no torch. docs/students.md
derives the formulas.
"""

from __future__ import annotations

import numpy as np
from tinyclap_export.kernels_float import gelu

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.layout import block_names
from tinyclap_edge.students.phinet_config import blocks
from tinyclap_edge.students.tinyclap_config import TinyclapConfig

LN_EPS, BN_EPS = 1e-5, 1e-3
Tensors = dict[str, np.ndarray]


def fold_head(tensors: Tensors) -> Tensors:
    """A published head as a folded one: 1x1 convolution and first linear layer become one (inner, channels) matrix.

    Both are linear and the mean between them commutes with them: L1 (Wp mean(F) + b) = (L1 Wp) mean(F) + L1 b.
    """
    first = tensors["head.linear1.weight"].astype(np.float64)
    conv = tensors["head.pn_block.weight"].astype(np.float64)[:, :, 0, 0]
    folded = {k: v for k, v in tensors.items() if not k.startswith(("head.pn_block", "head.linear1"))}
    folded["head.linear1.weight"] = (first @ conv).astype(np.float32)
    folded["head.linear1.bias"] = (first @ tensors["head.pn_block.bias"].astype(np.float64)).astype(np.float32)
    return folded


def embed_pooled(tensors: Tensors, pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a folded head makes of pooled maps (n, channels): embeddings (n, inner), and LayerNorm's deviations (n,)."""
    a, c, second, gamma, beta = _folded(tensors)
    first = np.asarray(pooled, np.float64) @ a.T + c
    total = first + gelu(first) @ second.T
    deviation = np.sqrt(total.var(1) + LN_EPS)
    return (total - total.mean(1, keepdims=True)) / deviation[:, None] * gamma + beta, deviation


def embed_reduced(tensors: Tensors, config: TinyclapConfig, pooled: np.ndarray) -> np.ndarray:
    """What a reduced head makes of pooled maps (n, channels) of its own network: (n, r)."""
    h = {k: v.astype(np.float64) for k, v in tensors.items() if k.startswith("head.")}
    first = np.asarray(pooled, np.float64) @ h["head.linear1.weight"].T + h["head.linear1.bias"]
    source = first - first.mean(1, keepdims=True) if config.head == "pruned" else pooled
    out = gelu(first) @ h["head.linear2.weight"].T + h["head.bias"]
    direct = len(h["head.gain"])
    out[:, :direct] += source[:, :direct] * h["head.gain"]
    return out


def prune_head(tensors: Tensors, kept: np.ndarray, deviation: float) -> Tensors:
    """A folded head that gives only the entries `kept` (r,), LayerNorm's deviation being a constant.

    The mean stays exact and free: that of the residual is taken from the residual itself, that of the second layer
    is subtracted from its rows. Rows of the first layer are put in the order kept, rest.
    """
    a, c, second, gamma, beta = _folded(tensors)
    order = np.concatenate([kept, np.setdiff1d(np.arange(len(c)), kept)])
    gain = gamma[kept] / deviation
    rows = gain[:, None] * (second[kept] - second.mean(0))
    body = {k: v for k, v in tensors.items() if not k.startswith("head.")}
    return body | _float32(
        {
            "head.linear1.weight": a[order],
            "head.linear1.bias": c[order],
            "head.linear2.weight": rows[:, order],
            "head.gain": gain,
            "head.bias": beta[kept],
        }
    )


def rotate_head(
    tensors: Tensors, config: TinyclapConfig, directions: np.ndarray, deviation: float
) -> tuple[Tensors, np.ndarray, np.ndarray]:
    """A folded head that gives r combinations of entries; directions: (r, inner), orthonormal rows.

    Returns the tensors, the (r, inner) matrix from the whole embedding to the result, and the (channels, channels)
    rotation by which its pooled maps differ from those before. The residual costs no matrix: with
    U diag(s) V the singular values of directions x LayerNorm's linear part x linear1, the result is turned by U (a
    turn of the shared space, made on the text side too), and V goes into the last 1x1 convolution of the backbone.
    """
    if blocks(config.body)[-1].skip:
        raise UsageError("the last block has a skip, so its basis cannot be turned", "use --reduction prune")
    a, c, second, gamma, beta = _folded(tensors)
    scaled = directions.astype(np.float64) * gamma
    linear = (scaled - scaled.mean(1, keepdims=True)) / deviation  # (r, inner): LayerNorm without its offset
    u, singular, v = np.linalg.svd(linear @ a)  # (r, r), (min(r, channels),), (channels, channels)
    mixed = u.T @ linear
    body = {k: t for k, t in tensors.items() if not k.startswith("head.")} | _turned_project(tensors, config, v)
    matrix = u.T @ directions.astype(np.float64)
    reduced = body | _float32(
        {
            "head.linear1.weight": a @ v.T,
            "head.linear1.bias": c,
            "head.linear2.weight": mixed @ second,
            "head.gain": singular,
            "head.bias": mixed @ c + matrix @ beta,
        }
    )
    return reduced, matrix.astype(np.float32), v


def _turned_project(tensors: Tensors, config: TinyclapConfig, v: np.ndarray) -> Tensors:
    """The last 1x1 convolution and its batch norm, followed by the rotation v (channels, channels)."""
    names = block_names(config.body)[-1]
    norm = {n: tensors[f"{names.project_norm}.{n}"].astype(np.float64) for n in _NORM}
    scale = norm["weight"] / np.sqrt(norm["running_var"] + BN_EPS)
    shift = norm["bias"] - norm["running_mean"] * scale
    weight = tensors[f"{names.project}.weight"].astype(np.float64)[:, :, 0, 0]
    turned = {f"{names.project}.weight": (v @ (scale[:, None] * weight))[:, :, None, None]}
    ones = np.ones(len(scale))
    for name, value in zip(_NORM, (ones, v @ shift, 0 * ones, (1 - BN_EPS) * ones), strict=True):
        turned[f"{names.project_norm}.{name}"] = value
    return _float32(turned)


_NORM = ("weight", "bias", "running_mean", "running_var")


def _folded(tensors: Tensors) -> list[np.ndarray]:
    names = ("linear1.weight", "linear1.bias", "linear2.weight", "layer_norm.weight", "layer_norm.bias")
    return [tensors[f"head.{n}"].astype(np.float64) for n in names]


def _float32(values: Tensors) -> Tensors:
    return {k: np.ascontiguousarray(v, np.float32) for k, v in values.items()}
