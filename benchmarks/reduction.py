"""Accuracy against r by each way of reducing a shipped student: rotated, pruned, trained at r, and random entries.

The path is a user's `reduce --curve`; rows to train on are the store that the distillation measurement has made.
"""

from __future__ import annotations

import hashlib

import torch

from benchmarks.distill_data import SPEC, TRAIN, WORK, make_data
from benchmarks.store import MEASURED, save_result
from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.distill.rows import open_rows
from tinyclap_edge.reduce.curve import reduction_curve
from tinyclap_edge.reduce.train import TrainAtR, train_at_r
from tinyclap_edge.students.presets import MODELS, find_student

STUDENTS = ("nucleo", "small")
CORPUS = "sounds:1200:1"
SIZES = (8, 16, 32, 64, 128, 256, 384)


def main() -> None:
    """Write results/reduction.json: zero-shot accuracy at every r, by way, on fresh clips of the seen families."""
    torch.set_num_threads(1)
    if not (WORK / "train").is_dir():
        make_data()
    rows, recipe = open_rows(WORK / "train", SPEC), TrainAtR()
    curves = [
        {"sha256": hashlib.sha256((MODELS / f"{name}.safetensors").read_bytes()).hexdigest()}
        | reduction_curve(
            find_student(name), open_corpus(CORPUS), SIZES, lambda student, r: train_at_r(student, rows, r).student
        )
        for name in STUDENTS
    ]
    training = {"store": TRAIN, "rows": len(rows), "what": "the head alone", "steps": recipe.steps,
                "batch": recipe.batch, "rate": recipe.head_rate}  # fmt: skip
    save_result("reduction", {"kind": MEASURED, "training": training, "curves": curves})
