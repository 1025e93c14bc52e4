"""A virtual board in unicorn: the ELF at its real addresses, memory by the board's regions, semihosting answered in memory.

unicorn is GPL-2 and imported only in this package, when an emulator is asked for.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.emulator.attribution import phase_map
from tinyclap_edge.device.emulator.counting import make_counter
from tinyclap_edge.device.emulator.engine import load_image, map_memory, new_engine, open_unicorn
from tinyclap_edge.device.emulator.semihosting import SemihostingFiles
from tinyclap_edge.device.run_result import RunResult, command_line, parse_console
from tinyclap_edge.errors import DeviceError

_PAGE = 0x1000
_SYSTEM_CONTROL_SPACE = 0xE000E000  # Cortex-M: CPACR is written at reset; unicorn models no device there
_BKPT_SEMIHOSTING = b"\xab\xbe"
_RISCV_SEMIHOSTING = bytes.fromhex("1310f001 73001000 13507040")  # slli x0,x0,0x1f; ebreak; srai x0,x0,7
DEFAULT_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class UnicornTarget:
    """Runs firmware in unicorn. `count` adds instruction counts; without it a run is about eight times faster."""

    board: Board
    count: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S
    name: str = "emulator"

    def run(self, elf: Path | str, pcm: np.ndarray, hop_frames: int | None = None) -> RunResult:
        """One run over int16 PCM (n,); `hop_frames` overrides the image's own.

        DeviceError when the firmware fails, DoesNotFit when the image leaves the board's memory.
        """
        image = read_elf(elf)
        used = image.bytes_by_region(self.board.regions, self.board.name)
        files = SemihostingFiles(
            {"pcm.bin": np.ascontiguousarray(pcm, dtype="<i2").tobytes()}, command_line(hop_frames)
        )
        started = time.perf_counter()
        machine = _Machine(self.board, image, files)
        phases = phase_map(image)
        counter = make_counter(image, phases) if self.count else None
        if counter is not None:
            counter.attach(machine.engine)
        machine.run(self.timeout_s)
        seconds = time.perf_counter() - started
        banner, windows, stack = parse_console(files.console.decode("utf-8", "replace"), files.exit_code)
        return RunResult(
            banner=banner,
            windows=windows,
            stack_bytes=stack,
            instructions=phases.instructions(counter.counts()) if counter is not None else None,
            ram_bytes={r.name: used[r.name] for r in self.board.regions if r.kind == "ram" and r.name in used},
            engine="unicorn",
            seconds=seconds,
        )


def virtual_board(board: Board, image: ElfImage, files: SemihostingFiles) -> _Machine:
    """A board with an image in its memory; `run(timeout_s)` starts it, `engine` is unicorn's, to look into the memory.

    DoesNotFit when the image is for other memory, UsageError for a board that unicorn has no core of.
    """
    image.bytes_by_region(board.regions, board.name)
    return _Machine(board, image, files)


class _Deadline:
    """Stops an engine that runs too long. (unicorn's own timeout polls every two microseconds, a whole core's worth.)"""

    def __init__(self, engine: Any, seconds: float) -> None:
        self.expired = False
        self._engine, self._seconds = engine, seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Deadline:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._done.wait(self._seconds):
            return
        self.expired = True
        while not self._done.wait(0.05):  # again and again: a stop between two starts of the engine is lost
            self._engine.emu_stop()


class _Machine:
    """One engine with memory mapped and the image loaded."""

    def __init__(self, board: Board, image: ElfImage, files: SemihostingFiles) -> None:
        self.uc: Any = open_unicorn()
        self.board, self.image, self.files = board, image, files
        self.engine = new_engine(board, image)
        if image.machine == "arm":
            self.engine.mem_map(_SYSTEM_CONTROL_SPACE, _PAGE, self.uc.UC_PROT_READ | self.uc.UC_PROT_WRITE)
        map_memory(self.engine, board, image)
        load_image(self.engine, board, image)

    def run(self, timeout_s: float) -> None:
        """Runs from reset until the firmware exits."""
        engine = self.engine
        begin = self.image.entry
        if self.image.machine == "arm":
            from unicorn import arm_const

            table = self.image.symbols.get("tce_vector_table", self.image.segments[0].address)
            vectors = engine.mem_read(table, 8)
            engine.reg_write(arm_const.UC_ARM_REG_SP, int.from_bytes(vectors[:4], "little"))
            begin = int.from_bytes(vectors[4:8], "little") | 1
        with _Deadline(engine, timeout_s) as deadline:
            while self.files.exit_code is None:
                failure: Exception | None = None
                try:
                    engine.emu_start(begin, 0xFFFFFFFF)
                except self.uc.UcError as error:
                    failure = error
                if not self._semihosting_call():
                    self._explain(failure, deadline, timeout_s)
                begin = self._pc() | (1 if self.image.machine == "arm" else 0)

    def _explain(self, failure: Exception | None, deadline: _Deadline, timeout_s: float) -> None:
        """Raises for a stop that was no semihosting call."""
        if deadline.expired and failure is None:
            raise DeviceError(
                f"the firmware ran longer than {timeout_s:g} s in the emulator",
                "give it less audio, or a longer timeout",
            )
        pc = self._pc()
        raise DeviceError(
            f"the firmware stopped at 0x{pc:08X} in {self._function(pc)}: {failure or 'no reason given'}",
            "an address outside every region is most often a stack overflow: raise `stack_bytes` of the project",
        ) from failure

    def _semihosting_call(self) -> bool:
        """Answers the call at the program counter and steps over its trap; False when there is none.

        Both traps end unicorn's run, which goes on from there: answering in a hook would flush its translations each time.
        """
        pc = self._pc()
        if self.image.machine == "arm":
            from unicorn.arm_const import UC_ARM_REG_PC, UC_ARM_REG_R0, UC_ARM_REG_R1

            start, sequence, step = pc, _BKPT_SEMIHOSTING, 2
            operation, argument, program_counter = UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_PC
        else:
            from unicorn.riscv_const import UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_PC

            start, sequence, step = pc - 4, _RISCV_SEMIHOSTING, 4
            operation, argument, program_counter = UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_PC
        try:
            if bytes(self.engine.mem_read(start, len(sequence))) != sequence:
                return False
        except self.uc.UcError:
            return False
        self._answer(operation, argument)
        self.engine.reg_write(program_counter, (pc + step) | (1 if self.image.machine == "arm" else 0))
        return True

    def _answer(self, operation: int, argument: int) -> None:
        engine = self.engine
        try:
            result = self.files.call(
                engine.reg_read(operation),
                engine.reg_read(argument),
                lambda address, size: bytes(engine.mem_read(address, size)),
                lambda address, data: engine.mem_write(address, data),
            )
        except self.uc.UcError as error:
            raise DeviceError(
                f"a semihosting call at 0x{self._pc():08X} points outside the memory of {self.board.name}",
                "build the firmware again for this board",
            ) from error
        engine.reg_write(operation, result & 0xFFFFFFFF)

    def _pc(self) -> int:
        if self.image.machine == "arm":
            from unicorn.arm_const import UC_ARM_REG_PC as register
        else:
            from unicorn.riscv_const import UC_RISCV_REG_PC as register
        return int(self.engine.reg_read(register))

    def _function(self, address: int) -> str:
        for function in self.image.functions:
            if function.address <= address < function.address + max(function.size, 1):
                return function.name
        return "no function"
