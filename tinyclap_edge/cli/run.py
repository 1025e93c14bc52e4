"""`run`: an int8 .tflite over rows of inputs, on this PC or on an emulated board."""

from __future__ import annotations

from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, table, verb, warn


@verb("run")
@click.argument("model", type=click.Path())
@click.option(
    "--inputs", required=True, type=click.Path(), help=".npz with int8 `inputs`; the first axis counts samples."
)
@click.option("--out", required=True, type=click.Path(), help=".npz to write: `outputs`, `outputs_1` ...")
@click.option("--board", required=True, help="Board; `tinyclap-edge boards` lists them.")
@click.option(
    "--target", type=click.Choice(["host", "emulator"]), default="emulator", show_default=True, help="Where it runs."
)
@click.option(
    "--schedule", type=click.Choice(["layers", "rows", "auto"]), default="auto", show_default=True,
    help="Whole feature maps, or row by row.",
)  # fmt: skip
@click.option("--emulator", "engine", type=click.Choice(["unicorn", "qemu"]), help="unicorn where it has the core.")
@click.option("--toolchain", type=click.Choice(["zig", "gcc"]), help="Compiler; by default zig where it is installed.")
@click.option("--batch-one", is_flag=True, help="Take a dynamic batch axis as 1.")
def command(
    model: str,
    inputs: str,
    out: str,
    board: str,
    target: str,
    schedule: str,
    engine: str | None,
    toolchain: str | None,
    batch_one: bool,
) -> dict[str, Any]:
    """Compile MODEL.tflite, run it on every row of inputs, write the outputs, report what one inference costs."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.engine.model_file import read_model
    from tinyclap_edge.engine.model_run import run_model
    from tinyclap_edge.engine.rows_file import check_writable, read_rows, split_outputs, write_rows

    found = find_board(board)
    check_writable(out)
    source = read_model(model, batch_one)
    rows, batched = read_rows(inputs, source.graph)
    with progress(f"running {len(rows)} samples on {target if target == 'host' else found.name}"):
        done = run_model(source, found, rows, target, schedule, engine, toolchain)
    write_rows(out, split_outputs(done.outputs, source.graph, batched))
    if target == "emulator" and done.facts["instructions"] is None:
        warn("instructions were not counted: QEMU's counter needs a C compiler for this PC, and a QEMU with plugins")
    show_run(done.facts, {r.name: r.size_bytes for r in found.regions})
    result(str(out))
    return {**done.facts, "out": str(out)}


def show_run(facts: dict[str, Any], regions: dict[str, int]) -> None:
    """What one inference costs."""
    why = f": {facts['why']}" if facts["why"] else ""
    result(f"{facts['samples']} samples on {facts['engine']}; schedule {facts['schedule']}{why}")
    if facts["instructions"] is not None:
        per_mac = facts["instructions_per_mac"]
        result(
            f"one inference: {facts['instructions']:,} instructions (emulated), {facts['macs']:,} MACs"
            + (f", {per_mac:.2f} a MAC" if per_mac else "")
        )
    used = [("ram", name, size) for name, size in facts["ram"].items()]
    used += [("flash", name, size) for name, size in (facts["flash"] or {}).items()]
    rows = [[name, kind, f"{size:,}", f"{size / regions[name]:.1%}"] for kind, name, size in used]
    if facts["stack_bytes"] is not None:
        rows.append(["stack, besides", "ram", f"{facts['stack_bytes']:,}", ""])
    linked = "linked image" if facts["sizes"]["linked"] else "planned"
    table("", [f"region ({linked})", "", "bytes", "of it"], rows, right=(2, 3))
    if facts["code_bytes"] is not None:
        result(f"the model's share: {facts['code_bytes']:,} bytes of code, {facts['const_bytes']:,} of constants")
