"""Whole firmwares for the calibration: instructions of front end and scoring, bytes of code, bytes of static data."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyclap_edge.boards import Board
from tinyclap_edge.device.elf_image import ElfImage, read_elf
from tinyclap_edge.device.emulator.attribution import phase_map
from tinyclap_edge.device.emulator.qemu_target import MACHINES
from tinyclap_edge.device.run_result import Instructions
from tinyclap_edge.device.targets import emulator_target
from tinyclap_edge.engine.emulate import counter_plugin
from tinyclap_edge.errors import TinyclapError, ToolMissing
from tinyclap_edge.fit.calibration_set import frontend_configurations, streams
from tinyclap_edge.fit.configuration import Configuration, parse_configuration
from tinyclap_edge.fit.firmware_sizes import (
    STATIC_SECTIONS,
    data_terms,
    dma_bytes,
    flash_parts,
    static_data_bytes,
    work_kind,
)
from tinyclap_edge.fit.measure import compile_project, write_sample_project
from tinyclap_edge.fit.plan import Plan, plan_graph
from tinyclap_edge.fit.plan_stream import CONTINUOUS, plan_continuous

DMA_SECTION, RAM_CODE = ".tce_dma", ".tce_ram"
PORT_SAMPLE = "phinet:alpha=0.2,t0=3,N=4,hswish=0,se=0,padding=same;mels=32,window_s=0.64,r=20"


@dataclass(frozen=True)
class Built:
    """One firmware: what it was planned as, what was linked, what it executed in one window."""

    configuration: Configuration
    labels: int
    name_bytes: int
    plan: Plan
    image: ElfImage
    symbols: dict[str, dict[str, int]]  # by source file: function or object -> bytes
    counted: Instructions | None


def measure_firmware(board: Board, isa: str, work: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """{"frontend", "labels", "code", "static_bytes"} of calibration.json."""
    built = []
    for i, (configuration, labels) in enumerate(frontend_configurations()):
        built.append(build_sample(configuration, board, isa, i, labels, work))
        say(f"firmware {i + 1}: {built[-1].image.flash_bytes:,} bytes of flash")
    endless = [
        build_sample(configuration, board, isa, i, labels, work, runs=False, schedule=CONTINUOUS)
        for i, (configuration, labels) in enumerate(streams())
    ]
    return {
        "frontend": _frontend(built),
        "labels": _labels(built),
        "code": _code(built, endless),
        "static_bytes": _static(built),
    }


def build_sample(
    configuration: Configuration, board: Board, isa: str, seed: int, labels: int, work: Path, runs: bool = True,
    schedule: str = "auto",
) -> Built:  # fmt: skip
    """Write, compile and run the firmware of a configuration. `work` is replaced."""
    shutil.rmtree(work, ignore_errors=True)
    sample = write_sample_project(configuration, board, isa, seed, work, labels, schedule)
    elf = compile_project(sample.folder, board)
    names = sum(len(name.encode()) for name in sample.pack.names)
    counted = count_firmware(elf, board, configuration) if runs else None
    plan = (
        plan_continuous(configuration, isa, configuration.frontend.frames)
        if schedule == CONTINUOUS
        else plan_graph(sample.graph, isa)
    )
    return Built(configuration, labels, names, plan, read_elf(elf), symbols_of(elf), counted)


def count_firmware(elf: Path, board: Board, configuration: Configuration, more_rows: int = 0) -> Instructions:
    """Instructions of a firmware over one window of noise, and so many rows of the log-mel after it.

    ToolMissing (3) where nothing here counts for the board.
    """
    samples = configuration.frontend.window_total_samples + more_rows * configuration.frontend.hop_samples
    pcm = np.random.default_rng(0).normal(0, 3000, samples).astype(np.int16)
    if board.emulator.unicorn:
        counted = emulator_target(board, "unicorn").run(elf, pcm).instructions
        assert counted is not None
        return counted
    plugin, machine = counter_plugin(), MACHINES[board.emulator.qemu]
    if plugin is None or shutil.which(machine.program) is None:
        raise ToolMissing(
            f"nothing here counts instructions for {board.name}", f"apt-get install {machine.package} gcc"
        )
    phases = phase_map(read_elf(elf))
    with tempfile.TemporaryDirectory(prefix="tce-fit-") as work:
        folder = Path(work)
        (folder / "pcm.bin").write_bytes(pcm.tobytes())
        shutil.copyfile(elf, folder / "firmware.elf")
        lines = [f"{a} {b} {p}" for a, b, p in zip(phases.starts, phases.ends, phases.phases, strict=True)]
        (folder / "map.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
        subprocess.run(
            [machine.program, "-M", board.emulator.qemu, "-kernel", "firmware.elf", "-display", "none", "-serial", "none",
             "-monitor", "none", "-semihosting-config", "enable=on,target=native,arg=firmware",
             "-plugin", f"{plugin},map=map.txt,out=counts.txt"],
            cwd=work, capture_output=True, stdin=subprocess.DEVNULL, timeout=600, check=False,
        )  # fmt: skip
        if not (folder / "counts.txt").is_file():
            raise TinyclapError("QEMU counted nothing", "it must be a QEMU that loads plugins")
        counts = [0] * phases.count
        for line in (folder / "counts.txt").read_text(encoding="ascii").splitlines():
            phase, number = (int(word) for word in line.split())
            counts[phase] = number
    return phases.instructions(counts)


def symbols_of(elf: Path) -> dict[str, dict[str, int]]:
    """Bytes of functions and objects by the source file that defines them; global ones under their own names."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        source = ""
        if not isinstance(table, SymbolTableSection):
            raise TinyclapError(f"{elf.name} has no symbols", "it must not be stripped")
        for symbol in table.iter_symbols():
            info = symbol["st_info"]
            if info["type"] == "STT_FILE":
                source = symbol.name.removesuffix(".c")
            elif info["type"] in ("STT_FUNC", "STT_OBJECT") and symbol["st_size"]:
                home = found[source if info["bind"] == "STB_LOCAL" else symbol.name]
                home[f"{symbol.name}@{symbol['st_value']:x}"] = symbol["st_size"]
    return found


