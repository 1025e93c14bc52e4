"""`students`: the built-in ones, what any architecture costs, published checkpoints, embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb
from tinyclap_edge.errors import UsageError


@click.group("students")
def command() -> None:
    """List the built-in students, show what one costs, import a published one, embed sounds."""


@verb("students list")
def _list() -> list[dict[str, Any]]:
    """The students that ship with the package, their measured accuracies, and which of them each board should get."""
    from tinyclap_edge.fit.shipped import preset_table
    from tinyclap_edge.students.presets import presets

    found = presets()
    rows = [
        [p.name, p.made_for, f"{p.params:,}", f"{p.macs / 1e6:.1f} M", str(p.default_r), p.accuracy_text, p.kept_text]
        for p in found
    ]
    columns = ["student", "made for", "parameters", "MACs", "r", "zero-shot, seen [95 %]", "kept of its teacher"]
    table("", columns, rows, right=(2, 3, 4))
    result("accuracies: procedural sounds, int8, measured by `tinyclap-edge reference build`")
    with progress("planning each board"):
        uses = preset_table()
    rows = [
        [u.board, u.student or u.why, "  ".join(f"{name} {share:.0%}" for name, share in u.shares.items()),
         "" if u.latency_s is None else f"{u.latency_s * 1000:.0f} ({u.latency_kind})", u.accuracy]
        for u in uses
    ]  # fmt: skip
    table("", ["board", "student", "budgets used", "ms a window", "zero-shot, seen [95 %]"], rows, right=(3,))
    result("`tinyclap-edge fit --board B` finds students that use more of a board")
    return [p.to_dict() | {"boards": [u.to_dict() for u in uses if u.student == p.name]} for p in found]


@verb("students show")
@click.argument("student")
@click.option("--input", "input_shape", help="channels x frames x mel bins; by default what the student was made for.")
@click.option("--top", type=click.IntRange(1, 100_000), help="Add a linear classifier of this many classes.")
def _show(student: str, input_shape: str | None, top: int | None) -> dict[str, Any]:
    """Parameters, MACs and working memory of a student: built in, a file, or an architecture by name.

    Architectures: 'phinet:alpha=1.5,beta=0.75,...', 'tinyclap' or its published name, mn10, dymn10, eres2net.
    """
    from tinyclap_edge.students.phinet_config import blocks, parse_arch
    from tinyclap_edge.students.registry import canonical_arch, find_family, is_architecture, student_cost

    card: dict[str, Any] = {}
    taught_by: dict[str, str] = {}
    if is_architecture(student):
        arch, shape = student, find_family(student).native_input
    else:
        from tinyclap_edge.students.presets import find_student

        file = find_student(student)
        arch, card, top = file.arch, file.card, file.dim
        taught_by = {"teacher": file.teacher, "identity": file.teacher_identity, "store": file.store}
        shape = (1, file.frontend.frames, file.frontend.mel_bins)
        input_shape = None
    family, arch = find_family(arch), canonical_arch(arch)
    shape = _shape(input_shape) if input_shape else shape
    cost = student_cost(arch, shape, top)
    say(f"{family.title} ({family.source})")
    result(f"{arch}")
    result(f"params         {cost.params:,}\nmacs           {cost.macs:,}")
    result(f"peak_elements  {cost.peak_elements:,}  (input + output of one layer: bytes in int8, layer by layer)")
    result("output_shape   " + "x".join(map(str, cost.output_shape)))
    if taught_by:
        result(f"teacher        {file.teacher}, identity {file.teacher_identity or 'not recorded'}, "
               f"store {file.store[:16] or 'not recorded'}")  # fmt: skip
        result(f"space          {file.dim} dimensions, r = {file.default_r} ({file.reduction})")
    if family.refusal:
        say(f"not for `export`: {family.refusal}")
    if family.name == "phinet":
        rows = [
            [str(b.index), str(b.c_in), str(b.expanded), str(b.c_out), f"{b.kernel}x{b.kernel}", str(b.stride),
             "yes" if b.skip else "", str(b.se_width or "")]
            for b in blocks(parse_arch(arch))
        ]  # fmt: skip
        table("", ["block", "in", "expanded", "out", "kernel", "stride", "skip", "SE"], rows, right=tuple(range(6)))
    _show_import(card)
    return {
        "arch": arch,
        "family": family.name,
        "exportable": not family.refusal,
        "input": list(shape),
        "params": cost.params,
        "macs": cost.macs,
        "peak_elements": cost.peak_elements,
        "output_shape": list(cost.output_shape),
        "taught_by": taught_by,
        "card": card,
    }


def _show_import(card: dict[str, Any]) -> None:
    """What importing changed, and what a reduction lost."""
    imported = card.get("imported", {})
    if fold := imported.get("fold"):
        result(f"imported from {imported['from']}: {fold['params_before']:,} parameters folded to {fold['params']:,}, "
               f"largest difference {fold['largest_difference']:.1g}")  # fmt: skip
    if loss := imported.get("loss"):
        result(
            f"reduced to r = {loss['r']} ({loss['reduction']}): cosine with the exact LayerNorm "
            f"{loss['layer_norm_cosine']:.5f} (least {loss['layer_norm_cosine_least']:.5f}), with the whole space "
            f"{loss['space_cosine']:.5f}; pairs of sounds change by {loss['pair_cosine_change']:.4f} "
            f"({loss['samples']} embeddings of procedural sounds that the reduction has not seen)"
        )


@verb("students import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Student file to write.")
@click.option("--r", type=int, help="Entries to keep of tinyCLAP's 1024; by default all, exactly.")
@click.option("--reduction", type=click.Choice(["rotate", "prune"]), default="rotate", show_default=True,
              help="How the space is reduced.")  # fmt: skip
@click.option("--name", default=None, help="Published name that carries the configuration, where the file's does not.")
def _import(checkpoint: Path, out: Path, r: int | None, reduction: str, name: str | None) -> dict[str, Any]:
    """Turn a published checkpoint (tinyCLAP's student; S-SONDO's backbones) into a student file.

    The head of tinyCLAP is folded exactly; its 4,434,547 parameters become 2,041,459 with the same output.
    """
    from tinyclap_edge.students.file import write_student
    from tinyclap_edge.students.import_checkpoint import import_checkpoint
    from tinyclap_edge.students.registry import student_cost
    from tinyclap_edge.students.tinyclap_fold import STEPS

    if not out.parent.is_dir():
        raise UsageError(f"there is no directory {out.parent}", "make it first, or choose another --out")
    with progress(f"importing {checkpoint.name}", STEPS) as advance:
        student = import_checkpoint(checkpoint, name or "", r, reduction, advance)
    write_student(out, student)
    spec = student.frontend
    cost = student_cost(student.arch, (1, spec.frames, spec.mel_bins), student.dim)
    result(f"{out}: {student.arch}, {student.dim} entries, {cost.params:,} parameters, {cost.macs / 1e6:.1f} M MACs")
    _show_import(student.card)
    say(f"front end: {spec.sample_rate_hz} Hz, {spec.mel_bins} mel bins, hop {spec.hop_samples}, {spec.f_min_hz:g} to "
        f"{spec.f_max_hz:g} Hz; text side: {student.teacher}")  # fmt: skip
    return {"out": str(out), "arch": student.arch, "dim": student.dim, "params": cost.params, "macs": cost.macs,
            "frontend": spec.to_dict(), "teacher": student.teacher, "card": student.card}  # fmt: skip


@verb("students embed")
@click.argument("student")
@click.option("--mel", type=click.Path(path_type=Path), help=".npz whose `logmel` is n x frames x mels, in dB.")
@click.option("--audio", multiple=True, type=click.Path(path_type=Path), help="Sound file; files may follow it.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help=".npz to write.")
def _embed(
    student: str, mel: Path | None, audio: tuple[Path, ...], files: tuple[Path, ...], out: Path
) -> dict[str, Any]:
    """Embed log-mels, or sounds of any length, by any student; writes `embeddings`, n x dim float32."""
    from tinyclap_edge.students.embed import embed_audio, embed_logmel, read_logmel, write_embeddings
    from tinyclap_edge.students.presets import find_student

    sounds = [*audio, *files]
    if (mel is None) == (not sounds) or (files and not audio):
        raise UsageError("give either --mel X.npz or --audio FILES", "log-mels are in dB of the student's front end")
    found = find_student(student)
    if mel is not None:
        logmel = read_logmel(mel)
        with progress(f"embedding {len(logmel)} log-mels", len(logmel)) as advance:
            embeddings = embed_logmel(found, logmel, advance)
    else:
        with progress(f"embedding {len(sounds)} sounds", len(sounds)) as advance:
            embeddings = embed_audio(found, sounds, advance)
    write_embeddings(out, embeddings, [str(s) for s in sounds])
    result(f"{out}: {len(embeddings)} embeddings of {found.dim} entries")
    return {"out": str(out), "rows": len(embeddings), "dim": found.dim, "student": found.name, "arch": found.arch}


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and 0 < int(p) <= 100_000 for p in parts):
        raise UsageError(f"--input {text!r} is not channels x height x width", "write it like 1x128x64")
    channels, height, width = map(int, parts)
    return channels, height, width


command.add_command(_list, "list")
command.add_command(_show, "show")
command.add_command(_import, "import")
command.add_command(_embed, "embed")
