"""What a run tells while it goes on: points of its curves, TensorBoard events, and run.json."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyclap_edge import __version__
from tinyclap_edge.distill.loop import Step
from tinyclap_edge.distill.recipes import Recipe, Stage

POINTS = 400  # of a curve, however long the run


class Tracker:
    """Collects a stage's curves in `memory`, a dictionary of plain values that checkpoints carry."""

    def __init__(self, folder: Path, stages: tuple[Stage, ...], memory: dict[str, Any], log: Callable[[str], None]):
        self.memory = memory
        self.stages = stages
        self.every = max(1, sum(stage.steps for stage in stages) // POINTS)
        self.offset = 0
        self._folder, self._log = folder, log
        self._writer: Any = None
        memory.setdefault("loss", [])
        memory.setdefault("scores", [])
        memory.setdefault("since", [])  # losses that no point of the curve holds yet

    def begin(self, stage: int) -> None:
        """The next steps are those of stage `stage`."""
        self.offset = sum(s.steps for s in self.stages[:stage])

    def step(self, step: Step) -> None:
        """After an optimiser step."""
        since, at = self.memory["since"], self.offset + step.done
        since.append(step.loss)
        if at % self.every == 0:
            mean = sum(since) / len(since)
            since.clear()
            self.memory["loss"].append([at, round(mean, 6), step.rate])
            self._event("train/loss", mean, at)
            self._event("train/learning_rate", step.rate, at)
            self._event("train/gradient_norm", step.gradient, at)

    def scores(self, step: int, values: dict[str, float]) -> None:
        """After a look at the held-out clips."""
        at = self.offset + step
        self.memory["scores"].append([at, values])
        for name, value in values.items():
            self._event(f"validation/{name}", value, at)

    def close(self) -> None:
        """Flush the events."""
        if self._writer:
            self._writer.close()

    def _event(self, name: str, value: float, at: int) -> None:
        if self._writer is None:
            self._writer = _writer(self._folder, at, self._log)
        self._writer.add_scalar(name, value, at)


class _Nothing:
    """Takes the place of TensorBoard where it is not installed."""

    def add_scalar(self, name: str, value: float, at: int) -> None: ...

    def close(self) -> None: ...


def _writer(folder: Path, step: int, log: Callable[[str], None]) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log("TensorBoard events are not written: pip install 'tinyclap-edge[train]' brings tensorboard")
        return _Nothing()
    return SummaryWriter(str(folder), purge_step=step)  # what a killed run wrote after its checkpoint is dropped


def recipe_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe by name with every field."""
    return {"name": recipe.name, **asdict(recipe)}


def environment(device: str, processes: int) -> dict[str, Any]:
    """What else decides the last bits: versions, processor, threads."""
    import numpy
    import torch

    return {
        "tinyclap_edge": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "device": device,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "byteorder": sys.byteorder,
    }


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, path)
