"""The students that ship with the package: distilled from the reference teacher, one a class of boards."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import StudentFile, read_student
from tinyclap_edge.students.phinet_cost import phinet_cost

MODELS = Path(__file__).resolve().parents[1] / "models" / "reference"

# Smallest contiguous RAM that the layer-by-layer plan of each needs, with room for stack, audio and log-mel buffers.
MADE_FOR = {
    "small": "Cortex-M4 class, 256 KB of RAM",
    "esp": "ESP32 class, 320 KB of RAM",
    "nucleo": "STM32H7 class, 512 KB of RAM",
}


@dataclass(frozen=True)
class Preset:
    """One shipped student, with what it costs and what it reaches."""

    name: str
    made_for: str
    arch: str
    params: int
    macs: int
    peak_elements: int
    default_r: int
    accuracy_text: str
    kept_text: str
    card: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def presets() -> list[Preset]:
    """Every shipped student, smallest first."""
    return [_preset(read_student(MODELS / f"{name}.safetensors")) for name in MADE_FOR]


def find_student(name: str) -> StudentFile:
    """A shipped student by name, or a student file by path."""
    if name in MADE_FOR:
        return read_student(MODELS / f"{name}.safetensors")
    if name.endswith(".safetensors") or "/" in name or Path(name).is_file():
        return read_student(name)
    near = difflib.get_close_matches(name, MADE_FOR, 1)
    raise UsageError(
        f"unknown student {name!r}",
        f"did you mean {near[0]!r}?" if near else "built in: " + ", ".join(MADE_FOR) + "; or give a .safetensors file",
    )


def _preset(student: StudentFile) -> Preset:
    spec = student.frontend
    cost = phinet_cost(student.config, (1, spec.frames, spec.mel_bins), student.dim)
    text = kept = "not measured"
    if "seen" in student.card:
        seen = student.card["seen"]
        text = f"{seen['accuracy']:.1%} [{seen['low']:.1%}, {seen['high']:.1%}], n={seen['n']}"
        kept = f"{student.card['kept']:.1%}"
    return Preset(
        student.name,
        MADE_FOR.get(student.name, ""),
        student.arch,
        cost.params,
        cost.macs,
        cost.peak_elements,
        student.default_r,
        text,
        kept,
        student.card,
    )
