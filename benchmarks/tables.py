"""Every generated table by name: from the results to Markdown. Each figure's row says where it comes from.

A table function takes all results and returns Markdown. What is counted here and not measured (boards, verbs, exit codes,
sounds) comes from the code itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import (
    accuracy_tables,
    code_tables,
    device_tables,
    distill_tables,
    engine_tables,
    fit_tables,
    reduction_tables,
)
from benchmarks.markdown import ABSENT, code, number, size, table
from benchmarks.store import Results

Table = Callable[[Results], str]

_IMPLEMENTATIONS = "the integer reference, LiteRT's reference kernels (encoder), the C on this PC"


def encoders(results: Results) -> str:
    """One row a board, short enough for the README."""
    rows = [
        [
            row["title"].split(" (")[0],
            row["core"],
            f"{row['student']} {code(row['encoder'][:8])}",
            _total(row, "flash"),
            _total(row, "ram"),
            _millions(row),
            _time(row),
        ]
        for row in results["encoders"]["rows"]
    ]
    columns = ["board", "core", "student, encoder", "flash", "RAM", "instructions", "time"]
    labels = ["", "", "", "linked", "linked", "a window, emulated", "a window, **estimated**"]
    head = [f"{c} ({more})" if more else c for c, more in zip(columns, labels, strict=True)]
    return table(head, rows, right=(3, 4, 5, 6))


def encoder_costs(results: Results) -> str:
    """Instructions by part, and an instruction's worth."""
    rows = []
    for row in results["encoders"]["rows"]:
        per = row["instructions"]
        if per is None:
            continue
        rows.append(
            [
                row["board"], row["student"], code(row["encoder"]), number(row["macs"]), number(per["frontend"]),
                number(per["encoder"]), number(per["labels"]), f"{row['instructions_per_mac']:.2f}",
                f"{row['toolchain']}, {row['emulator']}",
            ]
        )  # fmt: skip
    columns = ["board", "student", "encoder", "MACs", "front end", "encoder", "labels", "a MAC", "compiler, emulator"]
    return table(columns, rows, right=(3, 4, 5, 6, 7))


def encoder_memory(results: Results) -> str:
    """Bytes by region of the linked image, arena and stack."""
    rows = []
    for row in results["encoders"]["rows"]:
        regions = "<br>".join(
            f"{name} ({r['kind']}): {number(r['used'])} of {number(r['of'])}" for name, r in row["regions"].items()
        )
        rows.append(
            [
                row["board"], row["student"], code(row["encoder"]), regions,
                number(row["arena_bytes"]), number(row["stack_bytes"]),
            ]
        )  # fmt: skip
    columns = ["board", "student", "encoder", "bytes by region (linked image)", "arena", "stack touched (emulated)"]
    return table(columns, rows, right=(4, 5))


def encoder_times(results: Results) -> str:
    """Estimated time and energy, with the factor that made them."""
    rows = []
    for row in results["encoders"]["rows"]:
        e = row["estimate"]
        if e is None:
            continue
        rows.append(
            [
                row["board"], row["student"], code(row["encoder"]), number(row["instructions"]["total"]),
                f"{e['cycles_per_instruction']:g}", f"{e['clock_hz'] // 1_000_000} MHz",
                f"{e['typical_s'] * 1e3:.0f} ms ({e['low_s'] * 1e3:.0f} to {e['high_s'] * 1e3:.0f})",
                f"{e['energy_mj']:.3g} mJ", e["source"], e["energy_source"],
            ]
        )  # fmt: skip
    columns = ["board", "student", "encoder", "instructions (emulated)", "cycles each", "clock", "time (estimated)",
               "energy (estimated)", "the factor's source", "the power's source"]  # fmt: skip
    return table(columns, rows, right=(3, 4, 5, 6, 7))


