"""The .tflite reader: reads back what we write, refuses what is hostile, and never fails in another way."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import flatbuffers
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_graphs import KINDS, codes, graph_of, inverted_residuals, random_graph, windows
from tinyclap_export.calibrate import calibrate
from tinyclap_export.codegen import generate
from tinyclap_export.errors import ExportError
from tinyclap_export.integer import run_integer
from tinyclap_export.passes import optimise
from tinyclap_export.quantize import quantize
from tinyclap_export.schema import FILE_IDENTIFIER, schema
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

FIXTURE = Path(__file__).parents[1] / "fixtures" / "phinet_s_int8.tflite"


@pytest.fixture(scope="module")
def sound() -> bytes:
    graph = inverted_residuals("LOGISTIC")
    return write_tflite(quantize(graph, calibrate(graph, windows(graph, 4))))


def damaged(data: bytes, change) -> bytes:
    """The file with `change(model)` applied to its object form; parts = shorthands for the first subgraph."""
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(data, 0))
    sub = model.subgraphs[0]
    kinds = [max(model.operatorCodes[o.opcodeIndex].builtinCode, 0) for o in sub.operators]
    first = {code: sub.operators[kinds.index(code)] for code in set(kinds)}
    change(
        SimpleNamespace(
            s=s, model=model, sub=sub, tensors=sub.tensors, ops=sub.operators, conv=first[3], mean=first[40]
        )
    )
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def refused(data: bytes) -> ExportError:
    start = time.perf_counter()
    with pytest.raises(ExportError) as error:
        read_tflite(data)
    assert time.perf_counter() - start < 5
    return error.value


def test_a_written_graph_reads_back_equal(sound):
    graph = read_tflite(sound)
    assert write_tflite(graph, "tinyclap-edge") == sound
    x = codes(graph, 3)
    assert np.array_equal(run_integer(read_tflite(write_tflite(graph)), x), run_integer(graph, x))


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_survive_the_file(seed):
    graph = random_graph(seed, length=5)
    back = read_tflite(write_tflite(graph))
    assert [(op.kind, op.attrs) for op in back.ops] == [(op.kind, op.attrs) for op in graph.ops]
    assert np.array_equal(run_integer(back, codes(graph, 2)), run_integer(graph, codes(graph, 2)))


def test_constants_are_aligned_to_sixteen_bytes(sound):
    s = schema()
    model = s.Model.GetRootAs(sound, 0)
    starts = []
    for i in range(model.BuffersLength()):
        data = model.Buffers(i).DataAsNumpy()
        if isinstance(data, np.ndarray) and data.size:
            starts.append(
                data.__array_interface__["data"][0] - np.frombuffer(sound, np.uint8).__array_interface__["data"][0]
            )
    assert len(starts) > 10 and all(start % 16 == 0 for start in starts)


def test_a_foreign_file_keeps_its_operators():
    graph = read_tflite(FIXTURE.read_bytes())
    assert len(graph.ops) == 77
    assert graph.macs() == 18_446_400


def test_every_truncation_is_refused_as_corrupt(sound):
    for length in (*range(64), *np.linspace(64, len(sound) - 1, 150).astype(int)):
        assert refused(sound[:length]).exit_code in (5, 7)
    for length in (0, 4, 8):
        assert refused(sound[:length]).exit_code == 7


def test_another_kind_of_file_is_refused():
    assert refused(b"\x89PNG\r\n\x1a\n" * 10).exit_code == 7
    assert refused(b"\x00" * 100).exit_code == 7
    assert refused(b"\xff\xff\xff\x7fTFL3" + b"\x00" * 100).exit_code == 7


EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
DAMAGE = st.one_of(
    st.tuples(st.just("byte"), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
    st.tuples(st.just("bit"), st.floats(0, 1, exclude_max=True), st.integers(0, 7)),
    st.tuples(st.just("word"), st.floats(0, 1, exclude_max=True), st.sampled_from(EDGES)),
    st.tuples(st.just("cut"), st.floats(0.5, 1), st.just(0)),
    st.tuples(st.just("grow"), st.just(0.0), st.integers(1, 64)),
)


def hurt(data: bytes, damages: list[tuple[str, float, int]]) -> bytes:
    """The file with each damage done, in order."""
    out = bytearray(data)
    for kind, where, value in damages:
        at = int(where * len(out))
        if kind == "cut":
            del out[at:]
        elif kind == "grow":
            out += bytes(value)
        elif kind == "word" and len(out) > 4:
            at = min(at & ~3, len(out) - 4)
            out[at : at + 4] = value.to_bytes(4, "little")
        elif at < len(out):
            out[at] = out[at] ^ (1 << value) if kind == "bit" else value & 0xFF
    return bytes(out)


def survives(data: bytes, folder: Path) -> None:
    """Reads, optimises and generates, or refuses with code 5 or 7: in a second, and nothing but a library is left."""
    start = time.perf_counter()
    try:
        graph, _ = optimise(read_tflite(data))
        for schedule in ("layers", "rows"):
            generate(graph, folder / "c", "fuzzed", schedule=schedule)
    except ExportError as error:
        assert error.exit_code in (5, 7) and error.fact and error.hint, error.fact
    assert time.perf_counter() - start < 10
    assert {p.name for p in folder.iterdir()} <= {"c"}


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(damages=st.lists(DAMAGE, min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused_but_never_crashes(sound, tmp_path_factory, damages):
    survives(hurt(sound, damages), tmp_path_factory.mktemp("fuzz", numbered=True))


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 20), damages=st.lists(DAMAGE, min_size=1, max_size=4))
def test_a_damaged_file_of_any_operator_is_read_or_refused_but_never_crashes(tmp_path_factory, kind, seed, damages):
    survives(hurt(write_tflite(graph_of(kind, seed)), damages), tmp_path_factory.mktemp("fuzz", numbered=True))


def set_item(array, index, value):
    """Set one element of a numpy array that may be read-only: returns the changed copy."""
    out = np.array(array)
    out[index] = value
    return out


HOSTILE = {
    "tensor index past the end": (lambda m: setattr(m.conv, "inputs", set_item(m.conv.inputs, 0, 9999)), 7),
    "negative tensor index": (lambda m: setattr(m.conv, "inputs", set_item(m.conv.inputs, 1, -7)), 7),
    "missing weights": (lambda m: setattr(m.conv, "inputs", set_item(m.conv.inputs, 1, -1)), 7),
    "output index past the end": (lambda m: setattr(m.sub, "outputs", np.array([1 << 30], np.int32)), 7),
    "no outputs": (lambda m: setattr(m.sub, "outputs", np.zeros(0, np.int32)), 7),
    "no operators": (lambda m: setattr(m.sub, "operators", []), 7),
    "opcode index past the end": (lambda m: setattr(m.conv, "opcodeIndex", 77), 7),
    "buffer index past the end": (lambda m: setattr(m.tensors[0], "buffer", 12345), 7),
    "negative dimension": (lambda m: setattr(m.tensors[0], "shape", np.array([1, -5, 16, 1], np.int32)), 7),
    "zero dimension": (lambda m: setattr(m.tensors[0], "shape", np.array([1, 0, 16, 1], np.int32)), 7),
    "huge dimension": (lambda m: setattr(m.tensors[0], "shape", np.array([1, 2**31 - 1, 2**31 - 1, 1], np.int32)), 7),
    "dynamic shape": (lambda m: setattr(m.tensors[0], "shape", np.array([-1, 24, 16, 1], np.int32)), 5),
    "dynamic signature": (lambda m: setattr(m.tensors[0], "shapeSignature", np.array([-1, 24, 16, 1], np.int32)), 5),
    "rank nine": (lambda m: setattr(m.tensors[0], "shape", np.ones(9, np.int32)), 5),
    "another input shape": (lambda m: setattr(m.tensors[0], "shape", np.array([1, 23, 17, 1], np.int32)), 5),
    "float input": (lambda m: setattr(m.tensors[0], "type", 0), 5),
    "uint8 input": (lambda m: setattr(m.tensors[0], "type", 3), 5),
    "int16 input": (lambda m: setattr(m.tensors[0], "type", 7), 5),
    "float weights (hybrid)": (lambda m: setattr(m.tensors[m.conv.inputs[1]], "type", 0), 5),
    "int4 weights": (lambda m: setattr(m.tensors[m.conv.inputs[1]], "type", 17), 5),
    "weights as bias type": (lambda m: setattr(m.tensors[m.conv.inputs[2]], "type", 9), 7),
    "no scale": (lambda m: setattr(m.tensors[0], "quantization", None), 5),
    "scale NaN": (lambda m: setattr(m.tensors[0].quantization, "scale", np.array([np.nan], np.float32)), 7),
    "scale zero": (lambda m: setattr(m.tensors[0].quantization, "scale", np.zeros(1, np.float32)), 7),
    "scale infinite": (lambda m: setattr(m.tensors[0].quantization, "scale", np.array([np.inf], np.float32)), 7),
    "zero point out of int8": (lambda m: setattr(m.tensors[0].quantization, "zeroPoint", np.array([500])), 5),
    "zero point absurd": (lambda m: setattr(m.tensors[0].quantization, "zeroPoint", np.array([2**60])), 7),
    "too few scales": (
        lambda m: setattr(m.tensors[m.conv.inputs[1]].quantization, "scale", np.ones(2, np.float32)),
        7,
    ),
    "quantised along a missing axis": (
        lambda m: setattr(m.tensors[m.conv.inputs[1]].quantization, "quantizedDimension", 9),
        7,
    ),
    "custom operator": (
        lambda m: (
            setattr(m.model.operatorCodes[0], "builtinCode", 32),
            setattr(m.model.operatorCodes[0], "customCode", "Evil*/"),
        ),
        5,
    ),
    "unsupported operator": (lambda m: setattr(m.model.operatorCodes[0], "builtinCode", 44), 5),
    "unknown operator": (lambda m: setattr(m.model.operatorCodes[0], "builtinCode", 9999), 5),
    "two subgraphs": (lambda m: m.model.subgraphs.append(m.sub), 5),
    "no subgraph": (lambda m: setattr(m.model, "subgraphs", []), 7),
    "data outside the flatbuffer": (lambda m: setattr(m.model.buffers[1], "offset", 4096), 5),
    "external buffer": (lambda m: setattr(m.tensors[m.conv.inputs[1]], "externalBuffer", 3), 5),
    "weights too short": (lambda m: setattr(m.model.buffers[1], "data", np.zeros(3, np.uint8)), 7),
    "no options": (lambda m: (setattr(m.conv, "builtinOptions", None), setattr(m.conv, "builtinOptionsType", 0)), 7),
    "stride zero": (lambda m: setattr(m.conv.builtinOptions, "strideH", 0), 7),
    "stride negative": (lambda m: setattr(m.conv.builtinOptions, "strideW", -1), 7),
    "stride of another size": (lambda m: setattr(m.conv.builtinOptions, "strideW", 3), 5),
    "dilation huge": (lambda m: setattr(m.conv.builtinOptions, "dilationHFactor", 2**31 - 1), 7),
    "padding unknown": (lambda m: setattr(m.conv.builtinOptions, "padding", 9), 5),
    "activation unknown": (lambda m: setattr(m.conv.builtinOptions, "fusedActivationFunction", 4), 5),
    "axes computed at run time": (lambda m: setattr(m.tensors[m.mean.inputs[1]], "buffer", 0), 5),
    "axis out of range": (
        lambda m: setattr(
            m.model.buffers[m.tensors[m.mean.inputs[1]].buffer], "data", np.array([1, 77], "<i4").view(np.uint8)
        ),
        5,
    ),
    "operators in the wrong order": (lambda m: m.ops.reverse(), 5),
    "a loop": (lambda m: setattr(m.ops[0], "inputs", set_item(m.ops[0].inputs, 0, m.ops[-1].outputs[0])), 5),
    "written twice": (lambda m: setattr(m.ops[3], "outputs", m.ops[2].outputs), 5),
    "a variable tensor": (lambda m: setattr(m.tensors[0], "isVariable", True), 5),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_the_right_code(sound, name):
    change, code = HOSTILE[name]
    error = refused(damaged(sound, change))
    assert error.exit_code == code, error.fact
    assert error.fact


def test_a_refusal_names_the_operator_and_its_shapes(sound):
    error = refused(damaged(sound, HOSTILE["float weights (hybrid)"][0]))
    assert "operator 0 CONV_2D" in error.fact and "[1, 24, 16, 1]" in error.fact
    assert error.hint


def test_names_that_could_leave_a_c_comment_are_cleaned(sound):
    graph = read_tflite(damaged(sound, lambda m: setattr(m.tensors[0], "name", '*/ system("rm"); /*')))
    assert not set('*"(\n ') & set("".join(graph.tensors))


def test_tables_that_refer_to_each_other_end_in_time():
    """A vector of 60,000 subgraph offsets to one table: the work is bounded by the size of the file."""
    count = 60_000
    body = bytearray()
    body += (16).to_bytes(4, "little") + b"TFL3"
    body += (
        (8).to_bytes(2, "little") + (8).to_bytes(2, "little") + (0).to_bytes(2, "little") + (4).to_bytes(2, "little")
    )
    body += (8).to_bytes(4, "little")  # the model table at 16: its vtable lies 8 bytes before
    body += bytes(4)
    body += count.to_bytes(4, "little") + b"\x00" * (4 * count)
    error = refused(bytes(body))
    assert error.exit_code in (5, 7)


def test_a_constant_as_graph_output_is_refused():
    data = write_tflite(graph_of("CONV_2D", 7))
    assert (
        refused(damaged_simple(data, lambda sub: setattr(sub, "outputs", sub.operators[0].inputs[1:2]))).exit_code == 5
    )


def test_a_softmax_with_an_impossible_beta_is_refused_when_read():
    data = write_tflite(graph_of("SOFTMAX", 1))
    for beta, code in ((-1e30, 5), (float("nan"), 7), (float("inf"), 7)):
        change = lambda sub, beta=beta: setattr(sub.operators[0].builtinOptions, "beta", beta)  # noqa: E731
        assert refused(damaged_simple(data, change)).exit_code == code


def damaged_simple(data: bytes, change) -> bytes:
    """`damaged` for files of one operator: change(subgraph)."""
    s = schema()
    model = s.ModelT.InitFromObj(s.Model.GetRootAs(data, 0))
    change(model.subgraphs[0])
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
