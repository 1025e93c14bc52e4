"""Writes hostile .tflite files beside this script, each with the exit code and the words that it must be refused with.

    python tests/attacks/make_attacks.py          writes *.tflite and expected.json again: the same bytes every time

One sound network of four operators (convolution, depthwise, MEAN, dense) is damaged in one way at a time: in its object
form where a file can be well-formed and wrong, in its bytes where it cannot.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flatbuffers
import numpy as np
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.schema import FILE_IDENTIFIER, schema
from tinyclap_export.tflite_writer import write_tflite

HERE = Path(__file__).parent
CORRUPT, UNSUPPORTED = 7, 5
CONV, DEPTHWISE, MEAN, DENSE = range(4)  # the operators, in order


@dataclass(frozen=True)
class Attack:
    """A file, the exit code of its refusal, and words of the message."""

    name: str
    data: bytes
    exit_code: int
    words: tuple[str, ...]


def sound() -> bytes:
    """The network that every attack starts from; it compiles and runs."""
    rng = np.random.default_rng(3)
    graph = Graph("attacked")
    graph.add_input("x", (1, 8, 8, 1), "int8", Quant(0.05, -3))

    def weights(name: str, shape: tuple[int, ...], axis: int) -> str:
        scales = Quant(np.full(shape[axis], 0.01, np.float32), np.zeros(shape[axis], np.int32), axis)
        return graph.add_const(name, rng.integers(-90, 90, shape).astype(np.int8), scales)

    def bias(name: str, count: int) -> str:
        scales = Quant(np.full(count, 0.0005, np.float32), np.zeros(count, np.int32), 0)
        return graph.add_const(name, rng.integers(-500, 500, count).astype(np.int32), scales)

    def emit(kind: str, inputs: list[str], output: str, scale: float, **attrs: Any) -> str:
        graph.add_op(kind, inputs, output, **attrs)
        graph.tensors[output] = replace(graph.tensors[output], quant=Quant(scale, 5))
        return output

    y = emit("CONV_2D", ["x", weights("conv_w", (4, 3, 3, 1), 0), bias("conv_b", 4)], "conv", 0.1, stride=(2, 2))
    y = emit("DEPTHWISE_CONV_2D", [y, weights("depth_w", (1, 3, 3, 4), 3), bias("depth_b", 4)], "depth", 0.1)
    y = emit("MEAN", [y], "mean", 0.1, axes=(1, 2), keep_dims=False)
    graph.outputs = [emit("FULLY_CONNECTED", [y, weights("dense_w", (3, 4), 0), bias("dense_b", 3)], "dense", 0.1)]
    return write_tflite(graph.validate(), "attacks")


def changed(change: Callable[[Any], Any], data: bytes | None = None) -> bytes:
    """The sound file with `change(m)` applied; m: s (schema), model, sub, tensors, ops, of(operator, input) -> tensor."""
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(data or sound(), 0))
    sub = model.subgraphs[0]
    for op in sub.operators:
        op.inputs, op.outputs = np.array(op.inputs, np.int32), np.array(op.outputs, np.int32)
    m = SimpleNamespace(s=s, model=model, sub=sub, tensors=sub.tensors, ops=sub.operators)
    m.of = lambda op, position: sub.tensors[sub.operators[op].inputs[position]]
    m.out = lambda op: sub.tensors[sub.operators[op].outputs[0]]
    m.buffer = lambda op, position: model.buffers[m.of(op, position).buffer]
    m.code = lambda op: model.operatorCodes[sub.operators[op].opcodeIndex]
    change(m)
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def item(array: np.ndarray, index: int, value: int) -> np.ndarray:
    """A copy with one element changed."""
    out = np.array(array)
    out[index] = value
    return out


def put(thing: Any, **fields: Any) -> None:
    """Sets fields of an object of the schema."""
    for name, value in fields.items():
        setattr(thing, name, value)


def shape(tensor: Any, *dims: int) -> None:
    """Gives a tensor another shape."""
    tensor.shape = np.array(dims, np.int32)


def opcode(m: Any, op: int, code: int, custom: str | None = None) -> None:
    """Turns an operator into another kind."""
    put(m.code(op), builtinCode=code, deprecatedBuiltinCode=min(code, 127), customCode=custom)


def scales(tensor: Any, *values: float) -> None:
    """Replaces the scales of a tensor."""
    tensor.quantization.scale = np.array(values, np.float32)


def zeros(tensor: Any, *values: int) -> None:
    """Replaces the zero points of a tensor."""
    tensor.quantization.zeroPoint = np.array(values, np.int64)


OBJECTS: dict[str, tuple[Callable[[Any], Any], int, tuple[str, ...]]] = {
    # indices
    "tensor-index-past-the-end": (lambda m: put(m.ops[0], inputs=item(m.ops[0].inputs, 0, 9999)), 7, ("operator 0", "9999")),
    "tensor-index-negative": (lambda m: put(m.ops[1], inputs=item(m.ops[1].inputs, 0, -7)), 7, ("operator 1", "-7")),
    "weights-missing": (lambda m: put(m.ops[0], inputs=item(m.ops[0].inputs, 1, -1)), 7, ("operator 0",)),
    "input-index-past-the-end": (lambda m: put(m.sub, inputs=np.array([77], np.int32)), 7, ("77",)),
    "output-index-past-the-end": (lambda m: put(m.sub, outputs=np.array([1 << 30], np.int32)), 7, ("1073741824",)),
    "opcode-index-past-the-end": (lambda m: put(m.ops[2], opcodeIndex=77), 7, ("operator 2", "77")),
    "buffer-index-past-the-end": (lambda m: put(m.of(0, 1), buffer=12345), 7, ("12345",)),
    "no-inputs": (lambda m: put(m.sub, inputs=np.zeros(0, np.int32)), 7, ("no inputs",)),
    "no-outputs": (lambda m: put(m.sub, outputs=np.zeros(0, np.int32)), 7, ("no outputs",)),
    "no-operators": (lambda m: put(m.sub, operators=[]), 7, ("no operators",)),
    "no-subgraph": (lambda m: put(m.model, subgraphs=[]), 7, ("no subgraph",)),
    "operator-without-inputs": (lambda m: put(m.ops[0], inputs=np.zeros(0, np.int32)), 7, ("operator 0", "0 inputs")),
    "operator-with-two-outputs": (lambda m: put(m.ops[0], outputs=np.array([1, 2], np.int32)), 7, ("operator 0", "2 outputs")),
    # shapes
    "dimension-negative": (lambda m: shape(m.tensors[0], 1, -5, 8, 1), 7, ("-5",)),
    "dimension-zero": (lambda m: shape(m.tensors[0], 1, 0, 8, 1), 7, ("impossible shape",)),
    "dimension-huge": (lambda m: shape(m.tensors[0], 1, 2**31 - 1, 2**31 - 1, 1), 7, ("2147483647",)),
    "dimension-product-overflows": (lambda m: shape(m.tensors[0], 65536, 65536, 65536, 65536), 7, ("65536",)),
    "shape-dynamic": (lambda m: shape(m.tensors[0], -1, 8, 8, 1), 5, ("dynamic", "batch")),
    "shape-signature-dynamic": (lambda m: put(m.tensors[0], shapeSignature=np.array([-1, 8, 8, 1], np.int32)), 5, ("dynamic", "--batch-one")),
    "shape-signature-dynamic-rows": (lambda m: put(m.tensors[0], shapeSignature=np.array([1, -1, 8, 1], np.int32)), 5, ("dynamic", "fixed input shape")),
    "rank-nine": (lambda m: shape(m.tensors[0], *[1] * 9), 5, ("rank 9",)),
    "input-of-another-shape": (lambda m: shape(m.tensors[0], 1, 7, 9, 1), 5, ("operator 0 CONV_2D", "conv")),
    "output-of-another-shape": (lambda m: shape(m.out(DENSE), 1, 30), 5, ("operator 3 FULLY_CONNECTED", "dense")),
    "weights-of-another-rank": (lambda m: shape(m.of(CONV, 1), 4, 9), 5, ("operator 0 CONV_2D",)),
    "weights-too-short": (lambda m: put(m.buffer(CONV, 1), data=np.zeros(3, np.uint8)), 7, ("conv_w", "3 bytes")),
    "weights-too-long": (lambda m: put(m.buffer(CONV, 1), data=np.zeros(300, np.uint8)), 7, ("conv_w", "300 bytes")),
    "bias-too-short": (lambda m: (shape(m.of(CONV, 2), 2), put(m.buffer(CONV, 2), data=np.zeros(8, np.uint8)), put(m.of(CONV, 2), quantization=None)), 5, ("operator 0 CONV_2D", "bias")),
    "window-that-takes-forever": (lambda m: (shape(m.tensors[0], 1, 4096, 4096, 1), shape(m.out(0), 1, 2048, 2048, 4), shape(m.of(0, 1), 4, 31, 31, 1), put(m.buffer(0, 1), data=np.zeros(4 * 31 * 31, np.uint8))), 5, ("operator 0 CONV_2D", "too")),
    # types
    "input-float": (lambda m: put(m.tensors[0], type=0), 5, ("float32", "int8")),
    "input-uint8": (lambda m: put(m.tensors[0], type=3), 5, ("uint8", "int8")),
    "input-int16": (lambda m: put(m.tensors[0], type=7), 5, ("int16", "int8")),
    "input-unknown-type": (lambda m: put(m.tensors[0], type=99), 5, ("type 99",)),
    "weights-float-hybrid": (lambda m: put(m.of(CONV, 1), type=0), 5, ("operator 0 CONV_2D", "float32")),
    "weights-int4": (lambda m: put(m.of(CONV, 1), type=17), 5, ("int4",)),
    "weights-computed": (lambda m: put(m.ops[DENSE], inputs=item(m.ops[DENSE].inputs, 1, m.ops[DENSE].inputs[0])), 5, ("operator 3 FULLY_CONNECTED",)),
    "bias-int8": (lambda m: put(m.of(CONV, 2), type=9), 7, ("conv_b",)),
    "bias-int64": (lambda m: (put(m.of(CONV, 2), type=4), put(m.buffer(CONV, 2), data=np.zeros(32, np.uint8))), 5, ("operator 0 CONV_2D", "int64")),
    "bias-computed": (lambda m: put(m.of(CONV, 2), buffer=0), 5, ("operator 0 CONV_2D", "conv_b")),
    "variable-tensor": (lambda m: put(m.tensors[0], isVariable=True), 5, ("variable",)),
    "sparse-weights": (lambda m: put(m.of(CONV, 1), sparsity=m.s.SparsityParametersT()), 5, ("sparse",)),
    # quantisation
    "no-quantisation": (lambda m: put(m.out(CONV), quantization=None), 5, ("operator 0 CONV_2D", "scale")),
    "no-scale": (lambda m: scales(m.tensors[0]), 5, ("scale",)),
    "scale-nan": (lambda m: scales(m.tensors[0], float("nan")), 7, ("scale",)),
    "scale-zero": (lambda m: scales(m.tensors[0], 0.0), 7, ("scale",)),
    "scale-negative": (lambda m: scales(m.tensors[0], -0.1), 7, ("scale",)),
    "scale-infinite": (lambda m: scales(m.tensors[0], float("inf")), 7, ("scale",)),
    "scale-far-too-small": (lambda m: scales(m.out(CONV), 1e-42), 5, ("operator 0 CONV_2D", "conv")),
    "scales-too-few": (lambda m: scales(m.of(CONV, 1), 0.1, 0.1), 7, ("2 scales",)),
    "scales-along-a-missing-axis": (lambda m: put(m.of(CONV, 1).quantization, quantizedDimension=9), 7, ("axis 9",)),
    "scales-along-another-axis": (lambda m: (put(m.of(DENSE, 1).quantization, quantizedDimension=1), scales(m.of(DENSE, 1), *[0.1] * 4), zeros(m.of(DENSE, 1), *[0] * 4)), 5, ("operator 3 FULLY_CONNECTED", "axis 1")),
    "input-quantised-per-channel": (lambda m: (scales(m.tensors[0], *[0.1] * 8), zeros(m.tensors[0], *[0] * 8), put(m.tensors[0].quantization, quantizedDimension=1)), 5, ("one scale",)),
    "zero-point-out-of-int8": (lambda m: zeros(m.tensors[0], 500), 5, ("zero point",)),
    "zero-point-absurd": (lambda m: zeros(m.tensors[0], 2**60), 7, ("zero point",)),
    "weights-with-zero-point": (lambda m: zeros(m.of(CONV, 1), 1, 2, 3, 4), 5, ("operator 0 CONV_2D", "zero point")),
    # options
    "no-options": (lambda m: put(m.ops[CONV], builtinOptions=None, builtinOptionsType=0), 7, ("operator 0 CONV_2D", "no options")),
    "stride-zero": (lambda m: put(m.ops[CONV].builtinOptions, strideH=0), 7, ("stride",)),
    "stride-negative": (lambda m: put(m.ops[CONV].builtinOptions, strideW=-1), 7, ("stride",)),
    "dilation-huge": (lambda m: put(m.ops[CONV].builtinOptions, dilationHFactor=2**31 - 1), 7, ("dilation",)),
    "padding-unknown": (lambda m: put(m.ops[CONV].builtinOptions, padding=9), 5, ("padding code 9",)),
    "activation-unknown": (lambda m: put(m.ops[CONV].builtinOptions, fusedActivationFunction=4), 5, ("activation code 4",)),
    "depth-multiplier-wrong": (lambda m: put(m.ops[DEPTHWISE].builtinOptions, depthMultiplier=-3), 5, ("operator 1 DEPTHWISE_CONV_2D",)),
    "weights-shuffled": (lambda m: put(m.ops[DENSE].builtinOptions, weightsFormat=1), 5, ("shuffled",)),
    "axes-computed": (lambda m: put(m.of(MEAN, 1), buffer=0), 5, ("operator 2 MEAN", "run time")),
    "axis-out-of-range": (lambda m: put(m.buffer(MEAN, 1), data=np.array([1, 77], "<i4").view(np.uint8)), 5, ("operator 2 MEAN", "77")),
    # order and graph
    "operators-unordered": (lambda m: m.ops.reverse(), 5, ("before it is written",)),
    "operators-in-a-circle": (lambda m: put(m.ops[0], inputs=item(m.ops[0].inputs, 0, m.ops[1].outputs[0])), 5, ("operator 0 CONV_2D",)),
    "operator-reads-its-own-output": (lambda m: put(m.ops[1], inputs=item(m.ops[1].inputs, 0, m.ops[1].outputs[0])), 5, ("operator 1 DEPTHWISE_CONV_2D",)),
    "tensor-written-twice": (lambda m: put(m.ops[1], outputs=m.ops[0].outputs), 5, ("written twice",)),
    "graph-input-twice": (lambda m: put(m.sub, inputs=np.array([0, 0], np.int32)), 5, ("twice",)),
    "constant-as-graph-input": (lambda m: put(m.sub, inputs=item(m.sub.inputs, 0, m.ops[0].inputs[1])), 5, ("one scale",)),
    "constant-as-graph-output": (lambda m: (scales(m.of(CONV, 1), 0.1), zeros(m.of(CONV, 1), 0), put(m.sub, outputs=m.ops[0].inputs[1:2])), 5, ("constant",)),
    "constant-written-by-an-operator": (lambda m: put(m.out(MEAN), buffer=m.of(CONV, 1).buffer), 7, ("mean",)),
    "two-subgraphs": (lambda m: m.model.subgraphs.append(m.sub), 5, ("2 subgraphs",)),
    "a-hundred-outputs": (lambda m: put(m.sub, outputs=np.full(100, m.ops[DENSE].outputs[0], np.int32)), 5, ("100 outputs",)),
    "an-operator-of-a-hundred-inputs": (lambda m: put(m.ops[MEAN], inputs=np.full(100, m.ops[MEAN].inputs[0], np.int32)), 5, ("operator 2 MEAN", "100 inputs")),
    # operators
    "custom-operator": (lambda m: opcode(m, CONV, 32, 'Evil*/ system("id")'), 5, ("operator 0", "custom", "[1, 8, 8, 1]")),
    "control-flow-while": (lambda m: opcode(m, MEAN, 119), 5, ("operator 2 WHILE",)),
    "control-flow-if": (lambda m: opcode(m, DENSE, 118), 5, ("operator 3 IF",)),
    "operator-unsupported": (lambda m: opcode(m, MEAN, 44), 5, ("operator 2", "supported:")),
    "operator-unknown": (lambda m: opcode(m, CONV, 9999), 5, ("operator 0", "9999")),
    # data outside the flatbuffer
    "buffer-offset": (lambda m: put(m.buffer(CONV, 1), data=None, offset=4096, size=36), 5, ("Buffer.offset",)),
    "buffer-offset-past-the-end": (lambda m: put(m.buffer(CONV, 1), data=None, offset=2**62, size=2**62), 5, ("Buffer.offset",)),
    "external-buffer": (lambda m: put(m.of(CONV, 1), externalBuffer=3), 5, ("external",)),
    # names
    "name-that-leaves-a-comment": (lambda m: (put(m.out(CONV), name='*/ int main() {} /*\n#include "x"'), put(m.out(DENSE), type=0)), 5, ("operator 3",)),
}  # fmt: skip


def one_table_as_every_subgraph() -> bytes:
    """A model whose list of 2,000 subgraphs is one empty table, 2,000 times over."""
    count, vector = 2000, 28
    body = struct.pack("<I4s", 20, b"TFL3") + struct.pack("<5H", 10, 8, 0, 0, 4) + bytes(2)  # slot 2: subgraphs
    body += struct.pack("<iII", 12, vector - 24, count)
    table = vector + 4 + 4 * count + 4
    body += b"".join(struct.pack("<I", table - (vector + 4 + 4 * i)) for i in range(count))
    return body + struct.pack("<HHi", 4, 4, 4)


def thousands_of_operators(good: bytes) -> bytes:
    """The sound file whose operators are one empty table, 2500 times over."""
    s = schema()
    sub = s.Model.GetRootAs(good, 0).Subgraphs(0)
    field = sub._tab.Pos + sub._tab.Offset(10)  # slot 3: operators
    count, at = 2500, len(good) + 4
    out = bytearray(good)
    struct.pack_into("<I", out, field, at - field)
    table = at + 4 + 4 * count + 4
    out += bytes(4) + struct.pack("<I", count)
    out += b"".join(struct.pack("<I", table - (at + 4 + 4 * i)) for i in range(count))
    return bytes(out + struct.pack("<HHi", 4, 4, 4))


def bytes_attacks(good: bytes) -> dict[str, tuple[bytes, int, tuple[str, ...]]]:
    """What only bytes can say."""
    root = struct.unpack_from("<I", good)[0]
    vtable = root - struct.unpack_from("<i", good, root)[0]
    fields = [struct.unpack_from("<H", good, vtable + 4 + 2 * slot)[0] for slot in range(5)]
    subgraphs = root + fields[2]

    def patched(at: int, code: str, value: int) -> bytes:
        out = bytearray(good)
        struct.pack_into("<" + code, out, at, value)
        return bytes(out)

    at = subgraphs + struct.unpack_from("<I", good, subgraphs)[0]
    return {
        "empty": (b"", 7, ("0 bytes",)),
        "four-bytes": (good[:4], 7, ("4 bytes",)),
        "eight-bytes": (good[:8], 7, ("corrupt",)),
        "eight-bytes-of-zeros": (bytes(8), 7, ("no .tflite",)),
        "a-picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), 7, ("no .tflite",)),
        "a-zip": (b"PK\x03\x04" + bytes(200), 7, ("no .tflite",)),
        "text": (b"import tensorflow as tf\n" * 20, 7, ("no .tflite",)),
        "truncated-half": (good[: len(good) // 2], 7, ("corrupt",)),
        "truncated-last-byte": (good[:-64], 7, ("corrupt",)),
        "root-past-the-end": (patched(0, "I", 0x7FFFFFFF), 7, ("outside",)),
        "root-into-the-header": (patched(0, "I", 0), 7, ("corrupt",)),
        "vtable-before-the-file": (patched(root, "i", 1 << 30), 7, ("outside",)),
        "vtable-behind-the-file": (patched(root, "i", -(1 << 30)), 7, ("outside",)),
        "table-size-huge": (patched(vtable, "H", 0xFFFF), 7, ("corrupt",)),
        "subgraphs-past-the-end": (patched(subgraphs, "I", 0xFFFFFFF0), 7, ("outside",)),
        "subgraphs-four-thousand-millions": (patched(at, "I", 0xFFFFFFFF), 7, ("list of",)),
        "tables-that-repeat": (one_table_as_every_subgraph(), 5, ("2000 subgraphs",)),
        "thousands-of-operators": (thousands_of_operators(good), 5, ("2500 operators",)),
        "random-bytes": (good[:8] + np.random.default_rng(1).bytes(2000), 7, ("corrupt",)),
    }


def attacks() -> list[Attack]:
    """Every attack, by name."""
    good = sound()
    made = [Attack(name, data, code, words) for name, (data, code, words) in bytes_attacks(good).items()]
    made += [Attack(name, changed(change, good), code, words) for name, (change, code, words) in OBJECTS.items()]
    return sorted(made, key=lambda attack: attack.name)


def expected(made: list[Attack]) -> str:
    """expected.json: exit code and words by file."""
    table = {f"{a.name}.tflite": {"exit_code": a.exit_code, "words": list(a.words)} for a in made}
    return json.dumps(table, indent=1) + "\n"


def main() -> None:
    """Writes the files; files of attacks that are no more are removed."""
    made = attacks()
    for old in HERE.glob("*.tflite"):
        old.unlink()
    for attack in made:
        (HERE / f"{attack.name}.tflite").write_bytes(attack.data)
    (HERE / "sound.tflite").write_bytes(sound())
    (HERE / "expected.json").write_text(expected(made), encoding="utf-8")
    print(f"{len(made)} attacks, {sum(len(a.data) for a in made):,} bytes")


if __name__ == "__main__":
    main()
