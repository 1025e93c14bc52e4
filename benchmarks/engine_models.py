"""Int8 models of fixed shapes with random weights: what the engine is measured on. They hear nothing.

python -m benchmarks.engine_models DIR        writes each as DIR/NAME.tflite
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tinyclap_export.calibrate import calibrate
from tinyclap_export.graph import Graph
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_reader import read_tflite
from tinyclap_export.tflite_writer import write_tflite

from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch
from tinyclap_edge.students.to_graph import student_graph

DIM = 256  # of the pooled dense head

# name -> (architecture, frames)
SHAPES = {
    "backbone": ("phinet:alpha=1.5,beta=0.75,t0=6,N=7,compat=1,padding=peer", 690),
    "small": ("phinet:alpha=0.5,beta=1,t0=4,N=7,compat=1,padding=peer", 128),
    "gated": ("phinet:alpha=1,beta=0.75,t0=6,N=7,padding=peer", 100),
}
PHINET_S = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "phinet_s_int8.tflite"
MODELS = ("phinet_s", *SHAPES)


def random_student(arch: str, frames: int, seed: int = 0) -> StudentFile:
    """A student whose layers keep the scale of what passes through them: random weights, batch norms near identity."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(parse_arch(arch), DIM).items():
        if name.endswith(("running_mean", ".bias")):
            value = rng.normal(0, 0.1, shape)
        elif name.endswith("running_var") or (name.endswith(".weight") and len(shape) == 1):
            value = rng.uniform(0.8, 1.2, shape)
        else:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        tensors[name] = value.astype(np.float32)
    eye = np.eye(DIM, dtype=np.float32)
    spec = replace(FrontendSpec(), frames=frames)
    return StudentFile(arch, arch, DIM, spec, tensors, eye, np.arange(DIM, dtype=np.int32), eye, eye[0])


def engine_model(name: str) -> Graph:
    """The int8 graph of one of MODELS, as it reads back from its .tflite."""
    if name == "phinet_s":
        return read_tflite(PHINET_S.read_bytes())
    arch, frames = SHAPES[name]
    student = random_student(arch, frames)
    graph = student_graph(student)
    rng = np.random.default_rng(1)
    levels = rng.normal(0, 1, (2, frames, 1, 1)) + rng.normal(0, 1, (2, frames, student.frontend.mel_bins, 1))
    return read_tflite(write_tflite(quantize(graph, calibrate(graph, levels.astype(np.float32)))))


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.tflite").write_bytes(write_tflite(engine_model(name)))


if __name__ == "__main__":
    main()
