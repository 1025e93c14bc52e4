"""Finding a compiler: zig from PyPI by default, gcc where it is installed.

A `Toolchain` compiles, archives and links by command lines; nothing here runs a build.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from tinyclap_export.errors import ExportError
from tinyclap_export.host import find_compiler

from tinyclap_edge.boards import Board
from tinyclap_edge.device.cpu import cpu_flags
from tinyclap_edge.errors import ToolMissing, UsageError

TOOLCHAINS = ("zig", "gcc")
ENVIRONMENT_VARIABLE = "TINYCLAP_TOOLCHAIN"  # the PlatformIO platform reads the same name

ZIG_INSTALL = 'pip install "tinyclap-edge[zig]"'
GCC_PACKAGES = {  # Debian's
    "arm-none-eabi-": "gcc-arm-none-eabi",
    "riscv64-unknown-elf-": "gcc-riscv64-unknown-elf",
}

# Both compilers get these: C11 without a library, one section a function so that the linker drops what is unused.
COMMON_FLAGS = ("-std=c11", "-O2", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-common", "-g")
# zig switches its undefined-behaviour sanitizer on for C, and a canary needs a library.
ZIG_FLAGS = ("-fno-sanitize=undefined", "-fno-stack-protector")


@dataclass(frozen=True)
class Toolchain:
    """A cross compiler for one board."""

    name: str  # "zig" or "gcc"
    cc: tuple[str, ...]  # program and fixed arguments
    ar: tuple[str, ...]
    ranlib: tuple[str, ...]
    cpu: tuple[str, ...]  # flags that name the core
    version: str

    @property
    def compile_flags(self) -> tuple[str, ...]:
        """Flags for compiling one C file to an object."""
        return self.cpu + COMMON_FLAGS + (ZIG_FLAGS if self.name == "zig" else ())

    @property
    def link_flags(self) -> tuple[str, ...]:
        """Flags for linking without start files or C library; the linker script comes on top."""
        return (*self.cpu, "-nostdlib", "-Wl,--gc-sections", "-Wl,-e,tce_reset")

    @property
    def libraries(self) -> tuple[str, ...]:
        """Libraries behind the objects: the compiler's own run-time (64-bit division and the like)."""
        return ("-lcompiler_rt",) if self.name == "zig" else ("-lgcc",)


def find_zig() -> tuple[str, ...] | None:
    """The command that runs zig: the PyPI package of this Python, or a zig on PATH."""
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang")
    path = shutil.which("zig")
    return (path,) if path else None


def tool_version(command: tuple[str, ...], argument: str = "--version") -> str:
    """First line a tool prints about its version, or '' where it cannot be run."""
    try:
        done = subprocess.run([*command, argument], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else ""


def choose_toolchain(name: str | None = None) -> str:
    """The toolchain's name: the argument, the environment variable, or zig."""
    chosen = name or os.environ.get(ENVIRONMENT_VARIABLE) or "zig"
    if chosen not in TOOLCHAINS:
        raise UsageError(f"unknown toolchain {chosen!r}", f"one of {', '.join(TOOLCHAINS)}")
    return chosen


def find_toolchain(board: Board, name: str | None = None) -> Toolchain:
    """The cross compiler for `board`; ToolMissing with the line that installs it, UsageError for an unsupported core.

    Without a name, zig is taken where it is installed, and gcc where only that is.
    """
    flags = cpu_flags(board)
    chosen = choose_toolchain(name)
    asked = bool(name or os.environ.get(ENVIRONMENT_VARIABLE))
    if chosen == "zig":
        zig = find_zig()
        if zig:
            return Toolchain(
                "zig", (*zig, "cc"), (*zig, "ar"), (*zig, "ranlib"), flags.zig, f"zig {tool_version(zig, 'version')}"
            )
        if asked or not shutil.which(flags.gcc_prefix + "gcc"):
            raise ToolMissing("no zig compiler is installed", ZIG_INSTALL)
    gcc = shutil.which(flags.gcc_prefix + "gcc")
    if not gcc:
        raise ToolMissing(
            f"{flags.gcc_prefix}gcc is not installed", f"apt-get install {GCC_PACKAGES[flags.gcc_prefix]}"
        )
    return Toolchain(
        "gcc",
        (gcc,),
        (gcc.removesuffix("gcc") + "ar",),
        (gcc.removesuffix("gcc") + "ranlib",),
        flags.gcc,
        tool_version((gcc,)),
    )


def find_host_cc() -> tuple[str, ...] | None:
    """The command that compiles C for this PC, as tinyclap_export.host finds it; None where there is none."""
    try:
        return tuple(find_compiler())
    except ExportError:
        return None
