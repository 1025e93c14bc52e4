"""Costs of many configurations at once, without planning any: arrays in, arrays out.

Exact: parameters, multiply-accumulates, weights, static data. A lower bound, proven below: the arena. By the same terms as
the planner's cost: instructions. The PhiNets are those that `fit` searches: padding "same", 3x3 windows, stem of stride 2.

The bound of the arena (rows through rings). A window of 3 rows needs its three input rows at once, a residual two rows of
its block's entry, because the window makes it a row late; the mean keeps its sums. Rows rotate through the slots of a ring,
so that while rows come every slot of a ring is in use at a time when any slot of another is: two rings share no byte.
While a layer runs, the rows that it reads and writes beside the rings are there too, with its scratch. All of this is so
once the last window has made rows and before the first has made its last: for windows of at least `least_rows` rows.
Squeeze-and-excite needs a whole map of each block instead: its largest is the bound then. Layer by layer, an operator's
input and output are alive together. The engine takes the smaller of the two schedules.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinyclap_export.codegen.layout import SCRATCH, scratch_bytes

from tinyclap_edge.fit.features import Shape, terms_of
from tinyclap_edge.fit.instruction_model import Machine, product_variant, variant_name, window_variant
from tinyclap_edge.students.phinet_config import NARROW_WIDTH, STEM_WIDTH, WIDE_WIDTH

Array = Any  # integer or float arrays of one length
DOWNSAMPLING = (1, 3, 5, 7)
LEAST_CHANNEL_BYTES = 9  # flash of a channel beside its weights: a bias of 4, a scale of 5 at least
FEW_ROWS = 8  # a map of fewer may begin when the maps before it have ended: its ring is left out of the bound
SLACK = 0.97  # what the rings of the last maps may save by lying behind each other; tests hold the bound to the planner
_PIXELS = 1 << 16  # more than a row has
ADD_KERNEL = "tce_add_s8"  # of residuals


@dataclass(frozen=True)
class Nets:
    """PhiNets of one depth and kind: arrays of the same length. rows, mels: of the log-mel; r: of the embedding."""

    N: int
    se: bool
    hswish: bool
    alpha: Array
    beta: Array
    t0: Array
    divisor: Array
    rows: Array
    mels: Array
    r: Array


@dataclass(frozen=True)
class Sums:
    """What a walk over the layers adds up; see the head of the module for the arena."""

    params: Array
    macs: Array
    const_bytes: Array
    arena_bytes: Array
    encoder_instructions: Array


class _Walk:
    """One pass over the layers of every network."""

    def __init__(self, nets: Nets, machine: Machine) -> None:
        self.nets, self.machine = nets, machine
        self.store = "table" if nets.hswish else "relu"
        zero = np.zeros(len(nets.alpha), np.int64)
        self.params, self.macs, self.const = zero.copy(), zero.copy(), zero.copy()
        self.kept, self.now, self.layers, self.maps = zero.copy(), zero.copy(), zero.copy(), zero.copy()
        self.instructions = np.zeros(len(nets.alpha))
        self.fired: list[Array] = []  # rows of each stage

    def count(self, kernel: str, detail: str, store: str, calls: Array, shape: Shape, key: str = "") -> None:
        terms = terms_of(key or kernel, self.machine.isa, shape)
        self.instructions = self.instructions + calls * self.machine.once(variant_name(kernel, detail, store), terms)

    def product(self, c_in: Array, c_out: Array, rows: Array, width: Array, act: bool, norm: int = 2) -> None:
        """A 1x1 convolution."""
        table = 256 if act and self.nets.hswish else 0
        self.params += c_in * c_out + norm * c_out
        self.macs += c_in * c_out * rows * width
        self.const += c_in * c_out + LEAST_CHANNEL_BYTES * c_out + table
        scratch = _product_scratch(self.machine.isa, c_in, width)
        self.now = np.maximum(self.now, (0 if act else c_in * width) + scratch)  # an expansion reads and writes rings
        self.layers = np.maximum(self.layers, (c_in + c_out) * rows * width)
        kind = self.store if act else "linear"
        for broad in (True, False):  # k = 1 only in the stem, for all alike
            if broad == bool(np.all(np.asarray(c_in) <= 2)):
                kernel = product_variant(self.machine.isa, 1 if broad else 3)
                self.count(kernel, "", kind, rows, Shape(width, c_out, c_in))

    def window(self, c: Array, rows: Array, width: Array, stride: int, act: bool) -> tuple[Array, Array]:
        """A depthwise convolution 3x3; returns rows and width of its output."""
        out_rows, out_width = -(-rows // stride), -(-width // stride)
        odd_w, odd_h = (width % 2, rows % 2) if stride == 2 else (1, 1)
        table = 256 if act and self.nets.hswish else 0
        self.macs += 9 * c * out_rows * out_width
        self.const += 9 * c + LEAST_CHANNEL_BYTES * c + table
        self.now = np.maximum(self.now, c * out_width + _window_scratch(self.machine.isa, c, out_width, stride))
        self.kept += np.where(rows >= FEW_ROWS, 3, 0) * c * width
        self.layers = np.maximum(self.layers, c * (rows * width + out_rows * out_width))
        missing = (1.0 + odd_h) / out_rows
        kind = self.store if act else "linear"
        single = c if isinstance(c, int) else np.asarray(c)
        kernel, shape = window_variant(self.machine.isa, single, out_width, width, 3, stride, odd_w, missing)
        self.count(kernel, f" s{stride}", kind, out_rows, shape)
        self.fired.append(out_rows)
        return out_rows, out_width


def walk(nets: Nets, machine: Machine) -> Sums:
    """Costs of every network of a group."""
    w = _Walk(nets, machine)
    rows, width = w.window(1, nets.rows, nets.mels, 2, False)
    w.params += 9
    stem, channels = _width(nets, STEM_WIDTH), _width(nets, NARROW_WIDTH)
    w.product(np.ones_like(stem), stem, rows, width, True)
    _block(w, stem, stem, channels, rows, width, 1, False, expand=False)
    base = WIDE_WIDTH
    for i in range(1, max(nets.N, 3) + 1):
        if i > 3 and i in DOWNSAMPLING:
            base *= 2
        c_out = _width(nets, NARROW_WIDTH if i < 3 else base)
        grown = (nets.t0 * nets.beta) * i / nets.N + nets.t0 * (nets.N - i) / nets.N
        expanded = np.maximum(1, _rounded((grown * channels).astype(np.int64), nets.divisor))
        stride = 2 if i in DOWNSAMPLING else 1
        rows, width = _block(w, channels, expanded, c_out, rows, width, stride, stride == 1, expand=True)
        channels = c_out
    w.count("tce_mean_add_s8", "", "", rows, Shape(width, channels))
    w.count("tce_mean_finish_s8", "", "", 1, Shape(1, channels))
    w.product(channels, nets.r, np.ones_like(rows), np.ones_like(rows), False, 1)
    arena = np.where(nets.se, w.maps, SLACK * (w.kept + w.now + 4 * channels))
    return Sums(w.params, w.macs, w.const, np.minimum(arena, w.layers), w.instructions + _schedule(w))


def _block(
    w: _Walk,
    c_in: Array,
    expanded: Array,
    c_out: Array,
    rows: Array,
    width: Array,
    stride: int,
    same: bool,
    expand: bool,
) -> tuple[Array, Array]:
    """One inverted residual; returns rows and width of its output."""
    nets = w.nets
    if expand:
        w.product(c_in, expanded, rows, width, True)
    out_rows, out_width = w.window(expanded, rows, width, stride, True)
    w.params += 9 * expanded + 2 * expanded
    if nets.se and expand:
        squeezed = np.maximum(1, expanded // 6)
        w.maps = np.maximum(w.maps, expanded * out_rows * out_width)
        w.params += 2 * expanded * squeezed
        w.macs += 2 * expanded * squeezed
        w.const += 2 * expanded * squeezed + LEAST_CHANNEL_BYTES * (expanded + squeezed) + 512
        w.count("tce_mean_add_s8", "", "", out_rows, Shape(out_width, expanded))
        w.count("tce_mean_finish_s8", "", "", 1, Shape(1, expanded))
        w.count("tce_conv1x1_s8", "", w.store, 1, Shape(1, squeezed, expanded))
        w.count("tce_conv1x1_s8", "", "table", 1, Shape(1, expanded, np.maximum(3, squeezed)))
        w.count("tce_mul_channels_s8", "", "", out_rows, Shape(out_width, expanded))
    w.product(expanded, c_out, out_rows, out_width, False)
    skip = (c_in == c_out) & same & expand
    w.kept += np.where(skip & (rows >= FEW_ROWS), 2 * c_in * width, 0)
    if same and expand:
        terms = terms_of(ADD_KERNEL, w.machine.isa, Shape(width, c_out))
        per_row = w.machine.once(variant_name(ADD_KERNEL, "", ""), terms)
        w.instructions = w.instructions + np.where(skip, rows * per_row, 0.0)
    return out_rows, out_width


def _schedule(w: _Walk) -> Array:
    """Between the layers: a stage a window, asked as `plan._polls` says."""
    stages = len(w.fired)
    fired: Array = sum(w.fired)
    polls = stages * w.nets.rows + sum((stages - i) * rows for i, rows in enumerate(w.fired))
    return w.machine.once("schedule", {"poll": polls, "fired": 3 * fired, "row": w.nets.rows})


def _width(nets: Nets, base: int) -> Array:
    return _rounded((base * nets.alpha).astype(np.int64), nets.divisor)


def _rounded(width: Array, divisor: Array) -> Array:
    """students.phinet_config.rounded, of arrays."""
    near = np.maximum(divisor, (width + divisor // 2) // divisor * divisor)
    near = np.where(near < 0.9 * width, near + divisor, near)
    return np.where(divisor == 1, width, near)


def _window_scratch(isa: str, channels: Array, out_w: Array, stride: int) -> Array:
    """Scratch of the 3x3 depthwise kernel, by the generator's rule."""
    if isa == "mve":  # layout_mve.depthwise_scratch, for arrays
        columns = (out_w - 1) * stride + 4
        return 4 * (columns + 16) if isinstance(channels, int) else 64 * columns
    rule = SCRATCH.get(("tce_depthwise_s8", isa)) or SCRATCH["tce_depthwise_s8", "portable"]
    window = {"out_w": out_w, "channels": channels, "kernel_h": 3, "kernel_w": 3, "stride_w": stride, "dilation_w": 1}
    return rule({"window": window})


def _product_scratch(isa: str, k: Array, pixels: Array) -> Array:
    """Scratch of the 1x1 kernel for a row, by the generator's own rule, for the distinct pairs of an array."""
    pairs = np.asarray(k) * _PIXELS + np.asarray(pixels)
    values, where = np.unique(pairs, return_inverse=True)
    return np.array([_scratch_of(isa, int(value)) for value in values])[where].reshape(np.shape(pairs))


@functools.lru_cache(maxsize=1 << 16)
def _scratch_of(isa: str, pair: int) -> int:
    return scratch_bytes("tce_conv1x1_s8", isa, {"k": pair // _PIXELS, "pixels": pair % _PIXELS})
