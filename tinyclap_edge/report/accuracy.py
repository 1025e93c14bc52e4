"""The accuracy tables of a student's card: teacher, float, reduced, int8 and emulated, with n and 95 % intervals.

The same tables stand in an export's report and on a student's model card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyclap_edge.report.tables import EMULATED, MEASURED, NONE, Cell, Table, percent, share_cell, table

FORMS = ("teacher", "float", "reduced", "int8")
HELD_OUT = {"related": "related", "random-a": "random fold A", "random-b": "random fold B"}
HOW = {
    "ensemble": "by name, prompt ensemble",
    "single": "by name, one prompt",
    "reworded": "in other words",
    "described": "described, one prompt",
    "described-ensemble": "described, four ways",
}
# How many answers each attribute query chooses between (data/sounds/attributes.py QUERIES, which needs SciPy to import).
ATTRIBUTE_ANSWERS = {"distance": 2, "rate": 2, "pitch": 2, "texture": 5, "pattern": 3}
PROCEDURAL = (
    "All accuracies are on procedural sounds, made by this package's own generators. "
    "They say nothing about real recordings."
)


def _clean_first(shift: str) -> tuple[int, str, float]:
    """Sort key of a distortion's name: clean, white noise, pink noise from weak to strong, then the others."""
    for place, start in enumerate(("clean", "white noise ", "pink noise ")):
        if shift.startswith(start):
            return place, "", -float(shift.removeprefix(start).removesuffix(" dB") or 0)
    return 3, shift, 0.0


@dataclass(frozen=True)
class Examined:
    """A card, and whether an emulated core gave the int8 encoder's bytes (then its accuracies are the same)."""

    card: Mapping[str, Any]
    emulated: bool = False

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of the model that were examined."""
        return tuple(form for form in FORMS if self.card.get(form))

    def at(self, form: str, *path: str) -> Any:
        """The entry at a path, or None."""
        found: Any = self.card.get(form)
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


@dataclass(frozen=True)
class Line:
    """One line of a table: where its figures are, and what guessing would give (0: not stated)."""

    title: str
    path: tuple[str, ...]
    chance: float = 0.0


def examined(card: Mapping[str, Any], manifest: Mapping[str, Any], bench: Mapping[str, Any] | None) -> Examined:
    """The emulated form stands for int8 only where the card's int8 encoder is the exported one, byte for byte."""
    same = examined_encoder(card) in (None, manifest["encoder"]["id"])
    run = bool(bench and bench["target"] == "emulator" and (bench.get("parity") or {}).get("identical"))
    windows = manifest["encoder"].get("schedule") != "continuous"  # which the card's accuracies are of
    return Examined(card, emulated=same and run and windows)


def examined_encoder(card: Mapping[str, Any]) -> str | None:
    """The id of the int8 encoder that the card's int8 entry was made with, where the card holds it."""
    encoder = card.get("encoder")
    return encoder.get("id") if isinstance(encoder, Mapping) else card.get("encoder_id")


def lines(e: Examined) -> dict[str, list[Line]]:
    """Table title -> its lines, those that no form has left out."""
    families = _count(e, "fresh", "by family")
    chance = 1 / families if families else 0.0
    seen = [
        Line("fresh parameters, prompt ensemble", ("fresh", "ensemble"), chance),
        Line("fresh parameters, one prompt", ("fresh", "single"), chance),
        Line("fresh parameters, in other words", ("fresh", "reworded"), chance),
        Line("second generators, among all seen names", ("second", "ensemble"), chance),
        Line("second generators, among themselves", ("second", "among themselves")),
    ]
    unseen = []
    for name, title in HELD_OUT.items():
        count = _count(e, name, "by family, described")
        unseen += [Line(f"{title}: {how}", (name, key), 1 / count if count else 0.0) for key, how in HOW.items()]
        every = 1 / (count + families) if count and families else 0.0
        unseen.append(Line(f"{title}: described, among all names", (name, "described, among all"), every))
    attributes = [
        Line(f"{attribute}, {title}", (name, "attributes", attribute), 1 / answers)
        for name, title in {"fresh": "seen families", **HELD_OUT}.items()
        for attribute, answers in ATTRIBUTE_ANSWERS.items()
    ]
    retrieval = [
        Line("text to audio", ("fresh", "retrieval", "text_to_audio"), chance),
        Line("audio to text", ("fresh", "retrieval", "audio_to_text"), chance),
    ]
    names = next((list(e.at(form, "shifts") or ()) for form in e.forms if e.at(form, "shifts")), [])
    groups = {
        "Seen families": seen,
        "Families that neither teacher nor student ever heard": unseen,
        "Attribute queries": attributes,
        "Retrieval, R@1": retrieval,
        "Shifts": [Line(name, ("shifts", name), chance) for name in sorted(names, key=_clean_first)],
    }
    kept = {title: [x for x in rows if any(e.at(f, *x.path) for f in e.forms)] for title, rows in groups.items()}
    return {title: rows for title, rows in kept.items() if rows}


