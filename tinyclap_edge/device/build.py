"""Building a firmware project with PlatformIO, quietly, and reading its sizes from the image itself."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.boards import Region
from tinyclap_edge.device.elf_image import read_elf
from tinyclap_edge.device.platformio_core import (
    TOOLBOX,
    check_installed,
    fill_toolbox,
    platformio_environment,
)
from tinyclap_edge.device.platformio_project import read_project
from tinyclap_edge.device.toolchain import ENVIRONMENT_VARIABLE, ZIG_INSTALL, choose_toolchain, find_zig
from tinyclap_edge.errors import DoesNotFit, TinyclapError, ToolMissing, UsageError

BUILD_TIMEOUT_S = 900

# GNU ld: region `dtcm' overflowed by 96 bytes.  lld: section '.bss' will not fit in region 'dtcm': overflowed by 96 bytes
_OVERFLOW = re.compile(r"region [`'](\w+)'(?::)? overflowed by (\d+) bytes")
_NOISE = re.compile(
    r"^(Processing |Verbose mode|CONFIGURATION:|PLATFORM:|HARDWARE:|DEBUG:|PACKAGES:| - |LDF:|LDF Modes:|Found \d+ compat|"
    r"Scanning dep|Dependency Graph|\|-- |No dependencies|Building in |Compiling |Archiving |Indexing |Linking |Checking size|"
    r"Advanced Memory|RAM: |Flash: |=+|-+$|Environment |\*{3} \[)"
)


class BuildFailed(TinyclapError):
    """The compiler or linker refused; the fact holds its own words."""

    exit_code = 1


@dataclass(frozen=True)
class BuildResult:
    """A built image."""

    elf: Path
    flash_bytes: int
    bytes_by_region: dict[str, int]  # every region that the image uses, code and RAM alike
    ram_bytes: dict[str, int]  # the RAM regions among them, arena and stack included
    toolchain: str
    seconds: float


def build(
    project_dir: Path | str,
    toolchain: str | None = None,
    on_line: Callable[[str], None] | None = None,
    verbose: bool = False,
    semihosting: bool = False,
) -> BuildResult:
    """Builds the project. `on_line` gets what the build says, without PlatformIO's own chatter unless `verbose`.

    semihosting: the image that counts instructions in an emulator; without it the one for the chip where there is a port.

    Errors: ToolMissing (compiler, PlatformIO, or the registry platform of a board of tier C, which is never fetched from
    here), DoesNotFit (region and bytes), BuildFailed (the compiler's words), UsageError (no project).
    """
    project = Path(project_dir).resolve()
    record = read_project(project)
    name = record["environment"]
    if record.get("registry"):
        raise ToolMissing(
            f"{name} is built by PlatformIO's registry platform {record['registry']}, which needs a network",
            f"pio run -d {shlex.quote(str(project_dir))}",
        )
    board = _board(project, name)
    if semihosting and record.get("semihost_environment") == f"{name}-semihost":
        name = record["semihost_environment"]
    check_installed()
    chosen = _check_toolchain(board, toolchain)
    # anew each time: it may come from an installation with another PlatformIO, or from anybody
    shutil.rmtree(project / TOOLBOX, ignore_errors=True)
    fill_toolbox(project / TOOLBOX)
    environment = platformio_environment() | {ENVIRONMENT_VARIABLE: chosen}
    # started in the project, since PlatformIO reads its own state before it looks at -d
    command = [sys.executable, "-m", "platformio", "run", "-e", name]
    started = time.perf_counter()
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for raw in process.stdout:
                line = raw.rstrip()
                lines.append(line)
                if on_line and line and (verbose or not _NOISE.match(line)):
                    on_line(line)
            code = process.wait(timeout=BUILD_TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
    seconds = time.perf_counter() - started
    if code != 0:
        raise _failure(lines, record["board"], board)
    elf = project / ".pio" / "build" / name / "firmware.elf"
    used = read_elf(elf).bytes_by_region(_regions(board), record["board"])
    kinds = {region.name: region.kind for region in _regions(board)}
    return BuildResult(
        elf=elf,
        flash_bytes=sum(size for region, size in used.items() if kinds[region] == "flash"),
        bytes_by_region=used,
        ram_bytes={region: size for region, size in used.items() if kinds[region] == "ram"},
        toolchain=chosen,
        seconds=seconds,
    )


def _board(project: Path, name: str) -> dict:
    try:
        return dict(json.loads((project / "boards" / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"{project} lacks boards/{name}.json", "export the project again") from error


def _regions(board: dict) -> tuple[Region, ...]:
    return tuple(Region(r["name"], r["kind"], r["address"], r["size"], ()) for r in board["build"]["regions"])


def _check_toolchain(board: dict, wanted: str | None) -> str:
    """The compiler that the platform will use, checked before PlatformIO starts."""
    asked = wanted or board["build"]["toolchain"] or None
    chosen = choose_toolchain(asked)
    gcc = board["build"]["gcc"]
    if chosen == "zig" and find_zig() is None:
        if asked is None and shutil.which(gcc["prefix"] + "gcc"):
            return "gcc"
        raise ToolMissing("no zig compiler is installed", ZIG_INSTALL)
    if chosen == "gcc" and not shutil.which(gcc["prefix"] + "gcc"):
        raise ToolMissing(f"{gcc['prefix']}gcc is not installed", f"apt-get install {gcc['package']}")
    return chosen


def _failure(lines: list[str], name: str, board: dict) -> TinyclapError:
    """The error behind a failed build."""
    over: dict[str, int] = {}
    for line in lines:
        for region, count in _OVERFLOW.findall(line):
            over[region] = max(over.get(region, 0), int(count))
    if over:
        sizes = {region["name"]: region["size"] for region in board["build"]["regions"]}
        parts = [f"region {r} ({sizes.get(r, 0):,} bytes) is over-full by {n:,} bytes" for r, n in over.items()]
        return DoesNotFit(
            f"the firmware does not fit {name}: {', '.join(parts)}",
            "take a smaller student (`tinyclap-edge students list`), fewer labels, or a board with more memory",
        )
    errors = [line for line in lines if re.search(r"\b(error|undefined)\b", line, re.IGNORECASE) and line[:1] != "*"]
    said = " | ".join(dict.fromkeys(errors[:3])) or " | ".join([line for line in lines if line][-3:])
    return BuildFailed(
        f"the firmware of {name} did not build: {said}", "`pio run -v` in the project shows every command"
    )
