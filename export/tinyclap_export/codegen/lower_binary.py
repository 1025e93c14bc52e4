"""ADD, SUB, MUL as Steps: kernels with broadcasting, and one for the gates of squeeze-and-excite."""

from __future__ import annotations

from typing import Any

from tinyclap_export import requant
from tinyclap_export.codegen import constants
from tinyclap_export.codegen.step import Array, Lowering, RowForm, Step
from tinyclap_export.graph import Graph, Op, Tensor


def binary(graph: Graph, op: Op, context: Lowering) -> Step:
    """ADD, SUB, MUL with broadcasting; in place where an input has the output's shape."""
    a, b = (graph.tensors[name] for name in op.inputs)
    out = graph.tensors[op.outputs[0]]
    if op.kind == "MUL":
        gated = _channel_gate(a.shape, b.shape, out.shape)
        if gated is not None:
            return _gate(op, *((a, b) if gated == "b" else (b, a)), out)
        return _general(op, a, b, out, "tce_mul_s8", _mul_fields(op, a, b, out))
    if op.kind == "ADD" and constants.quant_of(op, a)[0] < constants.quant_of(op, b)[0]:
        a, b = b, a  # the kernels halve a
    return _general(op, a, b, out, "tce_add_s8", _add_fields(op, a, b, out))


def _scale(multiplier: int, shift: int) -> dict[str, int]:
    return {"multiplier": int(multiplier), "shift": int(shift)}


def _mul_fields(op: Op, a: Tensor, b: Tensor, out: Tensor) -> dict[str, Any]:
    (s_a, z_a), (s_b, z_b), (s_out, _) = (constants.quant_of(op, t) for t in (a, b, out))
    scale = requant.mul_multiplier(s_a, s_b, s_out)
    constants.check_bound(op, 255 * 255, scale[1])
    return {"a_zero_point": z_a, "b_zero_point": z_b, "scale": _scale(*scale),
            "output": constants.output_fields(op, out)}  # fmt: skip


def _add_fields(op: Op, a: Tensor, b: Tensor, out: Tensor) -> dict[str, Any]:
    (s_a, z_a), (s_b, z_b), (s_out, _) = (constants.quant_of(op, t) for t in (a, b, out))
    scale_a, scale_b, scale = requant.add_multipliers(s_a, s_b, s_out)
    constants.check_bound(op, 255 << requant.ADD_LEFT_SHIFT, scale[1])
    return {"a_zero_point": z_a, "b_zero_point": z_b, "a_scale": _scale(*scale_a), "b_scale": _scale(*scale_b),
            "b_sign": -1 if op.kind == "SUB" else 1, "scale": _scale(*scale),
            "output": constants.output_fields(op, out)}  # fmt: skip


def _operands(a: Tensor, b: Tensor) -> tuple[tuple[tuple[str, str], ...], tuple[Array, ...]]:
    """What the arena holds, and what flash holds."""
    named = (("a", a), ("b", b))
    return (
        tuple((key, t.name) for key, t in named if t.data is None),
        tuple(Array(key, "int8_t", t.data, f"constant {t.name} {list(t.shape)}") for key, t in named
              if t.data is not None),
    )  # fmt: skip


def _in_place(out: Tensor, *tensors: Tensor) -> tuple[str, ...]:
    return tuple(t.name for t in tensors if t.data is None and t.size == out.size)


def _general(op: Op, a: Tensor, b: Tensor, out: Tensor, kernel: str, fields: dict[str, Any]) -> Step:
    def struct(*shapes: tuple[int, ...]) -> dict[str, Any]:
        size, a_stride, b_stride = constants.collapse_broadcast(op, *shapes)
        return {"size": size, "a_stride": a_stride, "b_stride": b_stride, **fields}

    operands, arrays = _operands(a, b)
    row = None
    if len(out.shape) == 4 and out.shape[0] == 1:
        whole, terms, shapes = [], [], []
        for key, t in (("a", a), ("b", b)):
            full = (1,) * (4 - len(t.shape)) + t.shape
            shapes.append((1, 1, *full[2:]))
            by_row = t.data is None and len(t.shape) == 4 and full[1] == out.shape[1]  # the schedule finds row y
            whole += [] if by_row or t.data is not None else [key]
            terms.append(key if by_row or full[1] == 1 else f"{key} + y * {full[2] * full[3]}")
        row = RowForm((f"{kernel}({terms[0]}, {terms[1]}, out, &layer);",),
                      struct(*shapes, (1, 1, *out.shape[2:])), tuple(whole))  # fmt: skip
    return Step(op, op.kind.lower(), (kernel,), operands, out.name, (f"{kernel}(a, b, out, &layer);",), "tce_binary",
                struct(a.shape, b.shape, out.shape), arrays, in_place=_in_place(out, a, b), row=row)  # fmt: skip


def _channel_gate(a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]) -> str | None:
    """Which input is one value a channel of the other, a map: 'b', 'a' or None."""
    if len(out) != 4 or out[0] != 1 or out[1] * out[2] == 1:
        return None
    for name, full, gate in (("b", a, b), ("a", b, a)):
        if full == out and gate[-1:] == out[-1:] and all(d == 1 for d in gate[:-1]):
            return name
    return None


def _gate(op: Op, x: Tensor, gate: Tensor, out: Tensor) -> Step:
    """Squeeze-and-excite: every pixel of x times one value a channel."""
    operands, arrays = _operands(x, gate)
    _, h, w, c = out.shape

    def call(pixels: int) -> tuple[str, ...]:
        return (f"tce_mul_channels_s8(a, b, out, {pixels}, {c}, &layer);",)

    row = None
    if x.data is None:
        row = RowForm(call(w), whole=("b",) if gate.data is None and h > 1 else ())
    return Step(op, "gate", ("tce_mul_channels_s8",), operands, out.name, call(h * w), "tce_binary",
                _mul_fields(op, x, gate, out), arrays, in_place=_in_place(out, x), row=row)  # fmt: skip
