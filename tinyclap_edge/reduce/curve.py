"""Accuracy against r, for each way of getting there: as figures, as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyclap_edge.data.corpora import Corpus
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.intervals import Share, share
from tinyclap_edge.evaluate.precision import MeanPrecision, mean_average_precision
from tinyclap_edge.evaluate.prompts import find_prompts
from tinyclap_edge.evaluate.protocols import protocol_of, scored_split
from tinyclap_edge.evaluate.report import rows_of
from tinyclap_edge.evaluate.session import Heard, Session
from tinyclap_edge.evaluate.student_examinee import examine_student
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.reduce.prune import random_order, selection
from tinyclap_edge.students.file import StudentFile, reduce_matrix

SIZES = (8, 16, 32, 64, 128, 256, 512)
DRAWS = 5  # of the random baseline

Train = Callable[[StudentFile, int], StudentFile]  # a student and r -> the student trained at r


def reduction_curve(
    student: StudentFile, corpus: Corpus, sizes: Sequence[int] = (), train: Train | None = None,
    advance: Callable[[int], None] = lambda clips: None,
) -> dict[str, Any]:  # fmt: skip
    """Zero-shot accuracy (or mAP) at each r by rotation, by pruning, by random entries (mean of 5 draws), and by training
    where `train` is given. One matrix for audio and text in every case.

    sizes: the r to try, by default powers of two below the student's dimensions, and these themselves.
    """
    wanted = sorted({*(sizes or SIZES), student.dim} if not sizes else set(sizes))
    fitting = [r for r in wanted if 1 <= r <= student.dim]
    if not fitting or (sizes and len(fitting) < len(wanted)):
        raise UsageError(f"r of the curve must lie within 1..{student.dim}")
    protocol = protocol_of(corpus)
    prompts = find_prompts(protocol.prompts, corpus.card)
    session = Session(
        examine_student(student, "float"),
        corpus,
        protocol,
        prompts,
        scored_split(corpus, protocol, None),
        None,
        advance,
    )
    heard = session.hear()
    names = session.classes(heard.clips)
    classes = session.class_rows(names)

    def score(audio: np.ndarray, matrix: np.ndarray) -> Share | MeanPrecision:
        return _score(session, heard, names, unit(audio @ matrix.T) @ unit(classes @ matrix.T).T)

    rows: list[dict[str, Any]] = []
    for r in fitting:
        row: dict[str, Any] = {"r": r}
        row["rotate"] = score(heard.vectors, reduce_matrix(student, r, "rotate")).to_dict()
        row["prune"] = score(heard.vectors, reduce_matrix(student, r, "prune")).to_dict()
        drawn = [score(heard.vectors, selection(random_order(student.dim, i), r)).value for i in range(DRAWS)]
        row["random"] = {"value": round(float(np.mean(drawn)), 4), "draws": DRAWS}
        if train is not None:
            taught = replace(session, examinee=examine_student(train(student, r), "float"), _heard={})
            row["train"] = score(taught.hear().vectors, reduce_matrix(student, r, "rotate")).to_dict()
        rows.append(row)
    return {
        "student": student.name, "dim": student.dim, "corpus": corpus.card.title, "split": session.split or "all",
        "clips": len(heard.clips), "classes": len(names), "measure": "mAP" if session.multi_label else "accuracy",
        "prompts": list(prompts.templates), "rows": rows,
    }  # fmt: skip


def _score(session: Session, heard: Heard, names: tuple[str, ...], scores: np.ndarray) -> Share | MeanPrecision:
    from tinyclap_edge.data.corpora import label_matrix

    if session.multi_label:
        return mean_average_precision(scores, *label_matrix(heard.clips, names))
    index = {name: i for i, name in enumerate(names)}
    use = np.array([len(clip.labels) == 1 for clip in heard.clips])
    truth = np.array([index[clip.labels[0]] for clip in heard.clips if len(clip.labels) == 1], int)
    return share(scores[use].argmax(1) == truth)


def ways_of(curve: dict[str, Any]) -> list[str]:
    """The ways in a curve's rows, in order."""
    return [way for way in ("rotate", "prune", "train", "random") if way in curve["rows"][0]]


def curve_markdown(curve: dict[str, Any]) -> str:
    """A table, one row an r."""
    ways = ways_of(curve)
    rows = [[str(row["r"]), *(f"{100 * row[way]['value']:.1f} %" for way in ways)] for row in curve["rows"]]
    head = f"{curve['student']}: zero-shot {curve['measure']} on {curve['corpus']} ({curve['split']}, "
    return (
        head
        + f"{curve['clips']} clips, {curve['classes']} classes)\n\n"
        + "\n".join(rows_of(["r", *ways], rows))
        + "\n"
    )
