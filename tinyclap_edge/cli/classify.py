"""`classify`: sound files -> ranked labels, on a target."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, table, verb, warn

NOTHING = "none of these"


@verb("classify")
@click.argument("files", nargs=-1, required=True)
@click.option("--board", help="Board; not needed with --bundle.")
@click.option("--target", default="python", show_default=True, help="python, host, emulator or serial.")
@click.option("--bundle", help="An export (directory or .tce); without it one is made on the spot.")
@click.option("--student", help="Without --bundle: small, esp, nucleo, or a .safetensors file.")
@click.option("--labels", help="Without --bundle: sounds in words, separated by commas.")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Labels to show for each file.")
@click.option(
    "--emulator", "engine", type=click.Choice(["unicorn", "qemu"]), help="Which emulator; unicorn by default."
)
@click.option("--port", help="With --target serial: the port of the board, which runs this export.")
@click.option("--baud", type=click.IntRange(300), help="Speed of the port; by default the board's.")
def command(
    files: tuple[str, ...],
    board: str | None,
    target: str,
    bundle: str | None,
    student: str | None,
    labels: str | None,
    top: int,
    engine: str | None,
    port: str | None,
    baud: int | None,
) -> dict[str, Any]:
    """Rank the labels for each sound FILE (WAV, FLAC, OGG, MP3) on a target."""
    from tinyclap_edge.audio import read_audio
    from tinyclap_edge.bundle.classify import classify_files
    from tinyclap_edge.bundle.run import prepare
    from tinyclap_edge.cli.source import bundle_for
    from tinyclap_edge.frontend.spec import FrontendSpec

    for file in files:  # a bad one is refused before the export and the build
        read_audio(file, FrontendSpec.sample_rate_hz)
    with bundle_for(bundle, board, student, labels, target, engine) as opened, tempfile.TemporaryDirectory() as work:
        with progress(f"preparing the {target} target"):
            ready = prepare(opened, target, Path(work), engine, count=False, port=port or "", baud=baud or 0)
        with progress(f"listening on {target}", len(files)) as advance:
            answer = classify_files(ready, [Path(f) for f in files], advance)
    show_ranking(answer, top)
    return answer


def show_ranking(answer: dict[str, Any], top: int) -> None:
    """A row a file: its best labels with their scores, and which of all labels a board would tell of."""
    rows = []
    top = min(top, len(answer["labels"]))
    for file in answer["files"]:
        best = file["ranking"][:top]
        shown = [f"{item['label']} {item['score']:.2f}" for item in best]
        rows.append([Path(file["path"]).name, f"{file['seconds']:.1f} s", *shown, ", ".join(file["heard"]) or NOTHING])
        for note in file["notes"]:
            warn(f"{file['path']}: {note}")
    table("", ["file", "length", *(f"{i + 1}." for i in range(top)), "heard"], rows, right=(1,))
    result(f"{answer['target']} on {answer['board']}, {answer['windows']} windows, digest {answer['digest'][:16]}")
