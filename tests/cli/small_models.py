"""Small .tflite files for the tests of compile and run, and rows for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tinyclap_export.graph import Graph, Quant
from tinyclap_export.tflite_writer import write_tflite

SOUND = Path(__file__).parents[1] / "attacks" / "sound.tflite"


def dense(c_in: int, c_out: int) -> bytes:
    """One FULLY_CONNECTED: as many bytes of weights as a test wants."""
    rng = np.random.default_rng(1)
    graph = Graph("dense")
    graph.add_input("x", (1, c_in), "int8", Quant(0.05, 3))
    graph.add_const("w", rng.integers(-99, 99, (c_out, c_in)).astype(np.int8), Quant(0.01, 0))
    graph.add_op("FULLY_CONNECTED", ["x", "w"], "y")
    graph.tensors["y"] = replace(graph.tensors["y"], quant=Quant(1.0, -7))
    graph.outputs = ["y"]
    return write_tflite(graph.validate())


def transposed_map(rows: int, columns: int) -> bytes:
    """A whole map that must exist twice, in any schedule."""
    quant = Quant(0.05, 3)
    graph = Graph("map")
    graph.add_input("x", (1, rows, columns, 1), "int8", quant)
    graph.add_op("TRANSPOSE", ["x"], "y", perm=(0, 2, 1, 3))
    graph.tensors["y"] = replace(graph.tensors["y"], quant=quant)
    graph.outputs = ["y"]
    return write_tflite(graph.validate())


def two_of_each() -> Graph:
    """Two inputs, two outputs: the sum and the maximum over windows of it."""
    graph = Graph("two")
    for name in ("first", "second"):
        graph.add_input(name, (1, 6, 5, 3), "int8", Quant(0.05, -3 if name == "first" else 9))
    graph.add_op("ADD", ["first", "second"], "sum", activation="RELU")
    graph.tensors["sum"] = replace(graph.tensors["sum"], quant=Quant(0.08, -20))
    graph.add_op("MAX_POOL_2D", ["sum"], "top", filter=(2, 2), stride=(2, 2), padding="SAME")
    graph.tensors["top"] = replace(graph.tensors["top"], quant=Quant(0.08, -20))
    graph.outputs = ["top", "sum"]
    return graph.validate()


def rows_for(shape: tuple[int, ...], samples: int, seed: int = 0) -> np.ndarray:
    """(samples, *shape) int8, uniform."""
    return np.random.default_rng(seed).integers(-128, 128, (samples, *shape)).astype(np.int8)
