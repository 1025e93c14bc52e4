"""What can be examined: a student (float, reduced or int8), an export, a teacher. One interface, one way to open them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinyclap_edge.errors import UsageError

FORMS = ("float", "reduced", "int8")


class Examinee(Protocol):
    """name, form and identity go into reports; speaks: whether it maps texts into its space."""

    name: str
    form: str
    identity: str
    dim: int

    @property
    def rate_hz(self) -> int: ...

    @property
    def speaks(self) -> bool: ...

    def embed_clips(self, clips: Sequence[np.ndarray], window_s: float | None) -> np.ndarray:
        """(n, dim) float32 of mono float32 clips at rate_hz; window_s None: the model's own window."""
        ...

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32; UsageError (2) for a model without a text side."""
        ...

    def class_rows(self, classes: np.ndarray) -> np.ndarray:
        """What becomes of (classes, dim) unit rows before they are compared with: int8 rows on a device."""
        ...

    def cost(self, window_s: float | None) -> dict[str, Any]:
        """window_s, and where they are known macs and peak_elements of one embedding."""
        ...


class TeacherExaminee:
    """A teacher of the registry; it cuts long clips itself, and is given windows only where they are asked for."""

    form = "teacher"

    def __init__(self, teacher: Any) -> None:
        card = teacher.card
        self.teacher, self.name, self.identity = teacher, card.name, teacher.identity
        self.dim, self.rate_hz = card.dim, card.sample_rate
        self.speaks = bool(card.text_parameters)

    def embed_clips(self, clips: Sequence[np.ndarray], window_s: float | None) -> np.ndarray:
        """See Examinee."""
        from tinyclap_edge.evaluate.windows import mean_over_windows

        if window_s is None:
            return np.asarray(self.teacher.embed_audio(list(clips)), np.float32)
        return mean_over_windows(clips, round(window_s * self.rate_hz), lambda w: self.teacher.embed_audio(list(w)))

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """See Examinee."""
        return np.asarray(self.teacher.embed_text(list(texts)), np.float32)

    def class_rows(self, classes: np.ndarray) -> np.ndarray:
        """See Examinee."""
        return classes

    def cost(self, window_s: float | None) -> dict[str, Any]:
        """See Examinee."""
        return {"window_s": window_s or self.teacher.card.window_s or None}


def open_examinee(
    name: str, form: str = "float", r: int | None = None, reduction: str | None = None, weights: Path | None = None,
    student: Path | None = None,
) -> Examinee:  # fmt: skip
    """A student by name or file, an export (directory or .tce), or a teacher of the registry ("teacher:NAME" too).

    form, r, reduction: of a student; weights: of a teacher; student: the file that an export was made of. UsageError (2) for a name that is none of them.
    """
    from tinyclap_edge.students.presets import MADE_FOR

    if form not in FORMS:
        raise UsageError(f"a student has no form {form!r}", f"one of {', '.join(FORMS)}")
    path = Path(name)
    if name.endswith(".tce") or path.is_dir():
        from tinyclap_edge.evaluate.student_examinee import open_export

        return open_export(path, student)
    if name in MADE_FOR or name.endswith(".safetensors"):
        from tinyclap_edge.evaluate.student_examinee import open_student

        return open_student(name, form, r, reduction)
    from tinyclap_edge.teachers.registry import list_teachers, open_teacher

    known = [card.name for card in list_teachers()]
    asked = name.removeprefix("teacher:")
    if asked in known or asked.startswith("embeddings:"):
        return TeacherExaminee(open_teacher(asked, weights))
    raise UsageError(
        f"{name!r} is no student, export or teacher",
        f"students: {', '.join(MADE_FOR)} or a .safetensors file; teachers: {', '.join(known)}; exports: a directory or .tce",
    )
