"""Drift: how far each stage of a student moves an embedding from the stage before, on the scored clips."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.bundle.drift import Step, step
from tinyclap_edge.errors import TinyclapError, UsageError
from tinyclap_edge.evaluate.examinee import TeacherExaminee
from tinyclap_edge.evaluate.session import Heard, Session
from tinyclap_edge.evaluate.student_examinee import FeatureExaminee, examine_student
from tinyclap_edge.students.file import reduce_matrix


def drift(session: Session) -> dict[str, Any]:
    """teacher -> float -> reduced -> int8 as cosines, mean and worst. A stage that is not to be had is named, with why.

    UsageError (2) where the examinee is not a student, or an export whose student is not here.
    """
    examinee = session.examinee
    if not isinstance(examinee, FeatureExaminee) or examinee.student is None:
        raise UsageError(f"{examinee.name} has no chain of stages", "the drift table is for students and their exports")
    student = examinee.student
    r, reduction = examinee.r or student.default_r, examinee.reduction or student.reduction
    left_out: dict[str, str] = {}
    steps: list[Step] = []
    whole = _hear(session, examine_student(student, "float"))
    try:
        from tinyclap_edge.teachers.registry import open_teacher

        teacher = open_teacher(student.teacher)
        student.require_teacher(student.teacher, teacher.identity, "the teacher here")
        taught = _hear(session, TeacherExaminee(teacher))
        if taught.vectors.shape[1] == whole.vectors.shape[1]:
            steps.append(step("teacher", "float", taught.vectors, whole.vectors))
        else:
            left_out["teacher"] = f"{taught.vectors.shape[1]} dimensions, the student has {whole.vectors.shape[1]}"
    except TinyclapError as error:
        left_out["teacher"] = error.fact
    matrix = reduce_matrix(student, r, reduction)
    reduced = whole.vectors @ matrix.T
    steps.append(step("float", f"reduced to {r}", whole.vectors, reduced @ np.linalg.pinv(matrix).T))
    try:
        int8 = examinee if examinee.form == "int8" else examine_student(student, "int8", r, reduction)
        steps.append(step(f"reduced to {r}", "int8", reduced, _hear(session, int8).vectors))
    except TinyclapError as error:
        left_out["int8"] = error.fact
    return {"r": r, "reduction": reduction, "steps": [s.to_dict() for s in steps], "left out": left_out}


def _hear(session: Session, examinee: Any) -> Heard:
    """The scored clips by another stage of the same student, in the same order."""
    if examinee.form == session.examinee.form and examinee.identity == session.examinee.identity:
        return session.hear()
    other = Session(examinee, session.corpus, session.protocol, session.prompts, session.split, session.window_s)
    other.share_audio(session)
    return other.hear()
