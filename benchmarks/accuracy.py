"""Gathers what `tinyclap-edge reference build` measured of the models that ship; it measures nothing itself.

python -m benchmarks.accuracy        writes benchmarks/results/accuracy.json
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from benchmarks.store import MEASURED, save_result
from tinyclap_edge.bundle.calibration import load_calibration
from tinyclap_edge.bundle.encoder import make_encoder
from tinyclap_edge.students import presets
from tinyclap_edge.students.file import StudentFile

FORMS = ("float", "reduced", "int8")


def main() -> None:
    """Cards of every shipped student, and the examination of their teacher."""
    students = {name: _student(presets.find_student(name)) for name in presets.MADE_FOR}
    report = json.loads((presets.MODELS / "accuracies.json").read_text(encoding="utf-8"))
    teacher = {"sha256": _sha256("teacher.safetensors"), "examination": report["teacher"]}
    save_result(
        "accuracy",
        {"provenance": MEASURED, "teacher": teacher, "students": students, "gates": report["gates"]},
    )


def _student(student: StudentFile) -> dict[str, Any]:
    encoder = make_encoder(student, student.default_r, student.reduction, "minmax", load_calibration())
    card = student.card
    return {
        "sha256": _sha256(f"{student.name}.safetensors"),
        "encoder": encoder.encoder_id,
        "arch": student.arch,
        "dim": student.dim,
        "r": student.default_r,
        "reduction": student.reduction,
        "examination": {form: card[form] for form in FORMS},
        "curve": card["curve"],
        "cosine": card["cosine"],
    }


def _sha256(name: str) -> str:
    return hashlib.sha256((presets.MODELS / name).read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
