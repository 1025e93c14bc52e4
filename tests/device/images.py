"""Firmware images for the tests: a project is written as usual, then compiled by one command instead of PlatformIO, which is quicker."""

from __future__ import annotations

import subprocess
from pathlib import Path

from device.fake_firmware import ARENA, ENCODER_ID, FRONTEND_ID, LABEL_PACK, MULTIPLIER, SHIFT, ZERO_POINT, write_parts

from tinyclap_edge.boards import Board
from tinyclap_edge.device.bare_project import semihost_environment
from tinyclap_edge.device.platformio_project import FirmwareConfig, FirmwareParts, write_project
from tinyclap_edge.device.toolchain import find_toolchain

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
HOP = 3  # rows between windows of the fake firmware


def fake_parts(root: Path, arena_bytes: int = ARENA, ballast_bytes: int = 0) -> FirmwareParts:
    """The stand-ins of fake_firmware.py, written below `root`."""
    folders = write_parts(root, arena_bytes, ballast_bytes)
    return FirmwareParts(folders["encoder"], arena_bytes, 0, folders["frontend"], LABEL_PACK, folders["labels"])


def fake_config(**changes: object) -> FirmwareConfig:
    """The configuration that belongs to them."""
    values = {
        "version": "0.1.0",
        "encoder_id": ENCODER_ID,
        "frontend_id": FRONTEND_ID,
        "input_multiplier": MULTIPLIER,
        "input_shift": SHIFT,
        "input_zero_point": ZERO_POINT,
        "hop_frames": HOP,
    }
    return FirmwareConfig(**(values | changes))  # type: ignore[arg-type]


def compile_project(project: Path, board: Board, toolchain: str = "zig", port: bool = False) -> Path:
    """Compiles a written project into project/firmware.elf with every warning an error; returns its path.

    port: the image for the chip, project/port.elf, instead of the one for a counting emulator.
    """
    tool = find_toolchain(board, toolchain)
    sources = sorted(project.glob("lib/**/*.c")) + sorted(project.glob("src/*.c"))
    sources += sorted((project / "src" / ("port" if port else "port_semihost")).glob("*.c"))
    includes = [f"-I{folder}" for folder in sorted((project / "lib").iterdir())] + [f"-I{project / 'src'}"]
    script = f"-Wl,-T,{project / 'linker' / f'{board.name if port else semihost_environment(board)}.ld'}"
    elf = project / ("port.elf" if port else "firmware.elf")
    command = [*tool.cc, *tool.compile_flags, *WARNINGS, *includes, *map(str, sources), *tool.link_flags, script]
    done = subprocess.run([*command, "-o", str(elf), *tool.libraries], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return elf


def fake_image(root: Path, board: Board, toolchain: str = "zig") -> Path:
    """The application with the stand-ins, compiled for a board."""
    write_project(root / "project", board, fake_parts(root / "parts"), fake_config())
    return compile_project(root / "project", board, toolchain)
