"""A report's tables as plain data: cells with a tag that says where the figure comes from. Rendered as HTML and Markdown.

Tags: `measured` was observed by running it (on the PC, unless a board is named), `emulated` was executed by an emulated
core, `estimated` rests on a stated factor, `calculated` follows from the files without running anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEASURED, EMULATED, ESTIMATED, CALCULATED = "measured", "emulated", "estimated", "calculated"
TAGS: dict[str, str] = {
    MEASURED: "observed by running it: on a PC, unless a board is named",
    EMULATED: "executed by an emulated core, which counts instructions but not cycles",
    ESTIMATED: "an emulated count times a stated factor",
    CALCULATED: "follows from the exported files without running anything",
}
NONE = "–"
_PHASES = {
    "frontend": "front end (log-mel)",
    "encoder": "encoder",
    "labels": "label scores",
    "application": "application",
}


@dataclass(frozen=True)
class Cell:
    """One field: its text, a smaller addition such as an interval, and a tag from TAGS or ""."""

    text: str
    detail: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Table:
    """A titled table; the first column is text, the columns in `words` are too, all others are figures.

    folded: long tables that a page shows only when asked.
    """

    title: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    words: tuple[int, ...] = (0,)
    folded: bool = False


def table(
    title: str,
    columns: Sequence[str | Cell],
    rows: Sequence[Sequence[str | Cell]],
    note: str = "",
    words: tuple[int, ...] = (0,),
    folded: bool = False,
) -> Table:
    """A Table from plain strings where no tag is needed."""
    whole = tuple(tuple(_cell(c) for c in row) for row in rows)
    return Table(title, tuple(_cell(c) for c in columns), whole, note, words, folded)


def _cell(value: str | Cell) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def number(value: Any) -> str:
    """1234567 as "1,234,567"; a dash for nothing."""
    return NONE if value is None else f"{round(value):,}"


def size(value: float | None) -> str:
    """Bytes as a person reads them: "376 B", "128 KB" (1024), "1.50 MB"."""
    if value is None:
        return NONE
    if value < 1024:
        return f"{round(value)} B"
    if value < 1024**2:
        return f"{value / 1024:.3g} KB" if value < 1000 * 1024 else f"{value / 1024:.0f} KB"
    return f"{value / 1024**2:.2f} MB"


def percent(value: float | None, digits: int = 1) -> str:
    """0.971 as "97.1 %"."""
    if value is None:
        return NONE
    least = 10.0**-digits
    if 0 < 100 * value < least / 2:
        return f"< {least:.{digits}f} %"
    return f"{100 * value:.{digits}f} %"


def milliseconds(seconds: float | None) -> str:
    """Three figures: "0.812 ms", "31.4 ms", "412 ms"."""
    if seconds is None:
        return NONE
    ms = 1000 * seconds
    digits = max(0, 2 - math.floor(math.log10(ms))) if ms > 0 else 0
    return f"{ms:.{min(digits, 4)}f} ms"


def share_cell(share: Mapping[str, Any] | None, tag: str = "") -> Cell:
    """An accuracy with its 95 % interval, in per cent."""
    if not share:
        return Cell(NONE)
    return Cell(percent(share["value"]), f"{100 * share['low']:.1f}–{100 * share['high']:.1f}", tag)


def identity(manifest: Mapping[str, Any]) -> Table:
    """What was exported, for which board, and the hashes that tell it from any other."""
    encoder, frontend, parity = manifest["encoder"], manifest["frontend"], manifest["parity"]
    rate = frontend["sample_rate_hz"]
    seconds = ((frontend["frames"] - 1) * frontend["hop_samples"] + frontend["window_samples"]) / rate
    rows = [
        ("board", manifest["board"]),
        ("student", encoder["student"]),
        ("architecture", encoder["arch"]),
        ("teacher", encoder["teacher"]),
        ("embedding", f"{encoder['r']} of {encoder['dim']} dimensions ({encoder['reduction']}), int8"),
        ("int8 ranges", encoder["ranges"]),
        ("parameters", number(encoder["params"])),
        ("multiply-accumulates", f"{number(encoder['macs'])} a window"),
        ("window", f"{seconds:.3f} s at {rate / 1000:g} kHz, a new one every {hop_seconds(manifest):.2f} s"),
        *_stream(manifest),
        ("labels", ", ".join(manifest["labels"])),
        ("encoder id", encoder["id"]),
        ("front-end id", frontend["id"]),
        ("digest", f"{parity['digest']} (embeddings and scores of {parity['windows']} windows)"),
        ("made by", f"tinyclap-edge {manifest['tool_version']}"),
    ]
    return table("What this is", ("", ""), rows, words=(0, 1))


def _stream(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a continuous encoder: what its embeddings are of."""
    stream, frontend = manifest.get("stream"), manifest["frontend"]
    if not stream:
        return []
    first, changes = (
        stream[key] * frontend["hop_samples"] / frontend["sample_rate_hz"] for key in ("first_rows", "feature_rate")
    )
    text = (
        f"every row is computed once; an embedding is the mean of the last {stream['feature_rows']} rows of features, "
    )
    return [("continuous", f"{text}a new one every {changes:.2f} s, the first embedding after {first:.2f} s")]


