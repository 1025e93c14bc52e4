"""`fit`: the student that uses a board's memory and time best, the set it was chosen from, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.fit.budgets import Budgets
    from tinyclap_edge.fit.cost import Cost
    from tinyclap_edge.fit.pace import Estimate
    from tinyclap_edge.fit.solver import Answer

SHIPPED = "shipped"


@verb("fit")
@click.option("--board", required=True, help="Board to fit; `tinyclap-edge boards` lists them.")
@click.option("--latency-ms", type=float, help="Longest time from the last sample to the scores (estimated).")
@click.option("--ram", "ram_kb", type=float, help="KB of RAM that the firmware may take, all regions together.")
@click.option("--flash", "flash_kb", type=float, help="KB of flash that it may take.")
@click.option(
    "--window", "windows", help="Seconds that an embedding covers; several, separated by commas, to choose from."
)
@click.option(
    "--hop",
    "hop_s",
    type=float,
    help="Seconds between two embeddings; by default 1.28, or one window where that is less.",
)
@click.option("--labels", type=int, default=16, show_default=True, help="Labels that the firmware scores against.")
@click.option("--continuous", is_flag=True, help="Compute every row once (no squeeze-and-excite).")
@click.option("--accuracy-curve", type=click.Path(), help="Accuracy by window, from `evaluate --window ... --json`.")
@click.option(
    "--picture", type=click.Path(dir_okay=False), help="With a curve: accuracy x RAM x time x window, as an SVG."
)
@click.option(
    "--rank",
    is_flag=False,
    flag_value=SHIPPED,
    metavar="[FILE]",
    help="Order by students that were trained, not by size; FILE: another predictor than the shipped one.",
)
@click.option("--explain", "configuration", help="Draw the memory map of this configuration, or student, instead.")
def command(**options: Any) -> dict[str, Any]:
    """Find the students that use a board's budgets best; bytes are planned exactly, times are estimated or measured."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.fit import picture
    from tinyclap_edge.fit.accuracy_curve import read_curve
    from tinyclap_edge.fit.rank import PROXY, read_predictor
    from tinyclap_edge.fit.solver import recommend

    board = find_board(options["board"])
    budgets = _budgets(options).checked(board)
    if options["configuration"]:
        return _explain(options["configuration"], board, budgets)
    curve = read_curve(options["accuracy_curve"]) if options["accuracy_curve"] else None
    if options["picture"] and curve is None:
        raise UsageError("--picture shows windows of an accuracy curve", "give one with --accuracy-curve FILE")
    capacity = read_predictor(None if options["rank"] == SHIPPED else options["rank"]) if options["rank"] else PROXY
    with progress(f"fitting students to {board.name}") as advance:
        answer = recommend(board, budgets, curve, advance, capacity=capacity)
    show_costs(list(answer.pareto), answer.recommended)
    best = answer.recommended
    if answer.windows:
        show_windows(answer)
    if options["picture"]:
        picture.write_svg(
            Path(options["picture"]), answer.windows, f"{board.name}: the best that fits with each window"
        )
        result(f"picture: {options['picture']}")
    result(f"recommended: {best.configuration.text()}")
    result(f"because: {answer.reason}")
    result(f"schedule: {best.schedule}: {best.why}")
    show_time("from the last sample to the scores", best.latency)
    for note in best.notes:
        say(note)
    say(f"{answer.searched:,} configurations searched, {answer.feasible:,} may fit")
    say(answer.capacity)
    say(f'next: tinyclap-edge fit --board {board.name} --explain "{best.configuration.text()}"')
    return answer.to_dict()


