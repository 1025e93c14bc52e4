"""Operator attributes out of the builtin options tables, by slot number of the TFLite schema (version 3)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.flatview import Table, corrupt
from tinyclap_export.schema import ACTIVATION_CODES, PADDING_CODES

# the second input of these is a parameter tensor; it becomes an attribute
PARAMETER_INPUT = {"MEAN": "axes", "PAD": "pads", "TRANSPOSE": "perm", "RESHAPE": "new_shape"}

# attribute: (slot, struct code, default) or a pair of slots (height, width)
_CONV = {"padding": (0, "b", 0), "stride": (2, 1), "activation": (3, "b", 0), "dilation": (5, 4)}
_DEPTHWISE = {"padding": (0, "b", 0), "stride": (2, 1), "activation": (4, "b", 0), "dilation": (6, 5),
              "depth_multiplier": (3, "i", 0)}  # fmt: skip
_POOL = {"padding": (0, "b", 0), "stride": (2, 1), "filter": (4, 3), "activation": (5, "b", 0)}
_FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "CONV_2D": _CONV,
    "DEPTHWISE_CONV_2D": _DEPTHWISE,
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "FULLY_CONNECTED": {"activation": (0, "b", 0), "keep_num_dims": (2, "?", False)},
    "ADD": {"activation": (0, "b", 0)},
    "SUB": {"activation": (0, "b", 0)},
    "MUL": {"activation": (0, "b", 0)},
    "MEAN": {"keep_dims": (0, "?", False)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "SOFTMAX": {"beta": (0, "f", 0.0)},
    "LEAKY_RELU": {"alpha": (0, "f", 0.0)},
}
_NEEDS_OPTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "SOFTMAX", "LEAKY_RELU")
_ACTIVATION_OF = {code: name for name, code in ACTIVATION_CODES.items()}
_PADDING_OF = {code: name for name, code in PADDING_CODES.items()}


def read_attributes(
    kind: str, options: Table | None, values: np.ndarray | None, out_shape: tuple[int, ...], where: str
) -> dict[str, Any]:
    """Attributes of one operator. values: its parameter tensor, if it has one; out_shape: its output's shape."""
    if options is None and kind in _NEEDS_OPTIONS:
        raise corrupt(f"{where} has no options")
    attrs: dict[str, Any] = {}
    for name, field in _FIELDS.get(kind, {}).items():
        if len(field) == 2:
            default = 1 if name == "dilation" else 0
            attrs[name] = tuple(options.integer(slot, "i", default) if options else default for slot in field)
            if min(attrs[name]) < 1 or max(attrs[name]) > 1 << 16:
                raise corrupt(f"{where} has {name} {attrs[name]}")
        else:
            slot, code, default = field
            attrs[name] = options.number(slot, code, default) if options else default
    if "activation" in attrs:
        attrs["activation"] = _lookup(_ACTIVATION_OF, attrs["activation"], "activation", where)
    if "padding" in attrs:
        attrs["padding"] = _lookup(_PADDING_OF, attrs["padding"], "padding", where)
    for name in ("alpha", "beta"):
        if name in attrs and not math.isfinite(attrs[name]):
            raise corrupt(f"{where} has {name} {attrs[name]}")
    if kind == "GELU" and options is not None and options.number(0, "?", False):
        raise ExportError(f"{where}: GELU in its tanh form", "train it with the exact one (approximate=False)")
    if kind == "FULLY_CONNECTED" and options is not None and options.integer(1, "b"):
        raise ExportError(f"{where}: shuffled weights", "convert with the default weights format")
    if kind in PARAMETER_INPUT:
        attrs[PARAMETER_INPUT[kind]] = _parameter(kind, options, values, out_shape, where)
    return attrs


def _lookup(table: dict[int, str], code: Any, what: str, where: str) -> str:
    if code not in table:
        raise ExportError(f"{where}: {what} code {code} is not supported", f"supported: {', '.join(table.values())}")
    return table[code]


def _parameter(
    kind: str, options: Table | None, values: np.ndarray | None, out_shape: tuple[int, ...], where: str
) -> tuple[Any, ...]:
    if kind == "RESHAPE":
        if values is None and options is not None and options.has(0):
            values = options.array(0, "int32")
        return out_shape if values is None else tuple(int(v) for v in values.ravel())
    if values is None:
        raise corrupt(f"{where} lacks its parameter input")
    if kind == "PAD":
        if values.ndim != 2 or values.shape[1] != 2:
            raise corrupt(f"{where} has pads of shape {list(values.shape)}")
        return tuple((int(a), int(b)) for a, b in values)
    return tuple(int(v) for v in values.ravel())
