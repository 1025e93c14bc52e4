"""Any int8 .tflite to a Graph. The file is hostile until parsed: see flatview.py.

Exit code 7: the file is corrupt (offsets, indices, sizes that cannot be). Exit code 5: it is sound but not supported
(float or hybrid, custom operator, dynamic shape, several subgraphs, data outside the flatbuffer); the message names
the operator's index, kind and shapes.
"""

from __future__ import annotations

import math
import re

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.flatview import File, Table, corrupt
from tinyclap_export.graph import Graph, Op, Quant, Tensor
from tinyclap_export.kernels_integer import prepare_kernels
from tinyclap_export.schema import FILE_IDENTIFIER, KIND_OF_CODE, operator_name
from tinyclap_export.shapes import MAX_ELEMENTS
from tinyclap_export.tflite_options import PARAMETER_INPUT, read_attributes
from tinyclap_export.validation import located

_TYPE_NAMES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8", 17: "int4"}
_CUSTOM = 32
MAX_RANK = 6
MAX_FILE_BYTES = 1 << 26  # 64 MB: eight times the flash of the largest board; more only costs time
MAX_OPERATORS = 1024  # planning takes time by the square of them; a MobileNetV3 has 130
MAX_ENDS = 64  # graph inputs, graph outputs, and inputs of one operator
FULL_INT8 = "quantise the model to full int8 with int8 input and output"


