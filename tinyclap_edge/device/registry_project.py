"""The part of a firmware project that differs for a board of tier C: PlatformIO's registry platform builds it, online.

No offline compiler knows these cores, so such a project is written and linted here, never compiled for its board.
Instead of the bare platform, its linker script and toolbox, it has

platformio.ini           the registry platform, the board's name there, framework = espidf
CMakeLists.txt, src/CMakeLists.txt   what ESP-IDF wants to see; PlatformIO itself finds lib/
sdkconfig.defaults       main task's stack, optimisation, clock, flash size
partitions.csv           one application partition over the whole flash: ESP-IDF's own default is 1 MB
src/port/                tce_port under ESP-IDF, with app_main
"""

from __future__ import annotations

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import UsageError
from tinyclap_edge.resources import firmware_dir

REGISTRY_TIER = "C"
FRAMEWORK = "espidf"
APP_OFFSET = 0x10000  # behind boot loader and partition table; applications start at multiples of 64 KB
CONSOLE_BAUD = 115200  # ESP-IDF's default for UART0

_CMAKE = """cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(firmware)
"""
_CMAKE_SRC = """file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
idf_component_register(SRCS ${sources} PRIV_REQUIRES driver)
"""


def built_by_registry(board: Board) -> bool:
    """Whether the board's firmware is built by a registry platform; UsageError where there is no port for its framework."""
    if board.tier != REGISTRY_TIER:
        return False
    if board.platformio.framework != FRAMEWORK:
        raise UsageError(
            f"{board.name}: there is no port of the firmware for the framework {board.platformio.framework!r}",
            f"boards of tier {REGISTRY_TIER} use {FRAMEWORK}",
        )
    return True


def registry_files(board: Board, stack_bytes: int) -> dict[str, str]:
    """Path in the project -> text, for everything but the sources that all projects share."""
    port = firmware_dir() / "ports" / FRAMEWORK / "tce_port_espidf.c"
    return {
        "platformio.ini": _ini(board),
        "CMakeLists.txt": _CMAKE,
        "src/CMakeLists.txt": _CMAKE_SRC,
        "sdkconfig.defaults": _sdkconfig(board, stack_bytes),
        "partitions.csv": f"# name, type, subtype, offset, size\nfactory, app, factory, {APP_OFFSET:#x}, "
        f"{board.flash.size_bytes - APP_OFFSET:#x}\n",
        f"src/port/{port.name}": port.read_text(encoding="utf-8"),
        ".gitignore": f".pio/\nsdkconfig.{board.name}\n",
    }


def _ini(board: Board) -> str:
    return f"""; Firmware of tinyclap-edge for {board.name}: {board.title}
; `pio run` fetches the platform from PlatformIO's registry and builds it; PlatformIO refuses a path with spaces here
; Text and PCM go through UART0: src/port/ says how

[platformio]
default_envs = {board.name}

[env:{board.name}]
platform = {board.platformio.platform}
board = {board.platformio.board}
framework = {board.platformio.framework}
board_build.partitions = partitions.csv
monitor_speed = {CONSOLE_BAUD}
"""


def _sdkconfig(board: Board, stack_bytes: int) -> str:
    return f"""# The application runs in ESP-IDF's main task.
CONFIG_ESP_MAIN_TASK_STACK_SIZE={stack_bytes}
CONFIG_COMPILER_OPTIMIZATION_PERF=y
CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ_{board.clock_hz // 1_000_000}=y
CONFIG_ESPTOOLPY_FLASHSIZE_{board.flash.size_bytes >> 20}MB=y
# One encoder run may take longer than the watchdog waits, and yields to nobody.
CONFIG_ESP_TASK_WDT_INIT=n
"""
