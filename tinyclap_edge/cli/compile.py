"""`compile`: any int8 .tflite and a board -> a C library, with its sizes known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn


@verb("compile")
@click.argument("model", type=click.Path())
@click.option("--board", required=True, help="Board to compile for; `tinyclap-edge boards` lists them.")
@click.option("--out", required=True, type=click.Path(), help="Directory of the library; replaced as a whole.")
@click.option(
    "--schedule",
    type=click.Choice(["layers", "rows", "auto"]),
    default="auto",
    show_default=True,
    help="Whole feature maps, or row by row; auto takes what needs less RAM.",
)
@click.option("--name", help="Prefix of every symbol, tce_NAME_...; by default the file's name.")
@click.option("--batch-one", is_flag=True, help="Take a dynamic batch axis as 1.")
def command(model: str, board: str, out: str, schedule: str, name: str | None, batch_one: bool) -> dict[str, Any]:
    """Write the C library of an int8 MODEL.tflite: one header, a few C files, no dependency."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.engine.compile_model import compile_model
    from tinyclap_edge.engine.model_file import check_name, library_name, read_model

    found = find_board(board)
    source = read_model(model, batch_one)
    chosen = check_name(name) if name is not None else library_name(source.stem)
    with progress(f"compiling {Path(model).name} for {found.name}"):
        done = compile_model(source, found, Path(out), schedule, chosen)
    facts = done.to_dict()
    if done.sizes is None:
        warn(f"code size and stack are not known: {done.no_sizes}")
    show_compiled(facts, {r.name: r.size_bytes for r in found.regions})
    say(
        f'next: #include "tce_{chosen}.h"  ·  tinyclap-edge run {model} --board {found.name} --inputs X.npz --out Y.npz'
    )
    result(str(out))
    return {**facts, "out": str(out)}


def show_compiled(facts: dict[str, Any], regions: dict[str, int]) -> None:
    """Operators, schedule and sizes."""
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(facts["operators"].items()))
    result(f"{sum(facts['operators'].values())} operators ({counts})")
    for note in facts["passes"]:
        saved = f", {note['macs_removed']:,} MACs fewer" if note["macs_removed"] else ""
        result(f"pass {note['name']}: {note['changes']} change{'s' * (note['changes'] != 1)}{saved}")
    why = f": {facts['why']}" if facts["why"] else ""
    result(
        f"{facts['layers']} layers, {facts['macs']:,} MACs, kernels {facts['isa']}, schedule {facts['schedule']}{why}"
    )
    where = facts["regions"]
    pushed = facts["push_arena_bytes"] is not None
    rows = [
        ["RAM, input pushed row by row" if pushed else "RAM (static)", facts["ram_bytes"], where["arena"]],
        ["constants", facts["const_bytes"], where["constants"]],
    ]
    if pushed:
        rows.insert(1, ["RAM, the whole input kept", facts["arena_bytes"], where["arena"]])
    if facts["code_bytes"] is not None:
        rows.append(["code", facts["code_bytes"], where["code"]])
    shown = [[what, f"{size:,}", name, f"{size / regions[name]:.1%}"] for what, size, name in rows]
    if facts["stack_bytes"] is not None:
        shown.append(["stack (deepest call)", f"{facts['stack_bytes']:,}", "", ""])
    table("", ["memory (planned)", "bytes", "region", "of it"], shown, right=(1, 3))
