"""What a generated library promises: same bytes twice, no warnings, clean under sanitizers, clear refusals."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from random_graphs import Builder, conv1x1, random_graph
from tinyclap_export.codegen import engine_directory, generate
from tinyclap_export.errors import ExportError
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.host import HostEncoder, find_compiler, header_macros
from tinyclap_export.integer import run_integer

STRICT = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"]


def contents(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_graph_gives_the_same_bytes_in_two_directories(tmp_path):
    for where in ("one", "deep/er/two"):
        generate(random_graph(4), tmp_path / where)
    assert contents(tmp_path / "one") == contents(tmp_path / "deep/er/two")


def test_no_path_of_this_machine_is_in_the_files(tmp_path):
    generate(random_graph(4), tmp_path / "c")
    assert all(str(tmp_path).encode() not in data for data in contents(tmp_path / "c").values())


def test_generating_again_replaces_the_library_and_leaves_nothing_else(tmp_path):
    generate(random_graph(4), tmp_path / "c")
    (tmp_path / "c" / "stale.c").write_text("#error stale\n")
    generate(random_graph(5), tmp_path / "c")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert not (tmp_path / "c" / "stale.c").exists()


def test_a_refused_graph_leaves_no_directory(tmp_path):
    graph = random_graph(4)
    name = graph.outputs[0]
    graph.tensors[name] = replace(graph.tensors[name], dtype="float32", quant=None)
    with pytest.raises(ExportError) as caught:
        generate(graph, tmp_path / "c")
    assert caught.value.exit_code == 5
    assert list(tmp_path.iterdir()) == []


def test_the_header_states_every_size(tmp_path):
    graph = random_graph(9)
    library = generate(graph, tmp_path / "c", "probe")
    macros = header_macros((tmp_path / "c" / "tce_probe.h").read_text())
    source, target = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    assert macros["TCE_PROBE_ARENA_BYTES"] == library.arena_bytes
    assert macros["TCE_PROBE_CONST_BYTES"] == library.const_bytes == sum(layer.weight_bytes for layer in library.layers)
    assert macros["TCE_PROBE_MACS"] == graph.macs()
    assert macros["TCE_PROBE_LAYERS"] == len(library.layers)
    assert macros["TCE_PROBE_INPUT_BYTES"] == source.size
    assert macros["TCE_PROBE_OUTPUT_BYTES"] == target.size
    assert macros["TCE_PROBE_INPUT_ZERO_POINT"] == source.quant.z
    assert np.float32(macros["TCE_PROBE_OUTPUT_SCALE"]) == target.quant.s


@pytest.mark.parametrize("schedule", ["layers", "rows"])
@pytest.mark.parametrize("compiler", ["gcc", "clang", "zig"])
def test_all_c_compiles_with_every_warning_an_error(compiler, schedule, tmp_path):
    command = [compiler] if compiler != "zig" else _zig()
    if compiler != "zig" and shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    library = generate(random_graph(12), tmp_path / "c", schedule=schedule)
    sources = [*library.sources[:2], *sorted(engine_directory().glob("*.c"))]
    done = subprocess.run([*command, *STRICT, "-O2", f"-I{library.include_dir}", "-c", *map(str, sources)],
                          cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[:2000]


def _zig() -> list[str]:
    pytest.importorskip("ziglang")
    return [sys.executable, "-m", "ziglang", "cc"]


RUNNER = """
#include "tce_encoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void)
{
    uint8_t *arena = malloc(TCE_ENCODER_ARENA_BYTES); /* exact: one byte more is reported */
    int8_t sample[TCE_ENCODER_INPUT_BYTES];
    while (fread(sample, 1, sizeof sample, stdin) == sizeof sample) {
        memcpy(tce_encoder_input(arena), sample, sizeof sample);
        tce_encoder_run(arena);
        fwrite(tce_encoder_output(arena), 1, TCE_ENCODER_OUTPUT_BYTES, stdout);
    }
    free(arena);
    return 0;
}
"""


@pytest.mark.parametrize("schedule", ["layers", "rows"])
@pytest.mark.parametrize("seed", [3, 8, 21, 40])
def test_runs_clean_under_address_and_undefined_behaviour_sanitizers(seed, schedule, tmp_path):
    graph = random_graph(seed)
    library = generate(graph, tmp_path / "c", schedule=schedule)
    (tmp_path / "main.c").write_text(RUNNER)
    program = tmp_path / "runner"
    command = [*find_compiler(), "-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
               f"-I{library.include_dir}", str(tmp_path / "main.c"),
               *map(str, library.sources), "-o", str(program)]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0 and "asan" in built.stderr:
        pytest.skip("this compiler has no AddressSanitizer")
    assert built.returncode == 0, built.stderr[:2000]
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.random.default_rng(seed).integers(-128, 128, (4, *shape)).astype(np.int8)
    done = subprocess.run([str(program)], input=x.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    assert done.stdout == run_integer(graph, x).tobytes()


def test_two_models_live_in_one_program(tmp_path):
    graphs = {"first": random_graph(4), "second": random_graph(5)}
    for name, graph in graphs.items():
        encoder = HostEncoder(generate(graph, tmp_path / name, name).directory, name)
        shape = graph.tensors[graph.inputs[0]].shape
        x = np.random.default_rng(1).integers(-128, 128, (2, *shape)).astype(np.int8)
        assert np.array_equal(encoder.run(x), run_integer(graph, x))
    symbols = [{layer.function for layer in generate(g, tmp_path / n, n).layers} for n, g in graphs.items()]
    assert not symbols[0] & symbols[1]


def test_library_json_compiles_only_the_c_files_of_the_library(tmp_path):
    generate(random_graph(4), tmp_path / "c")
    manifest = json.loads((tmp_path / "c" / "library.json").read_text())
    assert manifest["build"]["srcFilter"] == ["-<*>", "+<*.c>", "+<engine/*.c>"]
    assert manifest["headers"] == "tce_encoder.h"


def test_a_pad_read_by_one_convolution_costs_no_layer_and_no_memory(tmp_path):
    graph = Graph("padded")
    quant = Quant(0.1, 3)
    graph.add_input("x", (1, 9, 7, 4), "int8", quant)
    graph.add_op("PAD", ["x"], "padded", pads=((0, 0), (2, 1), (1, 3), (0, 0)))
    graph.tensors["padded"] = replace(graph.tensors["padded"], quant=quant)
    weights = np.random.default_rng(0).integers(-127, 128, (1, 3, 3, 4)).astype(np.int8)
    graph.add_const("w", weights, Quant(0.01, 0))
    graph.add_op("DEPTHWISE_CONV_2D", ["padded", "w"], "y", padding="VALID")
    graph.tensors["y"] = replace(graph.tensors["y"], quant=Quant(0.5, -20))
    graph.outputs = ["y"]
    library = generate(graph, tmp_path / "c")
    assert [layer.kind for layer in library.layers] == ["DEPTHWISE_CONV_2D"]
    assert library.arena_bytes == 256 + 368 + 3 * 3 * 4  # input and output rounded up to 16, a border pixel's taps
    x = np.random.default_rng(1).integers(-128, 128, (3, 1, 9, 7, 4)).astype(np.int8)
    assert np.array_equal(HostEncoder(tmp_path / "c").run(x), run_integer(graph, x))


def test_an_accumulator_that_could_overflow_is_refused_with_the_operator_named(tmp_path):
    b = Builder(2)
    conv1x1(b, "x")
    b.graph.outputs = ["t0"]
    out = b.graph.tensors["t0"]
    b.graph.tensors["t0"] = replace(out, quant=Quant(1e-9, 0))
    with pytest.raises(ExportError, match=r"t0.*30 bits"):
        generate(b.graph, tmp_path / "c")


@pytest.mark.parametrize("name", ["", "Encoder", "2fast", "a-b", "int", "a" * 41, "x y", "../up"])
def test_a_name_that_is_no_lower_case_identifier_is_refused(name, tmp_path):
    with pytest.raises(ExportError) as caught:
        generate(random_graph(4), tmp_path / "c", name)
    assert caught.value.exit_code == 2


def test_hostile_tensor_names_stay_inside_their_comments(tmp_path):
    b = Builder(3)
    conv1x1(b, "x")
    bad = '*/ int x = 1; /* ??/\n#error "\x00\u00e9 \\'
    graph = b.graph
    graph.name = bad
    op = graph.ops[0]
    graph.ops[0] = replace(op, outputs=(bad,), name=bad)
    graph.tensors[bad] = replace(graph.tensors.pop("t0"), name=bad)
    graph.outputs = [bad]
    generate(graph, tmp_path / "c")
    x = np.zeros((1, *graph.tensors["x"].shape), np.int8)
    assert np.array_equal(HostEncoder(tmp_path / "c").run(x), run_integer(graph, x))


def test_a_wrong_input_shape_is_refused_by_the_host_encoder(tmp_path):
    graph = random_graph(4)
    encoder = HostEncoder(generate(graph, tmp_path / "c").directory)
    with pytest.raises(ExportError, match="codes a sample"):
        encoder.run(np.zeros((2, 3, 1000), np.int8))
