"""Rings and their places: as deep as the order of rows demands, and never two things in one byte at one time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.placement import Piece, Storage, peak_bytes, place_storages
from tinyclap_export.codegen.rings import MAX_PIECES, plan_rings
from tinyclap_export.codegen.stages import make_program
from tinyclap_export.graph import Graph, Quant

Q = Quant(0.1, 0)


def started(rows: int) -> Graph:
    graph = Graph("rings")
    graph.add_input("x", (1, rows, 6, 4), "int8", Q)
    return graph


def conv(graph: Graph, x: str, name: str, kernel: int, **attrs) -> str:
    weights = np.random.default_rng(len(graph.ops)).integers(-9, 10, (4, kernel, 1, 4)).astype(np.int8)
    graph.add_const(f"{name} w", weights, Quant(0.02, 0))
    return done(graph, graph.add_op("CONV_2D", [x, f"{name} w"], name, **attrs))


def done(graph: Graph, name: str) -> str:
    graph.tensors[name] = replace(graph.tensors[name], quant=Q)
    graph.outputs = [name]
    return name


def depths(graph: Graph) -> dict[str, int]:
    return {name: ring.depth for name, ring in plan_rings(make_program(graph, lower(graph))).rings.items()}


def test_a_window_of_three_rows_needs_a_ring_of_three_and_a_row_by_row_layer_a_single_row():
    graph = started(20)
    x = conv(graph, "x", "a", 1)
    x = conv(graph, x, "b", 3)
    x = conv(graph, x, "c", 1)
    done(graph, graph.add_op("MEAN", [x], "m", axes=(1, 2)))
    assert depths(graph) | {"x": 0} == {"x": 0, "a": 3, "b": 1, "c": 1, "m sums": 1, "m": 1}


@pytest.mark.parametrize(("stride", "dilation", "depth"), [(1, 1, 3), (2, 1, 3), (3, 1, 3), (4, 1, 4), (1, 3, 7)])
def test_a_ring_spans_its_window_or_the_stride_if_that_is_longer(stride, dilation, depth):
    graph = started(40)
    x = conv(graph, conv(graph, "x", "a", 1), "b", 3, stride=(stride, 1), dilation=(dilation, 1))
    done(graph, graph.add_op("MEAN", [x], "m", axes=(1, 2)))
    assert depths(graph)["a"] <= depth
    assert depths(graph)["a"] >= min(depth, 3)


def test_a_residual_keeps_the_rows_by_which_its_branch_lags():
    graph = started(30)
    x = entry = conv(graph, "x", "entry", 1)
    for name in "abc":
        x = conv(graph, x, name, 3)
    done(graph, graph.add_op("ADD", [x, entry], "sum"))
    done(graph, graph.add_op("MEAN", ["sum"], "m", axes=(1, 2)))
    assert depths(graph)["entry"] == 4  # row y of the branch comes with row y + 3 of the entry


def test_a_map_that_is_consumed_makes_room_for_the_one_that_grows_from_it():
    graph = started(32)
    x = conv(graph, "x", "a", 3)
    gate = done(graph, graph.add_op("MEAN", [x], "gate", axes=(1, 2)))
    x = done(graph, graph.add_op("MUL", [x, gate], "gated"))
    x = conv(graph, x, "b", 3)
    gate = done(graph, graph.add_op("MEAN", [x], "gate2", axes=(1, 2)))
    done(graph, graph.add_op("MUL", [x, gate], "gated2"))
    plan = plan_rings(make_program(graph, lower(graph)))
    row, rows = 6 * 4, 32
    a, b = plan.rings["a"], plan.rings["b"]
    assert (a.depth, b.depth) == (rows, rows)
    assert abs(a.offset - b.offset) < a.bytes  # they share bytes, at different times
    assert plan.push_bytes < 2 * rows * row


def test_a_whole_input_that_must_be_kept_is_the_ring_itself():
    graph = started(12)
    done(graph, graph.add_op("TRANSPOSE", ["x"], "t", perm=(0, 2, 1, 3)))
    plan = plan_rings(make_program(graph, lower(graph)))
    assert plan.rings["x"].depth == 12
    assert plan.arena_bytes == plan.push_bytes


blocks = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(0, 9), st.integers(0, 3), st.integers(0, 3)),
    min_size=1, max_size=10,
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(blocks)
def test_pieces_in_use_at_one_time_never_share_a_byte(items):
    storages = []
    for number, (size, count, first, step, life) in enumerate(items):
        pieces = tuple(
            Piece(i * size, size, ((first + i * step, first + i * step + life),)) for i in range(count)
        )  # fmt: skip
        storages.append(Storage(f"s{number}", size * count, pieces))
    offsets, total = place_storages(storages)
    assert total >= peak_bytes(storages)
    for a, b in itertools.combinations(storages, 2):
        for p, q in itertools.product(a.pieces, b.pieces):
            if p.lives[0][0] <= q.lives[0][1] and q.lives[0][0] <= p.lives[0][1]:
                start, other = offsets[a.name] + p.offset, offsets[b.name] + q.offset
                assert start + p.size <= other or other + q.size <= start


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_no_random_program_needs_less_than_its_peak_and_none_more_than_its_maps_one_by_one(seed):
    graph = random_graph(seed)
    program = make_program(graph, lower(graph))
    plan = plan_rings(program)
    assert plan.bound_bytes <= plan.arena_bytes
    every = sum(ring.bytes + 16 for ring in plan.rings.values()) + sum(t.step.scratch_bytes + 16 for t in program.tasks)
    assert plan.push_bytes <= every + 4 * (1 + len(program.stages)) + 16


def test_a_tall_map_is_planned_in_few_pieces():
    graph = started(5 * MAX_PIECES + 3)
    x = conv(graph, "x", "a", 3)
    gate = done(graph, graph.add_op("MEAN", [x], "gate", axes=(1, 2)))
    done(graph, graph.add_op("MUL", [x, gate], "gated"))
    assert depths(graph)["a"] == 5 * MAX_PIECES + 3
