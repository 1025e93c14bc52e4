"""The part of a firmware project that is for a board whose image is built here, by the bare platform, without a network.

A board with a port of its own (bare_ports.py) gets two environments: BOARD, for the chip, and BOARD-semihost, for an
emulator that counts instructions. Any other board has the second one only, and it is named BOARD.
"""

from __future__ import annotations

import json
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.device.bare_ports import SEMIHOSTING, files_of, has_port, port_files
from tinyclap_edge.device.cpu import cpu_flags
from tinyclap_edge.device.memory_plan import MemoryPlan, for_bare_port, linker_script
from tinyclap_edge.device.platformio_core import PLATFORM_NAME, TOOLBOX
from tinyclap_edge.device.toolchain import GCC_PACKAGES


def board_description(board: Board, plan: MemoryPlan, toolchain: str | None = None) -> dict[str, Any]:
    """boards/NAME.json: PlatformIO's own keys, and ours under `build`."""
    flags = cpu_flags(board)
    ram = {region.name: region for region in (plan.data, plan.arena)}
    return {
        "name": board.title,
        "vendor": "tinyclap-edge",
        "url": f"https://registry.platformio.org/platforms/platformio/{board.platformio.platform.split('@')[0]}",
        "platforms": [PLATFORM_NAME],
        "frameworks": [],
        "build": {
            "mcu": board.name,
            "cpu": board.core,
            "f_cpu": f"{board.clock_hz}L",
            "ldscript": f"linker/{board.name}.ld",
            "toolchain": toolchain or "",
            "zig": {"flags": list(flags.zig)},
            "gcc": {
                "flags": list(flags.gcc),
                "prefix": flags.gcc_prefix,
                "package": GCC_PACKAGES[flags.gcc_prefix],
            },
            "regions": [
                {"name": r.name, "kind": r.kind, "address": r.address, "size": r.size_bytes} for r in board.regions
            ],
        },
        "upload": {
            "maximum_size": plan.code.size_bytes,
            "maximum_ram_size": sum(region.size_bytes for region in ram.values()),
        },
    }


def semihost_environment(board: Board) -> str:
    """The PlatformIO environment of the image that counts instructions."""
    return f"{board.name}-semihost" if has_port(board) else board.name


def bare_files(board: Board, plan: MemoryPlan, toolchain: str | None) -> dict[str, str]:
    """Path in the project -> text, for a board that the bare platform builds."""
    files = {
        "platformio.ini": _ini(board),
        f"boards/{board.name}.json": json.dumps(board_description(board, plan, toolchain), indent=2) + "\n",
        f"linker/{semihost_environment(board)}.ld": linker_script(plan),
        ".gitignore": f".pio/\n__pycache__/\n{TOOLBOX}/.cache/\n{TOOLBOX}/homestate.json\n",
    }
    if has_port(board):
        files[f"linker/{board.name}.ld"] = linker_script(for_bare_port(plan, board))
    for folder, sources in (("port", port_files(board)), ("port_semihost", files_of(SEMIHOSTING))):
        files |= {f"src/{folder}/{path.name}": path.read_text(encoding="utf-8") for path in sources}
    return files


def _ini(board: Board) -> str:
    counting = semihost_environment(board)
    environments = [
        f"""; For an emulator that counts instructions; sound, text and flash are the emulator's.
[env:{counting}]
board_build.ldscript = linker/{counting}.ld
build_src_filter = +<*> -<port/>
"""
    ]
    if has_port(board):
        environments.insert(
            0,
            f"""; For the chip.
[env:{board.name}]
build_src_filter = +<*> -<port_semihost/>

""",
        )
    return f"""; Firmware of tinyclap-edge for {board.name}: {board.title}
; `pio run` builds it, without a network; the image is .pio/build/{board.name}/firmware.elf
; The compiler is zig (pip install ziglang) or, where only that is installed, gcc; to choose: board_build.toolchain = gcc

[platformio]
default_envs = {board.name}
core_dir = ${{PROJECT_DIR}}/{TOOLBOX}
platforms_dir = ${{PROJECT_DIR}}/{TOOLBOX}/platforms
packages_dir = ${{PROJECT_DIR}}/{TOOLBOX}/packages

[env]
platform = {PLATFORM_NAME}
board = {board.name}
lib_archive = no
test_framework = custom

{"".join(environments)}"""
