"""Bytes of a firmware beside the encoder's arena: static data, tables, label pack, code. Closed forms with a calibrated rest.

The application's state (firmware/app/tce_app.h) grows with four numbers of the front end; the tables of the log-mel and the
label pack are laid down in frontend/tables.py and labels/pack.py; what the compiler makes of the code is measured a core.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tinyclap_edge.fit.plan import Plan, Work
from tinyclap_edge.fit.plan_stream import CONTINUOUS
from tinyclap_edge.frontend.spec import FrontendSpec

PACK_HEADER, PACK_ENTRY, PACK_END = 32, 12, 4  # docs/label-pack.md
LABEL_NAME_BYTES = 16  # of a label whose words are not known yet
SECTION_ALIGN = 16
DMA_ALIGN = 32
STATIC_SECTIONS = (".data", ".bss", ".tce_keep")
STRUCT_BYTES = {
    "tce_binary": 88
}  # of types that more than one kernel takes: fields that one leaves alone are there, too


@dataclass(frozen=True)
class FlashParts:
    """Flash of a firmware. weights: constants of the encoder; code: everything executable, and its small constants."""

    weights: int
    tables: int
    label_pack: int
    code: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.tables + self.label_pack + self.code


def data_terms(spec: FrontendSpec, r: int) -> int:
    """Bytes of tce_app that follow the front end and the embedding, before alignment.

    pcm: int16 a sample of a frame; bins: 8 bytes a complex of n_fft / 2; a row of int16; a ring of int8 rows; r int8.
    """
    rows = 2 * spec.mel_bins + spec.frames * spec.mel_bins
    return _aligned(2 * spec.window_samples, 4) + 4 * spec.n_fft + _aligned(rows, 4) + _aligned(r, 4)


def static_data_bytes(spec: FrontendSpec, r: int, base: int) -> int:
    """.data, .bss and what outlives a reset; arena, stack and DMA's buffers apart. base: calibrated, what does not follow
    the front end."""
    return _aligned(base + data_terms(spec, r), SECTION_ALIGN)


def dma_bytes(spec: FrontendSpec, port: int = 0) -> int:
    """Buffers that DMA fills: two halves of a hop of int16, and those of the board's own port."""
    return _aligned(4 * spec.hop_samples, DMA_ALIGN) + port


def table_bytes(spec: FrontendSpec) -> int:
    """Flash of the log-mel's tables: those of frontend/tables.py, by their lengths."""
    points = spec.n_fft // 2
    log2_points = points.bit_length() - 1
    radix = 2 if log2_points % 2 else 4
    quarters, length = [], radix
    while length < points:
        quarters.append(length)
        length *= 4
    bin_hz = spec.sample_rate_hz / spec.n_fft
    first, last = max(1, math.ceil(spec.f_min_hz / bin_hz)), math.ceil(spec.f_max_hz / bin_hz)
    sizes = (
        4 * spec.n_fft,  # window
        points // radix,  # order
        24 * sum(q - 1 for q in quarters),  # twiddle
        8 * (points // 2 - 1),  # split
        2 * (spec.mel_bins + 2),  # edge
        4 * (last - first),  # rise
        4 * 33,  # log2
    )
    return sum(_aligned(size, 4) for size in sizes)


def pack_bytes(labels: int, r: int, name_bytes: int | None = None) -> int:
    """A label pack. name_bytes: of all names together."""
    names = labels * LABEL_NAME_BYTES if name_bytes is None else name_bytes
    return PACK_HEADER + labels * (PACK_ENTRY + _aligned(r, 4)) + _aligned(names, 4) + PACK_END


def work_kind(work: Work) -> str:
    """Functions that compile to about as many bytes: by what they do, and how."""
    window = "window" if work.step.row is not None and work.step.row.window is not None else "line"
    return f"{work.step.suffix} {work.form} {window} {'many' if work.repeats else 'once'}"


def struct_bytes(work: Work) -> int:
    """The constant struct of a function: 4 bytes a number or pointer, none where it only adds up rows."""
    if work.form == "add" or not work.step.struct:
        return 0
    if work.step.struct_type in STRUCT_BYTES:
        return STRUCT_BYTES[work.step.struct_type]
    row = work.step.row.struct if work.form == "row" and work.step.row is not None else None
    return 4 * _fields(work.step.struct if row is None else row)


def _fields(struct: Any) -> int:
    if isinstance(struct, dict):
        table = 1 if {"low", "high", "zero_point"} <= set(struct) and "table" not in struct else 0
        return table + sum(_fields(value) for value in struct.values())
    return len(struct) if isinstance(struct, list | tuple) else 1


def code_bytes(plan: Plan, spec: FrontendSpec, measured: dict[str, Any]) -> int:
    """Code and its constants: what every firmware has, the kernels, a function a layer, a function a stage; what the
    application of a stream has more."""
    base = measured["base"]
    size = base.get(str(spec.n_fft), base[min(base, key=lambda n: abs(int(n) - spec.n_fft))])
    kernels, functions = measured["kernels"], measured["functions"]
    typical = sum(functions.values()) / max(1, len(functions))
    size += sum(kernels.get(name, measured["kernel"]) for name in plan.kernels)
    for kind, count in Counter(work_kind(work) for work in plan.work).items():
        size += count * functions.get(kind, typical)
    size += sum(struct_bytes(work) for work in plan.work)
    size += measured["schedule"] + measured["stage"] * plan.stages
    if plan.schedule == CONTINUOUS:
        size += measured["stream"]
    return round(size)


def flash_parts(
    plan: Plan, spec: FrontendSpec, r: int, labels: int, measured: dict[str, Any], name_bytes: int | None = None,
    port_bytes: int = 0,
) -> FlashParts:  # fmt: skip
    """Flash of the whole firmware. port_bytes: code of the board's own drivers, beyond those that stand in for them."""
    code = code_bytes(plan, spec, measured) + port_bytes
    return FlashParts(plan.const_bytes, table_bytes(spec), pack_bytes(labels, r, name_bytes), code)


def _aligned(size: int, align: int) -> int:
    return -(-size // align) * align
