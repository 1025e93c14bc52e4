"""Tables of what the shipped models hear: procedural sounds only, every share with its 95 % interval."""

from __future__ import annotations

from typing import Any

from benchmarks.markdown import code, percent, share, table
from benchmarks.store import Results
from tinyclap_edge.evaluate.shifts import SHIFTS

_TOLD = "described-ensemble"  # how an unseen family is told in the short table: in four descriptions
_SHORT = {  # (set, how) -> column of the short table
    ("fresh", "ensemble"): "seen families, fresh sounds",
    ("second", "ensemble"): "second generators",
    ("shifts", "white noise 0 dB"): "0 dB white noise",
    ("related", "ensemble"): "unseen, with a seen relative: by name",
    ("related", _TOLD): "… described",
}
_RANDOM = ("random-a", "random-b")
_HOWS = {
    "ensemble": "by name",
    "reworded": "in other words",
    "described": "name with acoustics",
    "described-ensemble": "four descriptions",
    "described, among all": "name with acoustics, among the seen ones too",
}
_FOLDS = {"related": "related", "random-a": "random a", "random-b": "random b"}


def accuracy(results: Results) -> str:
    """Teacher and int8 students, short enough for the README."""
    shown = [m for m in _models(results) if m[1] in ("", "int8")]
    rows = []
    for name, _, exam, artefact in shown:
        cells = [share(exam[where][how], count=False) for where, how in _SHORT if where in exam]
        cells += [" / ".join(percent(exam[fold][how]["value"]) for fold in _RANDOM) for how in ("ensemble", _TOLD)]
        rows.append([f"{name} {code(artefact[:8])}", *cells])
    exam = shown[0][2]
    used = [pair for pair in _SHORT if pair[0] in exam]
    chance = [percent(1 / _classes(exam, where)) for where, _ in used]
    chance += [" / ".join(percent(1 / _classes(exam, fold)) for fold in _RANDOM)] * 2
    counts = [str(exam[where][how]["n"]) for where, how in used]
    counts += [" / ".join(str(exam[fold]["ensemble"]["n"]) for fold in _RANDOM)] * 2
    head = ["model", *(_SHORT[pair] for pair in used), "unseen, any: by name", "… described"]
    return table(head, [*rows, ["*chance*", *chance], ["*n*", *counts]], right=range(1, len(head)))


def gates_missed(results: Results) -> str:
    """The limits that were not reached, in a sentence and a list."""
    found = results["accuracy"]["gates"]
    missed = [g for g in found if not g["met"]]
    if not missed:
        return f"All {len(found)} limits are met."
    lines = [f"- {g['what']}: {g['value']:g} (limit {g['limit']:g})" for g in missed]
    return "\n".join([f"Of {len(found)} limits, {len(missed)} are **missed**:", "", *lines])


def accuracy_forms(results: Results) -> str:
    """What reduction and integers cost, form by form."""
    rows = [
        [
            name, form or "float", code(artefact), share(exam["fresh"]["ensemble"]), share(exam["fresh"]["single"]),
            share(exam["fresh"]["reworded"]), share(exam["second"]["ensemble"]) if "second" in exam else "",
        ]
        for name, form, exam, artefact in _models(results)
    ]  # fmt: skip
    rows += _emulated(results)
    head = ["model", "form", "artefact", "fresh sounds, prompt ensemble", "fresh sounds, one prompt",
            "fresh sounds, reworded", "second generators, ensemble"]  # fmt: skip
    return table(head, rows, right=(3, 4, 5, 6))


def accuracy_unseen(results: Results) -> str:
    """Families that neither teacher nor student ever met."""
    rows = []
    for name, form, exam, _ in _models(results):
        if form in ("float", "reduced"):
            continue
        for fold, title in _FOLDS.items():
            found = exam[fold]
            rows.append(
                [
                    name, form, title, percent(1 / _classes(exam, fold)), *(share(found[how], False) for how in _HOWS),
                    str(found["ensemble"]["n"]),
                ]
            )  # fmt: skip
    head = ["model", "form", "fold", "chance", *_HOWS.values(), "n"]
    return table(head, rows, right=range(3, len(head)))


def accuracy_attributes(results: Results) -> str:
    """Questions about what a sound is like, without its name."""
    rows = []
    for name, form, exam, _ in _models(results):
        if form in ("float", "reduced"):
            continue
        for where in ("fresh", "related"):
            found = exam[where]["attributes"]
            names = list(found)
            rows.append([name, form, where, *(share(found[a]) for a in names)])
    head = ["model", "form", "sounds", *(list(_models(results)[0][2]["fresh"]["attributes"]))]
    width = len(head)
    return table(head, [row + [""] * (width - len(row)) for row in rows], right=range(3, width))


def accuracy_retrieval(results: Results) -> str:
    """R@1 in both directions."""
    rows = [
        [name, form or "float", *(share(exam["fresh"]["retrieval"][d]) for d in ("text_to_audio", "audio_to_text"))]
        for name, form, exam, _ in _models(results)
    ]
    return table(["model", "form", "words → sound, R@1", "sound → words, R@1"], rows, right=(2, 3))