def hop_seconds(manifest: Mapping[str, Any]) -> float:
    """Seconds between two answers."""
    frontend = manifest["frontend"]
    return float(manifest["hop_frames"] * frontend["hop_samples"] / frontend["sample_rate_hz"])


def parity(manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> Table:
    """Who gave the same bytes as whom, on how many windows."""
    reference = manifest["parity"]
    rows: list[tuple[str | Cell, ...]] = [
        ("integer reference (NumPy)", number(reference["windows"]), Cell(reference["digest"]), "defines the bytes")
    ]
    for check in (manifest.get("lint") or {}).get("checks", ()):
        equal = (
            "same bytes" if not check["differing"] else f"{check['differing']:,} of {check['values']:,} values differ"
        )
        rows.append((f"encoder alone: {check['name']}", number(check["samples"]), "", equal))
    if bench and bench.get("parity"):
        check = bench["parity"]
        equal = "same bytes" if check.get("identical") else "differ"
        rows.append((f"firmware: {target_name(bench)}", number(check["windows"]), Cell(check["digest"]), equal))
    note = "A digest is the SHA-256 over all embeddings and scores; a run over fewer windows has a digest of its own."
    return table("The same bytes everywhere", ("implementation", "windows", "digest", "result"), rows, note, (0, 2, 3))


def target_name(bench: Mapping[str, Any]) -> str:
    """Such as "emulator (unicorn)"."""
    engine = bench.get("engine")
    return f"{bench['target']} ({engine})" if engine else str(bench["target"])


def drift(steps: Sequence[Mapping[str, Any]]) -> Table:
    """How far each stage moves an embedding: cosines to the stage before."""
    rows = [
        (
            f"{s['source']} → {s['target']}",
            NONE if s["mean"] is None else f"{s['mean']:.5f}",
            NONE if s["worst"] is None else f"{s['worst']:.5f}",
            number(s["n"]),
            Cell("same bytes", tag=EMULATED if "emulator" in s["target"] else "") if s.get("identical_bytes") else "",
        )
        for s in steps
    ]
    columns = ("step", Cell("mean cosine", tag=MEASURED), Cell("worst", tag=MEASURED), "windows", "")
    return table("Drift: what each step costs", columns, rows, words=(0, 4))


def memory(manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> list[Table]:
    """Planned bytes by part, and the linked image's by region where one was built."""
    rows = [(m["what"], number(m["bytes"]), m["region"], percent(m["share"])) for m in manifest["memory"]]
    columns = ("part", Cell("bytes", tag=CALCULATED), "region", "of the region")
    tables = [table("Memory by part", columns, rows, words=(0, 2))]
    if bench and bench.get("bytes_by_region"):
        sizes = region_sizes(manifest)
        linked: list[tuple[str | Cell, ...]] = [
            (name, number(used), percent(used / sizes[name]) if name in sizes else NONE)
            for name, used in bench["bytes_by_region"].items()
        ]
        if bench.get("stack_bytes"):
            linked.append(("stack in use (painted)", Cell(number(bench["stack_bytes"]), tag=EMULATED), ""))
        linked_columns = ("region", Cell("bytes", tag=CALCULATED), "of the region")
        note = "From the linked image" + (f" ({bench['toolchain']})." if bench.get("toolchain") else ".")
        tables.append(table("Memory of the built image", linked_columns, linked, note))
    return tables


def region_sizes(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Bytes of each region that holds something, from the planned shares."""
    return {m["region"]: round(m["bytes"] / m["share"]) for m in manifest["memory"] if m["share"]}


def instructions(manifest: Mapping[str, Any], bench: Mapping[str, Any]) -> list[Table]:
    """Instructions of one window and the time they are estimated to take."""
    counted = bench["instructions"]
    total = counted["total"]
    names = {name: _PHASES.get(name, name) for name in counted if name != "total"}
    rows = [
        (text, number(counted[name]), percent(counted[name] / total) if total else NONE) for name, text in names.items()
    ]
    rows.append(("total", number(total), ""))
    per = bench.get("per", "one window")
    columns = (per, Cell("instructions", tag=EMULATED), "share")
    note = f"Counted by {target_name(bench)}."
    if bench.get("instructions_per_mac"):
        note += f" The encoder spends {bench['instructions_per_mac']:.2f} instructions a multiply-accumulate."
    tables = [table("Instructions", columns, rows, note)]
    estimate = bench.get("estimate")
    if estimate:
        tables.append(_time(manifest, estimate, per))
    return tables


def _time(manifest: Mapping[str, Any], estimate: Mapping[str, Any], per: str) -> Table:
    factor = estimate.get("cycles_per_instruction", estimate.get("factor"))
    hop = hop_seconds(manifest)
    low, high = milliseconds(estimate["low_s"]), milliseconds(estimate["high_s"])
    rows: list[tuple[str | Cell, ...]] = [
        ("time", Cell(milliseconds(estimate["typical_s"]), f"{low} to {high}", ESTIMATED)),
        (f"share of the {hop:.2f} s between answers", Cell(percent(estimate["typical_s"] / hop), "", ESTIMATED)),
    ]
    if estimate.get("energy_mj") is not None:
        rows.append(("energy", Cell(f"{estimate['energy_mj']:g} mJ", "", ESTIMATED)))
    note = f"Factor: {factor:g} cycles an instruction" if factor is not None else "Factor: not given"
    note += f" at {estimate['clock_hz'] / 1e6:g} MHz" if estimate.get("clock_hz") else ""
    note += f" ({estimate['source']})."
    if estimate.get("energy_source"):
        note += f" Power: {estimate['energy_source']}."
    return table("Estimated time", ("", per), rows, note + " No board's cycle counter was read.")


def layers(manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> Table:
    """Every layer with its cost."""
    counted = {m["function"]: m.get("instructions") for m in (bench or {}).get("layers", ())}
    rows = []
    for layer in manifest["layers"]:
        shape = " + ".join("×".join(map(str, s[1:])) for s in layer["out_shapes"])
        row = [layer["name"], layer["kind"].lower(), shape, number(layer["macs"]), number(layer["weight_bytes"])]
        n = counted.get(layer["function"])
        if counted:
            row += [number(n), f"{n / layer['macs']:.2f}" if n is not None and layer["macs"] else ""]
        rows.append(row)
    columns: list[str | Cell] = ["layer", "kind", "output", Cell("MACs", tag=CALCULATED)]
    columns.append(Cell("weight bytes", tag=CALCULATED))
    if counted:
        columns += [Cell("instructions", tag=EMULATED), "per MAC"]
    return table("Layers", columns, rows, words=(0, 1, 2), folded=True)


def listening(heard: Mapping[str, Any]) -> Table:
    """The ranking of every file that was listened to."""
    count = min(3, len(heard["labels"]))
    rows = []
    for file in heard["files"]:
        best = [f"{item['label']} {item['score']:.2f}" for item in file["ranking"][:count]]
        rows.append([file["path"], f"{file['seconds']:.1f} s", *best, *[""] * (count - len(best))])
    tag = EMULATED if heard["target"] == "emulator" else MEASURED
    columns: list[str | Cell] = [
        "file",
        "length",
        *(Cell(f"{i + 1}.", tag=tag if i == 0 else "") for i in range(count)),
    ]
    note = (
        f"Scores are cosines, the mean over a file's windows. Target: {heard['target']}; {heard['windows']} windows, "
    )
    return table("Rankings", columns, rows, note + f"digest {heard['digest']}.", (0, *range(2, 2 + count)))