def layers(results: Results) -> str:
    """Where the instructions of the STM32H7 go, the dearest layers first."""
    row = next(r for r in results["encoders"]["rows"] if r["board"] == "stm32h7")
    spent = sorted(row["layers"], key=lambda layer: -layer["instructions"])[:10]
    cells = [
        [
            code(layer["function"]), number(layer["macs"]), number(layer["instructions"]),
            f"{layer['instructions'] / layer['macs']:.2f}" if layer["macs"] else "",
            f"{layer['instructions'] / row['instructions']['encoder']:.1%}",
        ]
        for layer in spent
    ]  # fmt: skip
    head = ["layer", "MACs", "instructions (emulated)", "a MAC", "of the encoder"]
    return f"Encoder {code(row['encoder'])} on {row['board']}.\n\n" + table(head, cells, right=(1, 2, 3, 4))


def drift(results: Results) -> str:
    """How far each stage moves an embedding from the one before."""
    rows = []
    seen: set[str] = set()
    for row in results["encoders"]["rows"]:
        if row["encoder"] in seen:
            continue
        seen.add(row["encoder"])
        rows += [
            [
                row["student"], code(row["encoder"]), f"{step['source']} → {step['target']}", f"{step['mean']:.5f}",
                f"{step['worst']:.5f}", str(step["n"]), "same bytes" if step["identical_bytes"] else "",
            ]
            for step in row["drift"]
        ]  # fmt: skip
    head = ["student", "encoder", "step", "mean cosine", "worst", "windows", ""]
    return table(head, rows, right=(3, 4, 5))


def parity(results: Results) -> str:
    """One digest a student, and where it was found."""
    rows = []
    for student, found in _by_student(results).items():
        emulated = [f"{r['core']} ({r['emulator']})" for r in found if r["provenance"] == "emulated"]
        differ = [r["implementation"] + " " + r["core"] for r in found if not r["identical"]]
        rows.append(
            [
                student, code(found[0]["encoder"]), code(found[0]["digest"]),
                ", ".join(emulated), f"**differ: {', '.join(differ)}**" if differ else "all the same bytes",
            ]
        )  # fmt: skip
    head = ["student", "encoder", "SHA-256 of all embeddings and scores", "emulated cores", "verdict"]
    windows = results["parity"]["windows"]
    return f"{windows} windows of PCM; on this PC {_IMPLEMENTATIONS}.\n\n" + table(head, rows)


def parity_short(results: Results) -> str:
    """The same for the README: no column of cores."""
    rows = []
    for student, found in _by_student(results).items():
        same = sum(r["identical"] for r in found)
        rows.append([student, code(found[0]["encoder"]), code(found[0]["digest"]), f"{same} of {len(found)}"])
    cores = list(dict.fromkeys(r["core"] for r in results["parity"]["rows"] if r["provenance"] == "emulated"))
    head = ["student", "encoder", "digest (SHA-256)", "implementations with these bytes"]
    intro = f"{results['parity']['windows']} windows in {_IMPLEMENTATIONS}, and emulated {', '.join(cores)}:"
    return f"{intro}\n\n{table(head, rows)}"


def parity_rows(results: Results) -> str:
    """Every implementation with its own digest."""
    rows = [
        [
            r["student"], code(r["encoder"]), r["implementation"], r["core"], r.get("board", ""),
            r.get("emulator", ""), str(r["windows"]), code(r["embeddings_sha256"][:16]), code(r["digest"][:16]),
            "yes" if r["identical"] else "**no**", r["provenance"],
        ]
        for r in results["parity"]["rows"]
    ]  # fmt: skip
    head = ["student", "encoder", "implementation", "core", "board", "emulator", "windows", "embeddings",
            "with scores", "identical", ""]  # fmt: skip
    return table(head, rows, right=(6,))


def frontend(results: Results) -> str:
    """The C front end by FFT size, core and compiler."""
    rows = [
        [
            str(r["n_fft"]), str(r["mel_bins"]), r["core"], f"{r['compiler']} {r['optimise']}",
            number(r["instructions_per_frame"]), number(r["code_bytes"]), number(r["table_bytes"]),
            number(r["scratch_bytes"]), code(r["image_sha256"][:12]), "yes" if r["equals_twin"] else "**no**",
        ]
        for r in results["frontend"]["rows"]
        if r["optimise"] == "-O2"
    ]  # fmt: skip
    head = ["FFT", "filters", "core", "compiler", "instructions a frame (emulated)", "code", "tables", "RAM", "image",
            "same bytes"]  # fmt: skip
    return table(head, rows, right=(0, 1, 4, 5, 6, 7))


