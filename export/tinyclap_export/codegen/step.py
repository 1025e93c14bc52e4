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
class Array:
    """A constant array: `key` is its name inside the layer (weights, bias, scale, table, b ...)."""

    key: str
    ctype: str  # "int8_t" | "int32_t" | "tce_scale"
    values: np.ndarray  # tce_scale: (n, 2) multiplier, shift
    comment: str

    @property
    def bytes(self) -> int:
        return int(self.values.size) * (1 if self.ctype == "int8_t" else 4)


@dataclass(frozen=True)
class Ref:
    """A struct field that points at one of the layer's arrays."""

    key: str


@dataclass(frozen=True)
class Step:
    """One layer of the generated library.

    In its code `in`, `a`, `b`, `out`, `scratch`, `table` are pointers the emitter declares and `layer` is the struct.
    operands: (C name, tensor name) of each pointer it reads. struct: fields of `layer`, nested dicts, Refs to arrays.
    code: the body's statements. notes: what a reader should know, for the header comment.
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

    @property
    def const_bytes(self) -> int:
        return sum(a.bytes for a in self.arrays)

    def memory(self) -> StepMemory:
        reads = tuple(dict.fromkeys(name for _, name in self.operands))
        return StepMemory(reads, self.output, self.scratch_bytes, self.in_place, self.alias)


def row_loop(shape: tuple[int, ...], call: str) -> tuple[str, ...]:
    """A loop over output rows; {row} in `call` becomes the row's address."""
    return (
        f"for (int32_t y = 0; y < {shape[1]}; y++) {{",
        "    " + call.format(row=f"out + y * {shape[2] * shape[3]}"),
        "}",
    )


def require_one_sample(graph: Graph, op: Op) -> None:
    batch = graph.tensors[op.inputs[0]].shape[0]
    if batch != 1:
        raise refuse(op, f"batch size {batch}", "export the model with batch size 1")
