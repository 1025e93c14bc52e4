"""Model cards: Markdown with Hugging Face front matter, from the accuracies that each student file carries.

`python -m tinyclap_edge.report.card` writes docs/models/NAME.md and NAME.md beside every student of the package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyclap_edge.report import accuracy, markdown, tables
from tinyclap_edge.students.file import StudentFile

TAGS = (
    "audio",
    "clap",
    "zero-shot-audio-classification",
    "knowledge-distillation",
    "tinyml",
    "microcontroller",
    "int8",
)
NO_STUDENTS = ("teacher",)  # files beside the students that are none
EMULATED = (
    "Emulated equals int8 because the bytes are equal: this project's tests run the firmware of each shipped student on "
    "an emulated board of its class, and compare every embedding and score with the integer encoder's."
)


@dataclass(frozen=True)
class ModelFacts:
    """What a card says of the file itself. macs: of one window, at the full embedding."""

    arch: str
    teacher: str
    dim: int
    default_r: int
    reduction: str
    params: int
    macs: int
    made_for: str = ""
    frontend_id: str = ""
    frontend: str = ""


def model_card(
    student_name: str, card: Mapping[str, Any], facts: ModelFacts | None = None, shipped: bool = False
) -> str:
    """The card as Markdown. card: as StudentFile.card; without accuracies it says so.

    shipped: one of the package's own students, whose emulated bytes the tests compare.
    """
    e = accuracy.Examined(card, emulated=bool(card.get("int8")) and shipped)
    parts = [_front_matter(), f"# tinyclap-edge {markdown.escape(student_name)}", ""]
    parts += [
        "A small audio encoder for microcontrollers, distilled from an audio-text teacher: it recognises sounds that are "
        "named in words, without training on them again.",
        "",
        f"**{markdown.escape(accuracy.PROCEDURAL)}** For real use, distil a student from a real teacher on real audio.",
        "",
    ]
    if facts:
        parts += [markdown.render(_facts_table(student_name, facts, card.get("threshold")), 2)]
    parts += ["## Use", "", "```sh", *_usage(student_name), "```", "", "## Accuracy", ""]
    if not e.forms:
        return "\n".join([*parts, "This student's file carries no measured accuracies."]) + "\n"
    parts += ["Zero-shot accuracies with their 95 % intervals; n is the number of trials.", ""]
    if e.emulated:
        parts += [EMULATED, ""]
    found = accuracy.tables(e)
    curve = accuracy.curve(card, facts.default_r if facts else None)
    if curve:
        found.insert(-1 if found and found[-1].folded else len(found), curve)
    parts += [markdown.render(t) for t in [*found, *_drift(card)]]
    return "\n".join(parts).rstrip() + "\n"


def facts_of(student: StudentFile) -> ModelFacts:
    """Read off a student file."""
    from tinyclap_edge.students.presets import MADE_FOR
    from tinyclap_edge.students.registry import student_cost

    spec = student.frontend
    cost = student_cost(student.arch, (1, spec.frames, spec.mel_bins), student.dim)
    seconds = spec.window_total_samples / spec.sample_rate_hz
    return ModelFacts(
        arch=student.arch,
        teacher=student.teacher,
        dim=student.dim,
        default_r=student.default_r,
        reduction=student.reduction,
        params=cost.params,
        macs=cost.macs,
        made_for=MADE_FOR.get(student.name, ""),
        frontend_id=spec.frontend_id,
        frontend=f"{seconds:.3f} s at {spec.sample_rate_hz / 1000:g} kHz, {spec.frames} × {spec.mel_bins} log-mel",
    )


def _front_matter() -> str:
    lines = ["---", "license: apache-2.0", "library_name: tinyclap-edge", "pipeline_tag: audio-classification", "tags:"]
    return "\n".join([*lines, *(f"- {tag}" for tag in TAGS), "---", ""])


def _facts_table(name: str, facts: ModelFacts, threshold: Mapping[str, Any] | None) -> tables.Table:
    heard = (
        f"{threshold['value']:.2f}, until calibrated: {threshold['found']:.0%} of the seen families' sounds reach it with "
        f"their own name, {threshold['false alarms']:.1%} of the pairs of a sound and another name (n = {threshold['n']})"
        if threshold
        else ""
    )
    rows = [
        ("file", f"{name}.safetensors"),
        ("made for", facts.made_for),
        ("architecture", facts.arch),
        ("teacher", facts.teacher),
        ("embedding", f"{facts.dim} dimensions, reduced to {facts.default_r} by default ({facts.reduction})"),
        ("parameters", tables.number(facts.params)),
        ("multiply-accumulates", f"{tables.number(facts.macs)} a window"),
        ("input", facts.frontend),
        ("front-end id", facts.frontend_id),
        ("threshold of a label", heard),
    ]
    return tables.table("What this is", ("", ""), [row for row in rows if row[1]], words=(0, 1))


def _usage(name: str) -> list[str]:
    student = f"--student {name}"
    return [
        f'tinyclap-edge export --board stm32h7 {student} --labels "dog barking, glass breaking" --out out/demo',
        "tinyclap-edge bench --bundle out/demo --target emulator",
    ]


def _drift(card: Mapping[str, Any]) -> list[tables.Table]:
    steps = card.get("cosine") or {}
    rows = [(step.replace(" to ", " → "), tables.Cell(f"{value:.5f}")) for step, value in steps.items()]
    columns = ("step", tables.Cell("mean cosine", tag=tables.MEASURED))
    note = "On the sounds of the first table. An export measures its own chain again."
    return [tables.table("Drift", columns, rows, note)] if rows else []


def write_cards(models: Path, docs: Path | None) -> list[Path]:
    """A card for each student in `models`, written beside it and into `docs`; returns the files written.

    The teacher's figures come from the card, or from accuracies.json beside the students. Raises CorruptFile.
    """
    from tinyclap_edge.students.file import read_student
    from tinyclap_edge.students.presets import MADE_FOR

    accuracies = models / "accuracies.json"
    teacher = json.loads(accuracies.read_text(encoding="utf-8")).get("teacher") if accuracies.is_file() else None
    written = []
    for path in sorted(models.glob("*.safetensors")):
        if path.stem in NO_STUDENTS:
            continue
        student = read_student(path)
        card = student.card if "teacher" in student.card or not teacher else student.card | {"teacher": teacher}
        text = model_card(student.name, card, facts_of(student), student.name in MADE_FOR)
        for folder in [models, *([docs] if docs else [])]:
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / f"{path.stem}.md"
            temporary = target.with_name(target.name + ".tmp")
            temporary.write_text(text, encoding="utf-8", newline="\n")
            os.replace(temporary, target)
            written.append(target)
    return written


def main(arguments: list[str] | None = None) -> int:
    """The script. Returns the exit code: 0, or that of the error."""
    from tinyclap_edge.errors import TinyclapError
    from tinyclap_edge.students.presets import MODELS

    parser = argparse.ArgumentParser(prog="python -m tinyclap_edge.report.card", description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the students")
    parser.add_argument("--docs", type=Path, help="folder of the second copies; docs/models of a checkout by default")
    options = parser.parse_args(arguments)
    checkout = Path(__file__).resolve().parents[2]
    docs = options.docs or (checkout / "docs" / "models" if (checkout / "docs").is_dir() else None)
    try:
        written = write_cards(options.models, docs)
    except TinyclapError as error:
        sys.stderr.write(f"error: {error.fact}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    if not written:
        sys.stderr.write(f"error: no student in {options.models}\nhint: `tinyclap-edge reference build` makes them\n")
        return 2
    sys.stdout.write("".join(f"{path}\n" for path in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
