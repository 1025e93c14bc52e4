"""The sine rule that fills a model with weights: figures taken from the published code need no weight file.

tests/fixtures/students/*.json were taken once from the original implementations, filled by this rule.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parents[1] / "fixtures" / "students"


def fixture(name: str) -> dict:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def rule_value(name: str, shape: tuple[int, ...], j: int, fan: int | None = None) -> np.ndarray:
    """Float64 weights of the tensor at place j. fan: elements a first-axis entry, unless the rule says otherwise."""
    i = np.arange(math.prod(shape), dtype=np.float64)
    if name.endswith("running_mean"):
        value = 0.05 * np.sin(i + 2 * j)
    elif name.endswith("running_var"):
        value = 1 + 0.2 * np.cos(i) ** 2
    elif len(shape) >= 2:
        value = np.sin(0.7 * i + j) * math.sqrt(2 / (fan or math.prod(shape) // shape[0]))
    elif name.endswith("weight"):
        value = 1 + 0.1 * np.sin(i + j)
    else:
        value = 0.1 * np.cos(i + j)
    return value.reshape(shape)


def rule_state(keys: Iterable[tuple[str, list[int]]], fans: dict[str, int] | None = None) -> dict[str, np.ndarray]:
    """Every listed tensor; counters and constants that the rule skips are left out."""
    state: dict[str, np.ndarray] = {}
    for name, shape, *_ in keys:
        if not name.endswith(("num_batches_tracked", "lambdas", "init_v")):
            state[name] = rule_value(name, tuple(shape), len(state), (fans or {}).get(name))
    return state


def rule_input(shape: tuple[int, ...]) -> np.ndarray:
    i = np.arange(math.prod(shape), dtype=np.float64)
    return (np.sin(0.013 * i) + 0.5 * np.cos(0.0007 * i)).reshape(shape)


def same_figures(found: np.ndarray, figures: dict, tolerance: float) -> None:
    """`found` has the first entries, sum, norm and extremes of a fixture. tolerance: absolute, for entries of size 1."""
    first = next(v for k, v in figures.items() if k.startswith("first"))
    flat = np.asarray(found, np.float64).ravel()
    assert flat.size == figures["shape_flat"]
    np.testing.assert_allclose(flat[: len(first)], first, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(flat), figures["l2"], rtol=tolerance)
    np.testing.assert_allclose(flat.sum(), figures["sum"], atol=tolerance * math.sqrt(flat.size) * 10)
    if "min" in figures:
        np.testing.assert_allclose(
            [flat.min(), flat.max()], [figures["min"], figures["max"]], rtol=tolerance, atol=tolerance
        )
