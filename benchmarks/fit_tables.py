"""Tables of `fit`: how well it foretells, what each board is told, what the shipped students use, orders, windows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.markdown import code, number, percent, table
from benchmarks.store import Results
from tinyclap_edge.fit.rank import SHIPPED


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


def fit_streams(results: Results) -> str:
    """Firmwares that compute every row once, a row each."""
    cells = [
        [
            code(row["board"]), number(row["macs"]), number(sum(row["ram_linked"].values())),
            "equal" if row["ram_exact"] else "not equal", f"{100 * row['flash_error']:+.2f} %",
            number(row["encoder_emulated"]), f"{100 * row['encoder_error']:+.2f} %",
        ]
        for row in results["fit"].get("streams", [])
    ]  # fmt: skip
    head = [
        "board",
        "MACs of a window",
        "RAM as linked",
        "planned",
        "flash",
        "encoder's instructions a hop",
        "predicted",
    ]
    return table(head, cells, right=(1, 2, 4, 5, 6))


def fit_rank(results: Results) -> str:
    """The predictor's correlation and the proxy's, on shapes held out of the fit."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    cells = [
        [name, f"{shipped[key]['spearman']:.2f}", f"{shipped[key]['kendall']:.2f}"]
        for name, key in (("predictor (`--rank`)", "held_out"), ("proxy: root of parameters x MACs", "proxy"))
    ]
    return table(["order", "Spearman", "Kendall"], cells, right=(1, 2))


def rank_students(results: Results) -> str:
    """What the predictor is fitted on, in one sentence."""
    found = results["rank"]
    macs = [row["macs"] / 1e6 for row in found["students"]]
    params = [row["params"] for row in found["students"]]
    clean = [100 * row["accuracy"]["clean"]["value"] for row in found["students"]]
    return (
        f"{len(macs)} students of {min(macs):.1f} to {max(macs):.1f} M MACs and {number(min(params))} to "
        f"{number(max(params))} parameters, {found['steps']} steps of {found['batch']} clips each by the recipe "
        f"`{found['recipe']}`, examined on {found['examined']} fresh clips: {min(clean):.1f} to {max(clean):.1f} % quiet."
    )


def rank_weights(results: Results) -> str:
    """What the predictor makes of each feature: log-odds for one standard deviation of it."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    rows = sorted(zip(shipped["features"], shipped["weight"], strict=True), key=lambda row: -abs(row[1]))
    return table(["feature", "weight"], [[name, f"{weight:+.2f}"] for name, weight in rows], right=(1,))


def fit_windows(results: Results) -> str:
    """Accuracy against the window, and what the same student costs with it."""
    found = results["temporal"]
    cells = [
        [
            f"{row['window_s']:g} s", interval(row["accuracy"]), number(row["macs"]), number(row["ram_bytes"]),
            f"{row['latency_s'] * 1e3:.0f} ms", fitted(at),
        ]
        for row, at in zip(found["windows"], found["fitted"], strict=True)
    ]  # fmt: skip
    head = [
        "window", "accuracy (measured, int8)", "MACs", f"RAM on `{found['board']}`", "time (estimated)",
        f"the largest that fits within {found['latency_s'] * 1e3:g} ms",
    ]  # fmt: skip
    return table(head, cells, right=(0, 2, 3, 4))


def fitted(row: dict[str, Any]) -> str:
    """Size, RAM and time of what fits with a window."""
    if not row["fits"]:
        return "no network: shorter than half of every receptive field"
    return f"{row['params'] / 1e3:,.0f} k parameters, {row['ram_bytes'] / 1024:.0f} KB, {row['latency_s'] * 1e3:.0f} ms"


def interval(share: dict[str, Any]) -> str:
    """An accuracy with its 95 % interval."""
    return f"{100 * share['value']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"


RANK_TABLES: dict[str, Callable[[Results], str]] = {
    "fit-rank": fit_rank,
    "rank-students": rank_students,
    "rank-weights": rank_weights,
}
WINDOW_TABLES: dict[str, Callable[[Results], str]] = {"fit-windows": fit_windows}
TABLES: dict[str, Callable[[Results], str]] = {
    "fit-accuracy": fit_accuracy,
    "fit-streams": fit_streams,
    "fit-speed": fit_speed,
    "fit-answers": fit_answers,
    "fit-presets": fit_presets,
}
