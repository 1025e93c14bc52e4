"""A student on disk: one safetensors file with the weights, the reduction of its space and its measured accuracies.

Tensors: `student.<name>` (see layout.py), `space.rotation` (dim, dim) float32, rows are the principal directions of
the shared space by falling variance, `space.order` (dim,) int32, entries by falling mean magnitude,
`text.projection` (dim, text) float32, which maps the text tower's embedding into the space, and `text.mean` (dim,)
float32, which is then taken away to centre it. The header holds one JSON object:
format, arch, dim, frontend, teacher, default_r, reduction, card, and of a distilled student also teacher_identity and
store, which say of whose weights and of which embeddings it is; files of earlier versions do not.

Format 1.1 adds other families than PhiNet, front ends that boards do not compute, and `space.samples` (n, channels)
float32, optional: pooled maps of calibration sounds, by which a reduction is measured. What 1 can say is written as 1.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.phinet_config import PhiNetConfig, parse_arch
from tinyclap_edge.students.registry import FAMILIES, canonical_arch, student_shapes

FORMAT, FORMAT_1_1 = "tinyclap-student/1", "tinyclap-student/1.1"
REDUCTIONS = ("rotate", "prune")
MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class StudentFile:
    """A trained student as arrays: everything that export needs, without torch."""

    name: str
    arch: str
    dim: int
    frontend: FrontendSpec
    tensors: dict[str, np.ndarray]  # as registry.student_shapes, float32
    rotation: np.ndarray  # (dim, dim) float32
    order: np.ndarray  # (dim,) int32
    text_projection: np.ndarray  # (dim, text dim) float32
    text_mean: np.ndarray  # (dim,) float32, of unit projected texts
    teacher: str = "reference"
    default_r: int = 64
    reduction: str = "rotate"
    card: dict[str, Any] = field(default_factory=dict)
    samples: np.ndarray | None = None  # (n, channels) float32, see above
    teacher_identity: str = ""  # 16 hex digits of the teacher's weights and front end; empty: not recorded
    store: str = ""  # SHA-256 of the manifest of the embeddings that it learnt; empty: not recorded

    @property
    def config(self) -> PhiNetConfig:
        """The parsed architecture of a PhiNet; UsageError for another family."""
        return parse_arch(self.arch)

    @property
    def format(self) -> str:
        """The oldest format that can say what this student is."""
        new_family = self.arch.partition(":")[0] in FAMILIES and not self.arch.startswith("phinet:")
        return FORMAT_1_1 if new_family or self.samples is not None or self.frontend != self.frontend.plain else FORMAT

    def require_teacher(self, name: str, identity: str, what: str) -> None:
        """UsageError (2) where `what` is of another teacher, or of other weights of it, than this student learnt from."""
        if name != self.teacher:
            raise UsageError(f"{what} is of {name!r}, {self.name} learnt from {self.teacher!r}")
        if self.teacher_identity and identity and identity != self.teacher_identity:
            raise UsageError(
                f"{what} is of {name} {identity}, {self.name} learnt from {name} {self.teacher_identity}",
                "the weights are others: use those that it was distilled from, or distil again",
            )


def write_student(path: Path, student: StudentFile) -> None:
    """Write atomically; the same student gives the same bytes."""
    from safetensors.numpy import save

    arrays = {f"student.{k}": np.ascontiguousarray(v, np.float32) for k, v in student.tensors.items()}
    arrays["space.rotation"] = np.ascontiguousarray(student.rotation, np.float32)
    arrays["space.order"] = np.ascontiguousarray(student.order, np.int32)
    arrays["text.projection"] = np.ascontiguousarray(student.text_projection, np.float32)
    arrays["text.mean"] = np.ascontiguousarray(student.text_mean, np.float32)
    if student.samples is not None:
        arrays["space.samples"] = np.ascontiguousarray(student.samples, np.float32)
    taught_by = {"teacher_identity": student.teacher_identity, "store": student.store}
    header = {
        "about": json.dumps(
            {
                **{key: value for key, value in taught_by.items() if value},
                "format": student.format,
                "arch": student.arch,
                "dim": student.dim,
                "frontend": student.frontend.to_dict(),
                "teacher": student.teacher,
                "default_r": student.default_r,
                "reduction": student.reduction,
                "card": student.card,
            },
            sort_keys=True,
        )
    }
    # safetensors writes a header of several keys in no fixed order: one key keeps the bytes reproducible
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(save(arrays, header))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # left over by a full disk


def read_student(path: Path | str) -> StudentFile:
    """Read and check every name, shape and value. Raises CorruptFile (7), or UsageError (2) where there is no file."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no student file {path}", "`tinyclap-edge students list` shows the built-in ones")
    try:
        return _read(path)
    except CorruptFile:
        raise
    except TinyclapError as error:
        raise CorruptFile(f"{path.name}: {error.fact}", error.hint) from error
    except Exception as error:  # safetensors and json raise a family of their own; none of them may reach a user
        raise CorruptFile(
            f"{path.name} is not a readable student file ({error})",
            "it may be cut off or of another kind: copy it again, or make it anew",
        ) from error


