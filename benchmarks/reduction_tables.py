"""Table of the reduction curves."""

from __future__ import annotations

from benchmarks.markdown import code, number, percent, table
from benchmarks.store import Results

_WAYS = ("rotate", "prune", "random", "train")


def reduction_curves(results: Results) -> str:
    """A row an r, a column a student and way."""
    found = results["reduction"]
    curves, training = found["curves"], found["training"]
    rows = []
    for i, row in enumerate(curves[0]["rows"]):
        rows.append([str(row["r"]), *(percent(c["rows"][i][way]["value"]) for c in curves for way in _WAYS)])
    head = ["r", *(f"{c['student']}, {way}" for c in curves for way in _WAYS)]
    whole = curves[0]["rows"][-1]["rotate"]
    margin = 50 * (whole["high"] - whole["low"])
    said = (
        f"Zero-shot accuracy, float, {number(curves[0]['clips'])} fresh clips of {curves[0]['classes']} classes (about "
        f"± {margin:.1f} points). `random`: mean of 5 random sets of entries. `train`: along the rotated directions, "
        f"{training['what']}, {training['steps']} steps on {number(training['rows'])} stored embeddings. Files: "
        + ", ".join(f"{c['student']} {code(c['sha256'][:16])}" for c in curves)
        + "."
    )
    return f"{said}\n\n{table(head, rows, right=range(len(head)))}"


TABLES = {"reduction-curves": reduction_curves}
