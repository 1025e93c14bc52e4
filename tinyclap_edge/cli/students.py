"""`students`: the built-in students, and what any architecture costs."""

from __future__ import annotations

from typing import Any

import click

from tinyclap_edge.cli.output import result, table, verb
from tinyclap_edge.errors import UsageError


@click.group("students")
def command() -> None:
    """List the built-in students, or show what an architecture costs."""


@verb("students list")
def _list() -> list[dict[str, Any]]:
    """List the students that ship with the package, with their measured accuracies."""
    from tinyclap_edge.students.presets import presets

    found = presets()
    rows = [
        [p.name, p.made_for, f"{p.params:,}", f"{p.macs / 1e6:.1f} M", str(p.default_r), p.accuracy_text, p.kept_text]
        for p in found
    ]
    columns = ["student", "made for", "parameters", "MACs", "r", "zero-shot, seen [95 %]", "kept of its teacher"]
    table("", columns, rows, right=(2, 3, 4))
    result("accuracies: procedural sounds, int8, measured by `tinyclap-edge reference build`")
    return [p.to_dict() for p in found]


@verb("students show")
@click.argument("student")
@click.option("--input", "input_shape", default="1x128x64", show_default=True, help="channels x frames x mel bins.")
@click.option("--top", type=click.IntRange(1, 100_000), help="Add a linear classifier of this many classes.")
def _show(student: str, input_shape: str, top: int | None) -> dict[str, Any]:
    """Parameters, MACs and working memory of a built-in student, a file, or 'phinet:alpha=1.5,beta=0.75,...'."""
    from tinyclap_edge.students.phinet_config import blocks, parse_arch
    from tinyclap_edge.students.phinet_cost import phinet_cost

    card: dict[str, Any] = {}
    if ":" in student:
        arch = student
    else:
        from tinyclap_edge.students.presets import find_student

        file = find_student(student)
        arch, card = file.arch, file.card
        input_shape, top = f"1x{file.frontend.frames}x{file.frontend.mel_bins}", file.dim
    config, shape = parse_arch(arch), _shape(input_shape)
    cost = phinet_cost(config, shape, top)
    result(f"{config.arch()}")
    result(f"params         {cost.params:,}\nmacs           {cost.macs:,}")
    result(f"peak_elements  {cost.peak_elements:,}  (input + output of one layer: bytes in int8, layer by layer)")
    result("output_shape   " + "x".join(map(str, cost.output_shape)))
    rows = [
        [str(b.index), str(b.c_in), str(b.expanded), str(b.c_out), f"{b.kernel}x{b.kernel}", str(b.stride),
         "yes" if b.skip else "", str(b.se_width or "")]
        for b in blocks(config)
    ]  # fmt: skip
    table("", ["block", "in", "expanded", "out", "kernel", "stride", "skip", "SE"], rows, right=tuple(range(6)))
    return {
        "arch": config.arch(),
        "input": list(shape),
        "params": cost.params,
        "macs": cost.macs,
        "peak_elements": cost.peak_elements,
        "output_shape": list(cost.output_shape),
        "card": card,
    }


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and 0 < int(p) <= 100_000 for p in parts):
        raise UsageError(f"--input {text!r} is not channels x height x width", "write it like 1x128x64")
    channels, height, width = map(int, parts)
    return channels, height, width


command.add_command(_list, "list")
command.add_command(_show, "show")
