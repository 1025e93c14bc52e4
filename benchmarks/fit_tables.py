"""Tables of `fit`: how well it foretells, what each board is told, what the shipped students use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.markdown import code, number, percent, table
from benchmarks.store import Results


def fit_accuracy(results: Results) -> str:
    """A row a board: exact plans, worst errors."""
    cells = []
    rows = results["fit"]["rows"]
    for board in dict.fromkeys(row["board"] for row in rows):
        mine = [row for row in rows if row["board"] == board]
        cells.append(
            [
                code(board), str(len(mine)), f"{sum(row['ram_exact'] for row in mine)} of {len(mine)}",
                *(_worst(mine, key) for key in ("flash_error", "encoder_error", "frontend_error")),
            ]
        )  # fmt: skip
    head = [
        "board",
        "configurations",
        "RAM as linked",
        "flash, worst",
        "encoder's instructions, worst",
        "front end's, worst",
    ]
    return table(head, cells, right=range(1, 6))


def fit_speed(results: Results) -> str:
    """One line."""
    found = results["fit"]["speed"]
    return (
        f"{number(found['configurations_per_second'])} configurations a second of one core by the closed forms; a whole "
        f"answer took {found['answer_cpu_s']} s of CPU for {number(found['searched'])} configurations."
    )


def fit_answers(results: Results) -> str:
    """What every board is told."""
    cells = []
    for row in results["fit"]["answers"]:
        if not row["fits"]:
            cells.append([code(row["board"]), row["why"], "", "", "", ""])
            continue
        cells.append(
            [
                code(row["board"]), code(row["configuration"]), number(row["params"]), number(row["ram_bytes"]),
                number(row["flash_bytes"]), f"{row['latency_s'] * 1e3:.0f} ms ({row['cycles_per_instruction']:g} cycles)",
            ]
        )  # fmt: skip
    head = ["board", "recommended", "parameters", "RAM", "flash", "time (estimated)"]
    return table(head, cells, right=(2, 3, 4, 5))


def fit_presets(results: Results) -> str:
    """The shipped student of each board."""
    cells = [
        [
            code(row["board"]), code(row["student"]) or row["why"],
            ", ".join(f"{name} {percent(share)}" for name, share in row["shares"].items()),
            "" if row["latency_s"] is None else f"{row['latency_s'] * 1e3:.0f} ms", row["accuracy"],
        ]
        for row in results["fit"]["presets"]
    ]  # fmt: skip
    head = ["board", "student", "of its budgets", "time (estimated)", "zero-shot accuracy (measured, int8)"]
    return table(head, cells, right=(3,))


def _worst(rows: list[dict[str, Any]], key: str) -> str:
    return f"{100 * max((row[key] for row in rows), key=abs):+.2f} %"


TABLES: dict[str, Callable[[Results], str]] = {
    "fit-accuracy": fit_accuracy,
    "fit-speed": fit_speed,
    "fit-answers": fit_answers,
    "fit-presets": fit_presets,
}
