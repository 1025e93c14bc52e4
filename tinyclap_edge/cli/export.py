"""`export`: a student and some words -> everything a board needs, in one directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn


@verb("export")
@click.option("--board", required=True, help="Board to export for; `tinyclap-edge boards` lists them.")
@click.option("--microphone", type=click.Choice(["i2s", "pdm"]), help="What is wired to the board; by default what its entry says. A bare image has the driver of one.")  # fmt: skip
@click.option("--labels", "labels", help="Sounds in words, separated by commas.")
@click.option("--labels-file", type=click.Path(dir_okay=False), help="One label a line, instead of --labels.")
@click.option("--background", help="What it sounds like when it is none of these, in words: a row that is never heard itself.")  # fmt: skip
@click.option("--gate", type=click.Path(dir_okay=False), help="A power gate of `gate train`: windows on which it stays shut cost no encoder.")  # fmt: skip
@click.option(
    "--continuous",
    is_flag=True,
    help="Compute every row of log-mel once, not once a window: a hop costs its own rows (32 of 128 rows on a "
    "Cortex-M4: 2.7 instead of 10.8 million instructions). Embeddings differ from those of "
    "windows: a window has edges, which are padded, a stream has none; and answers come later. Not with --gate, nor for "
    "students with squeeze-and-excite.",
)
@click.option("--student", help="small, esp, nucleo, or a .safetensors file; by default the best that fits.")
@click.option("--r", type=int, help="Entries of the embedding; by default the student's own choice.")
@click.option("--reduction", type=click.Choice(["rotate", "prune"]), help="How the space is reduced.")
@click.option(
    "--ranges",
    type=click.Choice(["minmax", "percentile", "mse"]),
    default="minmax",
    show_default=True,
    help="How int8 ranges are chosen from the calibration windows.",
)
@click.option("--hop", "hop_s", type=float, default=1.28, show_default=True, help="Seconds between two embeddings.")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Directory to write.")
def command(**options: Any) -> dict[str, Any]:
    """Write encoder, labels, golden vectors, C library, firmware project and report for a board."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.bundle.export import ExportRequest, export_bundle
    from tinyclap_edge.device.bare_ports import with_microphone
    from tinyclap_edge.fit.cost import Use
    from tinyclap_edge.fit.shipped import best_shipped
    from tinyclap_edge.gate.file import read_gate
    from tinyclap_edge.labels.encode import parse_labels
    from tinyclap_edge.students.presets import find_student

    board = find_board(options["board"])
    if options["microphone"]:
        board = with_microphone(board, options["microphone"])
    labels = parse_labels(_label_text(options["labels"], options["labels_file"]))
    if options["student"]:
        student = find_student(options["student"])
    else:
        student = best_shipped(board, Use(options["hop_s"], len(labels), options["continuous"]))
    request = ExportRequest.make(
        board, student, labels, options["r"], options["reduction"], options["ranges"], options["hop_s"],
        options["background"], read_gate(options["gate"]) if options["gate"] else None, options["continuous"],
    )  # fmt: skip
    with progress(f"exporting {student.name} for {board.name}", ExportRequest.STEPS) as advance:
        done = export_bundle(request, Path(options["out"]), advance, warn)
    show_export(done.manifest)
    say(f"next: tinyclap-edge build {options['out']}  ·  tinyclap-edge classify FILE.wav --bundle {options['out']}")
    return done.manifest


def show_export(manifest: dict[str, Any]) -> None:
    """The few figures a person wants to see after an export."""
    encoder, memory = manifest["encoder"], manifest["memory"]
    result(
        f"{encoder['student']} → {manifest['board']}: {len(manifest['labels'])} labels, r = {encoder['r']} "
        f"({encoder['reduction']}), {encoder['macs'] / 1e6:.1f} M MACs"
    )
    rows = [[m["what"], f"{m['bytes']:,}", m["region"], f"{m['share']:.0%}"] for m in memory]
    table("", ["memory (planned)", "bytes", "region", "of it"], rows, right=(1, 3))
    result(f"schedule {encoder['schedule']}: {encoder['schedule_reason']}")
    if "stream" in manifest:
        result(_of_stream(manifest))
    parity, what = manifest["parity"], "embeddings" if "stream" in manifest else "windows"
    result(f"encoder {encoder['id']}  ·  digest of {parity['windows']} {what} {parity['digest']}")


def _of_stream(manifest: dict[str, Any]) -> str:
    stream, frontend = manifest["stream"], manifest["frontend"]
    seconds = frontend["hop_samples"] / frontend["sample_rate_hz"]
    return (
        f"an embedding is the mean of the last {stream['feature_rows']} rows of features, a new one every "
        f"{stream['feature_rate'] * seconds:.2f} s; the first is there after {stream['first_rows'] * seconds:.2f} s"
    )


def _label_text(text: str | None, file: str | None) -> list[str]:
    from tinyclap_edge.errors import UsageError

    if (text is None) == (file is None):
        raise UsageError("give the labels by --labels or by --labels-file", 'for example --labels "dog barking, rain"')
    if file is not None:
        path = Path(file)
        if not path.is_file():
            raise UsageError(f"there is no label file {file}")
        try:
            return path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise UsageError(f"{file} is not UTF-8 text") from None
    return (text or "").split(",")
