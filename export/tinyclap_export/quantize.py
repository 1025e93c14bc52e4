"""Post-training quantisation: a float graph and its ranges become an int8 graph.

Activations: int8 per tensor, asymmetric. Convolution weights: int8 per output channel, symmetric, -127 ... 127;
FULLY_CONNECTED weights per tensor (the one form every runtime takes). Biases: int32 at s_in * s_w.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyclap_export.calibrate import Ranges
from tinyclap_export.errors import ExportError
from tinyclap_export.fold import fold_hard_sigmoid, fuse_activations
from tinyclap_export.graph import WEIGHTED, Graph, Op, Quant, Tensor
from tinyclap_export.requant import hard_swish_output_exponent

# operators that move codes without rescaling them: input and output share one quantisation (TFLM's RELU6 among them,
# while LiteRT's would rescale)
SAME_SCALE = ("RESHAPE", "TRANSPOSE", "PAD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "RELU6")

# outputs whose quantisation TFLite prescribes
FIXED_OUTPUT = {
    "LOGISTIC": Quant(np.float32(1 / 256), -128),
    "SOFTMAX": Quant(np.float32(1 / 256), -128),
    "TANH": Quant(np.float32(1 / 128), 0),
}
UNIT_INTERVAL = Quant(np.float32(1 / 255), -128)  # of a folded hard-sigmoid: saturation is the clamp to [0, 1]

# |x| beyond which the 8-bit output no longer changes: codes spent there would be wasted, and TFLM saturates early on
# coarse scales
SATURATES = {"LOGISTIC": 8.0, "TANH": 5.0}

BIAS_LIMIT = 1 << 28  # a bias code above this would leave no room for the accumulator


def quantize(graph: Graph, ranges: Ranges, weight_scales: Mapping[str, np.ndarray] | None = None) -> Graph:
    """The int8 graph: same names and order, hard-sigmoids folded, RELU and RELU6 fused.

    ranges: (low, high) of each activation, from `calibrate` or from training; weight_scales: operator name -> its
    weights' scales, (channels,) float32, where training chose them (else the largest weight decides). Raises
    ExportError when a range is missing, or a weight or a given scale is not usable.
    """
    source, saturated = fold_hard_sigmoid(fuse_activations(graph))
    source = _separate_fixed_scales(source, saturated)
    quants = _activation_quants(source, ranges, saturated)
    out = Graph(graph.name, {}, [], list(source.inputs), list(source.outputs))
    for tensor in source.activations():
        out.tensors[tensor.name] = Tensor(tensor.name, tensor.shape, "int8", None, quants[tensor.name])
    for op in source.ops:
        out.ops.append(_quantize_op(source, out, op, quants, (weight_scales or {}).get(op.name)))
    return out.validate()


def activation_quant(low: float, high: float) -> Quant:
    """int8 quantisation of [low, high], widened to include 0, with 0 on a code (TFLite's nudged zero point)."""
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:  # a dead tensor: any positive scale will do
        high = low + 1.0
    scale = np.float32((high - low) / 255.0)
    zero = int(np.clip(np.floor(-128 - low / float(scale) + 0.5), -128, 127))
    return Quant(scale, zero)


def weight_quant(
    weights: np.ndarray, axis: int | None, bias: np.ndarray | None, s_in: float, given: np.ndarray | None = None
) -> Quant:
    """Symmetric int8 scales: per slice along `axis` or one. A slice of tiny weights gets a scale that fits its bias.

    given: scales to take instead of the largest weight's; the bias still has to fit.
    """
    if axis is None:
        peak = np.abs(weights).max(keepdims=True).reshape(1)
        bias_peak = np.abs(bias).max(keepdims=True).reshape(1) if bias is not None else np.zeros(1)
    else:
        peak = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(axis=1)
        bias_peak = np.abs(bias) if bias is not None else np.zeros_like(peak)
    wanted = peak.astype(np.float64) / 127.0 if given is None else np.asarray(given, np.float64).reshape(-1)
    if wanted.shape != peak.shape or not (np.isfinite(wanted).all() and (wanted >= 0).all()):
        raise ExportError(f"{wanted.size} weight scales for {peak.size} slices, or one that is not a positive number")
    scale = np.maximum(wanted, bias_peak.astype(np.float64) / (s_in * BIAS_LIMIT))
    scale = np.where(scale > 0, scale, 1.0 / 127.0).astype(np.float32)
    return Quant(scale, np.zeros(scale.size, np.int32), axis)


def _separate_fixed_scales(graph: Graph, saturated: set[str]) -> Graph:
    """Put a QUANTIZE between an output of prescribed scale and an operator that must share scales with others."""
    out = graph.copy()
    fixed = {op.outputs[0] for op in out.ops if op.kind in FIXED_OUTPUT} | saturated
    for op in list(out.ops):
        if op.kind != "CONCATENATION" or not fixed & set(op.inputs):
            continue
        inputs = list(op.inputs)
        for position, name in enumerate(inputs):
            if name in fixed:
                fresh = f"{op.outputs[0]}/rescaled_{position}"
                out.tensors[fresh] = replace(out.tensors[name], name=fresh)
                out.ops.insert(out.ops.index(op), Op("QUANTIZE", (name,), (fresh,)))
                inputs[position] = fresh
        out.ops[out.ops.index(op)] = replace(op, inputs=tuple(inputs))
    return out


def _activation_quants(graph: Graph, ranges: Ranges, saturated: set[str]) -> dict[str, Quant]:
    """One Quant for each activation, shared where codes pass through unchanged."""
    leader = {t.name: t.name for t in graph.activations()}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for op in graph.ops:
        if op.kind in SAME_SCALE:
            for name in op.inputs:
                if name in leader:
                    leader[find(op.outputs[0])] = find(name)
    pinned = {op.outputs[0]: FIXED_OUTPUT[op.kind] for op in graph.ops if op.kind in FIXED_OUTPUT}
    pinned.update(dict.fromkeys(saturated, UNIT_INTERVAL))
    groups: dict[str, list[str]] = {}
    for name in leader:
        groups.setdefault(find(name), []).append(name)
    quants: dict[str, Quant] = {}
    for members in groups.values():
        forced = [pinned[m] for m in members if m in pinned]
        quant = forced[0] if forced else activation_quant(*_union([_range_of(graph, ranges, m) for m in members]))
        quants.update(dict.fromkeys(members, quant))
    _widen_hard_swish(graph, quants)
    return quants


def _range_of(graph: Graph, ranges: Ranges, name: str) -> tuple[float, float]:
    producer = graph.producer(name)
    if producer is not None and producer.kind == "QUANTIZE" and name not in ranges:
        return _range_of(graph, ranges, producer.inputs[0])
    if name not in ranges:
        raise ExportError(f"activation {name} has no range", "calibrate the same graph that is quantised", exit_code=2)
    low, high = ranges[name]
    readers = {op.kind for op in graph.consumers(name)}
    if len(readers) == 1 and readers <= SATURATES.keys() and name not in graph.outputs:
        (limit,) = (SATURATES[kind] for kind in readers)
        low, high = max(low, -limit), min(high, limit)
    return low, high


def _union(items: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in items), max(high for _, high in items)


def _widen_hard_swish(graph: Graph, quants: dict[str, Quant]) -> None:
    """TFLite refuses a HARD_SWISH whose output scale is below 1/128 of its input scale (a nearly dead output)."""
    for op in graph.ops:
        if op.kind == "HARD_SWISH":
            s_in, out = quants[op.inputs[0]].s, quants[op.outputs[0]]
            if hard_swish_output_exponent(s_in, out.s) > 0:
                wide = Quant(np.float32(s_in / np.float32(64)), out.z)
                quants.update({name: wide for name, q in quants.items() if q is out})


def _quantize_op(source: Graph, out: Graph, op: Op, quants: dict[str, Quant], given: np.ndarray | None) -> Op:
    if op.kind in WEIGHTED:
        return _quantize_weighted(source, out, op, quants, given)
    for name in op.inputs:
        tensor = source.tensors[name]
        if tensor.data is not None and name not in out.tensors:
            shared = quants[op.outputs[0]] if op.kind in SAME_SCALE else None
            quant = shared or activation_quant(float(tensor.data.min()), float(tensor.data.max()))
            codes = np.clip(np.rint(tensor.data / quant.s) + quant.z, -128, 127).astype(np.int8)
            out.tensors[name] = Tensor(name, tensor.shape, "int8", codes, quant)
    return op


def _quantize_weighted(source: Graph, out: Graph, op: Op, quants: dict[str, Quant], given: np.ndarray | None) -> Op:
    weights = source.constant(op.inputs[1])
    bias = source.constant(op.bias).reshape(-1) if op.bias else None
    if not np.all(np.isfinite(weights)) or (bias is not None and not np.all(np.isfinite(bias))):
        raise ExportError(f"operator {op.name}: a weight is not finite", "check the student file", exit_code=7)
    axis = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": None}[op.kind]
    s_in = quants[op.inputs[0]].s
    quant = weight_quant(weights, axis, bias, float(s_in), given)
    shape = [1] * weights.ndim
    if axis is not None:
        shape[axis] = -1
    codes = np.clip(np.rint(weights / quant.scale.reshape(shape)), -127, 127).astype(np.int8)
    names = [op.inputs[0], f"{op.name}/w_int8" if op.inputs[1] in out.tensors else op.inputs[1]]
    out.tensors[names[1]] = Tensor(names[1], weights.shape, "int8", codes, quant)
    if bias is not None:
        b_scale = s_in * quant.scale  # float32 product, as TFLite checks it
        b_name = f"{op.name}/b_int32" if op.inputs[2] in out.tensors else op.inputs[2]
        b_codes = np.rint(bias.astype(np.float64) / b_scale.astype(np.float64)).astype(np.int32)
        b_quant = Quant(b_scale, np.zeros(b_scale.size, np.int32), None if axis is None else 0)
        out.tensors[b_name] = Tensor(b_name, bias.shape, "int32", b_codes, b_quant)
        names.append(b_name)
    return replace(op, inputs=tuple(names))
