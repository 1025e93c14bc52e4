"""From trained weights to a student file: the text side of the teacher's space, its principal directions, the head.

side = text_side("reference", identity, 384)
file = student_file("mine", student, arch, spec, audio, side, r=64)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tinyclap_edge.distill.validate import Classes
from tinyclap_edge.errors import TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.labels.prompts import normalise_label
from tinyclap_edge.reduce.prune import magnitude_order
from tinyclap_edge.reduce.rotate import rotation
from tinyclap_edge.students.file import StudentFile

_PROMPT = "this is the sound of {}"
_MOST_CLASSES = 2000
_CLIPS_AN_ENTRY = 4


@dataclass(frozen=True)
class TextSide:
    """How texts come into the shared space: unit(unit(projection @ text) - mean).

    projection: (dim, text) float32; mean: (dim,); vectors: (n, dim) unit embeddings of common names, before a mean is
    taken away, or None where the teacher has no text or its text tower is not here; centred: the teacher's own audio
    embeddings already have their mean taken away.
    """

    projection: np.ndarray
    mean: np.ndarray
    vectors: np.ndarray | None
    centred: bool
    speaks: bool  # whether the teacher has a text side at all

    @property
    def in_space(self) -> np.ndarray | None:
        """(n, dim) unit vectors as they are compared with audio."""
        return None if self.vectors is None else _unit(self.vectors - self.mean)

    def centre(self) -> TextSide:
        """With the mean of its own vectors taken away, where the audio's mean is."""
        return self if self.vectors is None else replace(self, mean=self.vectors.mean(0).astype(np.float32))


def text_side(teacher: str, identity: str, dim: int, weights: Path | None = None) -> TextSide:
    """The text side of a teacher by its name in the registry. UsageError where its weights are not those of the store."""
    from tinyclap_edge.teachers.registry import find_card

    try:
        kind = find_card(teacher).kind
    except UsageError:  # embedded by something that is not in the registry
        kind = "embeddings"
    if teacher == "reference":
        return _reference_side(identity, weights)
    nothing = TextSide(np.eye(dim, dtype=np.float32), np.zeros(dim, np.float32), None, False, kind == "clap")
    if kind != "clap":
        return nothing
    try:
        vectors = _embed_names(teacher, identity, weights)
    except UsageError:
        raise
    except TinyclapError:  # its weights or its text tower are not on this machine: labels can be encoded elsewhere
        return nothing
    return replace(nothing, vectors=vectors)


def _embed_names(name: str, identity: str, weights: Path | None) -> np.ndarray:
    """The bank's names in the teacher's own words."""
    from tinyclap_edge.labels.bank import load_bank
    from tinyclap_edge.teachers.registry import open_teacher

    teacher = open_teacher(name, weights)
    _check_identity(name, teacher.identity, identity)
    return teacher.embed_text([_PROMPT.format(label) for label in load_bank()])


def _reference_side(identity: str, weights: Path | None) -> TextSide:
    """Needs no text tower: the bank of names holds its embeddings."""
    from tinyclap_edge.labels.bank import load_bank
    from tinyclap_edge.students.presets import MODELS
    from tinyclap_edge.teachers.reference import load_teacher
    from tinyclap_edge.teachers.registry import open_teacher

    _check_identity("reference", open_teacher("reference", weights).identity, identity)
    teacher = load_teacher(weights or MODELS / "teacher.safetensors")[0]
    bank = load_bank()
    projection = teacher.text_projection.detach().numpy()
    vectors = _unit(bank.vectors(list(bank)) @ projection.T)
    return TextSide(projection, teacher.text_mean.numpy(), vectors, True, True)


def find_classes(labels: Sequence[tuple[str, ...]], side: TextSide) -> Classes | None:
    """The classes of a labelled corpus, where the bank knows all their names and the teacher's text side is here."""
    from tinyclap_edge.labels.bank import load_bank

    names = sorted({own[0] for own in labels if len(own) == 1})
    bank = load_bank()
    if side.in_space is None or not 2 <= len(names) <= _MOST_CLASSES or not all(name in bank for name in names):
        return None
    order = {key: i for i, key in enumerate(bank)}
    vectors = side.in_space[[order[normalise_label(name)] for name in names]]
    index = {name: i for i, name in enumerate(names)}
    of_rows = np.array([index[own[0]] if len(own) == 1 else -1 for own in labels], np.int32)
    return Classes(tuple(names), vectors, of_rows)


