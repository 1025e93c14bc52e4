"""A student with random weights, for tests that need its shape and not its ears."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch


def made_student(arch: str, dim: int = 24, spec: FrontendSpec | None = None, seed: int = 0) -> StudentFile:
    """Weights and batch-norm statistics of plausible size, drawn from `seed`."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(parse_arch(arch), dim).items():
        if name.endswith("running_var"):
            value = rng.uniform(0.5, 2.0, shape)
        elif len(shape) >= 2:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif name.endswith("weight"):
            value = rng.uniform(0.7, 1.3, shape)
        else:
            value = rng.normal(0, 0.2, shape)
        tensors[name] = value.astype(np.float32)
    rotation = np.linalg.qr(rng.normal(size=(dim, dim)))[0].astype(np.float32)
    order = rng.permutation(dim).astype(np.int32)
    projection = rng.normal(size=(dim, 384)).astype(np.float32)
    mean = (0.02 * rng.normal(size=dim)).astype(np.float32)
    return StudentFile(
        "made", arch, dim, spec or FrontendSpec(), tensors, rotation, order, projection, mean, default_r=8
    )
