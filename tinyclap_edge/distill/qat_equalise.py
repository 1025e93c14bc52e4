"""Channel gains made even before a tensor's channels share one int8 scale.

Of uneven channels a few large ones set the scale of all, and the small ones vanish in its rounding. Two places:

Between blocks there is no activation, so a gain passes exactly (cross-layer equalisation, arXiv 1906.04721), through
skips as well. A hard-swish lets a gain pass only far from its bend: there each channel's gain is searched, its input
divided by it and the reader's weight fitted to what then comes out, and the gain of least squared error is kept, bend and
int8 rounding counted together. That changes the float network a little; quantisation-aware training follows, whose
target is the untouched one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from tinyclap_export.float_run import run_float_chunks
from tinyclap_export.graph import Graph, Op

WINDOWS = 32
SAMPLES = 2048  # values of a channel that a gain is judged by; a quarter of them chooses visibly worse
GAINS = 2.0 ** np.arange(-2.0, 4.5, 0.5)
PEAKS = 2.0 ** np.arange(1.0, 7.5, 0.5)  # what the highest code may stand for
DIP, BEND = -0.375, -3.0  # the least value of a hard-swish, and where it becomes 0
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
SMALLEST = 1 / 256  # of the largest channel: one that is nearly always 0 is not blown up further


@dataclass(frozen=True)
class Link:
    """The convolution before a hard-swish, and the one that reads it."""

    writer: Op
    reader: Op


@dataclass(frozen=True)
class Fit:
    """Per channel: the input is divided by `gain`, and the old output is about `slope` times the new one plus `shift`."""

    gain: np.ndarray
    slope: np.ndarray
    shift: np.ndarray


def equalise_links(graph: Graph, features: np.ndarray) -> Graph:
    """A copy in which the channels between blocks peak alike; exact in float.

    features: (n, frames, mels, 1) float32 network input, of which WINDOWS are heard.
    """
    out, groups = graph.copy(), linear_groups(graph)
    peaks = {name: np.zeros(graph.tensors[name].shape[-1]) for group in groups for name in group}
    for values in run_float_chunks(graph, features[:WINDOWS]):
        for name, peak in peaks.items():
            np.maximum(peak, np.abs(values[name]).reshape(-1, len(peak)).max(0), out=peak)
    made = {op.outputs[0]: op for op in graph.ops}
    for group in groups:
        peak = np.max([peaks[name] for name in group], 0)
        gain = np.maximum(peak / (peak.max() or 1.0), SMALLEST)
        for name in group:
            if made[name].kind != "ADD":
                _divide(out, made[name], gain)
            for reader in graph.consumers(name):
                if reader.kind != "ADD":
                    _multiply(out, reader.inputs[1], gain)
    return out.validate()


def linear_groups(graph: Graph) -> list[tuple[str, ...]]:
    """Tensors between blocks, those that sums tie together in one group, written and read by convolutions and sums only.

    What the pool and the head read is left alone: a head can be exported at another r than the one trained here.
    """
    made = {op.outputs[0]: op for op in graph.ops}
    group = {name: {name} for name in made}
    for op in graph.ops:
        if op.kind == "ADD":
            joined = set[str]().union(*(group.get(name, {name}) for name in (*op.inputs, *op.outputs)))
            group |= dict.fromkeys(joined, joined)

    def free(name: str) -> bool:
        op, readers = made.get(name), graph.consumers(name)
        if op is None or not readers or name in graph.outputs or op.attrs.get("activation", "NONE") != "NONE":
            return False
        written = op.kind == "ADD" or (op.kind == "CONV_2D" and bool(op.bias))
        return written and all(
            r.kind == "ADD" or (r.kind == "CONV_2D" and _reads_each(graph, r, name)) for r in readers
        )

    return [names for names in dict.fromkeys(tuple(sorted(g)) for g in group.values()) if all(map(free, names))]


def equalise_hard_swish(graph: Graph, features: np.ndarray, seed: int = 0) -> Graph:
    """A copy whose hard-swish channels have the gains that int8 serves best; as it is where there are none.

    features: as for `equalise_links`.
    """
    out, links = graph.copy(), hard_swish_links(graph)
    if not links:
        return out
    rng = np.random.default_rng(seed)
    heard: dict[str, list[np.ndarray]] = {link.writer.outputs[0]: [] for link in links}
    share = -(-SAMPLES // min(WINDOWS, len(features)))
    for values in run_float_chunks(graph, features[:WINDOWS]):
        for name, parts in heard.items():
            rows = values[name].reshape(-1, values[name].shape[-1])
            parts.append(rows[rng.permutation(len(rows))[: share * len(values[name])]])
    for link in links:
        weight = graph.constant(link.reader.inputs[1]).astype(np.float64)
        squares = np.square(weight).reshape(-1, weight.shape[-1]).sum(0)
        x = np.concatenate(heard[link.writer.outputs[0]])
        _refit(out, link, best_fit(x, squares, _takes_a_shift(graph, link.reader)))
    return out.validate()


def hard_swish_links(graph: Graph) -> list[Link]:
    """Every hard-swish between two convolutions with nothing but a pad in between."""
    made = {op.outputs[0]: op for op in graph.ops}
    links = []
    for op in graph.ops:
        writer = made.get(op.inputs[0])
        if op.kind != "HARD_SWISH" or writer is None or writer.kind not in CONVOLUTIONS or not writer.bias:
            continue
        readers = graph.consumers(op.outputs[0])
        while len(readers) == 1 and readers[0].kind == "PAD":
            readers = graph.consumers(readers[0].outputs[0])
        alone = len(readers) == 1 and len(graph.consumers(op.inputs[0])) == 1 and writer.attrs["activation"] == "NONE"
        alone = alone and op.outputs[0] not in graph.outputs
        if alone and readers[0].kind in CONVOLUTIONS and _reads_each(graph, readers[0], op.outputs[0]):
            links.append(Link(writer, readers[0]))
    return links


def best_fit(x: np.ndarray, weight: np.ndarray, shifted: bool) -> Fit:
    """The gains of the peak that loses least, errors of a channel counted by the squares of the weights that read it.

    x: (samples, channels) input of the hard-swish; weight: (channels,). shifted: whether the reader's bias takes a
    constant.
    """
    wanted = _hard_swish(x)
    best, least = None, np.inf
    for peak in PEAKS:
        fits, errors = zip(*(_fit(x, wanted, np.float32(gain), peak, shifted) for gain in GAINS), strict=True)
        choice = np.argmin(errors, axis=0)
        total = float((np.min(errors, axis=0) * weight).sum())
        if total < least:
            slope, shift = (np.take_along_axis(np.stack(v), choice[None], 0)[0] for v in zip(*fits, strict=True))
            best, least = Fit(GAINS[choice], slope, shift), total
    assert best is not None
    return best


def _fit(
    x: np.ndarray, wanted: np.ndarray, gain: np.float32, peak: float, shifted: bool
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """((slope, shift), mean squared error) of each channel for one gain and one highest value."""
    coarse, fine = np.float32((peak - BEND) / 255), np.float32((peak - DIP) / 255)
    inner = np.clip(np.rint(x * (1 / gain / coarse)) * coarse, BEND, peak)
    found = np.rint(_hard_swish(inner) / fine) * fine
    centre = found.mean(0) if shifted else np.zeros(x.shape[1], np.float32)
    middle = wanted.mean(0) if shifted else np.zeros(x.shape[1], np.float32)
    spread = np.square(found).mean(0) - centre**2
    slope = np.divide(
        (found * wanted).mean(0) - centre * middle, spread, out=np.full_like(spread, gain), where=spread > 1e-9
    )
    shift = middle - slope * centre
    return (slope, shift), np.square(wanted - slope * found - shift).mean(0)


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


def _reads_each(graph: Graph, op: Op, name: str) -> bool:
    """Whether the last axis of the weight counts the channels of what it reads: neither groups nor multipliers."""
    return graph.tensors[op.inputs[1]].shape[-1] == graph.tensors[name].shape[-1]


def _takes_a_shift(graph: Graph, op: Op) -> bool:
    """A depthwise layer pads with zeros that no bias reaches; a bias that is zero throughout stands for none."""
    return op.kind != "DEPTHWISE_CONV_2D" and op.bias is not None and bool(graph.constant(op.bias).any())


def _refit(graph: Graph, link: Link, fit: Fit) -> None:
    weight = graph.constant(link.reader.inputs[1]).astype(np.float64)
    _divide(graph, link.writer, fit.gain)
    _multiply(graph, link.reader.inputs[1], fit.slope)
    if link.reader.bias and fit.shift.any():
        constant = (weight.reshape(len(weight), -1, len(fit.shift)) * fit.shift).sum((1, 2))
        _change(graph, link.reader.bias, lambda b: b + constant.reshape(b.shape))


def _divide(graph: Graph, op: Op, gain: np.ndarray) -> None:
    """Divide every channel that a convolution writes."""
    last = op.kind == "DEPTHWISE_CONV_2D"
    _change(graph, op.inputs[1], lambda w: w / (gain if last else gain.reshape(-1, *[1] * (w.ndim - 1))))
    if op.bias:
        _change(graph, op.bias, lambda b: (b.reshape(-1) / gain).reshape(b.shape))


def _multiply(graph: Graph, name: str, gain: np.ndarray) -> None:
    """Multiply a weight along its last axis, that of the channels it reads."""
    _change(graph, name, lambda w: w * gain)


def _change(graph: Graph, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = graph.tensors[name]
    value = change(graph.constant(name).astype(np.float64))
    graph.tensors[name] = replace(tensor, data=np.ascontiguousarray(value, np.float32))
