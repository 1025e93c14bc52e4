"""`bench MODEL.tflite`: what one inference costs on a board, layer by layer, once its bytes are the reference's."""

from __future__ import annotations

import numpy as np
from tinyclap_export.integer import run_integer

from tinyclap_edge.boards import Board
from tinyclap_edge.engine.model_file import Model
from tinyclap_edge.engine.model_run import ModelRun, run_model
from tinyclap_edge.errors import NumbersDiffer, UsageError

SEED = 20261121


def bench_model(
    model: Model, board: Board, samples: int = 2, schedule: str = "auto", engine: str | None = None
) -> ModelRun:
    """Run random inputs in the board's emulator and compare every output byte with the integer reference.

    Returns the run; its facts hold `layer_table`, one {name, kind, function, macs, instructions} a layer, and `schedule_glue`,
    the instructions between layers. UsageError (2) for a model of several inputs, which `run` takes; NumbersDiffer (6).
    """
    graph = model.graph
    if len(graph.inputs) != 1:
        raise UsageError(f"the model has {len(graph.inputs)} inputs", "`tinyclap-edge run` takes inputs of your own")
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.random.default_rng(SEED).integers(-128, 128, (samples, *shape)).astype(np.int8)
    done = run_model(model, board, x.reshape(samples, -1), "emulator", schedule, engine)
    kept = run_integer(graph, x, keep=True)
    assert isinstance(kept, dict)
    wanted = np.concatenate([kept[name].reshape(samples, -1) for name in graph.outputs], axis=1)
    differing = int((wanted != done.outputs).sum())
    if differing:
        raise NumbersDiffer(
            f"{differing} of {wanted.size} output bytes on {board.name} differ from the integer reference",
            "please report this model: the two must agree",
        )
    counts = done.facts.get("by_function") or {}
    layers = [layer | {"instructions": counts.get(layer["function"], 0)} for layer in done.facts["layer_table"]]
    glue = sum(counts.values()) - sum(layer["instructions"] for layer in layers)
    return ModelRun(done.outputs, {**done.facts, "layer_table": layers, "schedule_glue": glue})
