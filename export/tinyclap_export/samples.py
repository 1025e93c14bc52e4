"""Batches of samples through a graph: how inputs are accepted, cut into chunks, and outputs put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph

CHUNK_ELEMENTS = 1 << 19  # of the largest map: 4 MB of int64, which stays in the cache of a PC

Step = Callable[[dict[str, np.ndarray]], None]


def as_samples(graph: Graph, x: np.ndarray) -> np.ndarray:
    """x as (n, *input shape). Accepts that, or (n, *input shape without a leading 1); one sample may omit n."""
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.asarray(x)
    for accepted in (shape, shape[1:] if shape[:1] == (1,) else shape):
        if x.shape[1:] == accepted:
            return x.reshape(x.shape[0], *shape)
    raise ExportError(f"input of shape {list(x.shape)} for a graph that takes {list(shape)}",
                      f"give (n, {', '.join(map(str, shape[1:]))})", exit_code=2)  # fmt: skip


def chunks(graph: Graph, count: int) -> Iterator[slice]:
    """Slices over `count` samples, so that the largest activation of a chunk stays near CHUNK_ELEMENTS."""
    largest = max(math.prod(t.shape) for t in graph.activations())
    step = max(1, CHUNK_ELEMENTS // largest)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def as_tensor(graph: Graph, name: str, value: np.ndarray, samples: int) -> np.ndarray:
    """An operator's result as (samples, *tensor shape); operators of constants alone computed one sample for all."""
    shape = graph.tensors[name].shape
    value = value.reshape(value.shape[0], *shape)
    return value if value.shape[0] == samples else np.broadcast_to(value, (samples, *shape))


def without_batch(graph: Graph, name: str, value: np.ndarray) -> np.ndarray:
    """(n, 1, ...) to (n, ...): the batch axis of one disappears into the samples."""
    shape = graph.tensors[name].shape
    if len(shape) > 1 and shape[0] == 1:
        return value.reshape(value.shape[0], *shape[1:])
    return value


def last_uses(graph: Graph) -> dict[str, int]:
    """Index of the last operator that reads each tensor."""
    return {name: index for index, op in enumerate(graph.ops) for name in op.inputs}
