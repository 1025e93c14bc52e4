"""The float graph computes what the torch module computes, for every option; reductions fold exactly."""

from __future__ import annotations

import numpy as np
import pytest
from students.made_student import made_student
from tinyclap_export.float_run import run_float

from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import reduce_matrix
from tinyclap_edge.students.phinet_cost import phinet_cost
from tinyclap_edge.students.to_graph import student_graph

ARCHS = [
    "phinet:alpha=0.5,beta=1,t0=4,N=7,compat=1,padding=same",
    "phinet:alpha=0.334,beta=3,t0=2,N=8,compat=1,padding=same,divisor=4",
    "phinet:alpha=0.5,beta=0.75,t0=3,N=5,padding=same",
    "phinet:alpha=0.5,beta=0.75,t0=3,N=5,se=1,hswish=0,padding=same",
    "phinet:alpha=0.5,beta=1,t0=4,N=7,compat=1",
    "phinet:alpha=0.5,beta=1,t0=4,N=7,compat=1,pool=1",
    "phinet:alpha=0.5,beta=1,t0=4,N=5,conv2d_input=1",
    "phinet:alpha=0.5,beta=1,t0=2,N=6,se=0,conv5=0.5",
    "phinet:alpha=0.5,beta=1,t0=2,N=6,se=0,conv5=0.5,padding=same",
    "phinet:alpha=0.3,beta=1,t0=2,N=4,compat=1,stem_stride=1,downsampling=4",
]


def network_input(spec: FrontendSpec, n: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (n, spec.frames, spec.mel_bins, 1)).astype(np.float32)


@pytest.mark.parametrize("frames", [64, 51])
@pytest.mark.parametrize("arch", ARCHS)
def test_the_graph_equals_the_torch_module(arch: str, frames: int) -> None:
    torch = pytest.importorskip("torch")
    from tinyclap_edge.students.phinet_torch import Student

    spec = FrontendSpec(frames=frames)
    student = made_student(arch, spec=spec)
    module = Student(arch, student.dim).eval()
    module.load_state_dict({k: torch.from_numpy(v) for k, v in student.tensors.items()}, strict=False)
    x = network_input(spec)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    found = np.asarray(run_float(student_graph(student), x)).reshape(len(x), -1)
    assert np.abs(found - wanted).max() <= 2e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("arch", ARCHS)
def test_the_layout_lists_exactly_the_modules_tensors(arch: str) -> None:
    pytest.importorskip("torch")
    from tinyclap_edge.students.phinet_torch import Student

    state = Student(arch, 24).state_dict()
    wanted = {k: tuple(v.shape) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert {k: v.shape for k, v in made_student(arch).tensors.items()} == wanted


@pytest.mark.parametrize("reduction", ["rotate", "prune"])
@pytest.mark.parametrize("r", [1, 7, 24])
def test_a_reduced_head_gives_the_reduced_embedding(reduction: str, r: int) -> None:
    student = made_student(ARCHS[0])
    x = network_input(student.frontend)
    full = np.asarray(run_float(student_graph(student), x)).reshape(len(x), -1)
    reduced = np.asarray(run_float(student_graph(student, r, reduction), x)).reshape(len(x), -1)
    assert np.allclose(reduced, full @ reduce_matrix(student, r, reduction).T, atol=1e-4)


def test_pruning_keeps_the_entries_of_largest_magnitude_in_their_order() -> None:
    student = made_student(ARCHS[0])
    kept = reduce_matrix(student, 5, "prune").argmax(1)
    assert kept.tolist() == sorted(student.order[:5].tolist())


def test_the_graphs_macs_are_the_cost_models() -> None:
    for arch in ARCHS[:4]:
        student = made_student(arch)
        spec = student.frontend
        cost = phinet_cost(student.config, (1, spec.frames, spec.mel_bins), 8)
        assert student_graph(student, 8).macs() == cost.macs