def _frontend(built: list[Built]) -> dict[str, float]:
    """Instructions of one frame: a number for each FFT, its bins included, and a mel filter's."""
    ffts = sorted({b.configuration.frontend.n_fft for b in built})
    rows: list[list[float]] = []
    wanted: list[float] = []
    for b in built:
        spec = b.configuration.frontend
        assert b.counted is not None
        rows.append([*(float(spec.n_fft == n) for n in ffts), spec.mel_bins])
        wanted.append(b.counted.logmel / spec.frames)
    found = _least(rows, wanted)
    return {**{str(n): round(c, 1) for n, c in zip(ffts, found, strict=False)}, "mel": round(found[len(ffts)], 3)}


def _labels(built: list[Built]) -> dict[str, float]:
    """Instructions of scoring a window."""
    rows: list[list[float]] = []
    wanted: list[float] = []
    for b in built:
        r = b.configuration.r
        assert b.counted is not None
        rows.append([1.0, b.labels, r, b.labels * r])
        wanted.append(float(b.counted.labels))
    return {k: round(v, 3) for k, v in zip(("call", "label", "entry", "product"), _least(rows, wanted), strict=True)}


def _code(built: list[Built], endless: list[Built]) -> dict[str, Any]:
    """Sizes of code: kernels and layers' functions by their symbols, what decides and what is always there by the rest.

    endless: firmwares that compute every row once; what else their application has is `stream`.
    """
    kernels: dict[str, list[int]] = defaultdict(list)
    functions: dict[str, list[int]] = defaultdict(list)
    schedule: list[tuple[int, int]] = []
    for b in (*built, *endless):
        for name in b.plan.kernels:
            public = {"tce_depthwise_s8": "tce_depthwise_row_s8", "tce_conv_s8": "tce_conv_row_s8"}.get(name, name)
            kernels[name].append(sum(b.symbols[name].values()) + sum(b.symbols[public].values()) * (public != name))
    for b in built:
        layers = {k: v for name, held in b.symbols.items() if "_layer_" in name for k, v in held.items()}
        for name, size in sorted(layers.items()):
            number = int(name.split("_layer_")[1].split("_")[0])
            functions[work_kind(b.plan.work[number])].append(size)
        others = sum(
            size for home, held in b.symbols.items() for name, size in held.items()
            if name.startswith("tce_encoder_") and "_layer_" not in name and not name.startswith("tce_encoder_0")
            and not name[len("tce_encoder_") :][:2].isdigit()
        )  # fmt: skip
        schedule.append((b.plan.stages, others))
    stage, start = np.polyfit([s for s, _ in schedule], [o for _, o in schedule], 1)
    sizes = {name: round(float(np.mean(found))) for name, found in sorted(kernels.items())}
    code: dict[str, Any] = {
        "kernels": sizes,
        "functions": {k: round(float(np.mean(v)), 1) for k, v in sorted(functions.items())},
        "schedule": round(float(start), 1), "stage": round(float(stage), 1), "stream": 0,
        "base": {"0": 0},  # nothing yet: what a front end's firmware has beside all this is found with it
        "kernel": round(float(np.mean(list(sizes.values())))),
    }  # fmt: skip
    base: dict[str, list[int]] = defaultdict(list)
    for b in built:
        base[str(b.configuration.frontend.n_fft)].append(_unknown(b, code))
    code["base"] = {n: round(float(np.mean(v))) for n, v in sorted(base.items(), key=lambda item: int(item[0]))}
    code["stream"] = round(float(np.mean([_unknown(b, code) for b in endless])))
    return code


