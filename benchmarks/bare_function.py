"""Compile C for a bare core, call one function in unicorn, count its instructions. No firmware is needed."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const, riscv_const

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
MEMORY, MEMORY_BYTES = 0x20000000, 0x100000  # arguments and stack; the image stands below
LANDING = 0x10  # return address, where the emulation stops


@dataclass(frozen=True)
class Core:
    """A processor: how zig names it and how unicorn does."""

    target: str
    cpu: str
    arch: int
    mode: int
    model: int
    thumb: bool


THUMB = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
CORES = {
    "cortex-m0": Core(
        "thumb-freestanding-eabi", "cortex_m0", unicorn.UC_ARCH_ARM, THUMB, arm_const.UC_CPU_ARM_CORTEX_M0, True
    ),
    "cortex-m3": Core(
        "thumb-freestanding-eabi", "cortex_m3", unicorn.UC_ARCH_ARM, THUMB, arm_const.UC_CPU_ARM_CORTEX_M3, True
    ),
    "cortex-m4": Core(
        "thumb-freestanding-eabihf", "cortex_m4", unicorn.UC_ARCH_ARM, THUMB, arm_const.UC_CPU_ARM_CORTEX_M4, True
    ),
    "cortex-m7": Core(
        "thumb-freestanding-eabihf", "cortex_m7", unicorn.UC_ARCH_ARM, THUMB, arm_const.UC_CPU_ARM_CORTEX_M7, True
    ),
    "rv32imc": Core(
        "riscv32-freestanding-none",
        "baseline_rv32-a-d-f",
        unicorn.UC_ARCH_RISCV,
        unicorn.UC_MODE_RISCV32,
        riscv_const.UC_CPU_RISCV32_ANY,
        False,
    ),
}


GCC = "arm-none-eabi-gcc"


def has_compiler(name: str) -> bool:
    """Whether "zig" or "gcc" (for Arm) is there."""
    return bool(shutil.which(GCC) if name == "gcc" else importlib.util.find_spec("ziglang"))


def compiler_version(name: str) -> str:
    """The compiler and its version, such as "zig 0.17.0"."""
    command = [GCC, "-dumpversion"] if name == "gcc" else [sys.executable, "-m", "ziglang", "version"]
    return f"{name} {subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()}"


def compile_image(
    sources: list[Path], includes: list[Path], core: Core, output: Path, optimise: str, compiler: str = "zig"
) -> Path:
    """An ELF with every function of `sources`. compiler: "zig", or "gcc" for Arm. Raises CalledProcessError."""
    if compiler == "gcc":
        command = [GCC, f"-mcpu={core.cpu.replace('_', '-')}", "-mthumb", "-ffreestanding", "-Wl,-Ttext=0x10000"]
    else:
        command = [sys.executable, "-m", "ziglang", "cc", "-target", core.target, f"-mcpu={core.cpu}"]
        command += ["-fno-sanitize=undefined", "-Wl,--no-gc-sections"]
    command += ["-std=c11", optimise, *WARNINGS, "-nostdlib", "-Wl,-e,0", *(f"-I{folder}" for folder in includes)]
    command += [str(path) for path in sources]
    if core.cpu == "cortex_m0":  # its 64-bit products are calls
        command += ["-lgcc" if compiler == "gcc" else "-lcompiler_rt"]
    subprocess.run([*command, "-o", str(output)], check=True, capture_output=True, text=True)
    return output


class BareMachine:
    """One core with the image loaded and 1 MiB for arguments and stack."""

    def __init__(self, image: Path, core: Core) -> None:
        self.core = core
        self._uc = unicorn.Uc(core.arch, core.mode)
        self._uc.ctl_set_cpu_model(core.model)
        self._uc.mem_map(MEMORY, MEMORY_BYTES)
        self._uc.mem_map(LANDING & ~0xFFF, 0x1000)
        mapped: set[int] = set()
        digest = hashlib.sha256()
        with image.open("rb") as file:
            elf = ELFFile(file)
            for segment in elf.iter_segments("PT_LOAD"):
                start, size = segment["p_vaddr"], segment["p_memsz"]
                for page in range(start & ~0xFFF, start + size, 0x1000):
                    if page not in mapped:
                        self._uc.mem_map(page, 0x1000)
                        mapped.add(page)
                self._uc.mem_write(start, segment.data())
                digest.update(start.to_bytes(4, "little") + segment.data())
            symbols = elf.get_section_by_name(".symtab")
            assert symbols is not None
            self.symbols = {s.name: s["st_value"] for s in symbols.iter_symbols()}
            self._functions = sorted(
                (s["st_value"] & ~1, s.name) for s in symbols.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"
            )
            self.code_bytes = sum(s["sh_size"] for s in elf.iter_sections() if s["sh_flags"] & 4)
        self.image_sha256 = digest.hexdigest()  # of what is loaded: debug information holds paths
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda uc, at, size, _: self._blocks.update([(at, size)]))
        self._next = MEMORY

    def place(self, data: bytes) -> int:
        """Copies bytes into memory, 16-byte aligned; returns their address."""
        address, self._next = self._next, (self._next + len(data) + 15) & ~15
        self._uc.mem_write(address, data)
        return address

    def write(self, address: int, data: bytes) -> None:
        """Overwrites memory."""
        self._uc.mem_write(address, data)

    def read(self, address: int, count: int) -> bytes:
        """Bytes of memory."""
        return bytes(self._uc.mem_read(address, count))

    def call(self, function: str, *arguments: int) -> int:
        """Calls a function of up to 8 integer arguments; returns the instructions it took, callees included."""
        self._blocks.clear()
        values, stack = [value & 0xFFFFFFFF for value in arguments], MEMORY + MEMORY_BYTES - 64
        if self.core.thumb:  # the fifth argument and those after it stand on the stack
            names = [arm_const.UC_ARM_REG_R0 + i for i in range(4)]
            self.write(stack, b"".join(value.to_bytes(4, "little") for value in values[4:]))
            self._uc.reg_write(arm_const.UC_ARM_REG_SP, stack)
            self._uc.reg_write(arm_const.UC_ARM_REG_LR, LANDING | 1)
        else:
            names = [riscv_const.UC_RISCV_REG_A0 + i for i in range(8)]
            self._uc.reg_write(riscv_const.UC_RISCV_REG_SP, stack)
            self._uc.reg_write(riscv_const.UC_RISCV_REG_RA, LANDING)
        for name, value in zip(names, values, strict=False):
            self._uc.reg_write(name, value)
        self._uc.emu_start(self.symbols[function] | self.core.thumb, LANDING)
        return sum(times * self._instructions(at, size) for (at, size), times in self._blocks.items())

    def by_function(self) -> dict[str, int]:
        """Instructions of the last call by the function they stand in (what the compiler inlined counts as caller)."""
        counts: Counter[str] = Counter()
        for (at, size), times in self._blocks.items():
            name = next((n for start, n in reversed(self._functions) if start <= at), "?")
            counts[name] += times * self._instructions(at, size)
        return dict(counts.most_common())

    def _instructions(self, at: int, size: int) -> int:
        """16- and 32-bit instructions of a block, told apart by their first halfword."""
        code, index, count = self.read(at, size), 0, 0
        while index < size:
            half = int.from_bytes(code[index : index + 2], "little")
            wide = half >> 11 in (0b11101, 0b11110, 0b11111) if self.core.thumb else half & 3 == 3
            index, count = index + (4 if wide else 2), count + 1
        return count
