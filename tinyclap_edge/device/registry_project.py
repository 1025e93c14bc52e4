"""Boards whose firmware PlatformIO's registry platforms build, online: what such a project has beside the shared sources.

These projects are written and linted here, never compiled for their board (docs/ports-registry.md says what was checked).

A board of tier C is built by ESP-IDF alone, since no offline compiler knows its core. Instead of the bare platform, its
linker script and toolbox, its project has

platformio.ini           the registry platform, the board's name there, framework = espidf
CMakeLists.txt, src/CMakeLists.txt   what ESP-IDF wants to see; PlatformIO itself finds lib/
sdkconfig.defaults       main task's stack, optimisation, clock, flash size
partitions.csv           one application partition, and one for two slots of labels
src/port/                tce_port under ESP-IDF, with app_main

Whatever else builds it, a board that Arduino's libraries can give sound gets a second configuration:

arduino.ini              `pio run -c arduino.ini`
arduino/                 tce_port under Arduino, with setup, and the file of its microphone
"""

from __future__ import annotations

from tinyclap_edge.boards import Board
from tinyclap_edge.device.label_flash import SLOT_BYTES
from tinyclap_edge.errors import UsageError
from tinyclap_edge.resources import firmware_dir

REGISTRY_TIER = "C"
FRAMEWORK = "espidf"
APP_OFFSET = 0x10000  # behind boot loader and partition table; applications start at multiples of 64 KB
CONSOLE_BAUD = 115200  # ESP-IDF's default for UART0
LABELS_SUBTYPE = 0x40  # the first that ESP-IDF leaves to applications; tce_labels_espidf.c looks for it
# Board -> the library of Arduino that gives it sound: firmware/ports/arduino/tce_microphone_NAME.cpp.
ARDUINO_MICROPHONES = {"nrf52840": "pdm", "esp32": "i2s", "esp32s3": "i2s", "esp32c3": "i2s"}

_CMAKE = """cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(firmware)
"""
_CMAKE_SRC = """file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
idf_component_register(SRCS ${sources} PRIV_REQUIRES driver esp_partition esp_timer esp_system)
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
    port = sorted((firmware_dir() / "ports" / FRAMEWORK).glob("*.[ch]"))
    return {
        "platformio.ini": _ini(board),
        "CMakeLists.txt": _CMAKE,
        "src/CMakeLists.txt": _CMAKE_SRC,
        "sdkconfig.defaults": _sdkconfig(board, stack_bytes),
        "partitions.csv": _partitions(board),
        ".gitignore": f".pio/\nsdkconfig.{board.name}\n",
        **{f"src/port/{path.name}": path.read_text(encoding="utf-8") for path in port},
        **arduino_files(board),
    }


def arduino_files(board: Board) -> dict[str, str]:
    """Path in the project -> text of what Arduino needs beside lib/ and src/; nothing where no library gives sound."""
    microphone = ARDUINO_MICROPHONES.get(board.name)
    if microphone is None:
        return {}
    ports = firmware_dir() / "ports"
    sources = [
        *sorted(ports.glob("tce_port*.h")),
        *sorted((ports / "arduino").glob("*.h")),
        ports / "arduino" / "tce_port_arduino.cpp",
        ports / "arduino" / f"tce_microphone_{microphone}.cpp",
    ]
    files = {f"arduino/{path.name}": path.read_text(encoding="utf-8") for path in sources}
    return {"arduino.ini": _arduino_ini(board), **files}


def _partitions(board: Board) -> str:
    labels = board.flash.size_bytes - 2 * SLOT_BYTES
    return (
        "# name, type, subtype, offset, size\n"
        f"factory, app, factory, {APP_OFFSET:#x}, {labels - APP_OFFSET:#x}\n"
        f"labels, data, {LABELS_SUBTYPE:#x}, {labels:#x}, {2 * SLOT_BYTES:#x}\n"
    )


def _arduino_ini(board: Board) -> str:
    return f"""; Firmware of tinyclap-edge for {board.name} under Arduino: {board.title}
; `pio run -c arduino.ini` fetches the platform from PlatformIO's registry and builds it
; Labels are the image's: pushed ones need the other configuration, platformio.ini

[platformio]
default_envs = {board.name}-arduino

[env:{board.name}-arduino]
platform = {board.platformio.platform}
board = {board.platformio.board}
framework = arduino
; the port's headers stand in arduino/; lib/port has a C library's, for images without one
build_flags = -I arduino
lib_ignore = tce_port
build_src_filter = +<*.c> +<../arduino/>
monitor_speed = {CONSOLE_BAUD}
"""


def _ini(board: Board) -> str:
    return f"""; Firmware of tinyclap-edge for {board.name}: {board.title}
; `pio run` fetches the platform from PlatformIO's registry and builds it; PlatformIO refuses a path with spaces here
; Text and link go through UART0, an I2S microphone gives the sound: src/port/ says how

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
# The application starts the task watchdog for itself, with its own time.
CONFIG_ESP_TASK_WDT_EN=y
CONFIG_ESP_TASK_WDT_INIT=n
"""
