"""`reference build`: the reference teacher and its students, made anew from procedural sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import result, verb


@click.group("reference")
def command() -> None:
    """The reference models: how they are made."""


@verb("reference build")
@click.option("--work", type=click.Path(file_okay=False), default="runs/reference", show_default=True,
              help="Clips and checkpoints (1.5 GB); an interrupted build goes on from here.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False), help="Where the models go; by default into the package.")
@click.option("--quick", is_flag=True, help="A tiny build that shows that everything works; its models are useless.")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes for rendering.")
@click.option("--device", help="cpu or cuda; by default a GPU where there is one.")
@click.option("--text-model", type=click.Path(), help="Folder of all-MiniLM-L6-v2; by default the installed package.")
def _build(
    work: str, out: str | None, quick: bool, processes: int, device: str | None, text_model: str | None
) -> dict[str, Any]:
    """Render sounds, train the teacher, distil the students, examine all of them, write the models."""
    from tinyclap_edge.reference.build import MODELS, build

    folder = Path(out) if out else Path(work) / "models" if quick else MODELS  # a quick build is not to be shipped
    accuracies = build(
        Path(work), folder, quick=quick, processes=processes, text_model=Path(text_model) if text_model else None,
        device=device,
    )  # fmt: skip
    result(str(folder))
    return accuracies


command.add_command(_build, "build")