def show_costs(costs: list[Cost], best: Cost) -> None:
    """A row a configuration."""
    rows = [
        ["→" if cost is best else "", cost.configuration.text().replace("phinet:", "").replace(",padding=same", ""),
         f"{cost.params:,}", f"{cost.macs / 1e6:.1f} M", f"{cost.ram_bytes:,}", f"{cost.flash_bytes:,}",
         f"{cost.latency.typical_s * 1e3:.0f}", f"{cost.load:.0%}",
         f"{cost.energy_mj:.2f}" if cost.energy_mj is not None else ""]
        for cost in costs
    ]  # fmt: skip
    columns = [
        "",
        "configuration",
        "parameters",
        "MACs",
        "RAM",
        "flash",
        f"ms ({best.latency.kind})",
        "of a hop",
        "mJ a hop (estimated)",
    ]
    table("", columns, rows, right=(2, 3, 4, 5, 6, 7, 8))


def show_windows(answer: Answer) -> None:
    """Accuracy x RAM x time x window, a row a window with bars."""
    from tinyclap_edge.fit import picture

    columns = ["window", "accuracy (given)", "RAM", f"ms ({answer.recommended.latency.kind})", "of a hop"]
    table("the best that fits with each window", columns, picture.rows(answer.windows), right=(0, 4))


def show_time(what: str, time: Estimate) -> None:
    """A time with its factor and where that comes from."""
    spread = f", {time.low_s * 1e3:.0f} to {time.high_s * 1e3:.0f} ms" if time.low_s < time.high_s else ""
    result(
        f"time ({time.kind}), {what}: {time.typical_s * 1e3:.0f} ms{spread}: "
        f"{time.cycles_per_instruction:g} cycles an instruction at {time.clock_hz // 1_000_000} MHz ({time.source})"
    )


def _budgets(options: dict[str, Any]) -> Budgets:
    from tinyclap_edge.fit.budgets import Budgets
    from tinyclap_edge.fit.cost import Use

    return Budgets(
        ram_bytes=_bytes("--ram", options["ram_kb"]),
        flash_bytes=_bytes("--flash", options["flash_kb"]),
        latency_s=None if options["latency_ms"] is None else options["latency_ms"] / 1e3,
        windows_s=_windows(options["windows"]),
        use=Use(options["hop_s"], options["labels"], options["continuous"]),
    )


def _bytes(name: str, kilobytes: float | None) -> int | None:
    if kilobytes is None:
        return None
    if not abs(kilobytes) < 1e9:  # NaN too
        raise UsageError(f"{name} {kilobytes:g} is no number of KB", "write it like 256")
    return int(kilobytes * 1024)


def _windows(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        return tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        raise UsageError(f"--window {text!r} is no length of time", "seconds, for example 2.56 or 1,2,5") from None


def _explain(text: str, board: Any, budgets: Budgets) -> dict[str, Any]:
    from tinyclap_edge.fit.explain import explain

    explained = explain(text, board, budgets.use)
    cost = explained.cost
    rows = [[r.name, ", ".join(r.holds), f"{r.used:,}", f"{r.size:,}", f"{r.share:.0%}"] for r in cost.regions]
    table("memory by region (planned)", ["region", "holds", "bytes", "of", ""], rows, right=(2, 3, 4))
    rows = [[name, f"{size:,}"] for name, size in explained.flash_parts.items()]
    table("flash", ["what", "bytes"], rows, right=(1,))
    for line in explained.drawing:
        result(line)
    result(
        f"peak: {explained.peak_bytes:,} of {cost.arena_bytes:,} bytes of the arena are in use while {explained.peak_operator} runs"
    )
    result(f"schedule: {cost.schedule}: {cost.why}")
    rows = [[name, f"{count:,}", f"{count / explained.instructions_total:.1%}"] for name, count in explained.dearest]
    of = "hop" if budgets.use.continuous else "window"
    table(f"where the instructions of a {of} go (predicted)", ["layer", "instructions", ""], rows, right=(1, 2))
    show_time("from the last sample to the scores", cost.latency)
    broken = budgets.broken(cost)
    if broken:
        warn(f"it does not fit: {broken}")
    return explained.to_dict() | {"fits": not broken, "broken": broken}
