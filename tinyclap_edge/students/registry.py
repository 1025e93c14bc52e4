"""Families of students by name: what each is called, costs, stores, and whether it can be exported.

`phinet:...` and `tinyclap:...` are described on paper and need no torch until they run; `mn10`, `dymn10` and
`eres2net` are torch modules, built without memory to read their shapes.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch
from tinyclap_edge.students.phinet_cost import Cost, Shape, phinet_cost
from tinyclap_edge.students.tinyclap_config import (
    PUBLISHED_NAME,
    parse_tinyclap,
    tinyclap_cost,
    tinyclap_shapes,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Family:
    """One kind of student. All functions take the canonical architecture string."""

    name: str
    title: str
    source: str
    refusal: str  # why `export` cannot take it, one clause; empty where it can
    canonical: Callable[[str], str]
    shapes: Callable[[str, int], dict[str, tuple[int, ...]]]  # of a student file's tensors, for an embedding of dim
    cost: Callable[[str, Shape, int | None], Cost]  # dim None: without a head of ours
    build: Callable[[str, int], nn.Module]
    native_input: Shape  # (1, frames, mels) of the published one


def find_family(arch: str) -> Family:
    """The family of an architecture string; UsageError (2) names the nearest one."""
    name = "tinyclap" if PUBLISHED_NAME.fullmatch(arch) else arch.partition(":")[0]
    if name in FAMILIES:
        return FAMILIES[name]
    near = difflib.get_close_matches(name, FAMILIES, 1)
    hint = f"did you mean {near[0]!r}?" if near else "families: " + ", ".join(FAMILIES)
    raise UsageError(f"unknown architecture {name!r}", hint)


def is_architecture(text: str) -> bool:
    """Whether a text names an architecture, and not a student that exists."""
    return ":" in text or text in FAMILIES or bool(PUBLISHED_NAME.fullmatch(text))


def canonical_arch(arch: str) -> str:
    """One spelling for each network: options in order, defaults left out."""
    return find_family(arch).canonical(arch)


def build_student(arch: str, dim: int) -> nn.Module:
    """A torch module with fresh weights: (batch, 1, frames, mels) normalised log-mel -> (batch, dim), not unit."""
    return find_family(arch).build(canonical_arch(arch), dim)


def student_shapes(arch: str, dim: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that a file of this student holds, without the prefix `student.`."""
    return find_family(arch).shapes(canonical_arch(arch), dim)


def student_cost(arch: str, input_shape: Shape, dim: int | None = None) -> Cost:
    """Parameters, MACs and working memory on (1, frames, mels); dim adds our linear head."""
    return find_family(arch).cost(canonical_arch(arch), input_shape, dim)


def _options(arch: str, defaults: dict[str, float]) -> dict[str, float]:
    """Options of 'name:key=value,...' over their defaults; UsageError (2) for any other."""
    name, _, text = arch.partition(":")
    values = dict(defaults)
    for part in filter(None, text.split(",")):
        key, _, raw = part.partition("=")
        try:
            values[key] = type(defaults[key])(raw)
        except KeyError:
            known = ", ".join(defaults)
            raise UsageError(f"{name}: unknown option {key!r}", f"options: {known}" if known else "none") from None
        except ValueError:
            raise UsageError(f"{name}: {key}={raw!r} is not a number") from None
        if not 1 <= values[key] <= 256:
            raise UsageError(f"{name}: {key}={raw} is outside 1..256")
    return values


def _torch_family(
    name: str, title: str, source: str, refusal: str, body: Callable[..., nn.Module], **defaults: float
) -> Family:
    def canonical(arch: str) -> str:
        changed = [f"{k}={v:g}" for k, v in _options(arch, defaults).items() if v != defaults[k]]
        return ":".join([name, ",".join(changed)] if changed else [name])

    def build(arch: str, dim: int) -> nn.Module:
        from tinyclap_edge.students.pooled_torch import PooledStudent

        return PooledStudent(arch, dim, body(**_options(arch, defaults)))

    @lru_cache(maxsize=16)
    def shapes(arch: str, dim: int) -> dict[str, tuple[int, ...]]:
        import torch

        from tinyclap_edge.students.pooled_torch import shapes_of

        with torch.device("meta"):
            return shapes_of(build(arch, dim))

    def cost(arch: str, input_shape: Shape, dim: int | None) -> Cost:
        import torch

        from tinyclap_edge.students.pooled_torch import torch_cost

        with torch.device("meta"):
            student = build(arch, dim or 1)
        if dim is None:
            student.head = torch.nn.Identity()
        return torch_cost(student, input_shape)

    return Family(name, title, source, refusal, canonical, shapes, cost, build, (1, 624, 128))


def _mn10() -> nn.Module:
    from tinyclap_edge.students.mobilenet_torch import MobileNetV3

    return MobileNetV3()


def _dymn10(temperature: float) -> nn.Module:
    from tinyclap_edge.students.dymn_torch import DyMN

    return DyMN(temperature)


def _eres2net(mels: int) -> nn.Module:
    from tinyclap_edge.students.eres2net_torch import ERes2Net

    return ERes2Net(mels)


def _phinet(arch: str, dim: int) -> nn.Module:
    from tinyclap_edge.students.phinet_torch import Student

    return Student(arch, dim)


def _tinyclap(arch: str, dim: int) -> nn.Module:
    from tinyclap_edge.students.tinyclap_torch import TinyclapStudent

    tinyclap_shapes(parse_tinyclap(arch), dim)  # refuses a dim that this head cannot have
    return TinyclapStudent(arch, dim)


FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        Family(
            "phinet", "PhiNet with a pooled linear head", "arXiv 2110.00337", "",
            lambda arch: parse_arch(arch).arch(),
            lambda arch, dim: tensor_shapes(parse_arch(arch), dim),
            lambda arch, shape, dim: phinet_cost(parse_arch(arch), shape, dim),
            _phinet, (1, 128, 64),
        ),
        Family(
            "tinyclap", "the published tinyCLAP student", "arXiv 2311.14517", "",
            lambda arch: parse_tinyclap(arch).arch(),
            lambda arch, dim: tinyclap_shapes(parse_tinyclap(arch), dim),
            lambda arch, shape, dim: tinyclap_cost(parse_tinyclap(arch), shape, dim),
            _tinyclap, (1, 640, 64),
        ),
        _torch_family(
            "mn10", "MobileNetV3 at width 1.0", "arXiv 1905.02244",
            "its float graph is not written as an int8 one here", _mn10,
        ),
        _torch_family(
            "dymn10", "dynamic MobileNet at width 1.0", "arXiv 2310.15648",
            "its kernels are computed from each input, which no int8 graph holds", _dymn10, temperature=30.0,
        ),
        _torch_family(
            "eres2net", "ERes2Net, 16 channels", "arXiv 2305.12838",
            "its attention between maps at full resolution has no int8 graph here", _eres2net, mels=128,
        ),
    )
}  # fmt: skip
