"""A stream of rows without end gives, at any time, the bytes of the integer reference over everything that has come."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import Builder, conv1x1, random_stream
from tinyclap_export import continuous
from tinyclap_export.codegen import engine_directory, generate
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.stream import plan_stream
from tinyclap_export.continuous import features_made, first_embedding, run_continuous, split_stream
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph
from tinyclap_export.host import compile_shared
from tinyclap_export.host_stream import HostStream
from tinyclap_export.integer import run_integer

from benchmarks.engine_models import engine_model

UBSAN = ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
SEEDS = range(60)
LONGEST = 1200  # rows of a test stream; longer periods are not waited for


def rows_of(graph: Graph, count: int, seed: int) -> np.ndarray:
    """(count, row) int8 whose level wanders, so that no two means are alike."""
    shape = graph.tensors[graph.inputs[0]].shape
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.integers(-110, 111, count // 4 + 1), 4)[:count, None]
    return np.clip(level + rng.normal(0, 30, (count, shape[2] * shape[3])), -128, 127).astype(np.int8)


def test_random_streams_give_the_reference_bytes_also_after_their_counters_have_come_round(tmp_path):
    graphs = {f"s{seed}": random_stream(seed) for seed in SEEDS}
    libraries = {name: generate(g, tmp_path / name, name, schedule="continuous") for name, g in graphs.items()}
    merged = tmp_path / "all.c"
    generated = [s for lib in libraries.values() for s in lib.sources if s.parent.name != "engine"]
    merged.write_text("".join(f'#include "{s}"\n' for s in generated))
    engine = sorted(engine_directory().glob("*.c"))
    shared = compile_shared([merged, *engine], [lib.include_dir for lib in libraries.values()], UBSAN)
    varied = wrapped = 0
    for seed, (name, graph) in enumerate(graphs.items()):
        plan = plan_stream(graph, lower(graph))
        round_trip = plan.settled + plan.period + 9
        count = round_trip if round_trip <= LONGEST else plan.first + 60
        rng = np.random.default_rng(seed)
        at = sorted({plan.first, plan.first + 1, count, *rng.integers(plan.first, count + 1, 8).tolist()})
        rows = rows_of(graph, count, seed)
        stream = HostStream.from_shared(shared, name, (libraries[name].directory / f"tce_{name}.h").read_text())
        expected = run_continuous(graph, rows, at).reshape(len(at), -1)
        assert np.array_equal(stream.run(rows, at), expected), graph.name
        varied += len(np.unique(expected, axis=0)) > 1
        wrapped += count == round_trip
    assert varied > 30
    assert wrapped > 30


@pytest.fixture(scope="module")
def small() -> Graph:
    return engine_model("small")


def test_a_phinet_streams_with_the_bytes_of_the_reference(small, tmp_path):
    library = generate(small, tmp_path / "c", schedule="continuous")
    stream = HostStream(library.directory)
    first = stream.macros["FIRST_ROWS"]
    assert first == first_embedding(split_stream(small))
    rows = rows_of(small, 800, 5)
    at = [first, first + 1, first + 50, 575, 576, 577, 800]
    assert np.array_equal(stream.run(rows, at), run_continuous(small, rows, at).reshape(len(at), -1))


def test_there_is_no_embedding_before_the_first_and_asking_changes_nothing(small, tmp_path):
    stream = HostStream(generate(small, tmp_path / "c", schedule="continuous").directory)
    first = stream.macros["FIRST_ROWS"]
    rows = rows_of(small, first + 3, 6)
    stream.start()
    for row in rows[: first - 1]:
        stream.push(row)
        assert stream.embedding() is None
    for row in rows[first - 1 :]:
        stream.push(row)
        assert np.array_equal(stream.embedding(), stream.embedding())
    last = run_continuous(small, rows, [len(rows)])[0]
    assert np.array_equal(stream.embedding(), last.ravel())


def test_the_ram_of_a_stream_is_that_of_a_window_and_the_sums_it_keeps(small, tmp_path):
    rows = generate(small, tmp_path / "rows", schedule="rows")
    stream = generate(small, tmp_path / "stream", schedule="continuous")
    assert stream.schedule == "continuous"
    assert stream.arena_bytes <= rows.push_arena_bytes + 4 * 96 * 2 + 512


def test_features_of_the_stream_are_those_of_a_window_wherever_its_end_is_not_seen(small):
    """The reference itself: what a window computes away from its last rows is what the stream computes."""
    stream = split_stream(small)
    height = small.tensors[small.inputs[0]].shape[1]
    rows = rows_of(small, 300, 8)
    window = run_integer(small, rows[None, :height].reshape(1, height, -1, 1), keep=True)
    features = window[stream.mean.inputs[0]][0, 0]
    made = features_made(stream, height)
    assert 0 < made < len(features)
    later = first_embedding(stream)
    assert not np.array_equal(run_continuous(small, rows, [later]), run_continuous(small, rows, [later + 40]))


def refused(graph: Graph, tmp_path) -> ExportError:
    with pytest.raises(ExportError) as caught:
        generate(graph, tmp_path / "c", schedule="continuous")
    assert caught.value.exit_code == 5
    return caught.value


def test_squeeze_and_excite_cannot_stream_and_is_named(tmp_path):
    assert "block1/se/scale (MUL)" in refused(engine_model("gated"), tmp_path).fact


def test_an_operator_over_the_whole_window_is_named(tmp_path):
    b = Builder(1)
    conv1x1(b, "x")
    b.op("TRANSPOSE", [b.pool[-1]], None, perm=(0, 2, 1, 3))
    b.graph.outputs = [b.op("MEAN", [b.pool[-1]], b.quant(), axes=(1, 2))]
    assert "t1 (TRANSPOSE)" in refused(b.graph, tmp_path).fact


def test_a_graph_without_a_mean_over_rows_has_nothing_to_stream_into(tmp_path):
    b = Builder(1)
    conv1x1(b, "x")
    b.graph.outputs = [b.pool[-1]]
    assert "no MEAN" in refused(b.graph, tmp_path).fact


def test_an_embedding_asked_for_too_early_is_refused_by_the_reference(small):
    first = first_embedding(split_stream(small))
    with pytest.raises(ExportError, match="feature rows"):
        run_continuous(small, rows_of(small, first, 0), [first - 1])


def test_the_reference_of_a_long_stream_is_that_of_its_pieces(monkeypatch: pytest.MonkeyPatch, small):
    for seed, graph in ((0, small), *((seed, random_stream(seed)) for seed in range(30))):
        stream = split_stream(graph)
        first = first_embedding(stream)
        rows = rows_of(graph, 6 * first + 200, seed)
        at = list(range(first, len(rows), 7))
        whole = run_continuous(graph, rows, at)
        monkeypatch.setattr(continuous, "PIECE_ROWS", 5)
        assert np.array_equal(run_continuous(graph, rows, at), whole), graph.name
        monkeypatch.undo()
