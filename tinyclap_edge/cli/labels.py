"""`labels`: words to a label pack, what a pack holds, and packs to and from a running board."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.label_add import add
from tinyclap_edge.cli.label_board import pull, push, show_board
from tinyclap_edge.cli.label_calibrate import calibrate
from tinyclap_edge.cli.label_files import describe, read_pack_file, write_file
from tinyclap_edge.cli.output import result, table, verb, warn
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.students.file import StudentFile


@click.group("labels")
def command() -> None:
    """Encode label packs, add to one, calibrate or show one, push one to a running board or pull it."""


@verb("labels encode")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--labels-file", type=click.Path(dir_okay=False), help="One label a line, after those named.")
@click.option("--background", help="What it sounds like when it is none of these, in words: a row that is never heard itself.")  # fmt: skip
@click.option("--student", help="A built-in student, or a .safetensors file; default: the export's.")
@click.option("--r", type=click.IntRange(1, 1024), help="Dimensions; default: the encoder's, or the student's.")
@click.option("--reduction", type=click.Choice(["rotate", "prune"]), help="Default: the export's, or the student's.")
@click.option("--encoder", help="The export, or the encoder.tflite, that the pack is for.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write, for example labels.tlp.")
def _encode(
    names: tuple[str, ...],
    labels_file: str | None,
    background: str | None,
    student: str | None,
    r: int | None,
    reduction: str | None,
    encoder: str | None,
    out: str,
) -> dict[str, Any]:
    """Encode sounds named in words into a label pack."""
    from tinyclap_edge.labels.encode import make_pack, parse_labels
    from tinyclap_edge.labels.pack import UNBOUND
    from tinyclap_edge.students.file import reduce_matrix
    from tinyclap_edge.students.presets import find_student

    labels = parse_labels(
        [*names, *(_lines(labels_file) if labels_file else []), *([background] if background else [])]
    )
    exported = _export(Path(encoder)) if encoder and not encoder.endswith(".tflite") else None
    if student is None and exported:
        student = str(exported["student"])
    if student is None:
        raise UsageError("which student?", "give --student, or --encoder with an export")
    chosen, encoder_id = find_student(student), UNBOUND
    if exported:
        encoder_id, r, reduction = exported["id"], r or exported["r"], reduction or exported["reduction"]
        _check_space(chosen, r, reduction, exported)
    elif encoder:
        encoder_id, size = _encoder(Path(encoder))
        if r is not None and r != size:
            raise UsageError(f"--r {r} does not fit an encoder of {size} dimensions", "leave --r out")
        r = size
    else:
        warn("the pack is bound to no encoder; --encoder says which one it is for, so that a board can tell")
    matrix = reduce_matrix(chosen, r or chosen.default_r, reduction)
    pack = make_pack(labels, chosen, matrix, encoder_id, chosen.frontend.frontend_id)
    if background:
        pack = replace(pack, background=len(labels) - 1)
    data = pack.to_bytes()
    write_file(Path(out), data)
    result(f"{out}: {len(labels)} labels, r = {pack.dim}, {len(data):,} bytes, encoder {encoder_id}")
    return {"path": out, "bytes": len(data), **describe(data)}


@verb("labels show")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--port", help="The serial port of a board, instead of a file.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
def _show(file: str | None, port: str | None, baud: int) -> dict[str, Any]:
    """Show a label pack, or the one that a board uses: identities, names, thresholds."""
    if (file is None) == (port is None):
        raise UsageError("which labels?", "give a label pack, or --port of a board")
    if port is not None:
        return show_board(port, baud)
    assert file is not None
    shown = describe(read_pack_file(file))
    rows = [
        [str(i), x["name"], f"{x['threshold']:.3f}", "none of these" if x["background"] else ""]
        for i, x in enumerate(shown["labels"])
    ]
    table("", ["", "label", "threshold", ""], rows, right=(0, 2))
    result(f"encoder {_bound(shown)}  ·  front end {shown['frontend_id']}  ·  r = {shown['dim']}")
    return {"path": file, **shown}


command.add_command(_encode, "encode")
command.add_command(_show, "show")
command.add_command(push, "push")
command.add_command(pull, "pull")
command.add_command(add, "add")
command.add_command(calibrate, "calibrate")


def _bound(described: dict[str, Any]) -> str:
    from tinyclap_edge.labels.pack import UNBOUND

    return "none in particular" if described["encoder_id"] == UNBOUND else str(described["encoder_id"])


def _lines(file: str) -> list[str]:
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no label file {file}", "give a text file with one label a line")
    if path.stat().st_size > 1 << 20:
        raise UsageError(f"{file} is larger than 1 MiB", "give a text file with one label a line, 256 at most")
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text", "save it as UTF-8") from None


def _export(path: Path) -> dict[str, Any]:
    """What the manifest of an export (directory or .tce) says of its encoder."""
    from tinyclap_edge.bundle.read import open_bundle

    with open_bundle(path) as bundle:
        return dict(bundle.manifest["encoder"])


def _check_space(student: StudentFile, r: int, reduction: str, exported: dict[str, Any]) -> None:
    """UsageError unless words become what they were for the export, by the same student and the same reduction."""
    from tinyclap_edge.bundle.manifest import space_id

    if space_id(student, r, reduction) != exported["space"]:
        was = f"{exported['student']}, r = {exported['r']} ({exported['reduction']})"
        raise UsageError(
            f"the encoder was exported from {was}; {student.name}, r = {r} ({reduction}) maps words elsewhere",
            "leave out --student, --r and --reduction, or give the student file that it was exported from",
        )


def _encoder(path: Path) -> tuple[str, int]:
    """Identity (16 hex digits of the file's SHA-256) and embedding size of an encoder.tflite."""
    from tinyclap_export.tflite_reader import read_tflite

    if not path.is_file():
        raise UsageError(f"there is no encoder {path}", "give an encoder.tflite, or the directory that `export` wrote")
    data = path.read_bytes()
    graph = read_tflite(data)
    return hashlib.sha256(data).hexdigest()[:16], graph.tensors[graph.outputs[0]].shape[-1]
