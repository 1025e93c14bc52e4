"""Engine kernels of the Cortex-M55 in QEMU, the only emulator that has MVE: one start runs any number of calls.

    bench = QemuBench(image)
    fast = bench.queue("tce_table_s8", codes, Out(codes.size), codes.size, table)
    plain = bench.queue("portable_tce_table_s8", codes, Out(codes.size), codes.size, table)
    bench.finish()
    fast.values, fast.instructions

The image holds each kernel twice: the variant under its own name, the portable one behind "portable_". Arguments are
those of kernel_bench. SysTick counts: with -icount shift=5 an instruction takes 32 ns, and the tick is 31.25 ns.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from benchmarks.bare_function import WARNINGS
from tests.engine.kernel_bench import ENGINE, FIRMWARE, GUARD, GUARD_BYTE, Bench, Out, Scratch, kernel_files, sources
from tests.engine.made_layers import Call

QEMU = shutil.which("qemu-system-arm")
CPU = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m55+mve+fp_armv8d16")
CALLS, CALLS_BYTES = 0x21000000, 0x8000
MEMORY, MEMORY_BYTES = 0x21008000, 0x3C0000
WORDS = 10  # of a call: function, eight arguments, ticks
TICK_NS, INSTRUCTION_NS = 31.25, 32
PORTABLE = "portable_"

_SCRIPT = f"""ENTRY(tce_reset)
MEMORY {{
    code (rx) : ORIGIN = 0, LENGTH = 512K
    data (rw) : ORIGIN = 0x20000000, LENGTH = 512K
}}
tce_calls = {CALLS:#x};
tce_memory = {CALLS:#x};
tce_memory_end = {MEMORY + MEMORY_BYTES:#x};
SECTIONS {{
    .text : {{ KEEP(*(.tce_vectors)) *(.text .text.* .rodata .rodata.*) }} > code
    .stack (NOLOAD) : {{ tce_ld_stack_limit = .; . = . + 16K; tce_ld_stack_top = .; }} > data
    .data : {{ tce_ld_data_start = .; *(.data .data.*) . = ALIGN(4); tce_ld_data_end = .; }} > data AT > code
    tce_ld_data_load = LOADADDR(.data);
    .bss (NOLOAD) : {{ tce_ld_bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(4); tce_ld_bss_end = .; }} > data
    /DISCARD/ : {{ *(.ARM.exidx .ARM.exidx.* .comment .note .note.*) }}
}}
"""


@dataclass(frozen=True)
class Image:
    """A linked ELF: its bytes, and where its functions stand (bit 0 set, as a call wants it)."""

    elf: bytes
    symbols: dict[str, int]


@functools.cache
def m55_image(optimise: str = "-O3") -> Image:
    """Every kernel for the Cortex-M55, variant and portable. Raises CalledProcessError with the compiler's text."""
    ports = FIRMWARE / "ports"
    semihost = [ports / "semihost" / name for name in ("tce_start.c", "tce_start_cortexm.c", "tce_semihost.c")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        twins = []
        for file in kernel_files():
            twin = folder / f"portable_{file.name}"
            twin.write_text(_renaming() + f'#include "{file}"\n')
            twins.append(twin)
        (folder / "image.ld").write_text(_SCRIPT)
        command = [sys.executable, "-m", "ziglang", "cc", *CPU, "-std=c11", optimise, *WARNINGS]
        command += ["-fno-sanitize=undefined", "-fno-stack-protector", "-nostdlib", "-Wl,-e,tce_reset"]
        command += [f"-Wl,-T,{folder / 'image.ld'}", "-Wl,--no-gc-sections"]
        command += [f"-I{path}" for path in (ENGINE, ports, ports / "freestanding", ports / "semihost")]
        files = [*sources("mve"), *twins, *semihost, ports / "freestanding" / "tce_memory.c"]
        command += [str(path) for path in (Path(__file__).with_suffix(".c"), *files)]
        command += ["-lcompiler_rt"]
        subprocess.run([*command, "-o", str(folder / "image.elf")], check=True, capture_output=True, text=True)
        with (folder / "image.elf").open("rb") as linked:
            table = ELFFile(linked).get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            symbols = {s.name: s["st_value"] for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
        return Image((folder / "image.elf").read_bytes(), symbols)


def _renaming() -> str:
    """Preprocessor lines that give every kernel's function its portable name."""
    functions = [file.stem for file in kernel_files()]
    functions += [f"{stem.removesuffix('_s8')}_row_s8" for stem in functions]
    return "".join(f"#define {name} {PORTABLE}{name}\n" for name in functions)


@dataclass
class Queued:
    """One queued call and, after finish(), what it gave."""

    out: Out
    address: int
    guarded: list[tuple[int, int]]
    values: np.ndarray = field(default_factory=lambda: np.empty(0, np.int8))
    instructions: int = 0


class QemuBench(Bench):
    """Calls for one start of QEMU. Unlike its unicorn sibling's, their results come with finish()."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._next = MEMORY
        self._memory = bytearray()
        self._table: list[int] = []
        self._calls: list[Queued] = []
        self._names: list[str] = []

    def place(self, data: bytes) -> int:
        """Bytes into the guest's memory, 16-byte aligned; returns their address."""
        address = self._next
        self._memory += data + bytes(-len(data) % 16)
        self._next += len(data) + -len(data) % 16
        assert self._next <= MEMORY + MEMORY_BYTES, "too many calls for one start"
        return address

    def queue(self, function: str, *arguments: Any) -> Queued:
        """A call of `function`; one of its arguments is the Out."""
        guarded: list[tuple[int, int]] = []
        values: list[int] = []
        call: Queued | None = None
        for argument in arguments:
            if isinstance(argument, Out):
                size = argument.count * np.dtype(argument.dtype).itemsize
                values.append(self._guarded(size, argument.offset, guarded))
                call = Queued(argument, values[-1], guarded)
            elif isinstance(argument, Scratch):
                values.append(self._guarded(argument.size, 0, guarded))
            else:
                values.append(self._value(argument))
        assert call is not None, "no Out among the arguments"
        self._table += [self._image.symbols[function], *values, *[0] * (WORDS - 1 - len(values))]
        self._calls.append(call)
        self._names.append(function)
        assert 4 * (len(self._table) + 1) <= CALLS_BYTES, "too many calls for one start"
        return call

    def finish(self) -> None:
        """Runs QEMU and fills in the results. Raises AssertionError where a guard byte changed or the guest faulted."""
        assert QEMU is not None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            table = np.array([word & 0xFFFFFFFF for word in self._table], np.uint32).tobytes()
            (folder / "memory.in").write_bytes(table.ljust(CALLS_BYTES, b"\0") + self._memory)
            (folder / "image.elf").write_bytes(self._image.elf)
            command = [QEMU, "-M", "mps3-an547", "-display", "none", "-serial", "none", "-monitor", "none"]
            command += ["-icount", "shift=5", "-semihosting-config", "enable=on,target=native", "-kernel", "image.elf"]
            command += ["-device", f"loader,file=memory.in,addr={CALLS:#x},force-raw=on"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, f"the guest ended with {done.returncode}: {done.stderr}"
            memory = (folder / "memory.out").read_bytes()
        ticks = np.frombuffer(memory, np.uint32, len(self._table)).reshape(-1, WORDS)[:, -1]
        for call, function, count in zip(self._calls, self._names, ticks, strict=True):
            for start, size in call.guarded:
                at = start - CALLS
                around = memory[at - GUARD : at] + memory[at + size : at + size + GUARD]
                assert around == bytes([GUARD_BYTE]) * (2 * GUARD), f"{function} wrote outside its memory"
            call.values = np.frombuffer(memory, call.out.dtype, call.out.count, call.address - CALLS).copy()
            call.instructions = round(int(count) * TICK_NS / INSTRUCTION_NS)


def compare(calls: Sequence[Call]) -> list[int]:
    """Instructions of each call's variant. Raises AssertionError naming those whose bytes are not the portable's."""
    if QEMU is None:
        pytest.skip("needs qemu-system-arm")
    bench = QemuBench(m55_image())
    queued = []
    for call in calls:
        plain = bench.queue(PORTABLE + call.function, *call.arguments("portable"))
        queued.append((plain, bench.queue(call.function, *call.arguments("mve"))))
    bench.finish()
    wrong = [i for i, (plain, fast) in enumerate(queued) if not np.array_equal(plain.values, fast.values)]
    assert not wrong, f"{len(wrong)} of {len(calls)} differ: {[(i, calls[i].function) for i in wrong[:8]]}"
    return [fast.instructions for _, fast in queued]
