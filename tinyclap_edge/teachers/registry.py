"""Teachers by name, each with what a user must know before relying on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyclap_edge.errors import UsageError

MODELS = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True)
class TeacherEntry:
    """dim: of the shared space; window_s: seconds of audio that one embedding covers."""

    name: str
    title: str
    dim: int
    sample_rate_hz: int
    window_s: float
    text_tower: str
    licence: str
    path: Path
    limits: str


TEACHERS: dict[str, TeacherEntry] = {
    "reference": TeacherEntry(
        name="reference",
        title="small residual network trained on this project's procedural sounds against all-MiniLM-L6-v2",
        dim=384,
        sample_rate_hz=16000,
        window_s=2.572,
        text_tower="all-MiniLM-L6-v2 (frozen, Apache-2.0) with a learned 384 x 384 projection",
        licence="Apache-2.0",
        path=MODELS / "reference" / "teacher.safetensors",
        limits="knows synthetic sounds only: it makes everything tryable without a download, it is no CLAP",
    )
}


def teacher_entry(name: str) -> TeacherEntry:
    """The entry, or UsageError (2) with the names there are."""
    if name not in TEACHERS:
        raise UsageError(f"unknown teacher {name!r}", "teachers: " + ", ".join(sorted(TEACHERS)))
    return TEACHERS[name]
