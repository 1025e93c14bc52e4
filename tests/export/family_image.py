"""Many members of the family in one image for a board's core: each reads its rows, runs, and prints its outputs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from graph_family import family_graph, inputs_of, litert_outputs
from tinyclap_export.codegen import CLibrary, generate
from tinyclap_export.passes import optimise
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.boards import Board
from tinyclap_edge.device.cpu import kernel_isa
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.toolchain import find_toolchain
from tinyclap_edge.engine import emulate
from tinyclap_edge.engine.counted import model_phases
from tinyclap_edge.engine.model_project import linker_script
from tinyclap_edge.engine.sizes import place
from tinyclap_edge.resources import firmware_dir

MAIN = """
#include "tce_port.h"
#include "tce_semihost.h"
#include "tce_text.h"
%(includes)s
static uint8_t arena[%(arena)d] __attribute__((section(".bss.tce_arena"), aligned(16)));
static intptr_t file;
static tce_port port;
static tce_text text;
static intptr_t open_file(const char *name, uintptr_t mode, uintptr_t length) {
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return tce_semihost_call(TCE_SYS_OPEN, arguments);
}
static void fill(int8_t *to, uint32_t size) {
    const uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)to, size};
    if (tce_semihost_call(TCE_SYS_READ, arguments) != 0) { tce_port_exit(3); }
}
static void show(const int8_t *from, int32_t size) {
    tce_text_hex(&text, from, size);
    tce_text_line(&text);
}
int tce_app_main(void) {
    port.console = open_file(":tt", TCE_OPEN_WRITE, 3);
    file = open_file("inputs.bin", TCE_OPEN_READ_BINARY, 10);
    tce_text_init(&text, &port);
%(bodies)s
    return 0;
}
"""


def member_libraries(numbers: Sequence[int], folder: Path, isa: str, schedule: str) -> list[CLibrary]:
    """The library of each member, from the file that we write of it."""
    made = []
    for number in numbers:
        graph, name = read_tflite(write_tflite(family_graph(number))), f"{schedule}_{number}"
        made.append(generate(optimise(graph)[0], folder / name, name, isa=isa, schedule=schedule))
    return made


def run_members(board: Board, numbers: Sequence[int], schedule: str, folder: Path, samples: int) -> dict[int, int]:
    """Bytes that differ from LiteRT's, by member, on the board's core; members without any are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    made = member_libraries(numbers, folder, kernel_isa(board), schedule)
    elf = _build(board, made, numbers, folder, samples)
    sent, wanted = b"", []
    for number in numbers:
        graph = family_graph(number)
        inputs = inputs_of(graph, samples)
        outputs = litert_outputs(write_tflite(graph), inputs)
        sent += b"".join(x[i].tobytes() for i in range(samples) for x in inputs)
        wanted += [(number, y[i].tobytes()) for i in range(samples) for y in outputs]
    image = read_elf(elf)
    run = emulate._unicorn if emulate.choose_engine(board) == "unicorn" else emulate._qemu
    text, code, _ = run(board, elf, image, model_phases(image), np.frombuffer(sent, np.uint8), 120.0)
    lines = text.split()
    assert code == 0 and len(lines) == len(wanted), f"exit code {code}, {len(lines)} of {len(wanted)} outputs"
    found: dict[int, int] = {}
    for (number, want), line in zip(wanted, lines, strict=True):
        wrong = np.count_nonzero(np.frombuffer(bytes.fromhex(line), np.int8) != np.frombuffer(want, np.int8))
        if wrong:
            found[number] = found.get(number, 0) + int(wrong)
    return found


def _build(board: Board, made: list[CLibrary], numbers: Sequence[int], folder: Path, samples: int) -> Path:
    tool = find_toolchain(board)
    ports = firmware_dir() / "ports"
    (folder / "main.c").write_text(_main(made, numbers, samples))
    generated = [source for lib in made for source in lib.sources if source.parent.name != "engine"]
    (folder / "models.c").write_text("".join(f'#include "{source}"\n' for source in generated))
    kernels = {source.name: source for lib in made for source in lib.sources if source.parent.name == "engine"}
    script = folder / "family.ld"
    constants = sum(lib.const_bytes for lib in made)
    script.write_text(linker_script(place(board, max(lib.arena_bytes for lib in made), constants)))
    folders = [
        *(lib.include_dir for lib in made),
        firmware_dir() / "app",
        ports,
        ports / "semihost",
        ports / "freestanding",
    ]
    sources = [folder / "main.c", folder / "models.c", *kernels.values(), firmware_dir() / "app" / "tce_text.c",
               *sorted((ports / "semihost").glob("*.c")), *sorted((ports / "freestanding").glob("*.c"))]  # fmt: skip
    elf = folder / "family.elf"
    command = [*tool.cc, *tool.compile_flags, "-O2", "-g0", *(f"-I{f}" for f in folders), *map(str, sources),
               *tool.link_flags, f"-Wl,-T,{script}", "-o", str(elf), *tool.libraries]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return elf


def _main(made: list[CLibrary], numbers: Sequence[int], samples: int) -> str:
    bodies = []
    for lib, number in zip(made, numbers, strict=True):
        graph, prefix, macro = family_graph(number), f"tce_{lib.name}", f"TCE_{lib.name}".upper()
        ends = {"input": ["" if i == 0 else f"_{i}" for i in range(len(graph.inputs))],
                "output": ["" if i == 0 else f"_{i}" for i in range(len(graph.outputs))]}  # fmt: skip
        fills = [f"fill({prefix}_input{e}(arena), {macro}_INPUT{e}_BYTES);" for e in ends["input"]]
        shows = [f"show({prefix}_output{e}(arena), {macro}_OUTPUT{e}_BYTES);" for e in ends["output"]]
        bodies.append(
            f"    for (int i = 0; i < {samples}; i++) {{ {' '.join(fills)} {prefix}_run(arena); {' '.join(shows)} }}"
        )
    includes = "\n".join(f'#include "tce_{lib.name}.h"' for lib in made)
    return MAIN % {"includes": includes, "bodies": "\n".join(bodies), "arena": max(lib.arena_bytes for lib in made)}
