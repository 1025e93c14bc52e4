"""Temporal support: accuracy against the seconds that an embedding sees, with what such windows cost a board.

The int8 student hears clips of 10 s of procedural sounds through each window; windows do not overlap, and their embeddings
are averaged (`evaluate --window`). What it has heard is not heard again, costs are. The result is a curve that `fit --accuracy-curve` reads; docs/windows.svg is its picture.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from benchmarks.store import EMULATED, ESTIMATED, MEASURED, ROOT, load_results, save_result
from tinyclap_edge.boards import Board, find_board
from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.evaluate.examinee import open_examinee
from tinyclap_edge.evaluate.run import Request, evaluate
from tinyclap_edge.fit import picture
from tinyclap_edge.fit.accuracy_curve import AccuracyCurve
from tinyclap_edge.fit.budgets import Budgets
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.cost import cost_of
from tinyclap_edge.fit.solver import Answer, recommend
from tinyclap_edge.students.presets import find_student

STUDENT, FORM, CORPUS = "small", "int8", "sounds:360:1:10"
WINDOWS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
BOARD, LATENCY_S = "stm32f4", 0.25
PICTURE = ROOT / "docs" / "windows.svg"


def main() -> None:
    """See the head of the module."""
    board = find_board(BOARD)
    heard = known() or listen()
    rows = [{**row, **cost_at(row["window_s"], board)} for row in heard["windows"]]
    curve = AccuracyCurve({row["window_s"]: row["accuracy"]["value"] for row in rows})
    answer = recommend(board, Budgets(latency_s=LATENCY_S), curve)
    picture.write_svg(PICTURE, answer.windows, title(board))
    save_result(
        "temporal",
        {
            "student": STUDENT, "form": FORM, "corpus": CORPUS, "board": BOARD, "latency_s": LATENCY_S,
            "identity": heard["identity"], "clips": heard["clips"],
            "windows": rows, "fitted": [fitted(answer, w) for w in WINDOWS_S],
            "recommended": answer.recommended.configuration.text(),
            "kinds": {"accuracy": MEASURED, "instructions": EMULATED, "times": ESTIMATED},
        },
    )  # fmt: skip


def listen() -> dict[str, Any]:
    """The student's curve."""
    record = evaluate(open_examinee(STUDENT, FORM), open_corpus(CORPUS), Request(windows=WINDOWS_S), _say)
    return {
        "identity": record["model"]["identity"], "clips": record["corpus"]["clips"],
        "windows": record["temporal support"]["rows"],
    }  # fmt: skip


def known() -> dict[str, Any] | None:
    """The result that is there, where the same student has heard the same clips: then only the costs are made again."""
    found = load_results().get("temporal", {})
    same = (found.get("corpus"), [row["window_s"] for row in found.get("windows", [])]) == (CORPUS, list(WINDOWS_S))
    return found if same and found["identity"] == open_examinee(STUDENT, FORM).identity else None


def title(board: Board) -> str:
    """Of the picture."""
    return f"{board.name}: the best that fits within {LATENCY_S * 1e3:g} ms, by window"


def cost_at(window_s: float, board: Board) -> dict[str, Any]:
    """The same student behind another window: RAM of the whole firmware, time from the last sample to the scores."""
    student = find_student(STUDENT)
    spec = student.frontend
    frames = max(1, round(window_s * spec.sample_rate_hz / spec.hop_samples))
    cost = cost_of(Configuration(student.config, replace(spec, frames=frames), student.default_r), board)
    return {"ram_bytes": cost.ram_bytes, "latency_s": round(cost.latency.typical_s, 4), "schedule": cost.schedule}


def fitted(answer: Answer, window_s: float) -> dict[str, Any]:
    """The best that fits with this window."""
    cost = next(w.cost for w in answer.windows if w.window_s == window_s)
    if cost is None:
        return {"window_s": window_s, "fits": False}
    return {
        "window_s": window_s, "fits": True, "configuration": cost.configuration.text(), "params": cost.params,
        "macs": cost.macs, "ram_bytes": cost.ram_bytes, "latency_s": round(cost.latency.typical_s, 4),
        "load": round(cost.load, 4),
    }  # fmt: skip


def _say(clips: int) -> None:
    print(".", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
