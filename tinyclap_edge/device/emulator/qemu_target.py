"""Firmware in QEMU: an independent emulator for the boards it models, and the only one with a Cortex-M55.

The PCM is a real file "pcm.bin" in a temporary directory that is QEMU's working directory; the console is QEMU's standard output.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.run_result import RunResult, command_line, parse_console
from tinyclap_edge.errors import DeviceError, DoesNotFit, ToolMissing, UsageError

DEFAULT_TIMEOUT_S = 600.0
_FAULT = 70  # the firmware's exit code of a CPU fault


@dataclass(frozen=True)
class Machine:
    """One machine of QEMU: the program that has it, and (address, bytes) of the memory it models."""

    program: str
    package: str  # Debian's
    memory: tuple[tuple[int, int], ...]


# netduinoplus2 is an STM32F405 without its core-coupled RAM; facts of QEMU 7.2, hw/arm/stm32f405_soc.c and mps3-an547 in mps2-tz.c
MACHINES = {
    "netduinoplus2": Machine("qemu-system-arm", "qemu-system-arm", ((0x08000000, 1 << 20), (0x20000000, 192 << 10))),
    "mps3-an547": Machine(
        "qemu-system-arm",
        "qemu-system-arm",
        ((0, 512 << 10), (0x20000000, 512 << 10), (0x21000000, 4 << 20), (0x28000000, 8 << 20)),
    ),
}


def qemu_available(board: Board) -> bool:
    """Whether this PC has the QEMU that models the board."""
    machine = MACHINES.get(board.emulator.qemu)
    return machine is not None and shutil.which(machine.program) is not None


@dataclass(frozen=True)
class QemuTarget:
    """Runs firmware in QEMU; instructions are not counted."""

    board: Board
    timeout_s: float = DEFAULT_TIMEOUT_S
    name: str = "emulator"

    def run(self, elf: Path | str, pcm: np.ndarray, hop_frames: int | None = None) -> RunResult:
        """One run over int16 PCM (n,); `hop_frames` overrides the image's own.

        ToolMissing without QEMU, DoesNotFit when the image uses memory that QEMU does not model, DeviceError otherwise.
        """
        machine = MACHINES.get(self.board.emulator.qemu)
        if machine is None:
            raise UsageError(
                f"QEMU has no machine for {self.board.name}", "`tinyclap-edge boards` lists the emulated ones"
            )
        program = shutil.which(machine.program)
        if program is None:
            raise ToolMissing(f"{machine.program} is not installed", f"apt-get install {machine.package}")
        image = read_elf(elf)
        used = image.bytes_by_region(self.board.regions, self.board.name)
        _check_memory(image, machine, self.board)
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="tce-qemu-") as work:
            (Path(work) / "pcm.bin").write_bytes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
            shutil.copyfile(elf, Path(work) / "firmware.elf")
            code, text, complaint = self._start(program, Path(work), hop_frames)
        if not text and code not in (0, _FAULT):
            raise DeviceError(
                f"QEMU ended with exit code {code}: {complaint}", "`qemu-system-arm --version` should be 7.2 or later"
            )
        banner, windows, stack = parse_console(text, code)
        return RunResult(
            banner=banner,
            windows=windows,
            stack_bytes=stack,
            instructions=None,
            ram_bytes={r.name: used[r.name] for r in self.board.regions if r.kind == "ram" and r.name in used},
            engine="qemu",
            seconds=time.perf_counter() - started,
        )

    def _start(self, program: str, work: Path, hop_frames: int | None) -> tuple[int, str, str]:
        """QEMU's exit code, the firmware's text, and the last line of QEMU's own complaints."""
        arguments = "".join(f",arg={word}" for word in command_line(hop_frames).split())
        command = [
            program, "-M", self.board.emulator.qemu, "-kernel", "firmware.elf", "-display", "none", "-serial", "none",
            "-monitor", "none", "-semihosting-config", f"enable=on,target=native{arguments}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=work, timeout=self.timeout_s, capture_output=True, text=True, errors="replace",
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"the firmware ran longer than {self.timeout_s:g} s in QEMU", "give it less audio, or a longer timeout"
            ) from error
        except OSError as error:
            raise DeviceError(f"QEMU could not be started: {error.strerror}") from error
        return done.returncode, done.stdout, (done.stderr.strip().splitlines() or ["no message"])[-1]


def _check_memory(image: ElfImage, machine: Machine, board: Board) -> None:
    """The image must lie in memory that QEMU has: outside it, stores vanish and loads give zero."""
    for section in image.sections:
        if not any(
            base <= section.address and section.address + section.size <= base + size for base, size in machine.memory
        ):
            raise DoesNotFit(
                f"section {section.name} at 0x{section.address:08X} is in memory that QEMU's {board.emulator.qemu} lacks",
                "run it in unicorn, which has the board's whole memory",
            )