NOTES = {
    "Seen families": "Zero-shot top-1 with prompts that no training caption contains; sounds with fresh parameters. "
    "In other words: paraphrases without the name. "
    "A second generator is an independently written model of the same sound, never trained on.",
    "Families that neither teacher nor student ever heard": "Related: each family has a seen relative. The random folds "
    "were drawn without such care. A described prompt adds the sound's acoustics to its name. Chance is guessing.",
    "Attribute queries": "Balanced accuracy: the mean over the true answers. In words that no caption contains.",
    "Retrieval, R@1": "The nearest clip to a prompt is of its family; the nearest prompt to a clip is one of its family.",
    "Shifts": "Seen families, prompt ensemble, the audio distorted before the front end. Clean is the same clips as they are.",
}


def tables(e: Examined) -> list[Table]:
    """Every accuracy table; empty without accuracies."""
    found = [_table(title, rows, e) for title, rows in lines(e).items()]
    families = _by_family(e)
    return [*found, families] if families else found


def _table(title: str, rows: Sequence[Line], e: Examined) -> Table:
    columns: list[str | Cell] = ["", *(Cell(form, tag=MEASURED) for form in e.forms)]
    if e.emulated:
        columns.append(Cell("emulated", "= int8", EMULATED))
    with_chance = title != "Shifts"
    with_ratio = any(x.path[0] in HELD_OUT and "attributes" not in x.path for x in rows)
    columns += ["n", *(["chance"] if with_chance else []), *(["int8 / chance"] if with_ratio else [])]
    out: list[list[str | Cell]] = []
    for x in rows:
        shares = [e.at(form, *x.path) for form in e.forms]
        row: list[str | Cell] = [x.title, *(share_cell(s) for s in shares)]
        if e.emulated:
            row.append(share_cell(e.at("int8", *x.path)))
        counts = sorted({s["n"] for s in shares if s})
        row.append(" / ".join(f"{n:,}" for n in counts))
        if with_chance:
            row.append(percent(x.chance) if x.chance else NONE)
        if with_ratio:
            last = e.at("int8", *x.path) or next((s for s in reversed(shares) if s), None)
            row.append(f"{last['value'] / x.chance:.1f} ×" if x.chance and last else NONE)
        out.append(row)
    return table(title, columns, out, NOTES[title])


def _by_family(e: Examined) -> Table | None:
    sources = [("fresh", "by family", "seen"), *((n, "by family, described", t) for n, t in HELD_OUT.items())]
    rows = []
    for name, key, title in sources:
        families = next((list(e.at(f, name, key)) for f in e.forms if e.at(f, name, key)), [])
        for family in families:
            values = [(e.at(form, name, key) or {}).get(family) for form in e.forms]
            rows.append([family, title, *(percent(v, 0) for v in values)])
    if not rows:
        return None
    note = "Seen families by name, the others by described prompts among their own fold."
    columns: list[str | Cell] = ["family", "fold", *(Cell(form, tag=MEASURED) for form in e.forms)]
    return table("Accuracy by family", columns, rows, note, (0, 1), folded=True)


def curve(card: Mapping[str, Any], chosen: int | None) -> Table | None:
    """Accuracy against the size of the embedding, by the way it was reduced."""
    if not card.get("curve"):
        return None
    rows = []
    for r, point in sorted(card["curve"].items(), key=lambda item: int(item[0])):
        mark = f"{r} (chosen)" if int(r) == chosen else r
        rows.append([mark, *(percent(point.get(how)) for how in ("rotate", "prune", "random")), f"{point['n']:,}"])
    columns: list[str | Cell] = ["dimensions", *(Cell(how, tag=MEASURED) for how in ("rotate", "prune", "random")), "n"]
    note = (
        "Float student, seen families, prompt ensemble. Rotate: the first principal directions. Prune: the entries of "
        "largest mean magnitude (tinyCLAP). Random: the mean of five draws of entries."
    )
    return table("Accuracy against embedding size", columns, rows, note)


def _count(e: Examined, *path: str) -> int:
    return max((len(e.at(form, *path) or ()) for form in e.forms), default=0)