def _read(path: Path) -> StudentFile:
    from safetensors import safe_open

    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path.name} is larger than {MAX_BYTES >> 20} MiB", "students are a few megabytes")
    with safe_open(str(path), framework="np") as handle:
        about = json.loads((handle.metadata() or {}).get("about", "{}"))
        if about.get("format") not in (FORMAT, FORMAT_1_1):
            raise CorruptFile(f"{path.name} is a safetensors file, but not of the form {FORMAT} or {FORMAT_1_1}")
        arrays = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
    dim, arch = int(about["dim"]), str(about["arch"])
    if not 1 <= dim <= 4096:
        raise CorruptFile(f"{path.name}: an embedding of {dim} entries is out of range")
    wanted = {f"student.{k}": v for k, v in student_shapes(canonical_arch(arch), dim).items()}
    wanted |= {"space.rotation": (dim, dim), "space.order": (dim,), "text.mean": (dim,)}
    for name, shape in wanted.items():
        if name not in arrays:
            raise CorruptFile(f"{path.name} lacks the tensor {name}", f"its header says {arch}")
        if arrays[name].shape != shape:
            raise CorruptFile(
                f"{path.name}: {name} has shape {arrays[name].shape}, {arch} needs {shape}",
                "the weights belong to another architecture",
            )
    samples = arrays.get("space.samples")
    if samples is not None and samples.ndim != 2:
        raise CorruptFile(f"{path.name}: space.samples has shape {samples.shape}, not (n, channels)")
    projection = arrays.get("text.projection")
    if projection is None or projection.ndim != 2 or projection.shape[0] != dim:
        raise CorruptFile(f"{path.name} has no text projection into {dim} dimensions")
    for name, value in arrays.items():
        if value.dtype.kind != ("i" if name == "space.order" else "f"):
            raise CorruptFile(f"{path.name}: {name} holds {value.dtype} values", "make it anew")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise CorruptFile(
                f"{path.name}: {name} holds NaN or infinity", "the training diverged, or the file is damaged"
            )
    order = arrays["space.order"]
    if sorted(order.tolist()) != list(range(dim)):
        raise CorruptFile(f"{path.name}: space.order is not a permutation of 0..{dim - 1}")
    default_r, reduction = int(about["default_r"]), str(about["reduction"])
    if not 1 <= default_r <= dim or reduction not in REDUCTIONS:
        raise CorruptFile(f"{path.name}: r={default_r} by {reduction!r} is not a reduction of {dim} dimensions")
    taught_by = {key: str(about.get(key, "")) for key in ("teacher_identity", "store")}
    for key, value in taught_by.items():
        if not re.fullmatch(r"([0-9a-f]{16}|[0-9a-f]{64})?", value):
            raise CorruptFile(f"{path.name}: {key} {value[:80]!r} is no hash")
    return StudentFile(
        name=path.stem,
        arch=arch,
        dim=dim,
        frontend=FrontendSpec.from_dict(about["frontend"]),
        tensors={k.removeprefix("student."): v for k, v in arrays.items() if k.startswith("student.")},
        rotation=arrays["space.rotation"],
        order=order,
        text_projection=projection,
        text_mean=arrays["text.mean"],
        teacher=str(about["teacher"]),
        default_r=default_r,
        reduction=reduction,
        card=dict(about["card"]),
        samples=samples,
        **taught_by,
    )


def reduce_matrix(student: StudentFile, r: int, reduction: str | None = None) -> np.ndarray:
    """The (r, dim) float32 matrix that takes an embedding of either side to r dimensions.

    'rotate' keeps the r first principal directions, 'prune' the r entries of largest mean magnitude (tinyCLAP's
    pruning). One matrix for audio and text, so that cosines stay comparable.
    """
    reduction = reduction or student.reduction
    if reduction not in REDUCTIONS:
        raise UsageError(f"unknown reduction {reduction!r}", "choose 'rotate' or 'prune'")
    if not 1 <= r <= student.dim:
        raise UsageError(f"r={r} is outside 1..{student.dim}", "the reduced size cannot exceed the student's embedding")
    if reduction == "rotate":
        return student.rotation[:r].astype(np.float32)
    return np.eye(student.dim, dtype=np.float32)[np.sort(student.order[:r])]
