"""Writing the PlatformIO project of a firmware: everything in one folder that `pio run` builds without a network.

platformio.ini           environments BOARD, for the chip itself, and BOARD-semihost, for an emulator that counts
boards/BOARD.json        the board for PlatformIO, from its memory regions
linker/                  where code, data and arena go; a script for each environment
src/                     main.c, tce_config.h (identities and constants), tce_label_pack.c (the label pack as an array)
src/port/                start-up and drivers of the chip; src/port_semihost/ what stands in for them in an emulator
lib/{app,port,encoder,frontend,gate,labels,protocol}/
toolbox/                 PlatformIO's packages: the platform tinyclap-bare and a starter for SCons
project.json             what it was written from, for `build` and `bench`

A board without a port of its own (bare_ports.py) has the second environment only, and that is named BOARD
(bare_project.py). One of tier C gets the same lib/ and src/, and otherwise what registry_project.py says.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.device.bare_project import bare_files, semihost_environment
from tinyclap_edge.device.label_flash import label_pack_source
from tinyclap_edge.device.link_monitor import EventSettings
from tinyclap_edge.device.memory_plan import DEFAULT_STACK_BYTES, MemoryPlan, StaticRam, plan_memory
from tinyclap_edge.device.platformio_core import TOOLBOX, fill_toolbox
from tinyclap_edge.device.registry_project import arduino_files, built_by_registry, registry_files
from tinyclap_edge.errors import TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.frontend.tables import emit_c
from tinyclap_edge.resources import firmware_dir

PROJECT_FILE = "project.json"
SCHEMA_VERSION = 1
DEFAULT_HOP_FRAMES = 64  # 1.28 s at the default front end
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")  # what may stand in the banner
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class FirmwareConfig:
    """What src/tce_config.h says. Identities are printed in the banner; the input constants are the front end's exact rule."""

    version: str
    encoder_id: str
    frontend_id: str
    input_multiplier: int
    input_shift: int
    input_zero_point: int
    hop_frames: int = DEFAULT_HOP_FRAMES
    stack_bytes: int = DEFAULT_STACK_BYTES
    events: EventSettings = field(default_factory=EventSettings)
    ring_samples: int = 4096  # 256 ms at 16 kHz: what may come while the encoder lets no sound in
    watchdog_ms: int = 8000  # an RP2040 waits 8.3 s at most

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.version):
            raise UsageError(f"version {self.version!r} cannot stand in the firmware's banner")
        for name in ("encoder_id", "frontend_id"):
            if not _ID.fullmatch(getattr(self, name)):
                raise UsageError(f"{name} {getattr(self, name)!r} is not 16 hexadecimal digits")
        if not 1 <= self.hop_frames <= 100_000:
            raise UsageError(f"hop_frames={self.hop_frames} is outside 1..100000")
        if not 1024 <= self.stack_bytes <= 1 << 20 or self.stack_bytes % 16:
            raise UsageError(f"stack_bytes={self.stack_bytes} must be 1024 .. 1048576 and a multiple of 16")
        if not -128 <= self.input_zero_point <= 127:
            raise UsageError(f"input_zero_point={self.input_zero_point} is no int8")
        if not 1024 <= self.ring_samples <= 1 << 17 or self.ring_samples & (self.ring_samples - 1):
            raise UsageError(f"ring_samples={self.ring_samples} must be 1024 .. 131072 and a power of two")
        if not 500 <= self.watchdog_ms <= 30_000:
            raise UsageError(f"watchdog_ms={self.watchdog_ms} is outside 500..30000")


@dataclass(frozen=True)
class FirmwareParts:
    """What a firmware is made of. The folders hold C files; `encoder_dir` is the generated library as it is."""

    encoder_dir: Path
    arena_bytes: int
    const_bytes: int
    frontend_dir: Path  # tce_logmel.{h,c} and its generated tables
    label_pack: bytes
    labels_dir: Path | None = None  # tce_labels.{h,c}; the package's own by default
    static_ram: StaticRam | None = None  # beside arena and stack; by default that of the reference front end
    gate_model: str | None = None  # tce_gate_model.h of a power gate; the package's own by default: none


@dataclass(frozen=True)
class Project:
    """A written project."""

    directory: Path
    environment: str
    plan: MemoryPlan


def write_project(
    out_dir: Path | str, board: Board, parts: FirmwareParts, config: FirmwareConfig, toolchain: str | None = None
) -> Project:
    """Writes the project into `out_dir`; an earlier project there is replaced, any other content is left alone (UsageError).

    toolchain: "zig" or "gcc"; without it zig is used where it is installed, else gcc. A board of tier C takes none.
    DoesNotFit names region and bytes before anything is written.
    """
    out = Path(out_dir)
    plan = plan_memory(
        board, parts.arena_bytes, config.stack_bytes, parts.static_ram, parts.const_bytes + len(parts.label_pack)
    )
    if built_by_registry(board):
        if toolchain:
            raise UsageError(f"{board.name} is compiled by {board.platformio.platform}, not by {toolchain}")
        files = registry_files(board, config.stack_bytes)
    else:
        files = bare_files(board, plan, toolchain) | arduino_files(board)
    if out.exists() and not (out / PROJECT_FILE).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is no firmware project", "choose another directory, or empty this one")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tce-project-", dir=out.parent) as work:
            staging = Path(work) / "project"
            _write_all(staging, board, parts, config, plan, files)
            if out.exists():
                out.rename(Path(work) / "old")
            staging.rename(out)
    except OSError as error:
        raise UsageError(f"cannot write the firmware project to {out}: {error.strerror or error}") from error
    return Project(out, board.name, plan)


