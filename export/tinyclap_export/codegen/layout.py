"""What a kernel's variant wants of the generator: weights in its own order, and working memory.

Each variant's module (layout_dsp, layout_mve, layout_rv32) holds two dicts by kernel file name, both optional entries:

    LAYOUTS["tce_conv1x1_s8"](weights) -> flat int8      weights as the plain layout of tce_engine.h
    SCRATCH["tce_conv1x1_s8"](struct) -> bytes           struct: the numbers of the layer's C struct, nested dicts

Without an entry the plain layout and the portable kernel's scratch hold.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ISAS = ("portable", "dsp", "mve", "rv32")

Struct = Mapping[str, Any]


def _conv_scratch(struct: Struct) -> int:
    return -(-2 * struct["product"]["k"] // 16) * 16


def _depthwise_scratch(struct: Struct) -> int:
    window = struct["window"]
    return window["kernel_h"] * window["kernel_w"] * window["channels"]


LAYOUTS: dict[tuple[str, str], Callable[[np.ndarray], np.ndarray]] = {}
SCRATCH: dict[tuple[str, str], Callable[[Struct], int]] = {
    ("tce_conv_s8", "portable"): _conv_scratch,
    ("tce_depthwise_s8", "portable"): _depthwise_scratch,
}

for _isa in ISAS[1:]:
    if importlib.util.find_spec(f"tinyclap_export.codegen.layout_{_isa}") is not None:
        _variant = importlib.import_module(f"tinyclap_export.codegen.layout_{_isa}")
        LAYOUTS.update({(kernel, _isa): function for kernel, function in _variant.LAYOUTS.items()})
        SCRATCH.update({(kernel, _isa): function for kernel, function in _variant.SCRATCH.items()})


def packed(kernel: str, isa: str, weights: np.ndarray) -> np.ndarray:
    """Weights as the kernel's variant reads them. tce_conv_s8 multiplies by tce_conv1x1_s8, hence in its layout."""
    layout = LAYOUTS.get((kernel, isa))
    if layout is None and kernel == "tce_conv_s8":
        layout, weights = LAYOUTS.get(("tce_conv1x1_s8", isa)), weights.reshape(weights.shape[0], -1)
    return weights if layout is None else np.asarray(layout(weights), np.int8).reshape(-1)


def scratch_bytes(kernel: str, isa: str, struct: Struct) -> int:
    """Working memory of one call. struct may also hold `pixels`, the most that a 1x1 convolution is given at once."""
    own = SCRATCH.get((kernel, isa))
    if own is not None:
        return int(own(struct))
    portable = SCRATCH.get((kernel, "portable"))
    size = int(portable(struct)) if portable else 0
    if kernel == "tce_conv_s8":  # the portable file calls the variant's product
        size += scratch_bytes("tce_conv1x1_s8", isa, struct["product"])
    return size


def kernel_source(engine: Path, kernel: str, isa: str) -> Path:
    """The C file of a kernel: the variant's where there is one."""
    own = engine / isa / f"{kernel}.c"
    return own if own.is_file() else engine / f"{kernel}.c"


def variant_headers(engine: Path, isa: str) -> list[Path]:
    """Headers that a variant's kernels include beside those of the engine."""
    return sorted((engine / isa).glob("*.h")) if isa != "portable" else []
