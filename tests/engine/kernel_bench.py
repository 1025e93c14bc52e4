"""Engine kernels on emulated cores: compile the variants of an instruction set, call them, count instructions.

    bench = kernels("cortex-m4", "dsp")
    out, instructions = bench.run("tce_table_s8", codes, Out(codes.size), codes.size, table)

An argument is an int, an array (placed 16-byte aligned, or at an odd address by Odd), a Struct, an Out or a Scratch.
Outputs and scratch are surrounded by guard bytes: a kernel that writes outside them fails the run.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import unicorn
from unicorn import arm_const

from benchmarks.bare_function import CORES as BARE_CORES
from benchmarks.bare_function import MEMORY, THUMB, BareMachine, Core, compile_image

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
ENGINE = FIRMWARE / "engine"
CORES = {
    **BARE_CORES,
    "cortex-m33": Core(
        "thumb-freestanding-eabihf", "cortex_m33+dsp", unicorn.UC_ARCH_ARM, THUMB, arm_const.UC_CPU_ARM_CORTEX_M33, True
    ),
}
GUARD = 64  # bytes watched on each side of an output
GUARD_BYTE, SCRATCH_BYTE = 0xA5, 0x5A


@dataclass(frozen=True)
class Out:
    """Room for the result: `count` int8 codes, or int32 sums. offset: bytes past a 16-byte boundary."""

    count: int
    dtype: str = "int8"
    offset: int = 0


@dataclass(frozen=True)
class Scratch:
    """Working memory of `size` bytes, 16-byte aligned."""

    size: int


@dataclass(frozen=True)
class Odd:
    """An array placed one byte past a 16-byte boundary."""

    array: np.ndarray


class Struct:
    """A C struct of 32-bit fields: ints, arrays (a pointer each, None is NULL), tuples and Structs in place."""

    def __init__(self, *fields: Any) -> None:
        self.fields = fields


class Rows:
    """A table of pointers to rows; None is NULL."""

    def __init__(self, *rows: np.ndarray | None) -> None:
        self.rows = rows


class Bench(BareMachine):
    """One core with every kernel of one instruction set."""

    def run(self, function: str, *arguments: Any) -> tuple[np.ndarray, int]:
        """(the Out argument's values, executed instructions). Raises AssertionError where a guard byte changed."""
        self._next = MEMORY
        guarded: list[tuple[int, int]] = []
        result: tuple[int, Out] | None = None
        values = []
        for argument in arguments:
            if isinstance(argument, Out):
                size = argument.count * np.dtype(argument.dtype).itemsize
                values.append(self._guarded(size, argument.offset, guarded))
                result = (values[-1], argument)
            elif isinstance(argument, Scratch):
                values.append(self._guarded(argument.size, 0, guarded))
            else:
                values.append(self._value(argument))
        instructions = self.call(function, *values)
        for start, size in guarded:
            around = self.read(start - GUARD, GUARD) + self.read(start + size, GUARD)
            assert around == bytes([GUARD_BYTE]) * (2 * GUARD), f"{function} wrote outside its memory"
        assert result is not None, "no Out among the arguments"
        address, out = result
        raw = self.read(address, out.count * np.dtype(out.dtype).itemsize)
        return np.frombuffer(raw, out.dtype).copy(), instructions

    def _guarded(self, size: int, offset: int, guarded: list[tuple[int, int]]) -> int:
        guard = bytes([GUARD_BYTE]) * GUARD
        start = self.place(guard + guard[:offset] + bytes([SCRATCH_BYTE]) * size + guard) + GUARD + offset
        guarded.append((start, size))
        return start

    def _value(self, argument: Any) -> int:
        """The 32-bit word that stands for an argument or a field of one."""
        if argument is None:
            return 0
        if isinstance(argument, int | np.integer):
            return int(argument)
        if isinstance(argument, Odd):
            return self.place(b"\0" + argument.array.tobytes()) + 1
        if isinstance(argument, np.ndarray):
            return self.place(np.ascontiguousarray(argument).tobytes())
        fields = argument.rows if isinstance(argument, Rows) else argument.fields
        words = [self._value(field) & 0xFFFFFFFF for field in _flat(fields)]
        return self.place(np.array(words, np.uint32).tobytes())


def _flat(fields: Any) -> list[Any]:
    """Fields with nested structs and tuples in place."""
    flat: list[Any] = []
    for field in fields:
        inner = field.fields if isinstance(field, Struct) else field if isinstance(field, tuple | list) else None
        flat += [field] if inner is None else _flat(inner)
    return flat


def sources(isa: str) -> list[Path]:
    """Kernel files of an instruction set: its variant where there is one, else the portable file."""
    return [ENGINE / isa / path.name if (ENGINE / isa / path.name).exists() else path for path in kernel_files()]


def kernel_files() -> list[Path]:
    """The portable kernel files."""
    return sorted(ENGINE.glob("tce_*.c"))


@functools.cache
def kernels(core: str, isa: str, compiler: str = "zig", optimise: str = "-O3") -> Bench:
    """Every kernel of `isa` for `core`, compiled once a process. Raises CalledProcessError with the compiler's text."""
    with tempfile.TemporaryDirectory() as folder:
        files = [*sources(isa), FIRMWARE / "ports" / "freestanding" / "tce_memory.c"]
        includes = [ENGINE, FIRMWARE / "ports" / "freestanding"]
        image = compile_image(files, includes, CORES[core], Path(folder) / "kernels.elf", optimise, compiler)
        return Bench(image, CORES[core])