def accuracy_shifts(results: Results) -> str:
    """Noise, equalisation, clipping, level, speed."""
    shown = [m for m in _models(results) if m[1] not in ("float", "reduced")]
    names = [s.name for s in SHIFTS if s.name in shown[0][2]["shifts"]]
    rows = [[name, *(share(exam["shifts"][name], False) for _, _, exam, _ in shown)] for name in names]
    head = ["distortion", *(f"{name} {form}".strip() for name, form, _, _ in shown)]
    counts = ["n", *(str(exam["shifts"][names[0]]["n"]) for _, _, exam, _ in shown)]
    return table(head, [*rows, counts], right=range(1, len(head)))


def accuracy_sizes(results: Results) -> str:
    """Zero-shot accuracy against the size of the embedding, float."""
    rows = []
    students = results["accuracy"]["students"]
    for r in sorted(next(iter(students.values()))["curve"], key=int):
        cells = [r if int(r) != next(iter(students.values()))["dim"] else f"{r} (full)"]
        for card in students.values():
            at = card["curve"][r]
            cells += [percent(at[how]) for how in ("rotate", "prune", "random")]
        rows.append(cells)
    head = ["r", *(f"{name} {how}" for name in students for how in ("rotated", "pruned", "random"))]
    counts = {card["curve"][r]["n"] for card in students.values() for r in card["curve"]}
    return table(head, rows, right=range(len(head))) + f"\n\nn = {', '.join(map(str, sorted(counts)))} each; float."


def gates(results: Results) -> str:
    """The stated limits and what was measured."""
    rows = [
        [g["what"], f"{g['value']:g}", f"{g['limit']:g}", "met" if g["met"] else "**missed**"]
        for g in results["accuracy"]["gates"]
    ]
    return table(["gate", "measured", "limit", ""], rows, right=(1, 2))


def gates_earlier(results: Results) -> str:
    """The limits by stricter measures: other words than the name, and one described prompt instead of four."""
    limits = {g["what"]: g["limit"] for g in results["accuracy"]["gates"]}
    exams = [(name, exam) for name, form, exam, _ in _models(results) if form in ("", "int8")]
    best = exams[0][1]["fresh"]["reworded"]["value"]
    kept = [
        (f"{name}, share of the teacher kept in int8", "other words", exam["fresh"]["reworded"]["value"] / best)
        for name, exam in exams[1:]
    ]
    told = [
        (f"{name}, related families by described prompts", "one prompt", exam["related"]["described"]["value"])
        for name, exam in exams
    ]
    rows = [
        [what, how, f"{value:.4f}", f"{limits[what]:g}", "met" if value >= limits[what] else "**missed**"]
        for what, how, value in [("teacher, seen families by unseen prompts", "other words", best), *kept, *told]
    ]
    return table(["gate", "measured with", "measured", "limit", ""], rows, right=(2, 3))


def students(results: Results) -> str:
    """What each shipped student is."""
    rows = [
        [
            name, code(card["arch"]), f"{card['dim']} → {card['r']} ({card['reduction']})", code(card["encoder"]),
            code(card["sha256"][:16]),
        ]
        for name, card in results["accuracy"]["students"].items()
    ]  # fmt: skip
    head = ["student", "architecture", "embedding", "encoder id", "SHA-256 of the file"]
    return table(head, rows)


def _models(results: Results) -> list[tuple[str, str, dict[str, Any], str]]:
    """(model, form, examination, artefact's hash): the teacher first, then each student's forms."""
    found = results["accuracy"]
    rows = [("teacher", "", found["teacher"]["examination"], found["teacher"]["sha256"][:16])]
    for name, card in found["students"].items():
        for form, exam in card["examination"].items():
            rows.append((name, form, exam, card["encoder"] if form == "int8" else card["sha256"][:16]))
    return rows


def _emulated(results: Results) -> list[list[str]]:
    """A row for each int8 student whose bytes were the same in every emulated core: its accuracy is the int8 one."""
    rows = []
    for name, card in results["accuracy"]["students"].items():
        runs = [
            r
            for r in results.get("parity", {}).get("rows", [])
            if r["encoder"] == card["encoder"] and r["provenance"] == "emulated"
        ]
        if runs and all(r["identical"] for r in runs):
            exam = card["examination"]["int8"]
            cores = ", ".join(dict.fromkeys(r["core"] for r in runs))
            rows.append(
                [
                    name, f"emulated: {cores}", code(card["encoder"]), *["same bytes as int8"] * 3,
                    "same bytes as int8" if "second" in exam else "",
                ]
            )  # fmt: skip
    return rows


def _classes(exam: dict[str, Any], where: str) -> int:
    """Names to choose from; second generators and shifted sounds are named among all seen families."""
    if where in ("fresh", "second", "shifts"):
        return len(exam["fresh"]["by family"])
    return len(exam[where]["by family, described"])


TABLES = {
    "accuracy": accuracy,
    "accuracy-forms": accuracy_forms,
    "accuracy-unseen": accuracy_unseen,
    "accuracy-attributes": accuracy_attributes,
    "accuracy-retrieval": accuracy_retrieval,
    "accuracy-shifts": accuracy_shifts,
    "accuracy-sizes": accuracy_sizes,
    "gates": gates,
    "gates-earlier": gates_earlier,
    "gates-missed": gates_missed,
    "students": students,
}
