"""A record of `evaluate` as Markdown, and both files written so that neither is ever half there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import UsageError

JSON_NAME, MARKDOWN_NAME = "evaluation.json", "evaluation.md"


def write_record(record: dict[str, Any], out: Path) -> list[Path]:
    """evaluation.json and evaluation.md in `out`. UsageError (2) where that cannot be written."""
    return write_files({JSON_NAME: to_json(record), MARKDOWN_NAME: to_markdown(record)}, out)


def write_files(files: dict[str, str], out: Path) -> list[Path]:
    """Texts by name into the folder `out`, each written beside and renamed. UsageError (2) where it cannot be written."""
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            temporary = out / f".{name}.tmp"
            try:
                temporary.write_text(text, encoding="utf-8")
                written.append(temporary.replace(out / name))
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write into {out} ({error.strerror})", "choose a directory that may be written"
        ) from error
    return written


def to_json(record: dict[str, Any]) -> str:
    """One object, keys sorted."""
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def percent(share: dict[str, Any]) -> str:
    """ "97.8 % [96.9, 98.5]"."""
    return f"{100 * share['value']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"


def to_markdown(record: dict[str, Any]) -> str:
    """The tables, with 95 % intervals in brackets."""
    model, corpus = record["model"], record["corpus"]
    lines = [
        f"# {model['name']} ({model['form']}) on {corpus['title']}",
        "",
        f"{corpus['clips']} clips of the split *{corpus['split']}*. Protocol: {corpus['protocol']}. "
        f"Prompts: {', '.join(repr(t) for t in record['prompts']['templates'])}.",
        f"Model {model['identity']}, {model['dim']} dimensions. Brackets hold 95 % intervals.",
        "",
    ]
    for sentence in corpus["trouble"]:
        lines += [f"Note: {sentence}.", ""]
    for name, table in record["tasks"].items():
        lines += [f"## {name}", "", *RENDER[name](table), ""]
    if "temporal support" in record:
        lines += ["## temporal support", "", *_temporal(record["temporal support"]), ""]
    lines += [f"Left out: {name}, {why}." for name, why in record["left out"].items()]
    return "\n".join(lines).rstrip() + "\n"


def rows_of(columns: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *(f"| {' | '.join(r)} |" for r in rows)]


def _measure(table: dict[str, Any]) -> list[str]:
    rows = [[table["measure"], percent(table[table["measure"]]), str(table[table["measure"]]["n"])]]
    if "top 5" in table:
        rows.append(["top 5", percent(table["top 5"]), str(table["top 5"]["n"])])
    if "mean of folds" in table:
        folds = ", ".join(f"{100 * v:.1f}" for v in table["by fold"].values())
        rows.append(["mean of folds", f"{100 * table['mean of folds']:.1f} % ({folds})", ""])
    if "by group" in table:
        rows.append(["by group", ", ".join(f"{g} {100 * v:.1f}" for g, v in table["by group"].items()), ""])
    return rows_of([f"{table['classes']} classes", "", "n"], rows)


def _retrieval(table: dict[str, Any]) -> list[str]:
    sides = ("text to audio", "audio to text")
    ranks = list(table[sides[0]])
    rows = [[side, *(percent(table[side][k]) for k in ranks)] for side in sides]
    return rows_of([f"by {table['by']}", *ranks], rows)


def _robustness(table: dict[str, Any]) -> list[str]:
    rows = [
        [r["distortion"], percent(r[table["measure"]]), f"{100 * r['kept']:.1f} %", f"{r['cosine to clean']:.4f}"]
        for r in table["rows"]
    ]
    return rows_of(["distortion", f"{table['measure']}, {table['by']}", "kept", "cosine to clean"], rows)


def _drift(table: dict[str, Any]) -> list[str]:
    rows = [
        [f"{s['source']} → {s['target']}", f"{s['mean']:.5f}", f"{s['worst']:.5f}", str(s["n"])] for s in table["steps"]
    ]
    return rows_of(["step", "mean cosine", "worst", "n"], rows) + [
        f"\nLeft out: {stage}, {why}." for stage, why in table["left out"].items()
    ]


def _temporal(table: dict[str, Any]) -> list[str]:
    rows = []
    for r in table["rows"]:
        macs = f"{r['macs'] / 1e6:.2f} M" if "macs" in r else ""
        peak = f"{r['peak_elements'] / 1024:.0f} KB" if "peak_elements" in r else ""
        rows.append([f"{r['window_s']:g} s", percent(r[table["measure"]]), macs, peak])
    return rows_of(["window", f"{table['measure']}, {table['by']}", "MACs", "peak, int8, layer by layer"], rows)


RENDER = {
    "zero-shot": _measure,
    "probe": _measure,
    "retrieval": _retrieval,
    "robustness": _robustness,
    "drift": _drift,
}
