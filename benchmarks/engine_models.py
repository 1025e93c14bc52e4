"""The models that the engine is measured on: one file that LiteRT's converter wrote, three PhiNets with random weights.

Speed, memory and exactness do not depend on what a network has learned. The random ones have the shapes of the
published architecture, its symmetric pads as PAD operators, and a linear head of 256 behind the mean; the same numbers
are drawn every time.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from tinyclap_export.calibrate import calibrate
from tinyclap_export.graph import Graph
from tinyclap_export.quantize import quantize
from tinyclap_export.tflite_writer import write_tflite

from benchmarks.store import ROOT
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch
from tinyclap_edge.students.to_graph import student_graph

HEAD = 256
CALIBRATION_WINDOWS = 2


@dataclass(frozen=True)
class EngineModel:
    """One model. arch: a PhiNet as `students show` takes it, or "" for the committed file."""

    name: str
    title: str
    arch: str = ""
    frames: int = 0
    mel_bins: int = 64

    def tflite(self) -> bytes:
        """The bytes of the .tflite: always the same."""
        if not self.arch:
            return (ROOT / "tests" / "fixtures" / f"{self.name}.tflite").read_bytes()
        return write_tflite(_int8(self.arch, self.frames, self.mel_bins))


MODELS = (
    EngineModel("phinet_s_int8", "PhiNet with SE and hard-swish, 64 x 100"),
    EngineModel(
        "tinyclap_690", "tinyCLAP's backbone, ReLU6, 690 x 64", "phinet:alpha=1.5,beta=0.75,t0=6,N=7,se=0,hswish=0", 690
    ),
    EngineModel("phinet_half_128", "α 0.5, ReLU6, 128 x 64", "phinet:alpha=0.5,beta=1,t0=4,N=7,se=0,hswish=0", 128),
    EngineModel("phinet_one_100", "α 1, SE and hard-swish, 100 x 64", "phinet:alpha=1,beta=0.75,t0=6,N=7", 100),
)


def find_model(name: str) -> EngineModel:
    """The model of that name; KeyError otherwise."""
    return {model.name: model for model in MODELS}[name]


@functools.lru_cache(maxsize=len(MODELS))
def _int8(arch: str, frames: int, mel_bins: int) -> Graph:
    student = random_student(arch, frames, mel_bins)
    graph = student_graph(student)
    rows = slow_pictures(CALIBRATION_WINDOWS, frames, mel_bins)
    return quantize(graph, calibrate(graph, rows))


def random_student(arch: str, frames: int, mel_bins: int, seed: int = 0) -> StudentFile:
    """Weights by He, batch norms near the identity."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(parse_arch(arch), HEAD).items():
        if name.endswith("running_var"):
            value = rng.uniform(0.5, 2.0, shape)
        elif len(shape) > 1:
            value = rng.normal(0.0, math.sqrt(2 / math.prod(shape[1:])), shape)
        elif name.endswith("weight"):
            value = rng.uniform(0.8, 1.2, shape)
        else:
            value = rng.normal(0.0, 0.1, shape)
        tensors[name] = value.astype(np.float32)
    unused = np.eye(HEAD, dtype=np.float32)
    spec = FrontendSpec(frames=frames, mel_bins=mel_bins)
    order = np.arange(HEAD, dtype=np.int32)
    return StudentFile("random", arch, HEAD, spec, tensors, unused, order, unused, np.zeros(HEAD, np.float32))


def slow_pictures(count: int, frames: int, mel_bins: int, seed: int = 1) -> np.ndarray:
    """(count, frames, mel_bins, 1) float32 with the slow structure of a log-mel picture."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(count, frames // 8 + 1, mel_bins // 8 + 1)).repeat(8, axis=1).repeat(8, axis=2)
    fine = rng.normal(size=(count, frames, mel_bins))
    return (0.8 * coarse[:, :frames, :mel_bins] + 0.4 * fine)[..., None].astype(np.float32)
