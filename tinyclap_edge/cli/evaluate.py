"""`evaluate`: how good a model is, by the official protocols, the same way twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tinyclap_edge.cli.output import progress, result, say, table, verb, warn

TASKS = ["zero-shot", "probe", "retrieval", "robustness", "drift", "all"]


@verb("evaluate")
@click.argument("model")
@click.option(
    "--data", default="sounds:600", show_default=True, help="A corpus: esc50:PATH, folder:PATH, sounds:COUNT ..."
)
@click.option("--task", "tasks", multiple=True, type=click.Choice(TASKS), help="May be repeated; default: zero-shot.")
@click.option("--form", type=click.Choice(["float", "reduced", "int8"]), default="float", show_default=True,
              help="Which form of a student.")  # fmt: skip
@click.option("--r", type=click.IntRange(1, 4096), help="Dimensions of the reduced and int8 forms.")
@click.option("--reduction", type=click.Choice(["rotate", "prune"]), help="Default: the student's.")
@click.option("--prompts", help="corpus, name, ensemble, ..., a sentence with {}, or a file with one a line.")
@click.option("--split", help="Score this split; default: the protocol's.")
@click.option("--window", help="Seconds that one embedding sees; a list like 0.25,0.5,1 gives the curve.")
@click.option("--teacher-weights", type=click.Path(exists=True), help="File or folder with a teacher's weights.")
@click.option("--student", "student_file", type=click.Path(exists=True, dir_okay=False),
              help="The student file that an export was made of: its words.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False), help="Write evaluation.json and evaluation.md here.")
def command(
    model: str,
    data: str,
    tasks: tuple[str, ...],
    form: str,
    r: int | None,
    reduction: str | None,
    prompts: str | None,
    split: str | None,
    window: str | None,
    teacher_weights: str | None,
    student_file: str | None,
    out: str | None,
) -> dict[str, Any]:
    """Examine MODEL (a student, an export or a teacher) on a corpus.

    Zero-shot by prompts, a linear probe, retrieval, noise and gain, drift from stage to stage; every figure with its
    95 % interval.
    """
    from tinyclap_edge.data.corpora import open_corpus
    from tinyclap_edge.evaluate.examinee import open_examinee
    from tinyclap_edge.evaluate.report import percent, write_record
    from tinyclap_edge.evaluate.run import Request, evaluate
    from tinyclap_edge.evaluate.temporal import parse_windows

    chosen = tuple(TASKS[:-1]) if "all" in tasks else tuple(dict.fromkeys(tasks)) or ("zero-shot",)
    request = Request(chosen, prompts, split, parse_windows(window) if window else (), forgiving="all" in tasks)
    corpus = open_corpus(data)
    weights, words = (Path(path) if path else None for path in (teacher_weights, student_file))
    examinee = open_examinee(model, form, r, reduction, weights, words)
    with progress(f"evaluate {examinee.name} ({examinee.form}) on {corpus.card.title}") as advance:
        record = evaluate(examinee, corpus, request, advance)
    for sentence in record["corpus"]["trouble"]:
        warn(sentence)
    rows = [[name, t["measure"], percent(t[t["measure"]]), str(t[t["measure"]]["n"])]
            for name, t in record["tasks"].items() if "measure" in t and "rows" not in t]  # fmt: skip
    if rows:
        table("", ["task", "measure", "[95 %]", "n"], rows, right=(3,))
    _show_tables(record)
    for name, why in record["left out"].items():
        say(f"left out: {name}, {why}")
    if out:
        for path in write_record(record, Path(out)):
            result(str(path))
    return record


def _show_tables(record: dict[str, Any]) -> None:
    from tinyclap_edge.evaluate.report import percent

    found = record["tasks"]
    if "retrieval" in found:
        sides = ("text to audio", "audio to text")
        ranks = list(found["retrieval"][sides[0]])
        rows = [[side, *(percent(found["retrieval"][side][k]) for k in ranks)] for side in sides]
        table(f"retrieval by {found['retrieval']['by']}", ["", *ranks], rows)
    if "robustness" in found:
        t = found["robustness"]
        rows = [[x["distortion"], percent(x[t["measure"]]), f"{x['kept']:.1%}", f"{x['cosine to clean']:.4f}"]
                for x in t["rows"]]  # fmt: skip
        table(f"robustness, {t['by']}", ["distortion", t["measure"], "kept", "cosine to clean"], rows, right=(2, 3))
    if "drift" in found:
        steps = found["drift"]["steps"]
        rows = [[f"{s['source']} → {s['target']}", f"{s['mean']:.5f}", f"{s['worst']:.5f}", str(s["n"])] for s in steps]
        table("drift", ["step", "mean cosine", "worst", "n"], rows, right=(1, 2, 3))
    if "temporal support" in record:
        t = record["temporal support"]
        rows = [[f"{x['window_s']:g} s", percent(x[t["measure"]]), f"{x['macs'] / 1e6:.2f} M" if "macs" in x else "",
                 f"{x['peak_elements']:,}" if "peak_elements" in x else ""] for x in t["rows"]]  # fmt: skip
        table(f"temporal support, {t['by']}", ["window", t["measure"], "MACs", "peak elements"], rows, right=(2, 3))
