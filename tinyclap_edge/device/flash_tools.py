"""Which tool writes an image to which board, and how: openocd, st-flash, pyocd, esptool, UF2 drives.

A tool is an entry of TOOLS, what a board needs of each is an entry of BOARDS: its first tool that is installed here is
taken. PlatformIO runs the command as its upload (`pio run -t upload`).
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tinyclap_edge.boards import Board
from tinyclap_edge.device.flash_image import FlashPart
from tinyclap_edge.device.in_turn import in_turn
from tinyclap_edge.device.registry_project import built_by_registry
from tinyclap_edge.errors import ToolMissing, UsageError

PLATFORMIO = "platformio"


@dataclass(frozen=True)
class Job:
    """One upload. `detail`: what BOARDS says for the board and tool; `probe`: a debug probe's serial number, or ""."""

    program: tuple[str, ...]
    detail: str
    image: Path
    address: int  # where the image lies in the chip's memory
    offset: int = 0  # and from the begin of its flash
    port: str = ""
    probe: str = ""
    drive: str = ""  # where a UF2 drive is mounted
    baud: int = 0  # of the upload, where the tool takes one
    more: tuple[FlashPart, ...] = ()  # files behind the first, where label slots stand between


@dataclass(frozen=True)
class FlashTool:
    """A program that writes flash. It goes to the chip through `through`: a debug probe, a serial port or a drive."""

    name: str
    install: str
    through: str  # "probe", "port", "drive"
    image: str  # "elf", "bin", "uf2"
    command: Callable[[Job], list[str]]
    programs: tuple[str, ...] = ()  # on PATH
    module: str = ""  # or in this Python
    bauds: tuple[int, ...] = (0,)  # tried in turn where the chip does not answer

    def find(self) -> tuple[str, ...] | None:
        """How it is started here; None where it is not installed."""
        for program in self.programs:
            path = shutil.which(program)
            if path:
                return (path,)
        if self.module and importlib.util.find_spec(self.module.split(".")[0]):
            return (sys.executable, "-m", self.module)
        return None


def _openocd(job: Job) -> list[str]:
    interface, target = job.detail.split()
    files = ["-f", f"interface/{interface}.cfg"]
    if job.probe:
        files += ["-c", f"adapter serial {job.probe}"]
    image = str(job.image).replace("\\", "/")
    return [*job.program, *files, "-f", f"target/{target}.cfg", "-c", f"program {{{image}}} verify reset exit"]


def _st_flash(job: Job) -> list[str]:
    probe = ["--serial", job.probe] if job.probe else []
    files = [(job.image, job.address), *((part.path, part.address) for part in job.more)]
    writes = [[*job.program, *probe, "write", str(path), f"{address:#010x}"] for path, address in files]
    writes[-1].insert(len(job.program) + len(probe), "--reset")
    return in_turn(writes)


def _pyocd(job: Job) -> list[str]:
    probe = ["--probe", job.probe] if job.probe else []
    return [*job.program, "flash", "--no-wait", "--target", job.detail, *probe, str(job.image)]


def _esptool(job: Job) -> list[str]:
    speed = ["--baud", str(job.baud)]
    return [
        *job.program,
        "--chip",
        job.detail,
        "--port",
        job.port,
        *speed,
        "write-flash",
        hex(job.offset),
        str(job.image),
        *(word for part in job.more for word in (hex(part.offset), str(part.path))),
    ]


def _uf2(job: Job) -> list[str]:
    return [*job.program, str(job.image), job.drive]


TOOLS = {
    tool.name: tool
    for tool in (
        FlashTool("openocd", "apt-get install openocd", "probe", "elf", _openocd, ("openocd",)),
        FlashTool("stlink", "apt-get install stlink-tools", "probe", "bin", _st_flash, ("st-flash",)),
        FlashTool("pyocd", "pip install 'tinyclap-edge[probe]'", "probe", "elf", _pyocd, ("pyocd",), "pyocd"),
        FlashTool(
            "esptool", "pip install 'tinyclap-edge[esp]'", "port", "bin", _esptool, ("esptool", "esptool.py"),
            "esptool", (460_800, 115_200),
        ),
        FlashTool("uf2", "", "drive", "uf2", _uf2, (), "tinyclap_edge.device.uf2"),
    )
}  # fmt: skip

# board -> tool -> what the tool must know: openocd "interface target", pyocd and esptool a chip, uf2 the family.
BOARDS: Mapping[str, Mapping[str, str]] = {
    "stm32f4": {"openocd": "stlink stm32f4x", "stlink": ""},
    "stm32h7": {"openocd": "stlink stm32h7x", "stlink": "", "pyocd": "stm32h743xx"},
    "stm32l4": {"openocd": "stlink stm32l4x", "stlink": ""},
    "stm32u5": {"openocd": "stlink stm32u5x"},
    "nrf52840": {"openocd": "jlink nrf52", "pyocd": "nrf52840"},
    "rp2040": {"uf2": "e48bff56", "openocd": "cmsis-dap rp2040", "pyocd": "rp2040"},
    "rp2350": {"uf2": "e48bff59", "pyocd": "rp2350"},
    "esp32c3": {"esptool": "esp32c3"},
}
# What twister's `runner` calls a tool.
RUNNERS = {
    "openocd": "openocd",
    "stlink": "stlink",
    "pyocd": "pyocd",
    "esp32": "esptool",
    "esptool": "esptool",
    "uf2": "uf2",
}


@dataclass(frozen=True)
class Choice:
    """A tool that is here, for a board."""

    tool: FlashTool
    program: tuple[str, ...]
    detail: str

    def command(self, job: Job) -> list[str]:
        """The upload's command line."""
        return self.tool.command(replace(job, program=self.program, detail=self.detail))


def choose_tool(board: Board, wanted: str | None = None) -> Choice | None:
    """The tool for a board, the first of its list that is installed; `wanted` insists on one. None: PlatformIO's own, for
    a board that a registry platform builds.

    UsageError for a board that nothing flashes or a tool that is not the board's, ToolMissing with the line that
    installs it.
    """
    if built_by_registry(board):
        if wanted not in (None, PLATFORMIO):
            raise UsageError(
                f"{board.name} is flashed by PlatformIO's {board.platformio.platform}, not by {wanted}",
                "leave out --tool",
            )
        return None
    known = BOARDS.get(board.name, {})
    if not known:
        raise UsageError(
            f"no tool flashes {board.name}",
            "`tinyclap-edge emulate` runs its image" if board.emulator.unicorn else "`tinyclap-edge verify` runs its image in QEMU",
        )  # fmt: skip
    if wanted is not None and wanted not in known:
        raise UsageError(f"{wanted!r} does not flash {board.name}", f"one of {', '.join(known)}")
    names = [wanted] if wanted else list(known)
    for name in names:
        program = TOOLS[name].find()
        if program is not None:
            return Choice(TOOLS[name], program, known[name])
    missing = " and ".join(names) if len(names) < 3 else ", ".join(names)
    raise ToolMissing(
        f"{missing} {'is' if len(names) == 1 else 'are'} not installed; {board.name} is flashed by "
        + ("it" if len(names) == 1 else "one of them"),
        TOOLS[names[0]].install,
    )
