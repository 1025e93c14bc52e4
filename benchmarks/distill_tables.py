"""Tables of docs/distillation.md: recipes against each other, each choice of `edge`, cluster balancing, the store's pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.markdown import ABSENT, code, number, percent, table
from benchmarks.store import Results

Rows = list[dict[str, Any]]


def recipes(results: Results) -> str:
    """Recipes at equal student, steps and batch: a row each, mean over seeds."""
    from benchmarks.distill import RECIPES

    found = results["distill"]
    cells = []
    for why, (recipe, settings) in RECIPES.items():
        rows = _of(found, recipe, settings)
        cells.append([why, *_accuracies(rows, "accuracy"), *_one(rows, "through the head")])
    return _frame(found, cells, ["recipe", *_HEAD, "clean, through its head"])


def ablations(results: Results) -> str:
    """One choice of edge at a time, with the difference to edge over the same seeds."""
    from benchmarks.distill import ABLATIONS

    found = results["distill"]
    base = {row["seed"]: row for row in _of(found, "edge", ())}
    cells = []
    for why, settings in ABLATIONS.items():
        rows = _of(found, "edge", settings)
        pairs = [(row, base[row["seed"]]) for row in rows if row["seed"] in base]
        differences = [_difference(pairs, name) if settings else "" for name in ("clean", "0 dB")]
        cells.append([why, code(" ".join(settings)), *_accuracies(rows, "accuracy"), *differences])
    return _frame(found, cells, ["edge", "setting", *_HEAD, "clean, points", "0 dB, points"], right=range(2, 7))


def balance(results: Results) -> str:
    """Clusters balanced and not, on fresh weights."""
    from benchmarks.distill import BALANCE

    found = results["distill"]
    cells = []
    for why, (recipe, settings) in BALANCE.items():
        rows = _of(found, recipe, settings)
        cells.append([why, *_accuracies(rows, "accuracy"), *_one(rows, "through the head")])
    return _frame(found, cells, ["", *_HEAD, "clean, through its head"])


def pace(results: Results) -> str:
    """Seconds an epoch from the store and in the loop."""
    found = results["distill"].get("pace")
    if not found:
        return ABSENT
    cells = [
        [
            row["teacher"], f"{found['store_s']:.0f} s", f"{row['loop_s']:.0f} s", f"**{row['ratio']:.1f}**",
            ", ".join(f"{name} {seconds:.0f} s" for name, seconds in row["parts_s"].items()),
        ]
        for row in found["rows"]
    ]  # fmt: skip
    head = ["teacher", "from the store", "teacher in the loop", "ratio", "of it"]
    text = table(head, cells, right=(1, 2, 3))
    share = percent(found["training_share"])
    return (
        f"An epoch of {number(found['clips'])} clips in batches of {found['batch']}, `small` by `edge`; measured in one run, "
        f"{found['unit']}. From the store {share} of the time is the training step, the rest reads it.\n\n{text}"
    )


_HEAD = ["trainings", "clean", "0 dB white noise"]


def _of(found: dict[str, Any], recipe: str, settings: tuple[str, ...]) -> Rows:
    return [r for r in found.get("trainings", []) if (r["recipe"], r["settings"]) == (recipe, list(settings))]


def _values(rows: Rows, field: str, name: str) -> list[float]:
    return [row[field][name]["value"] for row in rows if field in row]


def _spread(values: list[float]) -> str:
    """Mean and the range over seeds."""
    if not values:
        return ""
    text = percent(float(np.mean(values)))
    return text if len(values) == 1 else f"{text} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def _accuracies(rows: Rows, field: str) -> list[str]:
    if not rows:
        return ["0", "not measured yet", ""]
    return [str(len(rows)), *(_spread(_values(rows, field, name)) for name in ("clean", "0 dB"))]


def _one(rows: Rows, field: str) -> list[str]:
    return [_spread(_values(rows, field, "clean"))]


def _difference(pairs: list[tuple[dict[str, Any], dict[str, Any]]], name: str) -> str:
    gaps = [100 * (a["accuracy"][name]["value"] - b["accuracy"][name]["value"]) for a, b in pairs]
    return f"{np.mean(gaps):+.1f}" if gaps else ""


def _frame(found: dict[str, Any], cells: list[list[str]], head: list[str], right: range | None = None) -> str:
    if not found.get("trainings"):
        return ABSENT
    n = found["teacher accuracy"]["clean"]["n"]
    text = (
        f"`{found['student']}`, {number(found['steps'])} steps of {found['batch']} clips from {code(found['train'])}; zero-shot "
        f"top-1 over 60 families on {number(n)} fresh clips ({code(found['fresh'])}), float, all dimensions, mean over seeds "
        f"and their range (measured). The teacher: {percent(found['teacher accuracy']['clean']['value'])}. One accuracy "
        "of one training carries about ± 2.5 points."
    )
    return f"{text}\n\n{table(head, cells, right=right or range(1, len(head)))}"


TABLES: dict[str, Callable[[Results], str]] = {
    "distill-recipes": recipes,
    "distill-ablations": ablations,
    "distill-balance": balance,
    "distill-pace": pace,
}
