"""Which instructions are the model's: phases of a model image, as attribution.py has them for the application.

Every function of the generated library is a phase of its own; the kernels they call, and what those call, inherit the
phase that runs. So the instructions of one inference are those of all `tce_model_` phases together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.device.emulator.attribution import APPLICATION, FIRST_LAYER, INHERIT, START, PhaseMap
from tinyclap_edge.engine.model_project import NAME

_RUNNER = re.compile(rf"(tce_app_|tce_port_|tce_text_|tce_semihost_|tce_runner_|tce_{NAME}_(in|out)put(_\d+)?$).*")
_START = re.compile(r"tce_(reset|start|fault|trap)")


@dataclass(frozen=True)
class Counts:
    """Executed instructions of `samples` inferences. by_function: the library's, with the kernels that they call."""

    samples: int
    by_function: dict[str, int]
    outside: int  # start-up, input and output

    @property
    def per_sample(self) -> int:
        """Of one inference: the mean, rounded."""
        return round(sum(self.by_function.values()) / self.samples)


def model_phases(image: ElfImage) -> PhaseMap:
    """The phases of a model image, from its function symbols."""
    starts: list[int] = []
    ends: list[int] = []
    phases: list[int] = []
    names: list[str] = []
    for function in image.functions:
        if function.size == 0 or (starts and function.address < ends[-1]):  # an alias of the function before
            continue
        if _START.fullmatch(function.name):
            phase = START
        elif _RUNNER.match(function.name):
            phase = APPLICATION
        elif function.name.startswith(f"tce_{NAME}_"):
            phase = FIRST_LAYER + len(names)
            names.append(function.name)
        else:
            phase = INHERIT
        starts.append(function.address)
        ends.append(function.address + function.size)
        phases.append(phase)
    return PhaseMap(starts, ends, phases, names)


def counts_of(phases: PhaseMap, counted: list[int], samples: int) -> Counts:
    """Counts by phase -> the named result."""
    by_function = {name: counted[FIRST_LAYER + i] for i, name in enumerate(phases.layers)}
    return Counts(samples, by_function, sum(counted[:FIRST_LAYER]))
