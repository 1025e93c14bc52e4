"""What the model is held against: an encoder of random weights, built for a board and run in its emulator."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tinyclap_export.codegen.library import CLibrary, generate
from tinyclap_export.graph import Graph

from tinyclap_edge.boards import Board
from tinyclap_edge.device.bare_project import semihost_environment
from tinyclap_edge.device.build import BuildFailed
from tinyclap_edge.device.memory_plan import StaticRam
from tinyclap_edge.device.platformio_project import FirmwareConfig, FirmwareParts, frontend_sources, write_project
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.engine.emulate import choose_engine, emulate
from tinyclap_edge.engine.model_project import NAME, build_image
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.plan import Plan, plan_graph
from tinyclap_edge.fit.ring import LEAST_SAMPLES
from tinyclap_edge.fit.sample import sample_graph
from tinyclap_edge.frontend.quantize import input_multiplier
from tinyclap_edge.labels.pack import LabelPack

ENCODER_ID = "0123456789abcdef"
SPREAD = 40  # codes: standard deviation of random inputs


@dataclass(frozen=True)
class Counted:
    """Instructions of one window in an emulator. layers: in the order of the plan's work; between: what decides which
    row comes next."""

    plan: Plan
    layers: tuple[int, ...]
    between: int

    @property
    def total(self) -> int:
        """Of the encoder."""
        return sum(self.layers) + self.between


def count_encoder(configuration: Configuration, board: Board, isa: str, seed: int, work: Path) -> Counted:
    """Build the encoder alone with random weights and count one window. `work` is created."""
    graph = sample_graph(configuration, seed)
    library = generate(graph, work / "lib", NAME, isa=isa, schedule="auto")
    image = build_image(board, library, "0" * 16, work / "image")
    size = graph.tensors[graph.inputs[0]].size
    codes = np.clip(np.random.default_rng(seed).normal(0, SPREAD, (1, size)), -128, 127).astype(np.int8)
    done = emulate(board, image.elf, codes.view(np.uint8), choose_engine(board))
    assert done.counts is not None
    by_function = done.counts.by_function
    layers = tuple(by_function.get(layer.function, 0) for layer in library.layers)
    return Counted(plan_graph(graph, isa), layers, done.counts.per_sample - sum(layers))


def sample_pack(configuration: Configuration, labels: int, seed: int = 0) -> LabelPack:
    """A label pack of random rows."""
    rows = np.random.default_rng(seed).integers(-100, 101, (labels, configuration.r)).astype(np.int8)
    rows[:, 0] |= 1  # no row of zeros
    names = tuple(f"label {i}" for i in range(labels))
    return LabelPack(ENCODER_ID, configuration.frontend.frontend_id, names, rows, np.zeros(labels, np.int16))


@dataclass(frozen=True)
class SampleProject:
    """A written firmware project of a sample encoder."""

    folder: Path
    library: CLibrary
    graph: Graph
    pack: LabelPack


def write_sample_project(
    configuration: Configuration, board: Board, isa: str, seed: int, work: Path, labels: int = 4,
    schedule: str = "auto", static_ram: StaticRam | None = None, ring_samples: int = LEAST_SAMPLES,
) -> SampleProject:  # fmt: skip
    """The whole firmware of a configuration with random weights: project in `work`/firmware, as `export` writes it.

    static_ram, ring_samples: what is known of it, so that its memory is an export's.
    """
    graph = sample_graph(configuration, seed)
    library = generate(graph, work / "c", isa=isa, schedule=schedule)
    spec, pack = configuration.frontend, sample_pack(configuration, labels, seed)
    quant = graph.tensors[graph.inputs[0]].quant
    assert quant is not None
    multiplier, shift = input_multiplier(float(quant.s), spec)
    parts = FirmwareParts(
        library.directory, library.push_arena_bytes or library.arena_bytes, library.const_bytes,
        frontend_sources(spec, work / "frontend"), pack.to_bytes(), static_ram=static_ram,
    )  # fmt: skip
    hop = min(spec.frames, max(1, round(1.28 * spec.sample_rate_hz / spec.hop_samples)))
    config = FirmwareConfig(
        "0.1.0", ENCODER_ID, spec.frontend_id, multiplier, shift, quant.z, hop, ring_samples=ring_samples
    )
    write_project(work / "firmware", board, parts, config)
    return SampleProject(work / "firmware", library, graph, pack)


def compile_project(project: Path, board: Board, for_chip: bool = False) -> Path:
    """The image of a written project by the compiler itself, as the platform tinyclap-bare would: quicker than PlatformIO.

    for_chip: with the drivers of the chip; otherwise the image that counts instructions. What both share is compiled once.
    The encoder gets -O3 as its manifest says, everything else the common flags. BuildFailed with the compiler's words.
    """
    tool = find_toolchain(board)
    environment, drivers = (board.name, "port") if for_chip else (semihost_environment(board), "port_semihost")
    folders = [*sorted((project / "lib").iterdir()), project / "src", project / "src" / drivers]
    includes = [f"-I{folder}" for folder in folders]
    encoder = sorted((project / "lib" / "encoder").glob("**/*.c"))
    others = [p for p in sorted(project.glob("lib/**/*.c")) if p not in encoder] + sorted(project.glob("src/*.c"))
    objects = []
    for flags, sources, name in (
        (("-O3",), encoder, "encoder"), ((), others, "others"), ((), sorted((project / "src" / drivers).glob("*.c")), drivers),
    ):  # fmt: skip
        objects.append(str(project / f"{name}.o"))
        if not Path(objects[-1]).is_file():
            command = [*tool.cc, *tool.compile_flags, *flags, *includes, "-nostdlib", "-r", *map(str, sources)]
            _run([*command, "-o", objects[-1]], board)
    elf = project / f"{environment}.elf"
    script = f"-Wl,-T,{project / 'linker' / f'{environment}.ld'}"
    _run([*tool.cc, *tool.link_flags, script, *objects, "-o", str(elf), *tool.libraries], board)
    return elf


def _run(command: list[str], board: Board) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"a sample does not build for {board.name}: {done.stderr.strip()[-300:]}")
