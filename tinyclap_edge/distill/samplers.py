"""Which clips a step sees: functions of the seed and the step alone, so that a resumed run continues the same order."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tinyclap_edge.errors import ToolMissing


class Sampler(Protocol):
    """batch(step, size) -> (size,) indices; the same for the same step, whatever was asked before."""

    def batch(self, step: int, size: int) -> np.ndarray:
        """The clips of a step."""
        ...


class Order:
    """Epochs of permutations of `count` clips: each clip once an epoch."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.epoch, self.permutation = -1, np.zeros(0, np.int64)

    def batch(self, step: int, size: int) -> np.ndarray:
        """A batch may reach into the next epoch."""
        out: list[int] = []
        at = step * size
        while len(out) < size:
            epoch, offset = divmod(at + len(out), self.count)
            if epoch != self.epoch:
                self.epoch = epoch
                self.permutation = np.random.default_rng([self.seed, 5, epoch]).permutation(self.count)
            out.extend(self.permutation[offset : offset + size - len(out)].tolist())
        return np.array(out)


class ClusterBalanced:
    """Draws with replacement in which every cluster is equally likely, whatever its size.

    S-SONDO's balanced data sampling: a clip's weight is 1 / |its cluster|. clusters: (count,) int.
    """

    def __init__(self, clusters: np.ndarray, seed: int) -> None:
        self.seed = seed
        self.order = np.argsort(clusters, kind="stable")
        _, self.sizes = np.unique(clusters, return_counts=True)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    def batch(self, step: int, size: int) -> np.ndarray:
        """First a cluster, then a clip of it."""
        rng = np.random.default_rng([self.seed, 6, step])
        cluster = rng.integers(0, len(self.sizes), size)
        return self.order[self.starts[cluster] + rng.integers(0, self.sizes[cluster])]


def find_clusters(embeddings: np.ndarray, k: int, seed: int = 42) -> np.ndarray:
    """(n,) int32: the cluster of each raw embedding (n, dim), by k-means over mini-batches.

    Settings of S-SONDO: k-means++, 10 starts, at most 100 rounds, batches of 10,000, no early stop by tolerance.
    ToolMissing (3) without scikit-learn.
    """
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError as error:
        raise ToolMissing(
            "cluster-balanced sampling needs scikit-learn", "pip install 'tinyclap-edge[train]'"
        ) from error
    k = min(k, len(embeddings))
    means = MiniBatchKMeans(k, init="k-means++", n_init=10, max_iter=100, batch_size=10_000, tol=0.0, random_state=seed)
    return means.fit_predict(np.asarray(embeddings, np.float32)).astype(np.int32)
