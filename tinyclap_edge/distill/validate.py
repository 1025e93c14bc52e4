"""How a student does on clips that were held out: its cosine to the teacher, and whether it finds its own clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tinyclap_edge.distill.trainee import Task
from tinyclap_edge.evaluate.zeroshot import unit

METRICS = {
    "accuracy": "zero-shot accuracy on held-out clips",
    "cosine": "mean cosine to the teacher on held-out clips",
    "own_first": "held-out clips whose own teacher embedding is nearest",
}


@dataclass(frozen=True)
class Classes:
    """What held-out clips are called. vectors: (names, dim) unit, in the shared space; labels: (rows,) index into
    names, -1 for a row with no label or several."""

    names: tuple[str, ...]
    vectors: np.ndarray
    labels: np.ndarray


@torch.no_grad()
def validate(task: Task, picks: np.ndarray, classes: Classes | None = None, batch: int = 128) -> dict[str, float]:
    """METRICS over the rows `picks`, undistorted. A student with a training-only head is looked at through it."""
    trainee, spec = task.trainee, task.rows.spec
    ours, theirs = [], []
    for start in range(0, len(picks), batch):
        part = picks[start : start + batch]
        db = torch.from_numpy(task.rows.features(part).astype(np.float32)).to(task.device) / 256.0
        x = ((db + spec.offset_db) / spec.scale_db).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        pair = trainee.objective.compare(trainee.student(x).float(), task.wanted(task.rows.embeddings(part)))
        ours.append(pair[0].cpu().numpy())
        theirs.append(pair[1].cpu().numpy())
    a, b = unit(np.concatenate(ours)), unit(np.concatenate(theirs))
    nearest = (a @ b.T).argmax(1) == np.arange(len(a))
    found = {"cosine": round(float((a * b).sum(1).mean()), 6), "own_first": round(float(nearest.mean()), 6)}
    if classes is not None and (classes.labels[picks] >= 0).any():
        vectors = torch.from_numpy(classes.vectors).to(task.device)
        table = unit(trainee.objective.compare(trainee.student(x[:1]).float(), vectors)[1].cpu().numpy())
        labels = classes.labels[picks]
        hits = ((a @ table.T).argmax(1) == labels)[labels >= 0]
        found["accuracy"] = round(float(hits.mean()), 6)
    return found
