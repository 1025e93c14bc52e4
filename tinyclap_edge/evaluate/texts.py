"""Sentences in a student's space: by the text tower of its teacher, which is loaded only for sentences not yet known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.presets import MODELS


def student_texts(student: StudentFile, texts: Sequence[str]) -> np.ndarray:
    """(n, student.dim) float32 of unit length. ToolMissing (3) where the text tower is needed and not installed;
    UsageError (2) for a teacher without a text side."""
    raw = _raw(student, list(texts))
    if raw.shape[1] != student.text_projection.shape[1]:
        raise UsageError(
            f"the student's text side takes {student.text_projection.shape[1]} entries, {student.teacher!r} gives {raw.shape[1]}",
            "its text tower is not the one that the student was distilled with",
        )
    return unit(unit(raw @ student.text_projection.T) - student.text_mean)


def _raw(student: StudentFile, texts: list[str]) -> np.ndarray:
    """(n, text) of the teacher's text tower, before the student's projection."""
    if student.teacher != "reference":
        from tinyclap_edge.teachers.registry import text_encoder

        return np.asarray(text_encoder(student.teacher, student.teacher_identity)(texts), np.float32)
    known = examination_vectors()
    unknown = [text for text in dict.fromkeys(texts) if text not in known]
    if unknown:
        known = {**known, **dict(zip(unknown, _tower().encode(unknown), strict=True))}
    return np.stack([known[text] for text in texts])


@cache
def examination_vectors() -> dict[str, np.ndarray]:
    """Text -> (384,) of the text tower, for the sentences of the reference examination, which ship with the package."""
    path = MODELS / "evaluation_texts.npz"
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return dict(zip(stored["texts"].tolist(), stored["vectors"].astype(np.float32), strict=True))


@cache
def _tower():
    from tinyclap_edge.teachers.text_minilm import TextTower

    return TextTower()
