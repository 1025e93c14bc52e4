"""Gains made even before int8: exact between blocks, a better bargain across a hard-swish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from students.made_student import made_student

pytest.importorskip("torch")

from tinyclap_export.float_run import run_float
from tinyclap_export.graph import Graph

from tinyclap_edge.distill.qat_equalise import (
    best_fit,
    equalise_hard_swish,
    equalise_links,
    hard_swish_links,
    linear_groups,
)
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.to_graph import student_graph

ARCH = "phinet:alpha=0.2,beta=1,t0=3,N=5,padding=same"


def uneven(arch: str = ARCH, seed: int = 3) -> Graph:
    """A student's graph whose batch norms have gammas over two decades."""
    student = made_student(arch, 24, FrontendSpec(mel_bins=16, frames=24), seed=4)
    rng = np.random.default_rng(seed)
    norms = [
        name.removesuffix(".running_mean") + ".weight" for name in student.tensors if name.endswith("running_mean")
    ]
    grown = {
        name: (student.tensors[name] * rng.lognormal(0, 1, student.tensors[name].shape)).astype(np.float32)
        for name in norms
    }
    return student_graph(replace(student, tensors={**student.tensors, **grown}), 8)


def heard(count: int = 12) -> np.ndarray:
    return np.random.default_rng(6).normal(size=(count, 24, 16, 1)).astype(np.float32)


def peaks(graph: Graph, name: str) -> np.ndarray:
    values = run_float(graph, heard(), keep=True)[name]  # type: ignore[index]
    return np.abs(values).reshape(-1, values.shape[-1]).max(0)


def test_gains_between_blocks_become_even_and_the_embedding_stays() -> None:
    graph = uneven()
    even = equalise_links(graph, heard())
    groups = linear_groups(graph)
    assert any(len(group) > 1 for group in groups)  # a skip ties its block's two ends together
    for group in groups:
        before, after = (np.max([peaks(g, name) for name in group], 0) for g in (graph, even))
        assert before.max() / before.min() > 3
        assert after.max() / after.min() < 1.01
    assert np.allclose(
        np.asarray(run_float(even, heard())), np.asarray(run_float(graph, heard())), rtol=1e-4, atol=1e-4
    )


def test_what_the_head_reads_is_left_alone() -> None:
    graph = uneven()
    even = equalise_hard_swish(equalise_links(graph, heard()), heard())
    assert np.array_equal(even.constant("head/weight"), graph.constant("head/weight"))
    assert not any("head" in name or "pool" in name for group in linear_groups(graph) for name in group)


def test_a_large_channel_is_divided_and_a_small_one_multiplied() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 24)).astype(np.float32)
    x[:, 0] *= 30
    x[:, 1:4] *= 0.2
    fit = best_fit(x, np.ones(24), shifted=True)
    assert fit.gain[0] > 1 and (fit.gain[1:4] < 1).all()
    assert fit.slope[0] == pytest.approx(fit.gain[0], rel=0.2)


def test_a_hard_swish_keeps_what_it_means() -> None:
    graph = uneven()
    assert len(hard_swish_links(graph)) >= 5
    even = equalise_hard_swish(graph, heard())
    before, after = (np.asarray(run_float(g, heard())) for g in (graph, even))
    cosine = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert 0.97 < cosine.mean() < 0.999999


def test_a_network_without_a_hard_swish_has_nothing_to_refit() -> None:
    graph = uneven("phinet:alpha=0.2,beta=1,t0=3,N=3,compat=1,padding=same")
    even = equalise_hard_swish(graph, heard())
    assert all(np.array_equal(even.constant(n), t.data) for n, t in graph.tensors.items() if t.data is not None)
