"""What each compiler must be told about a board's core.

The firmware computes in integers only; the floating-point unit matters for the calling convention and for libraries linked in.
zig's models leave out parts that real chips have (DSP on M33, MVE on M55, the FPU on all): they are added here by name,
and a test looks for the macros, since a missing feature silently compiles the portable kernels instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import UsageError

_ZIG_FPU = {"fpv4-sp-d16": "vfp4d16sp", "fpv5-sp-d16": "fp_armv8d16sp", "fpv5-d16": "fp_armv8d16"}


@dataclass(frozen=True)
class CpuFlags:
    """Flags of one core: for zig (clang) and for gcc; `gcc_prefix` ends in '-'."""

    zig: tuple[str, ...]
    gcc_prefix: str
    gcc: tuple[str, ...]


def kernel_isa(board: Board) -> str:
    """Whose kernels the generated library calls on `board`: "mve", "dsp", "rv32" or "portable"."""
    if "mve" in board.isa:
        return "mve"
    if "dsp" in board.isa:
        return "dsp"
    return "rv32" if board.arch == "riscv" else "portable"


def cpu_flags(board: Board) -> CpuFlags:
    """Compiler flags for the core of `board`; UsageError for a core that no offline compiler supports (Xtensa)."""
    if board.arch == "arm":
        return _arm(board)
    if board.arch == "riscv":
        extensions = board.core.removeprefix("rv32i")  # "mc", "mac"
        cpu = "generic_rv32" + "".join(f"+{letter}" for letter in extensions)
        return CpuFlags(
            zig=("-target", "riscv32-freestanding-none", f"-mcpu={cpu}", "-mabi=ilp32"),
            gcc_prefix="riscv64-unknown-elf-",
            # without _zicsr: Debian's multilib lookup then finds the rv32 libgcc; csr code states it for itself
            gcc=(f"-march={board.core}", "-mabi=ilp32"),
        )
    raise UsageError(
        f"{board.name}: no compiler for {board.core} can be installed from PyPI or Debian",
        f"its firmware is built through PlatformIO's {board.platformio.platform} platform, online",
    )


def _arm(board: Board) -> CpuFlags:
    fpu = next((item for item in board.isa if item.startswith("fpv")), "")
    zig_cpu = board.core.replace("-", "_")
    if board.core == "cortex-m33" and "dsp" in board.isa:
        zig_cpu += "+dsp"
    if "mve" in board.isa:
        zig_cpu += "+mve"
    if fpu:
        zig_cpu += "+" + _ZIG_FPU[fpu]
    gcc = [f"-mcpu={board.core}", "-mthumb"]
    if board.core == "cortex-m55":
        gcc.append("-mfpu=auto")
    elif fpu:
        gcc.append(f"-mfpu={fpu}")
    gcc.append("-mfloat-abi=hard" if fpu else "-mfloat-abi=soft")
    return CpuFlags(
        zig=("-target", f"thumb-freestanding-eabi{'hf' if fpu else ''}", f"-mcpu={zig_cpu}"),
        gcc_prefix="arm-none-eabi-",
        gcc=tuple(gcc),
    )