def _unknown(b: Built, code: dict[str, Any]) -> int:
    """Bytes of flash that what is known so far does not tell."""
    spec = b.configuration.frontend
    return b.image.flash_bytes - flash_parts(b.plan, spec, b.configuration.r, b.labels, code, b.name_bytes).total


def _static(built: list[Built]) -> int:
    """What of the static data does not follow the front end. TinyclapError where the rest does not either."""
    low, high = 0, 1 << 30
    for b in built:
        used = section_bytes(b.image, STATIC_SECTIONS)
        exact = data_terms(b.configuration.frontend, b.configuration.r)
        low, high = max(low, used - 15 - exact), min(high, used - exact)
    base = high // 4 * 4
    if base < low or any(
        static_data_bytes(b.configuration.frontend, b.configuration.r, base) != section_bytes(b.image, STATIC_SECTIONS)
        or dma_bytes(b.configuration.frontend) != section_bytes(b.image, (DMA_SECTION,))
        for b in built
    ):
        raise TinyclapError(
            f"static data beside the front end's share would be {low} to {high} bytes",
            "tce_app has changed: data_terms of fit/firmware_sizes.py must follow it",
        )
    return base


def section_bytes(image: ElfImage, names: tuple[str, ...]) -> int:
    """Bytes of the sections of these names."""
    return sum(section.size for section in image.sections if section.name in names)


def measure_port(board: Board, isa: str, work: Path) -> dict[str, int]:
    """What the board's own drivers make of the image that counts instructions; see instruction_model.Port."""
    shutil.rmtree(work, ignore_errors=True)
    configuration = parse_configuration(PORT_SAMPLE)
    sample = write_sample_project(configuration, board, isa, 0, work)
    elf = compile_project(sample.folder, board, for_chip=True)
    chip, counting = read_elf(elf), read_elf(compile_project(sample.folder, board))
    padding = unused_bytes(elf, chip, ".bss")
    terms = data_terms(configuration.frontend, configuration.r)
    return {
        "code_bytes": chip.flash_bytes - counting.flash_bytes,
        "dma_bytes": section_bytes(chip, (DMA_SECTION,)) - dma_bytes(configuration.frontend),
        "ram_code_bytes": section_bytes(chip, (RAM_CODE,)),
        "static_bytes": -(-(section_bytes(chip, STATIC_SECTIONS) - padding - terms) // 4) * 4,
    }


def unused_bytes(elf: Path, image: ElfImage, name: str) -> int:
    """Bytes between the last object of a section and its end."""
    section = next(s for s in image.sections if s.name == name)
    end = section.address + section.size
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        last = max(
            s["st_value"] + s["st_size"] for s in table.iter_symbols()
            if s["st_info"]["type"] == "STT_OBJECT" and section.address <= s["st_value"] < end
        )  # fmt: skip
    return int(end - last)


def _least(rows: list[list[float]], wanted: list[float]) -> list[float]:
    from scipy.optimize import nnls

    terms = np.array(rows)
    scale = np.maximum(terms.max(axis=0), 1e-9)
    found, _ = nnls(terms / scale / np.array(wanted)[:, None], np.ones(len(wanted)))
    return [float(v) for v in found / scale]
