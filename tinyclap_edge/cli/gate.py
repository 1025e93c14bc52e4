"""`gate`: a small classifier that lets the encoder sleep while nothing happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.label_files import write_file
from tinyclap_edge.cli.output import progress, result, say, table, verb

if TYPE_CHECKING:
    from tinyclap_edge.gate.file import Gate


@click.group("gate")
def command() -> None:
    """Train a power gate: on which windows of sound the encoder runs at all."""


@verb("gate train")
@click.option("--events", required=True, type=click.Path(file_okay=False), help="Folder: recordings of what is to be heard, each alone.")  # fmt: skip
@click.option("--ambient", required=True, type=click.Path(file_okay=False), help="Folder: recordings of the place while nothing happens.")  # fmt: skip
@click.option("--miss-rate", type=float, default=0.02, show_default=True, help="Share of events that may be missed.")
@click.option("--student", help="The student that it stands before, for its front end; default: that of all built-in ones.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which recordings are kept apart.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write, for example gate.json.")
def _train(events: str, ambient: str, miss_rate: float, student: str | None, seed: int, out: str) -> dict[str, Any]:
    """Train a gate on recordings of events and of the place, check its C against scikit-learn, and write it."""
    from tinyclap_edge.audio import sound_files
    from tinyclap_edge.frontend.spec import FrontendSpec
    from tinyclap_edge.gate.examples import read_examples
    from tinyclap_edge.gate.file import Gate
    from tinyclap_edge.gate.train import check_rate, train_gate

    check_rate(miss_rate)
    heard, quiet = sound_files(events, "the events"), sound_files(ambient, "the place")
    spec = FrontendSpec()
    if student:
        from tinyclap_edge.students.presets import find_student

        spec = find_student(student).frontend
    with progress("listening to the recordings", len(heard) + len(quiet)) as advance:
        parts = read_examples(heard, quiet, spec, seed, advance)
    with progress("training"):
        made = train_gate(parts, miss_rate, seed)
    gate = Gate(
        made.model, spec, miss_rate, made.missed, made.shut, round(made.ambient_s, 3), made.vectors, made.versions
    )
    write_file(Path(out), gate.to_bytes())
    show_gate(gate)
    say(f"next: tinyclap-edge export --board B --labels ... --gate {out} --out bundle")
    return {"path": out, **describe(gate)}


@verb("gate show")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--c", "source", is_flag=True, help="Print the model's C, as boards compile it.")
def _show(file: str, source: bool) -> dict[str, Any]:
    """Show a gate: what it misses, what it keeps from the encoder, and by which statistics."""
    from tinyclap_edge.gate.file import read_gate

    gate = read_gate(file)
    if source:
        result(gate.model.source.rstrip("\n"))
    else:
        show_gate(gate)
    return {"path": file, **describe(gate), "model": gate.model.source}


command.add_command(_train, "train")
command.add_command(_show, "show")


def describe(gate: Gate) -> dict[str, Any]:
    """What --json says of a gate."""
    return {
        "frontend_id": gate.spec.frontend_id,
        "rows": gate.spec.frames,
        "comparisons": len(gate.model.splits),
        "miss_rate": gate.miss_rate,
        "missed": gate.missed.to_dict(),
        "shut": gate.shut.to_dict(),
        "ambient_s": gate.ambient_s,
        "checked_vectors": gate.checked_vectors,
        "versions": gate.versions,
    }


def show_gate(gate: Gate) -> None:
    """Its two shares with intervals, and the comparisons that it makes."""
    from tinyclap_edge.gate.statistics import FEATURES

    rows = [
        [what, f"{s.value:.1%}", f"{s.low:.1%} to {s.high:.1%}", str(s.n)]
        for what, s in (("events missed", gate.missed), ("ambient windows that stay shut", gate.shut))
    ]
    table("", ["on recordings kept apart", "share", "95 % interval", "of"], rows, right=(1, 2, 3))
    used = sorted({FEATURES[s.feature] for s in gate.model.splits}, key=FEATURES.index)
    result(f"asked: at most {gate.miss_rate:.1%} missed  ·  {len(gate.model.splits)} comparisons of {', '.join(used)}")
    result(
        f"{gate.ambient_s / 60:.1f} min of ambient sound  ·  the C equals scikit-learn on {gate.checked_vectors:,} vectors"
    )
