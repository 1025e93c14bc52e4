"""Three hundred small models through their whole way: written as .tflite, read, optimised, generated as C, compiled and
run on this PC, against LiteRT's reference kernels on the same file, every byte of every output, in every schedule."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from graph_family import KINDS, family_graph, inputs_of, litert_outputs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tinyclap_export.codegen import CLibrary, engine_directory, generate
from tinyclap_export.graph import Graph
from tinyclap_export.host import HostEncoder, compile_shared, find_compiler
from tinyclap_export.passes import optimise
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

MEMBERS = 300
SAMPLES = 3
FORCED = ("layers", "rows")  # the schedules of one window
FLAGS = ("-O0", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")


@functools.cache
def optimised(number: int) -> Graph:
    """A member as it comes out of the passes, read from the file that we write of it."""
    return optimise(read_tflite(write_tflite(family_graph(number))))[0]


def libraries(numbers: list[int], folder: Path, schedule: str) -> list[CLibrary]:
    """A library a member."""
    names = [f"{schedule}_{number}" for number in numbers]
    return [
        generate(optimised(number), folder / name, name, isa="portable", schedule=schedule)
        for number, name in zip(numbers, names, strict=True)
    ]


def compiled(made: list[CLibrary], folder: Path) -> list[HostEncoder]:
    """All libraries in one shared object: the engine once, undefined behaviour traps."""
    merged = folder / "all.c"
    generated = [source for lib in made for source in lib.sources if source.parent.name != "engine"]
    merged.write_text("".join(f'#include "{source}"\n' for source in generated))
    engine = sorted(engine_directory().glob("*.c"))
    shared = compile_shared([merged, *engine], [lib.include_dir for lib in made], FLAGS)
    return [
        HostEncoder.from_shared(shared, lib.name, (lib.directory / f"tce_{lib.name}.h").read_text()) for lib in made
    ]


def differing(graph: Graph, encoder: HostEncoder) -> dict[str, int]:
    """Bytes of each output that differ from LiteRT's, outputs without any left out."""
    inputs = inputs_of(graph, SAMPLES)
    wanted = litert_outputs(write_tflite(graph), inputs)
    found: Counter[str] = Counter()
    for i in range(SAMPLES):
        encoder.run(*(x[i : i + 1] for x in inputs))
        for k, name in enumerate(graph.outputs):
            found[name] += int(np.count_nonzero(encoder.output(k) != wanted[k][i].ravel()))
    return {name: count for name, count in found.items() if count}


def check(numbers: list[int], folder: Path, schedule: str) -> None:
    encoders = compiled(libraries(numbers, folder, schedule), folder)
    wrong = {n: bad for n, e in zip(numbers, encoders, strict=True) if (bad := differing(family_graph(n), e))}
    assert not wrong, {n: (bad, [op.kind for op in family_graph(n).ops]) for n, bad in wrong.items()}


@pytest.mark.slow
@pytest.mark.parametrize("schedule", FORCED)
def test_three_hundred_models_give_litert_bytes_in_c(schedule: str, tmp_path: Path) -> None:
    check(list(range(MEMBERS)), tmp_path, schedule)


