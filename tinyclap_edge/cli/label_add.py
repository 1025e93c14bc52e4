"""`labels add`: one more label in a pack, or on a running board."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.label_files import describe, read_pack_file, write_file
from tinyclap_edge.cli.output import progress, result, verb
from tinyclap_edge.errors import UsageError


@verb("labels add")
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@click.option("--encoder", required=True, help="The export that the labels are for.")
@click.option("--text", help="The words that are encoded; default: the name.")
@click.option("--audio", multiple=True, type=click.Path(dir_okay=False), help="Recordings of the sound, instead of words: --audio a.wav b.wav ...", metavar="FILE...")  # fmt: skip
@click.option("--background", is_flag=True, help='It stands for "none of these": what scores below it is not heard.')
@click.option("--student", help="The student file of the export, where it is not a built-in one.")
@click.option(
    "--threshold", type=click.FloatRange(-1, 1), help="Cosine from which it is heard; default: as the others."
)
@click.option(
    "--pack", type=click.Path(dir_okay=False), help="The pack to add to; default: the export's, or the board's."
)
@click.option("--port", help="The serial port of a board whose labels it joins.")
@click.option("--baud", type=click.IntRange(min=1), default=115_200, show_default=True, help="Speed of the port.")
@click.option("--out", type=click.Path(dir_okay=False), help="Where to write the pack; with --port it may be left out.")
def add(
    name: str,
    more: tuple[str, ...],
    encoder: str,
    text: str | None,
    audio: tuple[str, ...],
    background: bool,
    student: str | None,
    threshold: float | None,
    pack: str | None,
    port: str | None,
    baud: int,
    out: str | None,
) -> dict[str, Any]:
    """Add the label NAME, by words or by recordings of the sound, to a pack or to a running board."""
    from tinyclap_edge.audio import SUFFIXES
    from tinyclap_edge.bundle.new_label import require_same_encoder, row_from_examples, row_from_words, with_label
    from tinyclap_edge.bundle.read import open_bundle
    from tinyclap_edge.device.link_labels import pull, push
    from tinyclap_edge.device.link_port import open_link
    from tinyclap_edge.labels.pack import LabelPack

    if more and not audio:
        raise UsageError(f"{more[0]!r} is one name too many", "write a name of several words in quotation marks")
    if audio and Path(name).suffix.lower() in SUFFIXES:
        raise UsageError(
            f"the label would be named {name!r}", "the name comes first: labels add NAME --audio a.wav b.wav"
        )
    audio = (*audio, *more)
    if text is not None and audio:
        raise UsageError("words and recordings at once", "give --text or --audio")
    if not port and not out:
        raise UsageError("where to?", "give --out for a file, or --port of a board")
    with open_bundle(encoder) as bundle:
        row = (
            row_from_examples(bundle, [Path(a) for a in audio])
            if audio
            else row_from_words(bundle, text or name, student)
        )
        exported = (bundle.folder / "labels.tlp").read_bytes()
    with open_link(port, baud) if port else nullcontext() as link:
        before = read_pack_file(pack) if pack else pull(link) if link else exported
        old = LabelPack.from_bytes(before)
        require_same_encoder(old, bundle, encoder)
        new = with_label(old, name, row, threshold, background)
        data = new.to_bytes()
        if link:
            with progress(f"pushing {len(new.names)} labels", len(data)) as advance:
                push(link, data, advance)
    if out:
        write_file(Path(out), data)
    result(f"{name}: label {new.names.index(name) + 1} of {len(new.names)}, {out or port}")
    return {"path": out, "port": port, "bytes": len(data), **describe(data)}