def frontend_sources(spec: FrontendSpec, folder: Path | str) -> Path:
    """Puts the front end's C and the tables of `spec` into `folder` (created) and returns it: FirmwareParts.frontend_dir."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((firmware_dir() / "frontend").glob("*.[ch]")):
        shutil.copyfile(path, folder / path.name)
    emit_c(spec, folder)
    return folder


def read_project(directory: Path | str) -> dict[str, Any]:
    """The content of project.json; UsageError where there is none."""
    path = Path(directory) / PROJECT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA_VERSION:
            raise UsageError(f"{path} has schema {content['schema_version']}", "export the project again")
        return dict(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{directory} is no firmware project", "`tinyclap-edge export` writes one") from error


def _write_all(
    root: Path,
    board: Board,
    parts: FirmwareParts,
    config: FirmwareConfig,
    plan: MemoryPlan,
    files: dict[str, str],
) -> None:
    firmware = firmware_dir()
    for folder in ("src", "lib"):
        (root / folder).mkdir(parents=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        _text(root / name, text)
    _text(root / "src" / "tce_config.h", config_header(board, config))
    _text(root / "src" / "tce_label_pack.c", label_pack_source(parts.label_pack))
    shutil.copyfile(firmware / "app" / "main.c", root / "src" / "main.c")
    _library(root, "app", firmware / "app", skip=("main.c",))
    ports = firmware / "ports"
    registry = built_by_registry(board)
    _library(
        root,
        "port",
        *(() if registry else (ports / "freestanding",)),
        ports,
    )
    _library(root, "frontend", parts.frontend_dir)
    _library(root, "labels", parts.labels_dir or firmware / "labels")
    _library(root, "protocol", firmware / "protocol")
    _library(root, "gate", firmware / "gate")
    if parts.gate_model is not None:
        _text(root / "lib" / "gate" / "tce_gate_model.h", parts.gate_model)
    shutil.copytree(parts.encoder_dir, root / "lib" / "encoder")
    if not (root / "lib" / "encoder" / "library.json").is_file():
        _library_manifest(root, "encoder")
    if not registry:
        fill_toolbox(root / TOOLBOX)
    record = {
        "schema_version": SCHEMA_VERSION,
        "board": board.name,
        "environment": board.name,
        "semihost_environment": None if registry else semihost_environment(board),
        "registry": board.platformio.platform if registry else None,
        "config": asdict(config),
        "arena_bytes": parts.arena_bytes,
        "const_bytes": parts.const_bytes,
        "label_pack_bytes": len(parts.label_pack),
        "placement": {"code": plan.code.name, "data": plan.data.name, "arena": plan.arena.name},
        "label_flash": asdict(plan.labels) if plan.labels and not registry else None,
    }
    _text(root / PROJECT_FILE, json.dumps(record, indent=2) + "\n")


def _library(root: Path, name: str, *sources: Path, skip: tuple[str, ...] = ()) -> None:
    """lib/NAME with the C files of some folders."""
    target = root / "lib" / name
    target.mkdir()
    for source in sources:
        files = [path for path in sorted(source.glob("*.[ch]")) if path.name not in skip]
        if not files:
            raise TinyclapError(f"the {name} sources in {source} hold no C file", "install the package again")
        for path in files:
            shutil.copyfile(path, target / path.name)
    _library_manifest(root, name)


def _library_manifest(root: Path, name: str) -> None:
    manifest = {"name": f"tce_{name}", "version": "0.1.0", "build": {"srcDir": ".", "includeDir": "."}}
    _text(root / "lib" / name / "library.json", json.dumps(manifest, indent=2) + "\n")


def _text(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="\n")


def config_header(board: Board, config: FirmwareConfig) -> str:
    """src/tce_config.h."""
    return f"""/* Generated by tinyclap-edge: what this image is and the constants between front end and encoder. */
#ifndef TCE_CONFIG_H
#define TCE_CONFIG_H

#define TCE_VERSION "{config.version}"
#define TCE_BOARD "{board.name}"
#define TCE_ENCODER_ID "{config.encoder_id}"
#define TCE_FRONTEND_ID "{config.frontend_id}"

#define TCE_HOP_FRAMES {config.hop_frames} /* log-mel rows between two windows */

/* log-mel in 1/256 dB -> the network's int8 input; the rule is tce_logmel_quantize_row's */
#define TCE_INPUT_MULTIPLIER {config.input_multiplier}
#define TCE_INPUT_SHIFT {config.input_shift}
#define TCE_INPUT_ZERO_POINT ({config.input_zero_point})

/* when a score is an event, see tce_events.h: windows, and Q15; a host may change them over the link */
#define TCE_EVENT_SMOOTHING {config.events.smoothing}
#define TCE_EVENT_REFRACTORY {config.events.refractory_windows}
#define TCE_EVENT_HYSTERESIS {config.events.hysteresis_q15}

#define TCE_RING_SAMPLES {config.ring_samples} /* of sound, a power of two */
#define TCE_WATCHDOG_MS {config.watchdog_ms}

#endif
"""
