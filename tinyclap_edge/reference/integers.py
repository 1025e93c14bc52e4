"""Stage `integers`: each written student again, as the int8 encoder that ships, judged by the same examination.

The integer reference gives the bytes of the C and of the emulated boards, so these are the boards' accuracies too. The
card of each student gets the tables `int8` and `teacher`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.bundle.calibration import load_calibration
from tinyclap_edge.bundle.drift import cosines
from tinyclap_edge.bundle.encoder import dequantized, embed_int8, end_quant, make_encoder
from tinyclap_edge.evaluate.harness import evaluation_texts, examine
from tinyclap_edge.evaluate.sets import build_sets
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.frontend.quantize import quantize_features
from tinyclap_edge.labels.encode import quantize_rows
from tinyclap_edge.reference.config import BuildConfig
from tinyclap_edge.students.file import StudentFile, read_student, reduce_matrix, write_student

RANGES = "minmax"


def examine_integers(
    config: BuildConfig, work: Path, out: Path, processes: int, log: Callable[[str], None]
) -> dict[str, Any]:
    """Complete the cards in `out` and accuracies.json; returns the latter."""
    path = out / "accuracies.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    names = [recipe.name for recipe in config.students]
    job = partial(_examine, config=config, work=work, out=out)
    with ProcessPoolExecutor(min(processes, len(names)), mp_context=get_context("spawn")) as pool:
        tables = list(pool.map(job, names))
    for name, table in zip(names, tables, strict=True):
        file = out / f"{name}.safetensors"
        student = read_student(file)
        card = student.card | {"int8": table, "teacher": result["teacher"]}
        write_student(file, dataclasses.replace(student, card=card))
        result["students"][name]["int8"] = table
        fresh, teacher = table["fresh"]["ensemble"]["value"], result["teacher"]["fresh"]["ensemble"]["value"]
        log(
            f"{name} int8 at r={student.default_r}: fresh {fresh:.3f} (kept {fresh / teacher:.3f}), "
            f"0 dB white {table['shifts'].get('white noise 0 dB', {'value': 0})['value']:.3f}, "
            f"cosine to float {table['cosine to float']['mean']:.4f}"
        )
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)
    return result


def _examine(name: str, config: BuildConfig, work: Path, out: Path) -> dict[str, Any]:
    student = read_student(out / f"{name}.safetensors")
    sets = build_sets(student.frontend, config.evaluation, 1, work / "evaluation.npz")
    calibration = load_calibration(out / "calibration.npz")
    encoder = make_encoder(student, student.default_r, student.reduction, RANGES, calibration)
    quant = end_quant(encoder.graph, encoder.graph.inputs[0])
    cache: dict[int, np.ndarray] = {}

    def embed(features: np.ndarray) -> np.ndarray:
        if id(features) not in cache:
            codes = quantize_features(features, float(quant.s), quant.z, student.frontend)
            cache[id(features)] = dequantized(encoder.graph, embed_int8(encoder.graph, codes))
        return cache[id(features)]

    matrix = reduce_matrix(student, student.default_r)
    table = examine(embed, sets, _texts(student, out), matrix, rows=lambda rows: quantize_rows(rows).astype(np.float64))
    from tinyclap_export.float_run import run_float

    from tinyclap_edge.frontend.quantize import network_input

    some = sets["fresh"].features[:: max(1, len(sets["fresh"].features) // 400)]
    floats = run_float(encoder.float_graph, network_input(some, student.frontend)[..., None])
    codes = quantize_features(some, float(quant.s), quant.z, student.frontend)
    close = cosines(np.asarray(floats), dequantized(encoder.graph, embed_int8(encoder.graph, codes)))
    table["cosine to float"] = {
        "mean": round(float(close.mean()), 5),
        "worst": round(float(close.min()), 5),
        "n": len(close),
    }
    return table


def _texts(student: StudentFile, out: Path) -> dict[str, np.ndarray]:
    with np.load(out / "evaluation_texts.npz", allow_pickle=False) as stored:
        raw = dict(zip(stored["texts"].tolist(), stored["vectors"].astype(np.float32), strict=True))
    keys = evaluation_texts()
    projected = unit(np.stack([raw[k] for k in keys]) @ student.text_projection.T)
    return dict(zip(keys, projected, strict=True))
