"""Choosing a schedule: what `auto` takes and says, graphs that rows cannot be pushed into, names that do not exist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_graphs import random_graph
from tinyclap_export.codegen import generate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.host import HostEncoder

Q = Quant(0.1, 3)


def two_inputs() -> Graph:
    """c = conv(x + y), outputs c * y and x + y."""
    graph = Graph("two inputs")
    graph.add_input("x", (1, 9, 5, 4), "int8", Q)
    graph.add_input("y", (1, 9, 5, 4), "int8", Quant(0.2, -5))
    weights = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 4)).astype(np.int8)
    graph.add_const("w", weights, Quant(0.01, 0))
    for kind, inputs, name, quant in (
        ("ADD", ["x", "y"], "s", Quant(0.25, 1)),
        ("CONV_2D", ["s", "w"], "c", Quant(0.3, 0)),
        ("MUL", ["c", "y"], "m", Quant(1.3, 0)),
    ):
        graph.add_op(kind, inputs, name)
        graph.tensors[name] = replace(graph.tensors[name], quant=quant)
    graph.outputs = ["m", "s"]
    return graph


def test_with_two_inputs_rows_are_not_pushed_but_the_bytes_are_those_of_layers(tmp_path):
    graph, rng = two_inputs(), np.random.default_rng(1)
    x, y = (rng.integers(-128, 128, (4, 1, 9, 5, 4)).astype(np.int8) for _ in range(2))
    found = []
    for schedule in ("layers", "rows"):
        library = generate(graph, tmp_path / schedule, schedule=schedule)
        assert library.push_arena_bytes == 0
        encoder = HostEncoder(library.directory)
        found.append((encoder.run(x, y), encoder.output(1)))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])
    assert len(np.unique(found[0][0])) > 50
    with pytest.raises(ExportError, match="takes no rows"):
        encoder.run_rows(x)


def test_a_graph_of_nothing_but_a_reshape_hands_its_rows_through(tmp_path):
    graph = Graph("a view")
    graph.add_input("x", (1, 9, 5, 4), "int8", Q)
    graph.add_op("RESHAPE", ["x"], "y", new_shape=(1, 180))
    graph.tensors["y"] = replace(graph.tensors["y"], quant=Q)
    graph.outputs = ["y"]
    x = np.random.default_rng(0).integers(-128, 128, (2, 1, 9, 5, 4)).astype(np.int8)
    encoder = HostEncoder(generate(graph, tmp_path / "c", schedule="rows").directory)
    assert np.array_equal(encoder.run(x), x.reshape(2, 180))
    assert np.array_equal(encoder.run_rows(x), x.reshape(2, 180))


def test_auto_takes_the_smaller_arena_and_says_both(tmp_path):
    taken = set()
    for seed in range(12):
        made = {s: generate(random_graph(seed), tmp_path / s, schedule=s) for s in ("layers", "rows", "auto")}
        need = {s: made[s].push_arena_bytes or made[s].arena_bytes for s in made}
        assert need["auto"] == min(need["layers"], need["rows"])
        assert all(f"{need[s]:,}" in made["auto"].why for s in ("layers", "rows"))
        if need["layers"] == need["rows"]:
            assert made["auto"].schedule == "layers"
        taken.add(made["auto"].schedule)
    assert taken == {"layers", "rows"}


@pytest.mark.parametrize("wrong", [{"schedule": "columns"}, {"isa": "avx"}])
def test_a_schedule_or_an_instruction_set_that_does_not_exist_is_a_usage_error(wrong, tmp_path):
    with pytest.raises(ExportError) as caught:
        generate(random_graph(4), tmp_path / "c", **wrong)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "c").exists()


def test_rows_pushed_beyond_the_window_change_nothing(tmp_path):
    import ctypes

    graph = random_graph(9)
    library = generate(graph, tmp_path / "c", schedule="rows")
    assert library.push_arena_bytes
    encoder = HostEncoder(library.directory)
    shape = graph.tensors["x"].shape
    x = np.random.default_rng(0).integers(-128, 128, (1, *shape)).astype(np.int8)
    expected = encoder.run_rows(x)
    push = encoder._library.tce_encoder_push
    for row in np.ascontiguousarray(x.reshape(shape[1], -1)):
        push(encoder._pointer, ctypes.c_void_p(row.ctypes.data))
    assert np.array_equal(encoder.output(), expected.ravel())
