"""`reduce`: a student at r dimensions, and what each r costs in accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.students.file import StudentFile

CURVE_FILES = ("curve.json", "curve.md", "curve.svg")


@verb("reduce")
@click.argument("student")
@click.option("--r", type=click.IntRange(1, 4096), help="Dimensions to keep.")
@click.option("--how", type=click.Choice(["rotate", "prune", "train"]), default="rotate", show_default=True,
              help="PCA, tinyCLAP's magnitudes, or training at r.")  # fmt: skip
@click.option("--store", type=click.Path(file_okay=False), help="Embedding store: directions anew, or training data.")
@click.option("--whole", is_flag=True, help="Train every weight at r, not the head alone.")
@click.option("--out", type=click.Path(), help="The reduced student; of a curve the folder for JSON, Markdown and SVG.")
@click.option("--curve", is_flag=True, help="Accuracy against r for each way.")
@click.option("--data", default="sounds:600", show_default=True, help="Corpus of the curve.")
@click.option("--sizes", help="The r of the curve: 16,32,64.")
def command(
    student: str,
    r: int | None,
    how: str,
    store: str | None,
    whole: bool,
    out: str | None,
    curve: bool,
    data: str,
    sizes: str | None,
) -> dict[str, Any]:
    """Shrink the embedding of STUDENT to r dimensions, by one matrix for audio and text."""
    from tinyclap_edge.students.presets import find_student

    chosen = find_student(student)
    if curve:
        return _curve(chosen, data, sizes, Path(store) if store else None, Path(out) if out else None)
    if r is None or out is None:
        raise UsageError("which r, and where to?", "give --r and --out, or --curve")
    made, record = _reduce(chosen, r, how, Path(store) if store else None, whole)
    _write_student(Path(out), made)
    result(f"{out}: {made.name}, r = {r} of {chosen.dim} ({how})")
    for key, value in record.items():
        say(f"{key}: " + (", ".join(f"{v} {k}" for k, v in value.items()) if isinstance(value, dict) else str(value)))
    return {"path": out, "student": chosen.name, "dim": made.dim, "r": r, "how": how, **record}


def _reduce(
    chosen: StudentFile, r: int, how: str, store: Path | None, whole: bool
) -> tuple[StudentFile, dict[str, Any]]:
    from tinyclap_edge.reduce.student import measured_space, reduced_student, summary, text_vectors

    if how == "train":
        if store is None:
            raise UsageError("training at r needs a store", "`tinyclap-edge embed` writes one; give it by --store")
        from tinyclap_edge.distill.rows import open_rows
        from tinyclap_edge.reduce.train import train_at_r

        rows = open_rows(store, chosen.frontend)
        with progress(f"train at r = {r}"):
            trained = train_at_r(chosen, rows, r, whole, log=say)
        cosine = {"before": round(trained.before, 4), "after": round(trained.after, 4)}
        return trained.student, {"cosine to the teacher": cosine}
    audio = None
    if store is not None:
        from tinyclap_edge.data.store import open_store
        from tinyclap_edge.reduce.student import store_embeddings

        audio = store_embeddings(open_store(store), chosen)
        chosen = measured_space(chosen, audio, text_vectors(chosen))
    made = reduced_student(chosen, r, how)
    return made, summary(made, audio)


def _curve(chosen: StudentFile, data: str, sizes: str | None, store: Path | None, out: Path | None) -> dict[str, Any]:
    from tinyclap_edge.data.corpora import open_corpus
    from tinyclap_edge.reduce.curve import curve_markdown, reduction_curve, ways_of
    from tinyclap_edge.reduce.picture import curve_svg

    train = None
    if store is not None:
        from tinyclap_edge.distill.rows import open_rows
        from tinyclap_edge.reduce.train import train_at_r

        rows = open_rows(store, chosen.frontend)
        train = lambda student, r: train_at_r(student, rows, r).student  # noqa: E731
    try:
        wanted = tuple(int(part) for part in sizes.split(",")) if sizes else ()
    except ValueError:
        raise UsageError(f"--sizes {sizes!r} is not a list of whole numbers", "write it like 16,32,64") from None
    corpus = open_corpus(data)
    with progress(f"{chosen.name} at every r on {corpus.card.title}") as advance:
        found = reduction_curve(chosen, corpus, wanted, train, advance)
    for sentence in corpus.report.sentences():
        warn(sentence)
    ways = ways_of(found)
    rows_shown = [[str(row["r"]), *(f"{row[way]['value']:.1%}" for way in ways)] for row in found["rows"]]
    table(f"{found['measure']}, {found['clips']} clips", ["r", *ways], rows_shown, right=tuple(range(len(ways) + 1)))
    if out is not None:
        from tinyclap_edge.evaluate.report import to_json, write_files

        texts = dict(zip(CURVE_FILES, (to_json(found), curve_markdown(found), curve_svg(found)), strict=True))
        for path in write_files(texts, out):
            result(str(path))
    return found


def _write_student(path: Path, student: StudentFile) -> None:
    from tinyclap_edge.students.file import write_student

    if not path.name.endswith(".safetensors"):
        raise UsageError(f"{path} is not named like a student", "end it in .safetensors")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_student(path, student)
    except OSError as error:
        raise UsageError(f"cannot write {path} ({error.strerror})", "choose a directory that may be written") from error
