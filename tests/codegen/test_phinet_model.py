"""A PhiNet of another project's making (hard-swish, squeeze-excite, converted by TensorFlow), through our generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinyclap_export.codegen import CLibrary, generate
from tinyclap_export.host import HostEncoder
from tinyclap_export.tflite_reader import read_tflite

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> CLibrary:
    graph = read_tflite((FIXTURES / "phinet_s_int8.tflite").read_bytes())
    return generate(graph, tmp_path_factory.mktemp("phinet") / "c")


def test_its_outputs_equal_litert_s_reference_kernels(library):
    golden = np.load(FIXTURES / "phinet_s_int8_io.npz")
    out = HostEncoder(library.directory).run(golden["inputs"])
    assert np.array_equal(out.reshape(golden["outputs"].shape), golden["outputs"])


def test_its_arena_is_the_liveness_bound_of_in_place_execution(library):
    taps = 3 * 3 * 64  # scratch of the depthwise layer at the peak: a border pixel
    assert library.arena_bytes == library.memory_plan.bound_bytes == 128_000 + taps


def test_its_constants_are_weights_biases_five_bytes_a_channel_and_activation_tables(library):
    graph = read_tflite((FIXTURES / "phinet_s_int8.tflite").read_bytes())
    tables = 256 * sum(op.kind in ("HARD_SWISH", "LOGISTIC") for op in graph.ops)
    assert all(layer.kind not in ("HARD_SWISH", "LOGISTIC") for layer in library.layers)  # fused
    weights, biases, channels = 315_193, 17_236, 4_565  # of the .tflite; its dense layer of 256 has no bias
    assert library.const_bytes == weights + biases + 4 * 256 + 5 * channels + tables


def test_every_multiply_accumulate_is_attributed_to_a_layer(library):
    assert library.macs == sum(layer.macs for layer in library.layers) == 18_446_400


def test_row_by_row_it_needs_74_kilobytes_and_gives_the_same_bytes(tmp_path):
    graph = read_tflite((FIXTURES / "phinet_s_int8.tflite").read_bytes())
    rows = generate(graph, tmp_path / "c", schedule="auto")
    assert (rows.schedule, rows.isa) == ("rows", "portable")
    assert rows.arena_bytes == rows.push_arena_bytes <= 74 << 10  # the whole input lies where later maps will
    assert f"{rows.push_arena_bytes:,} bytes" in rows.why
    golden = np.load(FIXTURES / "phinet_s_int8_io.npz")
    encoder = HostEncoder(rows.directory)
    for run in (encoder.run, encoder.run_rows):
        assert np.array_equal(run(golden["inputs"]).reshape(golden["outputs"].shape), golden["outputs"])
