"""Channels of very unequal gain: the case that post-training ranges cannot serve, and training can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinyclap_export.calibrate import calibrate  # noqa: E402
from tinyclap_export.float_run import run_float  # noqa: E402
from tinyclap_export.graph import Graph  # noqa: E402
from tinyclap_export.integer import quantize_input  # noqa: E402
from tinyclap_export.quantize import quantize  # noqa: E402

from tinyclap_edge.bundle.calibration import load_calibration  # noqa: E402
from tinyclap_edge.bundle.drift import cosines  # noqa: E402
from tinyclap_edge.bundle.encoder import dequantized, embed_int8, end_quant  # noqa: E402
from tinyclap_edge.distill.qat import QatConfig, qat  # noqa: E402
from tinyclap_edge.students.embed import student_module  # noqa: E402
from tinyclap_edge.students.file import StudentFile  # noqa: E402
from tinyclap_edge.students.presets import find_student  # noqa: E402
from tinyclap_edge.students.to_graph import student_graph  # noqa: E402

TAUGHT = 128  # calibration windows that training sees; the rest judge


def stressed(student: StudentFile, x: np.ndarray, seed: int) -> StudentFile:
    """Hard-swish for ReLU6, every batch norm's gammas times lognormal(0.7), its statistics measured again on x."""
    student = replace(student, arch=student.arch.replace("compat=1", "se=0,hswish=1"))
    module, generator = student_module(student), torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.weight.data *= torch.exp(0.7 * torch.randn(part.weight.shape, generator=generator))
            part.reset_running_stats()
            part.momentum = None  # type: ignore[assignment]  # the plain mean of what follows
        elif isinstance(part, torch.nn.Dropout2d):
            part.p = 0.0
    with torch.no_grad():
        module.train()(torch.from_numpy(x[..., 0])[:, None])
    state = module.state_dict()
    return replace(student, tensors={name: state[name].numpy().copy() for name in student.tensors})


def kept(float_graph: Graph, int8: Graph, x: np.ndarray) -> float:
    """Mean cosine of the int8 to the float embedding."""
    codes = quantize_input(x[..., 0], end_quant(int8, int8.inputs[0]))
    return float(cosines(np.asarray(run_float(float_graph, x)), dequantized(int8, embed_int8(int8, codes))).mean())


@pytest.mark.slow
def test_training_recovers_what_min_max_ranges_lose_on_a_stressed_student() -> None:
    """On windows that training did not see, through the integer reference."""
    plain = find_student("nucleo")
    x = load_calibration().network_input(plain.frontend)
    graph = student_graph(stressed(plain, x[:TAUGHT], seed=3), 128)
    after_training = quantize(graph, calibrate(graph, x[:TAUGHT]))
    assert 0.75 < kept(graph, after_training, x[TAUGHT:]) <= 0.85
    result = qat(graph, x[:TAUGHT], 80, config=QatConfig(crop=0.5))
    assert kept(graph, result.int8, x[TAUGHT:]) >= 0.985
