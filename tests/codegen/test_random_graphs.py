"""The generated C equals the integer reference, on every byte of every layer, for random graphs of all operators."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_graphs import random_graph
from tinyclap_export.codegen import CLibrary, engine_directory, generate
from tinyclap_export.codegen.lower import LOWER
from tinyclap_export.graph import Graph
from tinyclap_export.host import HostEncoder, compile_shared
from tinyclap_export.integer import run_integer

UBSAN = ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
FIXED_SEEDS = range(100)  # together they reach every operator kind: see the last test


def samples(graph: Graph, count: int) -> np.ndarray:
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.random.default_rng(7).integers(-128, 128, (count, *shape)).astype(np.int8)
    x[0] = -128
    return x


def check(graph: Graph, library: CLibrary, encoder: HostEncoder) -> None:
    x = samples(graph, 3)
    expected = run_integer(graph, x, keep=True)
    for i, sample in enumerate(x):
        for index in encoder.steps(sample):
            layer = library.layers[index]
            offset, size = layer.arena_out[0]
            got = encoder.arena[offset : offset + size].view(np.int8)
            wanted = expected[layer.writes][i].ravel()
            assert np.array_equal(got, wanted), f"{graph.name}, layer {index} {layer.function}: {layer.name}"
        for number, name in enumerate(graph.outputs):
            assert np.array_equal(encoder.output(number), expected[name][i].ravel()), f"{graph.name}, output {name}"
    assert np.array_equal(encoder.run(x).reshape(len(x), -1), expected[graph.outputs[0]].reshape(len(x), -1))


def check_rows(graph: Graph, library: CLibrary, encoder: HostEncoder) -> None:
    """Row by row there is no moment at which a layer is whole: outputs are compared, of a run and of pushed rows."""
    x = samples(graph, 3)
    expected = run_integer(graph, x, keep=True)
    for run in (encoder.run, encoder.run_rows) if library.push_arena_bytes else (encoder.run,):
        first = run(x).reshape(len(x), -1)
        assert np.array_equal(first, expected[graph.outputs[0]].reshape(len(x), -1)), graph.name
        for number, name in enumerate(graph.outputs):
            assert np.array_equal(encoder.output(number), expected[name][-1].ravel()), f"{graph.name}, output {name}"


def compile_all(graphs: list[Graph], folder, schedule: str = "layers") -> list[tuple[Graph, CLibrary, HostEncoder]]:
    """One shared object for all graphs: each library under its own name, the engine once, undefined behaviour traps."""
    libraries = [generate(graph, folder / f"g{i}", f"g{i}", schedule=schedule) for i, graph in enumerate(graphs)]
    generated = [s for lib in libraries for s in lib.sources if s.parent.name != "engine"]
    merged = folder / "all.c"
    merged.write_text("".join(f'#include "{s}"\n' for s in generated))
    engine = sorted(engine_directory().glob("*.c"))
    shared = compile_shared([merged, *engine], [lib.include_dir for lib in libraries], UBSAN)
    return [(g, lib, HostEncoder.from_shared(shared, lib.name, (lib.directory / f"tce_{lib.name}.h").read_text()))
            for g, lib in zip(graphs, libraries, strict=True)]  # fmt: skip


def test_a_hundred_fixed_random_graphs_give_the_reference_bytes_in_every_layer(tmp_path):
    for graph, library, encoder in compile_all([random_graph(seed) for seed in FIXED_SEEDS], tmp_path):
        check(graph, library, encoder)


def test_the_same_graphs_row_by_row_give_the_reference_bytes(tmp_path):
    found = compile_all([random_graph(seed) for seed in FIXED_SEEDS], tmp_path, "rows")
    for graph, library, encoder in found:
        check_rows(graph, library, encoder)
    phases = Counter(library.memory_plan.steps for _, library, _ in found)
    assert min(phases[1], phases[2]) > 20
    assert sum(library.push_arena_bytes > 0 for _, library, _ in found) > 50


@settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seeds=st.lists(st.integers(1000, 2**31), min_size=25, max_size=25, unique=True))
def test_fresh_random_graphs_give_the_reference_bytes(seeds, tmp_path_factory):
    for graph, library, encoder in compile_all([random_graph(s) for s in seeds], tmp_path_factory.mktemp("fresh")):
        check(graph, library, encoder)


@settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seeds=st.lists(st.integers(1000, 2**31), min_size=25, max_size=25, unique=True))
def test_fresh_random_graphs_row_by_row_give_the_reference_bytes(seeds, tmp_path_factory):
    graphs = [random_graph(s) for s in seeds]
    for graph, library, encoder in compile_all(graphs, tmp_path_factory.mktemp("fresh"), "rows"):
        check_rows(graph, library, encoder)


def test_the_fixed_graphs_reach_every_operator_that_can_be_generated():
    reached = Counter(op.kind for seed in FIXED_SEEDS for op in random_graph(seed).ops)
    assert set(LOWER) <= set(reached)
    assert min(reached.values()) >= 2


@pytest.mark.parametrize("seed", range(3))
def test_the_check_notices_one_changed_bias(seed, tmp_path):
    """The comparison can fail: raising one bias of a convolution by a whole output step changes a byte."""
    from random_graphs import Builder, conv1x1

    b = Builder(seed)
    conv1x1(b, "x")
    b.graph.outputs = ["t0"]
    library = generate(b.graph, tmp_path / "c")
    weights = tmp_path / "c" / "tce_encoder_weights.c"
    text = weights.read_text()
    start = text.index("_bias[")
    brace = text.index("{", start)
    weights.write_text(text[: brace + 1] + "90000000 + " + text[brace + 1 :].lstrip())
    with pytest.raises(AssertionError):
        check(b.graph, library, HostEncoder(tmp_path / "c"))
