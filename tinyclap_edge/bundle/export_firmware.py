"""The firmware of an export: what it takes of RAM, the ring of sound, and the PlatformIO project that is written."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinyclap_export.codegen.library import CLibrary

from tinyclap_edge import __version__
from tinyclap_edge.bundle.encoder import Encoder, end_quant
from tinyclap_edge.device.memory_plan import MemoryPlan, StaticRam
from tinyclap_edge.device.platformio_project import FirmwareConfig, FirmwareParts, frontend_sources, write_project
from tinyclap_edge.fit.cost import static_ram
from tinyclap_edge.fit.ring import Ring
from tinyclap_edge.frontend.quantize import input_multiplier
from tinyclap_edge.gate.statistics import ROW_BYTES
from tinyclap_edge.labels.pack import LabelPack

if TYPE_CHECKING:
    from tinyclap_edge.bundle.export import ExportRequest


def firmware_arena_bytes(library: CLibrary) -> int:
    """The arena of the firmware, which pushes rows where the encoder takes them: the input map is then not in it."""
    return library.push_arena_bytes or library.arena_bytes


def firmware_static_ram(request: ExportRequest, ring: Ring) -> StaticRam:
    """RAM of the firmware beside arena and stack, by `fit`'s forms; a gate keeps columns of its own."""
    spec = request.student.frontend
    known = static_ram(request.board, spec, request.r, ring.samples)
    return replace(known, data_bytes=known.data_bytes + (spec.frames * ROW_BYTES if request.gate else 0))


def write_firmware(
    folder: Path, request: ExportRequest, encoder: Encoder, library: CLibrary, pack: LabelPack, ring: Ring
) -> MemoryPlan:
    """The PlatformIO project in `folder`/firmware."""
    quant, spec = end_quant(encoder.graph, encoder.graph.inputs[0]), request.student.frontend
    multiplier, shift = input_multiplier(float(quant.s), spec)
    config = FirmwareConfig(
        version=__version__,
        encoder_id=encoder.encoder_id,
        frontend_id=spec.frontend_id,
        input_multiplier=multiplier,
        input_shift=shift,
        input_zero_point=quant.z,
        hop_frames=request.hop_frames,
        ring_samples=ring.samples,
    )
    with tempfile.TemporaryDirectory() as work:
        parts = FirmwareParts(
            encoder_dir=folder / "c",
            arena_bytes=firmware_arena_bytes(library),
            const_bytes=library.const_bytes,
            frontend_dir=frontend_sources(spec, Path(work) / "frontend"),
            label_pack=pack.to_bytes(),
            static_ram=firmware_static_ram(request, ring),
            gate_model=request.gate.model.source if request.gate else None,
        )
        return write_project(folder / "firmware", request.board, parts, config).plan