def sounds_pace(results: Results) -> str:
    """How fast sounds are rendered."""
    r = results["sounds"]
    slowest = max(r["families_ms"], key=r["families_ms"].get)
    rows = [
        ["mean over families and kinds", f"{r['times_real_time']:.0f} x"],
        [f"the slowest ({slowest})", f"{r['slowest_times_real_time']:.0f} x"],
    ]
    return table(["rendering, scene included, one core (measured)", "real time"], rows, right=(1,))


def console(name: str, begin: str = "") -> Table:
    """A command of the console session with what it printed, from the line that begins with `begin` on."""

    def render(results: Results) -> str:
        run = results["console"]["session"][name]
        shown = run["stdout"] + (_told(run) if run["exit_code"] else [])
        first = next((i for i, line in enumerate(shown) if line.strip().startswith(begin)), 0)
        if first:
            shown = ["...", *shown[first:]]
        if run["exit_code"]:
            shown = [*shown, f"(exit code {run['exit_code']})"]
        return "\n".join(["```console", f"$ {run['command']}", *shown, "```"])

    return render


def _told(run: dict[str, Any]) -> list[str]:
    """The error's two lines, without the progress before them."""
    return [line for line in run["stderr"] if line.startswith(("error:", "hint:"))]


def _by_student(results: Results) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in results["parity"]["rows"]:
        found.setdefault(row["student"], []).append(row)
    return found


def _total(row: dict[str, Any], kind: str) -> str:
    return size(sum(r["used"] for r in row["regions"].values() if r["kind"] == kind))


def _millions(row: dict[str, Any]) -> str:
    return f"{row['instructions']['total'] / 1e6:.1f} M" if row["instructions"] else "QEMU: not counted"


def _time(row: dict[str, Any]) -> str:
    e = row["estimate"]
    return f"{e['typical_s'] * 1e3:.0f} ms ({e['low_s'] * 1e3:.0f} to {e['high_s'] * 1e3:.0f})" if e else ""


def _needing(measurement: str, tables: Mapping[str, Table]) -> dict[str, Table]:
    """Tables that say so where their measurement has not been made."""

    def guarded(made: Table) -> Table:
        return lambda results: made(results) if measurement in results else ABSENT

    return {name: guarded(made) for name, made in tables.items()}


TABLES: dict[str, Table] = {
    **_needing("sounds", {"sounds-pace": sounds_pace}),
    **_needing(
        "encoders",
        {
            "encoders": encoders,
            "encoder-costs": encoder_costs,
            "encoder-memory": encoder_memory,
            "encoder-times": encoder_times,
            "layers": layers,
            "drift": drift,
        },
    ),
    **_needing("parity", {"parity": parity, "parity-short": parity_short, "parity-rows": parity_rows}),
    **_needing("frontend", {"frontend": frontend}),
    **_needing("accuracy", accuracy_tables.TABLES),
    **_needing("engine", engine_tables.TABLES),
    **_needing("fit", fit_tables.TABLES),
    **_needing("rank", fit_tables.RANK_TABLES),
    **_needing("temporal", fit_tables.WINDOW_TABLES),
    **_needing("distill", distill_tables.TABLES),
    **_needing("reduction", reduction_tables.TABLES),
    **_needing(
        "console",
        {
            "console-export": console("export"),
            "console-build": console("build"),
            "console-classify": console("classify"),
            "console-bench": console("bench", begin="one window"),
            "console-students": console("students"),
            "console-labels": console("labels"),
            "console-unknown-board": console("unknown-board"),
            "console-same-words": console("same-words"),
        },
    ),
    **{
        table: made
        for measurement, tables in device_tables.BY_MEASUREMENT.items()
        for table, made in _needing(measurement, tables).items()
    },
    **code_tables.TABLES,
}
