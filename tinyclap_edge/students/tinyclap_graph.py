"""An imported tinyCLAP student as a float graph that int8 can have: its own normalisation, pads, GELU and reduced head.

The normalisation of mel bins is one 1x1 depthwise convolution over a map whose channels are the mel bins (a reshape, no
byte moves): it cannot go into the first convolution, whose zero padding comes after it and whose weights are one for all
bins. LayerNorm has no int8 form; a reduced head has none any more (students/tinyclap_reduce.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from tinyclap_export.graph import Graph

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.layout import block_names
from tinyclap_edge.students.tinyclap_config import TinyclapConfig, parse_tinyclap
from tinyclap_edge.students.tinyclap_head import LN_EPS
from tinyclap_edge.students.tinyclap_reduce import reduce_imported
from tinyclap_edge.students.to_graph import BodyBuilder

BOARD_R = 256  # entries for a board where nobody says how many: the released student then stays below 1.4 MB
NORM_EPS = LN_EPS  # torch's default, of the normalisation of mel bins as of LayerNorm


def board_tinyclap(student: StudentFile, r: int | None, reduction: str | None) -> StudentFile:
    """The student as a board can run it: a reduced head, and a front end that boards compute.

    r None: BOARD_R of a whole head. What each mel bin's level is above the plain front end's goes into the mean of
    its normalisation. UsageError (2) for a whole space, whose LayerNorm has no int8 form.
    """
    if parse_tinyclap(student.arch).head in ("published", "folded"):
        wanted = min(BOARD_R, student.dim - 1) if r is None else r
        if wanted >= student.dim:
            raise UsageError(
                f"{student.name} with all its {student.dim} entries ends in a LayerNorm, which has no int8 form",
                f"--r {BOARD_R} reduces it and reports the loss",
            )
        student = reduce_imported(student, wanted, reduction)
    spec = student.frontend
    shift = np.asarray(spec.shift_db(), np.float64) if spec != spec.plain else np.zeros(spec.mel_bins)
    mean = (student.tensors["norm.running_mean"] - shift / spec.scale_db).astype(np.float32)
    return replace(student, frontend=spec.plain, tensors={**student.tensors, "norm.running_mean": mean})


def tinyclap_graph(student: StudentFile, matrix: np.ndarray | None) -> Graph:
    """Float graph from `logmel` (1, frames, mels, 1) to `embedding` (1, rows of matrix, or dim)."""
    config, spec = parse_tinyclap(student.arch), student.frontend
    builder = BodyBuilder(student.name, student.tensors, config.body)
    x = builder.graph.add_input("logmel", (1, spec.frames, spec.mel_bins, 1))
    x = _normalised(builder, x, spec.frames, spec.mel_bins)
    x = builder.stem(x)
    names = block_names(config.body)
    for index, name in enumerate(names):
        x = builder.block(x, name, f"block{index}", every_other=index == len(names) - 1)
    _head(builder, x, config, matrix)
    return builder.graph


def _normalised(builder: BodyBuilder, x: str, frames: int, mels: int) -> str:
    gamma, beta, mean, var = (
        builder.tensors[f"norm.{n}"].astype(np.float64) for n in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gamma / np.sqrt(var + NORM_EPS)
    turned = builder.graph.add_op("RESHAPE", [x], "norm/bins", new_shape=(1, frames, 1, mels))
    weight, bias = gain.astype(np.float32)[:, None, None, None], (beta - mean * gain).astype(np.float32)
    scaled = builder.depthwise(turned, "norm", weight, bias)
    return builder.graph.add_op("RESHAPE", [scaled], "norm/map", new_shape=(1, frames, mels, 1))


def _head(builder: BodyBuilder, x: str, config: TinyclapConfig, matrix: np.ndarray | None) -> None:
    """linear1, GELU, linear2, and the residual beside them; `matrix` (r, dim) goes into both ends."""
    graph = builder.graph
    first, bias, second, direct, offset = head_matrices(builder.tensors, config)
    if matrix is not None:
        second, direct, offset = (matrix.astype(np.float64) @ m for m in (second, direct, offset))
    pooled = graph.add_op("MEAN", [x], "pool", axes=(1, 2), keep_dims=True)

    def conv(source: str, name: str, weight: np.ndarray, bias: np.ndarray | None) -> str:
        bias = None if bias is None else bias.astype(np.float32)
        return builder.conv(source, name, weight.astype(np.float32)[:, :, None, None], bias)

    hidden = graph.add_op("GELU", [conv(pooled, "head/linear1", first, bias)], "head/gelu")
    far, near = conv(hidden, "head/linear2", second, offset), conv(pooled, "head/residual", direct, None)
    total = graph.add_op("ADD", [far, near], "head/sum")
    graph.outputs = [graph.add_op("RESHAPE", [total], "embedding", new_shape=(1, len(second)))]


def head_matrices(tensors: Mapping[str, np.ndarray], config: TinyclapConfig) -> tuple[np.ndarray, ...]:
    """A reduced head as y = second gelu(first p + bias) + direct p + offset for pooled maps p (channels,), float64:
    first (inner, channels), bias (inner,), second (dim, inner), direct (dim, channels), offset (dim,)."""
    if config.head not in ("pruned", "rotated"):
        raise UsageError(f"a {config.head} head ends in a LayerNorm, which has no int8 form", "reduce it first")
    h = {k.removeprefix("head."): v.astype(np.float64) for k, v in tensors.items() if k.startswith("head.")}
    first, bias, second, gain = h["linear1.weight"], h["linear1.bias"], h["linear2.weight"], h["gain"]
    direct, offset = np.zeros((len(second), first.shape[1])), h["bias"].copy()
    kept = np.arange(len(gain))
    if config.head == "pruned":  # the first entries of linear1, less the mean of all
        direct[kept] = gain[:, None] * (first[kept] - first.mean(0))
        offset[kept] += gain * (bias[kept] - bias.mean())
    else:  # the first entries of the pooled map itself
        direct[kept, kept] = gain
    return first, bias, second, direct, offset
