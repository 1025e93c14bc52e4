"""Executed instructions of a planned encoder: terms of its calls (features.py) times the instructions of each term.

The model of a kernel depends on how it stores (a ReLU's clamp, a clamp within the codes, a table, or neither) and, for
windows, on stride and size. Coefficients are data: calibration.json, written by `make calibrate`.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import TinyclapError
from tinyclap_edge.fit.features import MODELLED, Shape, Terms, terms_of
from tinyclap_edge.fit.plan import Plan, Work

CALIBRATION = Path(__file__).with_name("calibration.json")
SCHEDULE = "schedule"  # the variant of what decides which row comes next
# Of kernels that no network of `fit` has, only encoders that come from elsewhere, or lost channels: plain C on an M0+.
UNCALIBRATED = {"call": 300.0, "element": 160.0, "product": 12.0}


@dataclass(frozen=True)
class Call:
    """One generated function in terms of the model: `count` calls of a variant of a kernel."""

    name: str
    variant: str
    count: float
    terms: Terms


@dataclass(frozen=True)
class Machine:
    """Calibrated costs of one core. instructions: by variant and term. source: what was run to find them."""

    name: str
    isa: str
    instructions: dict[str, dict[str, float]]
    frontend: dict[str, float]
    labels: dict[str, float]
    code: dict[str, Any]
    static_bytes: int  # of the firmware's static data, what does not follow the front end
    source: str

    def of(self, call: Call) -> float:
        """Instructions of all calls of one function in a window."""
        return call.count * self.once(call.variant, call.terms)

    def once(self, variant: str, terms: Terms) -> Any:
        """Instructions of one call; arrays of terms give an array."""
        costs = self.instructions.get(variant) or self._nearest(variant)
        return sum(costs.get(name, 0.0) * value for name, value in terms.items())

    def _nearest(self, variant: str) -> dict[str, float]:
        """The same kernel with another store, or with another stride (that only encoders from elsewhere have), where this
        one was not calibrated. TinyclapError for a kernel that must be."""
        kernel, store = variant.rsplit(" ", 1) if " " in variant else (variant, "")
        name, known = variant.partition(" ")[0], sorted(self.instructions)
        found = next((v for v in known if v.rpartition(" ")[0] == kernel), None)
        alike = [v for v in known if v.partition(" ")[0] == name]
        if found is None and alike:
            found = max(alike, key=lambda v: (v.endswith(" " + store), v))
        if found is None and name not in MODELLED:
            return UNCALIBRATED
        if found is None:
            raise TinyclapError(f"the instruction model has no {variant} on {self.isa}", "run `make calibrate`")
        return self.instructions[found]


@dataclass(frozen=True)
class Port:
    """What a board's own drivers make of the firmware that an emulator counts.

    code_bytes, dma_bytes: more of flash, and of DMA's buffers; ram_code_bytes: of code that runs in RAM, a copy of flash;
    static_bytes: in place of the machine's, 0 where nothing was measured.
    """

    code_bytes: int = 0
    dma_bytes: int = 0
    ram_code_bytes: int = 0
    static_bytes: int = 0


@functools.lru_cache(maxsize=1)
def calibration() -> dict[str, Any]:
    """The committed calibration."""
    try:
        return dict(json.loads(CALIBRATION.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise TinyclapError("the calibration of the cost model cannot be read", "run `make calibrate`") from error


def machine_of(board: Board) -> Machine:
    """The calibrated core that stands for a board's: its own, or the one that the calibration names in its place."""
    found = calibration()
    name = found["stands_for"][board.core]
    return machine(name, found)


def port_of(board: Board) -> Port:
    """The drivers of a board with a port of its own; nothing for others, and where `make calibrate` has not seen it."""
    sizes = calibration().get("ports", {}).get(board.name)
    return Port(**sizes) if sizes else Port()


def machine(name: str, found: dict[str, Any]) -> Machine:
    """One core of a calibration."""
    data = found["machines"][name]
    return Machine(
        name, data["isa"], data["instructions"], data["frontend"], data["labels"], data["code"], data["static_bytes"],
        data["source"],
    )  # fmt: skip