@settings(
    max_examples=50 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 1,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(first=st.integers(MEMBERS, 1 << 30))
def test_fresh_members_give_litert_bytes_in_c(first: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    for schedule in FORCED:
        check(list(range(first, first + 20)), tmp_path_factory.mktemp("fresh"), schedule)


def test_the_family_holds_every_operator_and_every_kind_of_edge() -> None:
    graphs = [family_graph(n) for n in range(MEMBERS)]
    ops = [op for graph in graphs for op in graph.ops]
    assert min(Counter(op.kind for op in ops)[kind] for kind in KINDS) >= 10
    windows = [op.attrs for op in ops if "stride" in op.attrs]
    assert {a["stride"] for a in windows} >= {(i, j) for i in (1, 2, 3) for j in (1, 2, 3)}
    assert {a.get("dilation", (1, 1)) for a in windows} >= {(1, 1), (2, 1), (2, 2)}
    assert {a["padding"] for a in windows} == {"SAME", "VALID"}
    assert {a.get("depth_multiplier", 1) for a in windows} >= {1, 2, 3}
    assert {len(graph.inputs) for graph in graphs} == {1, 2}
    assert {len(graph.outputs) for graph in graphs} == {1, 2, 3}
    weights = [graph.tensors[op.inputs[1]].quant for graph in graphs for op in graph.ops if op.kind == "CONV_2D"]
    assert {quant is not None and quant.axis is None for quant in weights} == {True, False}
    channels = {graph.tensors[name].shape[-1] for graph in graphs for name in graph.inputs}
    assert channels >= {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33}


def test_the_comparison_notices_one_changed_weight(tmp_path: Path) -> None:
    member = next(n for n in range(MEMBERS) if [op.kind for op in family_graph(n).ops] == ["CONV_2D"])
    library = libraries([member], tmp_path, FORCED[0])[0]
    source = library.directory / f"tce_{library.name}_weights.c"
    text = source.read_text()
    at = text.index("{", text.index("_bias[")) + 1
    source.write_text(text[:at] + " 90000000 + " + text[at:].lstrip())
    assert differing(family_graph(member), compiled([library], tmp_path)[0])


SANITIZED = (2, 6, 11, 15, 22, 26)
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
%(includes)s
static FILE *in;
static void *heap(size_t size) { /* exact, and aligned: one byte more is reported */
    void *p = NULL;
    if (posix_memalign(&p, 16, size ? size : 1) != 0) { exit(2); }
    return p;
}
static void fill(int8_t *to, size_t size) {
    if (fread(to, 1, size, in) != size) { exit(3); }
}
int main(int argc, char **argv) {
    if (argc != 2 || (in = fopen(argv[1], "rb")) == NULL) { return 4; }
%(bodies)s
    return fclose(in);
}
"""


def test_generated_c_runs_clean_under_address_and_undefined_behaviour_sanitizers(tmp_path: Path) -> None:
    made = [lib for schedule in FORCED for lib in libraries(list(SANITIZED), tmp_path, schedule)]
    bodies, inputs, wanted = [], b"", b""
    for lib, number in zip(made, SANITIZED * len(FORCED), strict=True):
        graph, prefix, macro = family_graph(number), f"tce_{lib.name}", f"TCE_{lib.name}".upper()
        suffix = ["" if i == 0 else f"_{i}" for i in range(4)]
        arrays = inputs_of(graph, SAMPLES)
        outputs = litert_outputs(write_tflite(graph), arrays)
        reads = [f"fill({prefix}_input{s}(arena), {macro}_INPUT{s.upper()}_BYTES);" for s in suffix[: len(arrays)]]
        writes = [
            f"fwrite({prefix}_output{s}(arena), 1, {macro}_OUTPUT{s.upper()}_BYTES, stdout);"
            for s in suffix[: len(outputs)]
        ]
        bodies.append(f"    {{ uint8_t *arena = heap({macro}_ARENA_BYTES); for (int i = 0; i < {SAMPLES}; i++) {{ "
                      f"{' '.join(reads)} {prefix}_run(arena); {' '.join(writes)} }} free(arena); }}")  # fmt: skip
        inputs += b"".join(x[i].tobytes() for i in range(SAMPLES) for x in arrays)
        wanted += b"".join(y[i].tobytes() for i in range(SAMPLES) for y in outputs)
    includes = "\n".join(f'#include "tce_{lib.name}.h"' for lib in made)
    (tmp_path / "main.c").write_text(MAIN % {"includes": includes, "bodies": "\n".join(bodies)})
    (tmp_path / "inputs.bin").write_bytes(inputs)
    compiler = ["gcc"] if shutil.which("gcc") else find_compiler()
    sources = [str(source) for lib in made for source in lib.sources if source.parent.name != "engine"]
    command = [*compiler, "-std=gnu11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
               *(f"-I{lib.include_dir}" for lib in made), str(tmp_path / "main.c"), *sources,
               *map(str, sorted(engine_directory().glob("*.c"))), "-o", str(tmp_path / "runner")]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0 and "asan" in built.stderr:
        pytest.skip("this compiler has no AddressSanitizer")
    assert built.returncode == 0, built.stderr[:2000]
    done = subprocess.run([str(tmp_path / "runner"), str(tmp_path / "inputs.bin")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:3000]
    assert done.stdout == wanted
