"""Activations that a layer applies as it stores: no layer of their own, the same bytes, only where nothing else reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tinyclap_export.codegen import generate
from tinyclap_export.codegen.lower import lower
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.host import HostEncoder
from tinyclap_export.integer import run_integer

WEIGHTS = {
    "CONV_2D": (5, 3, 3, 8),
    "CONV1X1": (5, 1, 1, 8),
    "DEPTHWISE_CONV_2D": (1, 3, 3, 8),
    "FULLY_CONNECTED": (5, 8),
}


def weighted(block: str) -> Graph:
    """One weighted layer over [1, 7, 6, 8] with codes all over the range."""
    rng = np.random.default_rng(3)
    graph = Graph("one layer")
    graph.add_input("x", (1, 7, 6, 8), "int8", Quant(0.05, 4))
    graph.add_const("w", rng.integers(-127, 128, WEIGHTS[block]).astype(np.int8), Quant(0.01, 0))
    attrs = {"keep_num_dims": True} if block == "FULLY_CONNECTED" else {}
    graph.add_op(block.replace("CONV1X1", "CONV_2D"), ["x", "w"], "y", **attrs)
    graph.tensors["y"] = replace(graph.tensors["y"], quant=Quant(0.15, -9))
    graph.outputs = ["y"]
    return graph


def then(graph: Graph, kind: str) -> Graph:
    name = f"{graph.outputs[0]} {kind}"
    graph.add_op(kind, [graph.outputs[0]], name)
    quant = Quant(1 / 256, -128) if kind == "LOGISTIC" else Quant(0.09, -60)
    graph.tensors[name] = replace(graph.tensors[name], quant=quant)
    graph.outputs = [name]
    return graph


@pytest.mark.parametrize("schedule", ["layers", "rows"])
@pytest.mark.parametrize("kind", ["HARD_SWISH", "LOGISTIC", "RELU6"])
@pytest.mark.parametrize("block", WEIGHTS)
def test_an_activation_behind_a_weighted_layer_is_no_layer_of_its_own(block, kind, schedule, tmp_path):
    graph = then(weighted(block), kind)
    library = generate(graph, tmp_path / "c", schedule=schedule)
    assert [layer.kind for layer in library.layers] == [graph.ops[0].kind]
    assert library.layers[0].writes == graph.outputs[0]
    x = np.random.default_rng(0).integers(-128, 128, (3, 1, 7, 6, 8)).astype(np.int8)
    out = np.asarray(run_integer(graph, x))
    assert len(np.unique(out)) > 20
    assert np.array_equal(HostEncoder(library.directory).run(x).reshape(out.shape), out)


def test_two_activations_in_a_row_become_one_table():
    graph = then(then(weighted("CONV1X1"), "HARD_SWISH"), "RELU")
    (step,) = lower(graph)
    assert [a.key for a in step.arrays].count("activation") == 1
    (table,) = (a for a in step.arrays if a.key == "activation")
    codes = np.arange(-128, 128, dtype=np.int8)
    first, second = (a.values for op in (1, 2) for a in lower(_alone(graph, op))[0].arrays)
    assert np.array_equal(table.values, second[first[codes.astype(int) + 128].astype(int) + 128])


def _alone(graph: Graph, op: int) -> Graph:
    """One operator of a graph by itself."""
    source, out = graph.tensors[graph.ops[op].inputs[0]], graph.tensors[graph.ops[op].outputs[0]]
    return Graph("one", {t.name: t for t in (source, out)}, [graph.ops[op]], [source.name], [out.name])


def test_a_layer_whose_own_output_is_read_elsewhere_keeps_it():
    graph = then(weighted("CONV1X1"), "HARD_SWISH")
    graph.outputs.append("y")
    assert [step.suffix for step in lower(graph)] == ["conv1x1", "hard_swish"]