def calls_of(plan: Plan, isa: str) -> list[Call]:
    """Every function of a plan, and what lies between them."""
    calls = [_call(plan, work, isa) for work in plan.work]
    if plan.polls:
        fired = sum(work.calls for work in plan.work)
        rows = plan.graph.tensors[plan.graph.inputs[0]].shape[1]
        calls.append(Call("between the layers", SCHEDULE, 1, {"poll": plan.polls, "fired": fired, "row": rows}))
    return calls


def predict(plan: Plan, machine: Machine) -> dict[str, float]:
    """Instructions of one window by function."""
    found: dict[str, float] = defaultdict(float)
    for call in calls_of(plan, machine.isa):
        found[call.name] += machine.of(call)
    return dict(found)


def store_kind(output: dict[str, Any]) -> str:
    """How accumulators become codes, as the kernels distinguish it."""
    if output.get("table") is not None:
        return "table"
    if output["low"] > -128 or output["high"] < 127:
        return "clamp"
    return "relu" if output["low"] >= output["zero_point"] else "linear"


def _call(plan: Plan, work: Work, isa: str) -> Call:
    step, tensors = work.step, plan.graph.tensors
    kernel = {"add": "tce_mean_add_s8", "finish": "tce_mean_finish_s8"}.get(work.form, step.kernels[0])
    shape = tensors[step.output].shape
    missing = work.missing / work.calls
    if work.form in ("add", "finish"):
        assert step.sums is not None
        pixels = step.sums.pixels if work.form == "add" else 1
        return _made(work, kernel, "", isa, Shape(pixels, step.sums.channels))
    window = step.struct.get("window")
    if kernel == "tce_depthwise_s8" and window:
        variant, s = window_variant(
            isa, window["channels"], window["out_w"], window["in_w"], window["kernel_w"], window["stride_w"],
            window["pad_left"], missing,
        )  # fmt: skip
        return _made(work, variant, store_kind(step.struct["output"]), isa, s, f" s{window['stride_w']}")
    channels = shape[-1]
    rows = shape[1] if len(shape) == 4 and work.form == "row" and work.repeats else 1
    pixels = tensors[step.output].size // channels // rows
    if kernel == "tce_conv1x1_s8":
        k = step.struct["k"]
        return _made(work, product_variant(isa, k), store_kind(step.struct["output"]), isa, Shape(pixels, channels, k))
    if kernel == "tce_conv_s8":
        product = step.struct["product"]
        return _made(work, kernel, store_kind(product["output"]), isa, Shape(pixels, channels, product["k"]))
    made = _made(work, kernel, "", isa, Shape(pixels, channels))
    return made if kernel in MODELLED else replace(made, terms={**made.terms, "product": step.macs / rows})


def product_variant(isa: str, k: int) -> str:
    """MVE multiplies one or two inputs in another way."""
    return "tce_conv1x1_s8 broad" if isa == "mve" and k <= 2 else "tce_conv1x1_s8"


def window_variant(
    isa: str, channels: Any, out_w: Any, in_w: Any, kernel: int, stride: int, pad_left: Any, missing: Any
) -> tuple[str, Shape]:
    """(key of TERMS, sizes) of one row of a depthwise convolution. A map of one channel must be told as an int."""
    pad_right = (out_w - 1) * stride + kernel - pad_left - in_w
    pad_right = pad_right * (pad_right > 0)
    shape = Shape(out_w, channels, 1, in_w, kernel, stride, pad_left, pad_right, missing)
    if isinstance(channels, int) and channels == 1 and isa == "mve":
        return "tce_depthwise_s8 single", shape
    fast = {"dsp": kernel == 3, "rv32": kernel == 3, "mve": kernel <= 4}.get(isa, True)
    return ("tce_depthwise_s8" if fast else "tce_depthwise_s8 any"), shape


def variant_name(kernel: str, detail: str, store: str) -> str:
    """The name under which a calibration keeps a variant: the store last."""
    return f"{kernel}{detail} {store or 'plain'}"


def _made(work: Work, kernel: str, store: str, isa: str, shape: Shape, detail: str = "") -> Call:
    return Call(work.name, variant_name(kernel, detail, store), work.calls, terms_of(kernel, isa, shape))
