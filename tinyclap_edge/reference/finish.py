"""Stage `finish`: principal directions, the examination of every model, and the files that ship."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinyclap_edge.distill.augment import NoiseShapes, augment
from tinyclap_edge.distill.checkpoint import load_checkpoint
from tinyclap_edge.distill.loop import lean
from tinyclap_edge.evaluate.harness import evaluation_texts, examine, reduce_texts
from tinyclap_edge.evaluate.sets import EvaluationSet, build_sets
from tinyclap_edge.evaluate.zeroshot import Texts, class_matrix, top1, unit
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.reduce.prune import magnitude_order, random_order, selection
from tinyclap_edge.reduce.rotate import rotation
from tinyclap_edge.reference.config import BuildConfig, StudentRecipe
from tinyclap_edge.reference.data import NOISE_LEVEL_DB
from tinyclap_edge.reference.students import Pool, load_pool
from tinyclap_edge.reference.teaching import project
from tinyclap_edge.students.file import StudentFile, write_student
from tinyclap_edge.students.layout import tensor_shapes
from tinyclap_edge.students.phinet_config import parse_arch
from tinyclap_edge.students.phinet_torch import Student
from tinyclap_edge.teachers.reference import DIM, ReferenceTeacher, load_teacher, normalise, save_teacher

_BASIS_CLIPS = 4000


def finish(config: BuildConfig, work: Path, out: Path, processes: int, log: Callable[[str], None]) -> dict[str, Any]:
    """Examine the teacher and each student, and write everything into `out`; returns the accuracies."""
    spec = FrontendSpec()
    sets = build_sets(spec, config.evaluation, processes, work / "evaluation.npz")
    log(f"examine: {sum(len(s.labels) for s in sets.values())} clips in {len(sets)} sets")
    teacher, card = load_teacher(work / "teacher.safetensors")
    with np.load(work / "texts.npz") as stored:
        known = dict(zip(json.loads(str(stored["key"]))[2], stored["examination"], strict=True))
    raw = {text: known[text] for text in evaluation_texts()}
    texts = dict(zip(raw, project(teacher, np.stack(list(raw.values()))), strict=True))
    result: dict[str, Any] = {"seed": config.seed, "teacher": examine(teacher.embed_db, sets, texts), "students": {}}
    log("teacher: " + summary(result["teacher"]))
    save_teacher(out / "teacher.safetensors", teacher, card | {"accuracies": result["teacher"]})
    pool = load_pool(work)
    with np.load(work / "pool.npz") as stored:
        captions, clean = stored["captions"].astype(np.float32), int(stored["clips"])
    for recipe in config.students:
        student = load_student(recipe, work)
        result["students"][recipe.name] = finish_student(
            recipe, student, teacher, spec, pool, clean, captions, sets, texts, config, out, log
        )
    write_calibration(config, pool, clean, out)
    write_evaluation_texts(raw, out)
    temporary = out / "accuracies.json.tmp"
    temporary.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(out / "accuracies.json")
    return result


def load_student(recipe: StudentRecipe, work: Path) -> Student:
    """The distilled student with its averaged weights."""
    student = Student(recipe.arch, DIM)
    state = load_checkpoint(work / f"student-{recipe.name}.pt")
    assert state is not None
    student.load_state_dict(state["model"])
    return lean(student).eval()


@torch.no_grad()
def embed_student(student: Student, features: np.ndarray, batch: int = 256) -> np.ndarray:
    """(n, dim) float32 of features (n, frames, mels) int16 in 1/256 dB."""
    parts = []
    for start in range(0, len(features), batch):
        db = torch.from_numpy(features[start : start + batch].astype(np.float32)) / 256.0
        parts.append(student(normalise(db).contiguous(memory_format=torch.channels_last)))
    return torch.cat(parts).numpy()


def finish_student(
    recipe: StudentRecipe,
    student: Student,
    teacher: ReferenceTeacher,
    spec: FrontendSpec,
    pool: Pool,
    clean: int,
    captions: np.ndarray,
    sets: dict[str, EvaluationSet],
    texts: Texts,
    config: BuildConfig,
    out: Path,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Reduction, accuracies and the file of one student."""
    picks = np.random.default_rng(config.seed + 5).permutation(clean)[:_BASIS_CLIPS]
    basis_audio = embed_student(student, pool.features[np.sort(picks)])
    basis = rotation(basis_audio, captions)
    order = magnitude_order(basis_audio, captions)

    cache: dict[int, np.ndarray] = {}  # the same sets are asked for in full and reduced

    def embed(features: np.ndarray) -> np.ndarray:
        if id(features) not in cache:
            cache[id(features)] = embed_student(student, features)
        return cache[id(features)]

    matrix = basis[: recipe.default_r]
    card: dict[str, Any] = {
        "float": examine(embed, sets, texts),
        "reduced": examine(lambda f: embed(f) @ matrix.T, sets, texts, matrix),
        "curve": curve(embed(sets["fresh"].features), sets["fresh"], texts, basis, order, config),
    }
    target = teacher.embed_db(sets["fresh"].features)
    card["cosine to teacher"] = round(float((unit(embed(sets["fresh"].features)) * target).sum(1).mean()), 4)
    log(f"{recipe.name}: " + summary(card["float"]))
    log(f"{recipe.name} at r={recipe.default_r}: " + summary(card["reduced"]))
    names = tensor_shapes(parse_arch(recipe.arch), DIM)
    state = student.state_dict()
    write_student(
        out / f"{recipe.name}.safetensors",
        StudentFile(
            name=recipe.name,
            arch=recipe.arch,
            dim=DIM,
            frontend=spec,
            tensors={name: state[name].contiguous().numpy() for name in names},
            rotation=basis,
            order=order,
            text_projection=teacher.text_projection.detach().numpy(),
            default_r=recipe.default_r,
            card=card,
        ),
    )
    return card


