"""A Step: one layer of the generated library before it becomes text. What every lowering returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyclap_export.codegen.constants import refuse
from tinyclap_export.codegen.memory import StepMemory
from tinyclap_export.graph import Graph, Op

Pads = dict[str, Op]  # PAD operators folded into the convolution that reads them, by output name


@dataclass(frozen=True)
class Lowering:
    """What a lowering knows beside its operator. isa: whose kernels will be called."""

    folded: Pads = field(default_factory=dict)
    isa: str = "portable"


@dataclass(frozen=True)
class Array:
    """A constant array: `key` is its name inside the layer (weights, bias, multiplier, shift, table, b ...)."""

    key: str
    ctype: str  # "int8_t" | "int32_t"
    values: np.ndarray
    comment: str

    @property
    def bytes(self) -> int:
        return int(self.values.size) * (1 if self.ctype == "int8_t" else 4)


@dataclass(frozen=True)
class Ref:
    """A struct field that points at one of the layer's arrays."""

    key: str


@dataclass(frozen=True)
class Window:
    """The input rows behind an output row: row y reads rows y * stride - pad_top + i * dilation, i in [0, kernel)."""

    kernel: int
    stride: int
    dilation: int
    pad_top: int

    def first(self, row: int) -> int:
        return row * self.stride - self.pad_top

    def last(self, row: int) -> int:
        return self.first(row) + (self.kernel - 1) * self.dilation


@dataclass(frozen=True)
class RowForm:
    """How a step makes one row of its output, where it can: `out` is that row, operands are row y of theirs.

    code: the statements; `y` is the row's number. struct: fields of `layer` where they differ from the whole map's.
    whole: operands (C names) that are read whole whatever the row. window: the operand `in` is read through a window,
    and `rows` holds its rows. scratch_bytes: working memory of one row's call.
    """

    code: tuple[str, ...]
    struct: dict[str, Any] | None = None
    whole: tuple[str, ...] = ()
    window: Window | None = None
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Sums:
    """A mean over rows as they arrive: channel sums of `pixels` pixels a row, and the call that finishes them."""

    pixels: int
    channels: int
    kernels: tuple[str, ...] = ("tce_mean_add_s8", "tce_mean_finish_s8")


@dataclass(frozen=True)
class Step:
    """One layer of the generated library.

    In its code `in`, `a`, `b`, `out`, `scratch`, `table` are pointers the emitter declares and `layer` is the struct.
    operands: (C name, tensor name) of each pointer it reads. struct: fields of `layer`, nested dicts, Refs to arrays.
    code: the body's statements for the whole map; empty where a window makes it a loop over `row`. scratch_bytes: of
    that; row, sums: how it
    works row by row, None where it needs whole maps. notes: what a reader should know, for the header comment.
    """

    op: Op
    suffix: str  # kind in the function's name
    kernels: tuple[str, ...]  # engine files without .c
    operands: tuple[tuple[str, str], ...]
    output: str
    code: tuple[str, ...] = ()
    struct_type: str = ""
    struct: dict[str, Any] = field(default_factory=dict)
    arrays: tuple[Array, ...] = ()
    scratch_bytes: int = 0
    in_place: tuple[str, ...] = ()
    alias: bool = False
    macs: int = 0
    notes: tuple[str, ...] = ()
    row: RowForm | None = None
    sums: Sums | None = None

    @property
    def const_bytes(self) -> int:
        return sum(a.bytes for a in self.arrays)

    def memory(self) -> StepMemory:
        reads = tuple(dict.fromkeys(name for _, name in self.operands))
        return StepMemory(reads, self.output, self.scratch_bytes, self.in_place, self.alias)


def map_rows(shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, bytes a row) of a tensor: [1, h, w, c] has h rows of w * c, any other shape is one row."""
    if len(shape) == 4 and shape[0] == 1:
        return shape[1], shape[2] * shape[3]
    return 1, int(np.prod(shape, dtype=np.int64))


def require_one_sample(graph: Graph, op: Op) -> None:
    batch = graph.tensors[op.inputs[0]].shape[0]
    if batch != 1:
        raise refuse(op, f"batch size {batch}", "export the model with batch size 1")
