"""`labels`: words to a label pack, what a pack holds, and packs to and from a running board."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import progress, result, table, verb, warn
from tinyclap_edge.errors import CorruptFile, UsageError

if TYPE_CHECKING:
    from tinyclap_edge.device.link import Device
    from tinyclap_edge.students.file import StudentFile


@click.group("labels")
def command() -> None:
    """Encode label packs, show one, push one to a running board or pull it."""


@verb("labels encode")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--labels-file", type=click.Path(dir_okay=False), help="One label a line, after those named.")
@click.option("--student", help="A built-in student, or a .safetensors file; default: the export's.")
@click.option("--r", type=click.IntRange(1, 1024), help="Dimensions; default: the encoder's, or the student's.")
@click.option("--reduction", type=click.Choice(["rotate", "prune"]), help="Default: the export's, or the student's.")
@click.option("--encoder", help="The export, or the encoder.tflite, that the pack is for.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write, for example labels.tlp.")
def _encode(
    names: tuple[str, ...],
    labels_file: str | None,
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

    labels = parse_labels([*names, *(_lines(labels_file) if labels_file else [])])
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
    data = pack.to_bytes()
    _write(Path(out), data)
    result(f"{out}: {len(labels)} labels, r = {pack.dim}, {len(data):,} bytes, encoder {encoder_id}")
    return {"path": out, "bytes": len(data), **_describe(data)}


@verb("labels show")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--port", help="The serial port of a board, instead of a file.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
def _show(file: str | None, port: str | None, baud: int) -> dict[str, Any]:
    """Show a label pack, or the one that a board uses: identities, names, thresholds."""
    if (file is None) == (port is None):
        raise UsageError("which labels?", "give a label pack, or --port of a board")
    if port is not None:
        return _show_board(port, baud)
    assert file is not None
    shown = _describe(_read(file))
    rows = [
        [str(i), x["name"], f"{x['threshold']:.3f}", "none of these" if x["background"] else ""]
        for i, x in enumerate(shown["labels"])
    ]
    table("", ["", "label", "threshold", ""], rows, right=(0, 2))
    result(f"encoder {_bound(shown)}  ·  front end {shown['frontend_id']}  ·  r = {shown['dim']}")
    return {"path": file, **shown}


@verb("labels push")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--port", required=True, help="The serial port of the board, for example /dev/ttyACM0.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
def _push(file: str, port: str, baud: int) -> dict[str, Any]:
    """Give a running board another label pack; it uses it at once and keeps it."""
    import time

    from tinyclap_edge.device.link_labels import push
    from tinyclap_edge.device.link_port import open_link

    data = _read(file)
    described = _describe(data)  # before the port is opened: what is no pack never reaches a board
    with open_link(port, baud) as link, progress(f"pushing {file}", len(data)) as advance:
        started = time.perf_counter()
        device = push(link, data, advance)
        seconds = time.perf_counter() - started
    kept = "the pack it had already" if link.sent_bytes < len(data) else f"{len(data):,} bytes in {seconds:.2f} s"
    result(f"{device.board} on {port}: {device.labels} labels, {kept}")
    sent = {"sent_bytes": link.sent_bytes, "received_bytes": link.received_bytes, "repeated_requests": link.repeated}
    return {
        "path": file,
        "port": port,
        "sha256": described["sha256"],
        "seconds": round(seconds, 3),
        **sent,
        **_device(device),
    }


@verb("labels pull")
@click.option("--port", required=True, help="The serial port of the board, for example /dev/ttyACM0.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write, for example labels.tlp.")
def _pull(port: str, baud: int, out: str) -> dict[str, Any]:
    """Read the label pack that a running board uses into a file."""
    from tinyclap_edge.device.link_labels import pull
    from tinyclap_edge.device.link_port import open_link

    with open_link(port, baud) as link, progress(f"pulling from {port}"):
        data = pull(link)
    _write(Path(out), data)
    described = _describe(data)
    result(f"{out}: {len(described['labels'])} labels, r = {described['dim']}, {len(data):,} bytes")
    return {"path": out, "port": port, "bytes": len(data), **described}


command.add_command(_encode, "encode")
command.add_command(_show, "show")
command.add_command(_push, "push")
command.add_command(_pull, "pull")


def _show_board(port: str, baud: int) -> dict[str, Any]:
    from tinyclap_edge.device.link_labels import show
    from tinyclap_edge.device.link_port import open_link

    with open_link(port, baud) as link:
        device, labels = show(link)
    rows = [
        [
            str(i),
            x.name,
            f"{x.threshold:.3f}",
            "" if x.score is None else f"{x.score:.3f}",
            "none of these" if x.background else "",
        ]
        for i, x in enumerate(labels)
    ]
    table("", ["", "label", "threshold", "newest score", ""], rows, right=(0, 2, 3))
    origin = "of the firmware itself" if device.slot is None else f"pushed, generation {device.generation}"
    result(f"{device.board} on {port}: {origin}  ·  encoder {device.encoder_id}  ·  r = {device.dim}")
    shown = [{"name": x.name, "threshold": x.threshold, "score": x.score, "background": x.background} for x in labels]
    return {"port": port, **_device(device), "labels": shown}


def _device(device: Device) -> dict[str, Any]:
    """What a device says of itself, for --json."""
    from dataclasses import asdict

    return {"device": asdict(device)}


def _read(file: str) -> bytes:
    """A pack file, refused by its size before it is read."""
    from tinyclap_edge.labels.pack import MAX_BYTES

    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no label pack {file}", "`tinyclap-edge labels encode` writes one")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{file} has {path.stat().st_size:,} bytes; a label pack has at most {MAX_BYTES:,}")
    return path.read_bytes()


def _bound(described: dict[str, Any]) -> str:
    from tinyclap_edge.labels.pack import UNBOUND

    return "none in particular" if described["encoder_id"] == UNBOUND else str(described["encoder_id"])


def _describe(data: bytes) -> dict[str, Any]:
    from tinyclap_edge.labels.pack import LabelPack

    pack = LabelPack.from_bytes(data)
    return {
        "encoder_id": pack.encoder_id,
        "frontend_id": pack.frontend_id,
        "dim": pack.dim,
        "sha256": hashlib.sha256(data).hexdigest(),
        "labels": [
            {"name": name, "threshold": int(q15) / 32768, "background": i == pack.background}
            for i, (name, q15) in enumerate(zip(pack.names, pack.thresholds_q15, strict=True))
        ],
    }


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


def _write(path: Path, data: bytes) -> None:
    """Beside it first, then renamed: never half a pack."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path} ({error.strerror})", "choose a directory that may be written") from error
