"""Which part of the firmware an instruction belongs to.

A layer function of the generated encoder calls shared kernels, and a kernel calls memcpy: their instructions belong to the
layer. So code is split into phases by function name, and code outside every named group inherits the phase that runs:

    tce_encoder_layer_NN_*                  -> that layer
    tce_logmel_*                            -> the front end
    tce_labels_*                            -> scoring
    other tce_encoder_*                     -> the schedule: which layer makes which row, and when
    tce_{app,capture,events,health,monitor,port,semihost,text}_*, main  -> the application
    everything else (kernels, memory functions, the compiler's run-time)    -> inherits

Returning from a layer lands in the schedule: no stack need be followed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.device.run_result import Instructions

INHERIT = -1
START, APPLICATION, LOGMEL, LABELS, SCHEDULE, FIRST_LAYER = 0, 1, 2, 3, 4, 5
_APPLICATION = re.compile(r"tce_(app|capture|events|health|monitor|port|semihost|text)_.*|main")
_LAYER = re.compile(r"tce_encoder_layer_(\d+)(_.*)?")
_START = re.compile(r"tce_(reset|start|fault|trap)")


@dataclass(frozen=True)
class PhaseMap:
    """Phases by address range: `starts[i] <= pc < ends[i]` has `phases[i]`. `layers` names phase FIRST_LAYER + n."""

    starts: list[int]
    ends: list[int]
    phases: list[int]
    layers: list[str]

    @property
    def count(self) -> int:
        """Number of phases."""
        return FIRST_LAYER + len(self.layers)

    def phase_at(self, address: int) -> int:
        """Phase of one address, INHERIT where no group holds it."""
        index = bisect_right(self.starts, address) - 1
        return self.phases[index] if index >= 0 and address < self.ends[index] else INHERIT

    def instructions(self, counts: list[int]) -> Instructions:
        """Counts by phase -> the named result."""
        layers = {name: counts[FIRST_LAYER + i] for i, name in enumerate(self.layers)}
        return Instructions(
            sum(counts), counts[START], counts[APPLICATION], counts[LOGMEL], layers, counts[SCHEDULE], counts[LABELS]
        )


def phase_map(image: ElfImage) -> PhaseMap:
    """The phases of an image, from its function symbols."""
    matches = {f.name: m for f in image.functions if (m := _LAYER.fullmatch(f.name))}
    layers = sorted(matches, key=lambda name: (int(matches[name][1]), name))
    numbers = {name: FIRST_LAYER + i for i, name in enumerate(layers)}
    starts: list[int] = []
    ends: list[int] = []
    phases: list[int] = []
    for function in image.functions:
        if function.size == 0 or (starts and function.address < ends[-1]):  # an alias of the function before
            continue
        starts.append(function.address)
        ends.append(function.address + function.size)
        phases.append(numbers.get(function.name, _group(function.name)))
    return PhaseMap(starts, ends, phases, layers)


def _group(name: str) -> int:
    if name.startswith("tce_logmel"):
        return LOGMEL
    if name.startswith("tce_labels"):
        return LABELS
    if name.startswith("tce_encoder"):
        return SCHEDULE
    if _START.fullmatch(name):
        return START
    return APPLICATION if _APPLICATION.fullmatch(name) else INHERIT
