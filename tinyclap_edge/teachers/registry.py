"""Teachers by name: list them, show one, open one.

    teacher = open_teacher("msclap-2022")                    # fetched before
    teacher = open_teacher("msclap-2022", Path("mine.pth"))  # a file of yours in the published layout
    teacher = open_teacher("embeddings:/data/m2d")           # embedded elsewhere

A family of architectures is a module with `load(card, path, device)` and `count(card)`; another one is one more line.
"""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import ToolMissing, UsageError
from tinyclap_edge.teachers.cache import checked_folder
from tinyclap_edge.teachers.card import Teacher, TeacherCard, TeacherFile
from tinyclap_edge.teachers.cards import ALIASES, CARDS

__all__ = [
    "Teacher", "TeacherCard", "TeacherFile", "find_card", "list_teachers", "open_teacher", "text_encoder",
    "with_parameters",
]  # fmt: skip

FAMILIES = {
    "reference": "built_in",
    "msclap-2022": "msclap",
    "msclap-2023": "msclap",
    "laion-clap": "laion_clap",
    "matpac": "matpac",
}
FOLDER_PREFIX = "embeddings:"
INSTALL = "pip install 'tinyclap-edge[teachers]'"


def list_teachers() -> tuple[TeacherCard, ...]:
    """Every card, without loading anything."""
    return CARDS


def find_card(name: str) -> TeacherCard:
    """The card of a name. UsageError (2) with the nearest names for one that is unknown."""
    name = ALIASES.get(name, name)
    for card in CARDS:
        if card.name == name or (name.startswith(FOLDER_PREFIX) and card.name.startswith(FOLDER_PREFIX)):
            return card
    near = difflib.get_close_matches(name, [c.name for c in CARDS], 2, 0.5)
    raise UsageError(
        f"there is no teacher {name!r}",
        f"did you mean {' or '.join(near)}?" if near else "`tinyclap-edge teachers list` names them",
    )


def open_teacher(name: str, weights: Path | None = None, device: str = "cpu") -> Teacher:
    """A teacher, ready to embed.

    weights: a file, or a folder, in the published layout; default: what `teachers fetch` brought, after comparing
    every file with its SHA-256. UsageError (2) for an unknown name, ToolMissing (3) for a teacher that was not
    fetched or a package that is missing, CorruptFile (7) for weights that are not what the card says.
    """
    if name.startswith(FOLDER_PREFIX) and name != "embeddings:DIR":
        from tinyclap_edge.teachers.embeddings import open_embeddings

        return open_embeddings(Path(name.removeprefix(FOLDER_PREFIX)).expanduser())  # type: ignore[return-value]
    card = find_card(name)
    if card.family not in FAMILIES:
        raise UsageError(
            f"the teacher {card.name} is not loaded here: {card.licence}",
            "embed your clips with its own code, then name the folder as embeddings:DIR (docs/teachers.md)",
        )
    family = _family(card)
    if weights is None:
        weights = family.SHIPPED if card.family == "reference" else checked_folder(card)
    weights = Path(weights)
    if not weights.exists():
        raise UsageError(
            f"there are no weights {weights}", f"`tinyclap-edge teachers show {card.name}` names the files"
        )
    teacher: Teacher = family.load(card, weights, device)
    return teacher


def with_parameters(card: TeacherCard) -> TeacherCard:
    """The card with its parameters counted from the architecture; as it is where the packages to build it are missing."""
    if card.family not in FAMILIES:
        return card
    try:
        audio, text = _family(card).count(card)
    except (ToolMissing, ImportError):
        return card
    return replace(card, audio_parameters=audio, text_parameters=text)


@functools.lru_cache(maxsize=2)
def text_encoder(name: str, identity: str = "") -> Callable[[Sequence[str]], np.ndarray]:
    """texts -> (n, dim) unit vectors of a teacher's text side, the teacher opened once.

    identity: the one that a student records; empty: any. UsageError (2) for a teacher without a text side, or one whose
    weights here are others.
    """
    card = find_card(name)
    if card.kind != "clap":
        raise UsageError(
            f"the teacher {name} has no text side, so that labels in words mean nothing to its students",
            "distil from a CLAP teacher (`tinyclap-edge teachers list`) for labels in words",
        )
    teacher = open_teacher(name)
    if identity and teacher.identity != identity:
        raise UsageError(
            f"the {name} here is {teacher.identity}, the student learnt from {name} {identity}",
            "its words lie elsewhere: fetch the weights that it was distilled from, or distil again",
        )
    return teacher.embed_text


def _family(card: TeacherCard) -> Any:
    try:
        return importlib.import_module(f"tinyclap_edge.teachers.{FAMILIES[card.family]}")
    except ModuleNotFoundError as error:
        raise ToolMissing(f"the teacher {card.name} needs {error.name}", f"`{INSTALL}`") from error
