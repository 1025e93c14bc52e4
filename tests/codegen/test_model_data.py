"""What a model puts into flash beside code: no more than its weights, its biases, and eight bytes a channel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tinyclap_export.codegen import generate
from tinyclap_export.passes import optimise

from benchmarks.engine import weight_bytes
from benchmarks.engine_models import engine_model
from tinyclap_edge.boards import find_board
from tinyclap_edge.device.toolchain import find_toolchain, find_zig
from tinyclap_edge.engine.objects import read_object
from tinyclap_edge.resources import firmware_dir


def data_bytes(sources: list[Path], include: Path, folder: Path) -> int:
    """Constants of the compiled layers and weights, gaps of alignment included: parameters, tables, arrays."""
    tool = find_toolchain(find_board("stm32l4"))
    out = folder / "model.o"
    command = [*tool.cc, *tool.compile_flags, "-O1", "-g0", f"-I{include}"]
    command += [f"-I{firmware_dir() / 'ports' / 'freestanding'}", "-nostdlib", "-r", *map(str, sources)]
    subprocess.run([*command, "-o", str(out)], check=True, capture_output=True)
    sections = [s for s in read_object(out).sections.values() if s.kind == "const"]
    return sum(-(-s.size // s.align) * s.align for s in sections)


@pytest.mark.skipif(find_zig() is None, reason="zig is not installed")
@pytest.mark.parametrize("name", ["phinet_s", "small"])
def test_model_data_are_within_weights_biases_and_eight_bytes_a_channel(name, tmp_path):
    graph = engine_model(name)
    library = generate(optimise(graph)[0], tmp_path / "c", schedule="rows", isa="dsp")
    model = [source for source in library.sources if source.parent.name != "engine"]
    assert library.const_bytes < data_bytes(model, library.include_dir, tmp_path) <= weight_bytes(graph)