def _check_identity(name: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise UsageError(
            f"the store was embedded by {name} {wanted}, the {name} here is {found}",
            "embed the corpus again, or give --teacher-weights",
        )


@torch.no_grad()
def embed_features(student: nn.Module, features: np.ndarray, spec: FrontendSpec, batch: int = 256) -> np.ndarray:
    """(n, dim) float32 of log-mels (n, frames, mels) int16 in 1/256 dB; the student as it is, unit or not."""
    parts, device = [], next(student.parameters()).device
    for start in range(0, len(features), batch):
        db = torch.from_numpy(features[start : start + batch].astype(np.float32)).to(device) / 256.0
        x = ((db + spec.offset_db) / spec.scale_db).unsqueeze(1)
        parts.append(student(x.contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(parts).numpy()


def refit_head(head: nn.Linear, audio: np.ndarray, wanted: np.ndarray, ridge: float = 1e-5) -> float:
    """Fold into `head` the affine map that takes the student's embeddings nearest to the teacher's, in place.

    audio: (n, dim) of the student; wanted: (n, teacher's dim) unit. Least squares with a ridge of `ridge` times the
    mean square of an entry. Returns the mean cosine that is reached. What a training-only head learnt beyond a
    linear map is lost, and the student needs no parameter more than one that was taught the space itself.
    """
    a, t = audio.astype(np.float64), wanted.astype(np.float64)
    centre, middle = a.mean(0), t.mean(0)
    moment = (a - centre).T @ (a - centre)
    if not np.trace(moment) > 0:  # every clip has one embedding: there is nothing to fit
        return float((_unit(a) * _unit(t)).sum(1).mean())
    moment += ridge * np.trace(moment) / len(moment) * np.eye(len(moment))
    matrix = np.linalg.solve(moment, (a - centre).T @ (t - middle))  # (dim, teacher's dim)
    with torch.no_grad():
        w, b = head.weight.double(), head.bias.double()
        fold = torch.from_numpy(matrix.T).to(w)
        shift = torch.from_numpy(middle - centre @ matrix).to(w)
        head.weight = nn.Parameter((fold @ w).to(head.weight))
        head.bias = nn.Parameter((fold @ b + shift).to(head.bias))
        head.out_features = head.weight.shape[0]
    return float((_unit(a @ matrix + middle - centre @ matrix) * _unit(t)).sum(1).mean())


def settles(head: nn.Module, clips: int) -> bool:
    """Whether least squares say anything of this last layer: it is linear, and there are clips enough for its entries."""
    return isinstance(head, nn.Linear) and clips >= _CLIPS_AN_ENTRY * head.in_features


def tensors_of(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """A student's tensors as its file holds them: all but the counters of batch norms, float32."""
    return {
        name: value.detach().float().cpu().contiguous().numpy()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def student_file(
    name: str,
    student: nn.Module,
    arch: str,
    spec: FrontendSpec,
    audio: np.ndarray,
    texts: np.ndarray | None,
    projection: np.ndarray,
    mean: np.ndarray,
    *,
    r: int,
    reduction: str = "rotate",
    teacher: str = "reference",
    card: dict[str, Any] | None = None,
) -> StudentFile:
    """The student with the reduction of its space.

    audio: (n, dim) of its own embeddings of training clips; texts: (m, dim) in the shared space, or None; both count alike
    in the principal directions. projection (dim, text), mean (dim,): the text side, see TextSide.
    """
    return StudentFile(
        name=name,
        arch=arch,
        dim=audio.shape[1],
        frontend=spec,
        tensors=tensors_of(student.state_dict()),
        rotation=rotation(audio, texts),
        order=magnitude_order(audio, texts),
        text_projection=projection,
        text_mean=mean,
        teacher=teacher,
        default_r=min(r, audio.shape[1]),
        reduction=reduction,
        card=card or {},
    )


def _unit(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12), np.float32)
