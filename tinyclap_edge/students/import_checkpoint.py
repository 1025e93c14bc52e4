"""Published checkpoints -> student files: tinyCLAP's encoder (head folded) and S-SONDO's backbones.

A torch file is opened with weights_only=True: a pickle that holds code is refused, never executed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile, TinyclapError, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import MAX_BYTES, StudentFile
from tinyclap_edge.students.imported_frontends import SSONDO, TINYCLAP
from tinyclap_edge.students.registry import student_cost, student_shapes
from tinyclap_edge.students.tinyclap_config import PUBLISHED_NAME, TinyclapConfig, infer_config

Tensors = dict[str, np.ndarray]
UNKNOWN_HINT = "known: tinyCLAP's student encoder; S-SONDO's mn10, dymn10 and eres2net"


@dataclass(frozen=True)
class Layout:
    """How one publisher names the tensors. `names`: (theirs, ours) prefixes; `mark`: a tensor that only it has."""

    title: str
    mark: str
    names: tuple[tuple[str, str], ...]
    teacher: str
    frontend: FrontendSpec
    arch: Callable[[Mapping[str, tuple[int, ...]], str], tuple[str, int]]  # (our shapes, name) -> arch, dim


def _tinyclap_arch(shapes: Mapping[str, tuple[int, ...]], name: str) -> tuple[str, int]:
    found = infer_config({k: v for k, v in shapes.items() if k.startswith("body.")}, name)
    inner = shapes.get("head.linear2.weight", (TinyclapConfig.inner,))[0]
    wide = shapes.get("head.pn_block.weight", (TinyclapConfig.wide,))[0]
    return TinyclapConfig(found.alpha, found.beta, found.t0, found.N, wide=wide, inner=inner).arch(), inner


def _fixed(arch: str, dim: int) -> Callable[[Mapping[str, tuple[int, ...]], str], tuple[str, int]]:
    return lambda shapes, name: (arch, dim)


_PLAIN = (("student_model.model.", "body."), ("", "body."))
LAYOUTS = (
    Layout(
        "a tinyCLAP student", "base.pn_block.weight",
        (("base.bn0.", "norm."), ("base.pn_block.", "head.pn_block."), ("base._layers.", "body._layers."),
         ("projection.", "head.")),
        "msclap-2022", TINYCLAP, _tinyclap_arch,
    ),
    Layout("S-SONDO's mn10", "features.16.0.weight", _PLAIN, "ssondo", SSONDO, _fixed("mn10", 960)),
    Layout("S-SONDO's dymn10", "layers.0.depth_conv.weight", _PLAIN, "ssondo", SSONDO, _fixed("dymn10", 960)),
    Layout("S-SONDO's eres2net", "fuse_mode12345.local_att.0.weight", _PLAIN, "ssondo", SSONDO,
           _fixed("eres2net", 1024)),
)  # fmt: skip


def import_checkpoint(
    file: Path, name: str = "", r: int | None = None, reduction: str = "rotate",
    advance: Callable[[int], None] = lambda steps: None,
) -> StudentFile:  # fmt: skip
    """Read a published checkpoint; a tinyCLAP head is folded exactly, and reduced to r entries where r is given.

    name: the published name, which carries the configuration; without it the file's name or the shapes tell it.
    UsageError (2) for a missing file or impossible r; CorruptFile (7) for a damaged, foreign or incomplete one.
    """
    tensors, digest = _read(file)
    layout = _layout(tensors, file)
    ours = _renamed(tensors, layout)
    stated = next((t for t in (name, file.name) if PUBLISHED_NAME.search(t)), "")
    try:
        arch, dim = layout.arch({k: v.shape for k, v in ours.items()}, stated)
    except TinyclapError as error:
        raise CorruptFile(f"{file.name}: {error.fact}", error.hint) from error
    if not arch.startswith("tinyclap"):
        ours |= {"head.weight": np.eye(dim, dtype=np.float32), "head.bias": np.zeros(dim, np.float32)}
        if r is not None:
            raise UsageError(f"{layout.title} is imported whole", "leave out --r; `reduce` shrinks its embedding")
    kept = _checked(ours, arch, dim, layout, file)
    student = StudentFile(
        name=file.stem, arch=arch, dim=dim, frontend=layout.frontend, tensors=kept,
        rotation=np.eye(dim, dtype=np.float32), order=np.arange(dim, dtype=np.int32),
        text_projection=np.eye(dim, dtype=np.float32) if layout.teacher == "msclap-2022" else np.zeros((dim, 0), "f4"),
        text_mean=np.zeros(dim, np.float32), teacher=layout.teacher, default_r=dim, reduction=reduction,
        card={"imported": {"from": file.name, "sha256": digest, "what": layout.title}},
    )  # fmt: skip
    if not arch.startswith("tinyclap"):
        return student
    from tinyclap_edge.students.tinyclap_fold import fold_student
    from tinyclap_edge.students.tinyclap_reduce import reduce_imported

    if r is not None and not 1 <= r <= dim:  # said before the work, not after it
        raise UsageError(f"r={r} is outside 1..{dim}", "the reduced size cannot exceed the student's embedding")
    folded = fold_student(student, advance)
    return folded if r is None else reduce_imported(folded, r, reduction)


def _read(file: Path) -> tuple[Tensors, str]:
    if not file.is_file():
        raise UsageError(f"there is no checkpoint {file}")
    if file.stat().st_size > MAX_BYTES:
        raise CorruptFile(
            f"{file.name} is larger than {MAX_BYTES >> 20} MiB", "student checkpoints are a few megabytes"
        )
    from tinyclap_edge.teachers.weights import read_tensors

    found = {k: v.float().numpy() for k, v in read_tensors(file).items() if v.is_floating_point()}
    return found, hashlib.sha256(file.read_bytes()).hexdigest()


def _layout(tensors: Tensors, file: Path) -> Layout:
    """The layout whose mark is there, else the one whose names occur most; CorruptFile where none do."""
    if any("conv_block1." in k for k in tensors):
        raise CorruptFile(f"{file.name} holds a Cnn14, a teacher's encoder", "`tinyclap-edge teachers` lists those")
    for layout in LAYOUTS:
        if any(k.endswith(layout.mark) for k in tensors):
            return layout
    if any(k.startswith(("base._layers.", "projection.")) for k in tensors):
        return LAYOUTS[0]
    raise CorruptFile(
        f"{file.name} is no student checkpoint of a known layout (first key {min(tensors)!r})", UNKNOWN_HINT
    )


def _renamed(tensors: Tensors, layout: Layout) -> Tensors:
    renamed = {}
    for key, value in tensors.items():
        for theirs, ours in layout.names:
            if key.startswith(theirs):
                renamed[ours + key.removeprefix(theirs)] = value
                break
    return renamed


def _published(name: str, layout: Layout) -> str:
    """The publisher's name of a tensor of ours."""
    theirs, ours = next((p for p in layout.names if name.startswith(p[1])), ("", ""))
    return theirs + name.removeprefix(ours)


def _checked(tensors: Tensors, arch: str, dim: int, layout: Layout, file: Path) -> Tensors:
    wanted = student_shapes(arch, dim)
    missing = [_published(k, layout) for k in wanted if k not in tensors]
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise CorruptFile(f"{file.name} lacks {shown}", f"it looks like {layout.title}, but is not whole")
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise CorruptFile(
                f"{file.name}: {_published(name, layout)} has shape {tensors[name].shape}, {arch} needs {shape}",
                "the weights belong to another configuration",
            )
        if not np.isfinite(tensors[name]).all():
            raise CorruptFile(f"{file.name}: {_published(name, layout)} holds NaN or infinity", "download it again")
    student_cost(arch, (1, layout.frontend.frames, layout.frontend.mel_bins), dim)
    return {k: np.ascontiguousarray(tensors[k], np.float32) for k in wanted}