def curve(
    audio: np.ndarray, fresh: EvaluationSet, texts: Texts, basis: np.ndarray, order: np.ndarray, config: BuildConfig
) -> dict[str, dict[str, Any]]:
    """Zero-shot accuracy (ensemble) against r: rotated, pruned by magnitude, by random entries (mean of 5 draws)."""

    def at(matrix: np.ndarray) -> float:
        classes = class_matrix(fresh.names, reduce_texts(texts, matrix), "ensemble")
        return top1(audio @ matrix.T, fresh.labels, classes).value

    rows: dict[str, dict[str, Any]] = {}
    for r in config.curve:
        drawn = [at(selection(random_order(DIM, config.seed + i), r)) for i in range(5)]
        rows[str(r)] = {
            "rotate": round(at(basis[:r]), 4),
            "prune": round(at(selection(order, r)), 4),
            "random": round(float(np.mean(drawn)), 4),
            "n": len(fresh.labels),
        }
    return rows


def write_calibration(config: BuildConfig, pool: Pool, clean: int, out: Path) -> None:
    """Windows for int8 ranges: training clips, a third of them distorted, in half-decibel steps above -100 dB.

    features: (n, frames, mels) uint8, q8 = (features - 200) * 128; embeddings: the teacher's of the clean clip.
    """
    count = min(config.calibration_clips, clean)
    picks = np.sort(np.random.default_rng(config.seed + 6).permutation(clean)[:count])
    db = torch.from_numpy(pool.features[picks].astype(np.float32)) / 256.0
    distorted = count // 3
    noise = NoiseShapes(torch.from_numpy(pool.shapes), NOISE_LEVEL_DB)
    level = torch.from_numpy(pool.level_db[picks])
    generator = torch.Generator().manual_seed(config.seed)
    db[:distorted] = augment(db[:distorted], level[:distorted], noise, config.student_augment, generator)
    steps = np.clip(np.round(2 * db.numpy()) + 200, 0, 255).astype(np.uint8)
    temporary = out / "calibration.tmp.npz"
    np.savez_compressed(temporary, features=steps, embeddings=pool.embeddings[picks], clip=picks.astype(np.int32))
    temporary.replace(out / "calibration.npz")


def write_evaluation_texts(raw: dict[str, np.ndarray], out: Path) -> None:
    """The text tower's vectors of every examination text, so that an examination needs no text tower."""
    temporary = out / "evaluation_texts.tmp.npz"
    np.savez_compressed(temporary, texts=np.array(list(raw)), vectors=np.stack(list(raw.values())).astype(np.float16))
    temporary.replace(out / "evaluation_texts.npz")


def summary(table: dict[str, Any]) -> str:
    """One line of the figures that gates look at."""
    parts = [f"fresh {table['fresh']['ensemble']['value']:.3f} (one prompt {table['fresh']['single']['value']:.3f})"]
    if "second" in table:
        parts.append(f"second {table['second']['ensemble']['value']:.3f}")
    for name in ("related", "random-a", "random-b"):
        if name in table:
            t = table[name]
            parts.append(f"{name} {t['ensemble']['value']:.3f} described {t['described']['value']:.3f}")
    parts += [f"{name} {value['value']:.3f}" for name, value in table["shifts"].items()]
    return ", ".join(parts)