def read_tflite(data: bytes, batch_one: bool = False) -> Graph:
    """Parse, check and return the graph of a .tflite; what it returns runs in the integer reference.

    batch_one: where only the batch axis is dynamic (-1), take it as 1 instead of refusing the file.
    Raises ExportError with exit code 7 (corrupt) or 5 (not supported); never another exception.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ExportError(f"the file has {len(data):,} bytes, above {MAX_FILE_BYTES:,}", "no board holds such a model")
    file = File(bytes(data), FILE_IDENTIFIER)
    model = file.root()
    if model.has(8) or model.has(9):
        raise ExportError("the model keeps its weights in external buffers", "write one self-contained file")
    subgraphs = model.tables(2)
    if not subgraphs:
        raise corrupt("it holds no subgraph")
    if len(subgraphs) > 1:
        raise ExportError(f"the model has {len(subgraphs)} subgraphs", "convert a model without control flow")
    reader = _Reader(subgraphs[0], model.tables(1), model.tables(4), batch_one)
    graph = reader.graph()
    try:
        graph.validate()
        prepare_kernels(graph)
    except ExportError as error:
        raise located(error, graph) from error
    return graph


class _Reader:
    """One subgraph; tensors are converted when an operator first uses them."""

    def __init__(self, subgraph: Table, codes: list[Table], buffers: list[Table], batch_one: bool) -> None:
        self.tensors = subgraph.tables(0)
        self.inputs = [int(i) for i in subgraph.array(1, "int32")]
        self.outputs = [int(i) for i in subgraph.array(2, "int32")]
        self.operators = subgraph.tables(3)
        self.name = _clean(subgraph.text(4)) or "model"
        self.codes, self.buffers, self.batch_one = codes, buffers, batch_one
        self.names: dict[int, str] = {}
        self.taken: set[str] = set()
        self.result = Graph(self.name)

    def graph(self) -> Graph:
        if not self.inputs or not self.outputs or not self.operators:
            raise corrupt("it has no inputs, no outputs or no operators")
        if len(self.operators) > MAX_OPERATORS:
            raise ExportError(f"the model has {len(self.operators)} operators, above {MAX_OPERATORS}",
                              "split the model; no network for a microcontroller is so deep")  # fmt: skip
        if max(len(self.inputs), len(self.outputs)) > MAX_ENDS:
            raise ExportError(f"the model has {len(self.inputs)} inputs and {len(self.outputs)} outputs, above {MAX_ENDS}",
                              "concatenate them, or split the model")  # fmt: skip
        if len(set(self.inputs)) != len(self.inputs):
            raise ExportError(f"the graph inputs {self.inputs} name one tensor twice", "convert the model again")
        self.result.inputs = [self.activation(i, "graph input") for i in self.inputs]
        for index, table in enumerate(self.operators):
            self.result.ops.append(self.operator(index, table))
        self.result.outputs = [self.activation(i, "graph output") for i in self.outputs]
        return self.result

    # -- operators -----------------------------------------------------------------------------------------------

    def operator(self, index: int, table: Table) -> Op:
        inputs = [int(i) for i in table.array(1, "int32")]
        outputs = [int(i) for i in table.array(2, "int32")]
        kind = self.kind(index, table)
        where = f"operator {index} {kind}"
        if not inputs or len(outputs) != 1:
            raise corrupt(f"{where} has {len(inputs)} inputs and {len(outputs)} outputs")
        if len(inputs) > MAX_ENDS:
            raise ExportError(f"{where} has {len(inputs)} inputs, above {MAX_ENDS}", "concatenate in steps")
        where += f" {_clean(self.raw(outputs[0], where).text(3))}"
        where += f" ({', '.join(str(list(self.shape(i, where))) for i in inputs if i >= 0)})"
        parameter = PARAMETER_INPUT.get(kind)
        values = None
        if parameter is not None and len(inputs) > 1:
            values = self.parameter(inputs.pop(1), where)
        if inputs[-1] == -1 and kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            inputs.pop()
        out_shape = self.shape(outputs[0], where)
        attrs = read_attributes(kind, table.table(4), values, out_shape, where)
        names = [self.activation(i, where) if k == 0 else self.tensor(i, where) for k, i in enumerate(inputs)]
        out = self.activation(outputs[0], where)
        self.check_types(kind, names, where)
        return Op(kind, tuple(names), (out,), attrs, out)

    def kind(self, index: int, table: Table) -> str:
        code_index = table.integer(0, "I")
        if code_index >= len(self.codes):
            raise corrupt(f"operator {index} has opcode index {code_index} of {len(self.codes)}")
        code = self.codes[code_index]
        number = max(code.integer(0, "b"), code.integer(3, "i"))
        if number == _CUSTOM:
            name = _clean(code.text(1))
            raise ExportError(f"operator {index} is the custom operator {name!r} ({self.raw_shapes(table)})",
                              "convert the model with builtin operators only")  # fmt: skip
        if number not in KIND_OF_CODE:
            raise ExportError(f"operator {index} {operator_name(number)} ({self.raw_shapes(table)}) is not supported",
                              f"supported: {', '.join(sorted(KIND_OF_CODE.values()))}")  # fmt: skip
        return KIND_OF_CODE[number]

    def raw_shapes(self, table: Table) -> str:
        """Input shapes as the file has them, for a message about an operator that is not read further."""
        known = [int(i) for i in table.array(1, "int32")[:8] if 0 <= i < len(self.tensors)]
        return ", ".join(str(self.tensors[i].array(0, "int32")[: MAX_RANK + 1].tolist()) for i in known)

    def check_types(self, kind: str, names: list[str], where: str) -> None:
        for position, name in enumerate(names):
            tensor = self.result.tensors[name]
            wanted = (
                "int32" if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") and position == 2 else "int8"
            )
            if tensor.dtype != wanted:
                raise ExportError(f"{where}: input {position} ({name}) is {tensor.dtype}, not {wanted}",
                                  FULL_INT8)  # fmt: skip

    # -- tensors -------------------------------------------------------------------------------------------------

    def raw(self, index: int, where: str) -> Table:
        if not 0 <= index < len(self.tensors):
            raise corrupt(f"{where} refers to tensor {index} of {len(self.tensors)}")
        return self.tensors[index]

    def shape(self, index: int, where: str) -> tuple[int, ...]:
        table = self.raw(index, where)
        shape = tuple(int(d) for d in table.array(0, "int32"))
        signature = tuple(int(d) for d in table.array(7, "int32")) or shape
        if self.batch_one and len(shape) == len(signature) and shape[:1] in ((1,), (-1,)) and signature[0] == -1:
            shape, signature = (1, *shape[1:]), (1, *signature[1:])
        if -1 in (*shape, *signature):
            only_batch = -1 not in (*shape[1:], *signature[1:])
            raise ExportError(f"{where}: tensor {index} has the dynamic shape {list(signature)[:MAX_RANK]}",
                              "convert with a fixed input shape and batch 1"
                              + (", or give --batch-one to take the batch as 1" if only_batch else ""))  # fmt: skip
        if any(d < 1 for d in shape) or math.prod(shape) > MAX_ELEMENTS:
            raise corrupt(f"{where}: tensor {index} has the impossible shape {list(shape)[:MAX_RANK]}")
        if len(shape) > MAX_RANK:
            raise ExportError(f"{where}: tensor {index} has rank {len(shape)}, above {MAX_RANK}",
                              "reshape it; every supported operator works on four axes or fewer")  # fmt: skip
        return shape

    def data(self, index: int, where: str) -> bytes | None:
        """Bytes of a constant; None for an activation."""
        table = self.raw(index, where)
        buffer_index = table.integer(2, "I")
        if buffer_index >= len(self.buffers):
            raise corrupt(f"tensor {index} has buffer {buffer_index} of {len(self.buffers)}")
        if table.integer(10, "I"):
            raise ExportError(f"{where}: tensor {index} lives in an external buffer", "write one self-contained file")
        buffer = self.buffers[buffer_index]
        if buffer.integer(1, "Q") or buffer.integer(2, "Q"):
            raise ExportError(f"{where}: tensor {index} lies outside the flatbuffer (Buffer.offset)",
                              "re-write the file with flatbuffer_utils.read_model and write_model")  # fmt: skip
        if table.has(6):
            raise ExportError(f"{where}: tensor {index} is sparse", "convert without sparsity")
        if table.integer(5, "b"):
            raise ExportError(f"{where}: tensor {index} is a variable", "stateful models are not supported")
        content = buffer.array(0, "uint8")
        return content.tobytes() if content.size else None

    def parameter(self, index: int, where: str) -> np.ndarray:
        """Axes, pads, shape or permutation: a constant int32 or int64 tensor."""
        shape, content = self.shape(index, where), self.data(index, where)
        kinds: dict[int, np.dtype] = {2: np.dtype("<i4"), 4: np.dtype("<i8")}
        kind = kinds.get(self.raw(index, where).integer(1, "b"))
        if content is None or kind is None:
            raise ExportError(f"{where}: its parameters are computed at run time", "convert with constant shapes")
        if len(content) != math.prod(shape) * kind.itemsize or math.prod(shape) > 64:
            raise corrupt(f"tensor {index} holds {len(content)} bytes for shape {list(shape)}")
        return np.frombuffer(content, kind).reshape(shape).astype(np.int64)

    def activation(self, index: int, where: str) -> str:
        name = self.tensor(index, where)
        tensor = self.result.tensors[name]
        if tensor.dtype != "int8" or tensor.quant is None or tensor.quant.scale.size != 1:
            raise ExportError(f"{where}: tensor {index} ({name}) is {tensor.dtype}, not int8 with one scale",
                              FULL_INT8)  # fmt: skip
        return name

    def tensor(self, index: int, where: str) -> str:
        """Convert tensor `index` once; returns its unique name."""
        if index in self.names:
            return self.names[index]
        table, shape, content = self.raw(index, where), self.shape(index, where), self.data(index, where)
        number = table.integer(1, "b")
        dtype = _TYPE_NAMES.get(number, f"type {number}")
        name = self.unique(_clean(table.text(3)) or f"tensor_{index}")
        if dtype not in ("int8", "int32"):
            raise ExportError(f"{where}: tensor {index} ({name}) is {dtype}",
                              FULL_INT8)  # fmt: skip
        array = None
        if content is not None:
            kind = np.dtype(dtype).newbyteorder("<")
            if len(content) != math.prod(shape) * kind.itemsize:
                raise corrupt(f"tensor {index} ({name}) holds {len(content)} bytes for {dtype}{list(shape)}")
            array = np.frombuffer(content, kind).reshape(shape).astype(dtype)
        quant = _read_quant(table.table(4), shape, f"tensor {index} ({name})")
        if quant is None and dtype == "int8":
            raise ExportError(f"{where}: tensor {index} ({name}) has no scale", FULL_INT8)
        self.result.tensors[name] = Tensor(name, shape, dtype, array, quant)
        self.names[index] = name
        return name

    def unique(self, name: str) -> str:
        fresh, number = name, 1
        while fresh in self.taken:
            fresh, number = f"{name}_{number}", number + 1
        self.taken.add(fresh)
        return fresh


def _clean(name: str) -> str:
    """Names go into comments of generated C: only letters, digits and a few marks survive."""
    return re.sub(r"[^A-Za-z0-9_./:;-]", "_", name)[:200]


def _read_quant(table: Table | None, shape: tuple[int, ...], what: str) -> Quant | None:
    if table is None:
        return None
    scale, zero = table.array(2, "float32"), table.array(3, "int64")
    if scale.size == 0:
        return None
    if table.integer(4, "B") != 0:
        raise ExportError(f"{what} is quantised by blocks or a custom scheme", "use per-tensor or per-channel int8")
    if zero.size == 0:
        zero = np.zeros(scale.size, np.int64)
    if zero.size == 1:
        zero = np.repeat(zero, scale.size)
    axis = table.integer(6, "i") if scale.size > 1 else None
    if zero.size != scale.size or (axis is not None and not (0 <= axis < len(shape) and shape[axis] == scale.size)):
        raise corrupt(f"{what} of shape {list(shape)} has {scale.size} scales, {zero.size} zero points, axis {axis}")
    if not np.all(np.isfinite(scale)) or not np.all(scale > 0) or np.any(np.abs(zero) > 1 << 30):
        raise corrupt(f"{what} has a scale or zero point that cannot be")
    return Quant(scale, zero, axis)
