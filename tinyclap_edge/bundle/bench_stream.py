"""What a hop of a continuous encoder costs: a stream of some hops, less the same stream without them.

So the start, and the rows until the first embedding, are in neither. What one hop costs depends on which rows of features
fall into it; the mean over the hops is told.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyclap_edge.bundle.golden import Stages, parity_windows
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.bundle.run import Ready
from tinyclap_edge.device.run_result import Instructions, RunResult

PER_HOP = "one hop"  # what the figures are of; of other encoders they are of one window


def stream_of_hops(bundle: Bundle, hops: int) -> np.ndarray:
    """(n,) int16: sound until the first embedding, and of so many hops more."""
    spec = bundle.spec
    samples = bundle.span_samples + hops * bundle.hop_frames * spec.hop_samples
    return parity_windows(-(-samples // spec.window_total_samples), spec).ravel()[:samples]


def run_hops(ready: Ready, pcm: np.ndarray, hops: int) -> tuple[Stages, list[RunResult], Instructions | None]:
    """What the stream gave, its run, and the instructions of a hop where they were counted."""
    found, run = ready.run(pcm)
    if run is None or run.instructions is None:
        return found, [] if run is None else [run], None
    _, start = ready.run(pcm[: ready.bundle.span_samples])
    assert start is not None and start.instructions is not None
    return found, [run], mean_hop(run.instructions, start.instructions, hops)


def mean_hop(run: Instructions, start: Instructions, hops: int) -> Instructions:
    """Instructions of a hop, each part rounded by itself."""

    def each(after: int, before: int) -> int:
        return round((after - before) / hops)

    names = ("total", "start", "application", "logmel", "schedule", "labels")
    parts = {name: each(getattr(run, name), getattr(start, name)) for name in names}
    layers = {name: each(count, start.layers.get(name, 0)) for name, count in run.layers.items()}
    return replace(run, **parts, layers=layers)
