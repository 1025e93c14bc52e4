"""`reference build`: data, teacher, embeddings, students, reduction, examination, files. Every stage is resumable.

    build(Path("runs/reference"), out=Path("tinyclap_edge/models/reference"))

Step counts are fixed, never wall time; a killed run continues where it was. On two quiet cores it takes about an
hour and fifty minutes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.reference.config import FULL, QUICK, BuildConfig, StudentRecipe

MODELS = Path(__file__).resolve().parent.parent / "models" / "reference"


class BuildLog:
    """Lines with the seconds since the start, to a file and to stderr."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.began = path, time.time()

    def __call__(self, line: str) -> None:
        text = f"[{time.time() - self.began:7.1f} s] {line}"
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(text + "\n")
        print(text, file=sys.stderr, flush=True)


def build(
    work: Path,
    out: Path = MODELS,
    *,
    quick: bool = False,
    processes: int = 2,
    text_model: Path | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Make the reference models; returns the accuracies, as written to out/accuracies.json.

    work: a folder for shards and checkpoints (1.5 GB in full); out: teacher.safetensors, one file a student,
    calibration.npz, evaluation_texts.npz, accuracies.json, build.log.
    processes: for rendering, and students trained side by side on a CPU.
    device: None takes a GPU where there is one. ToolMissing (3) where the text tower is not installed.
    """
    import torch

    config = QUICK if quick else FULL
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    _claim(work, config)
    log = BuildLog(work / "build.log")
    log(f"reference build{' --quick' if quick else ''}: torch {torch.__version__} on {device}, {os.cpu_count()} cores")
    clips, vectors = stage_data(config, work, processes, text_model, log)
    stage_teacher(config, work, clips, vectors, device, log)
    stage_embed(config, work, clips, vectors, device, log)
    del clips
    stage_students(config, work, processes, device, log)
    result = stage_finish(config, work, out, processes, log)
    log("reference build: done")
    (out / "build.log").write_text(log.path.read_text(encoding="utf-8"), encoding="utf-8")
    return result


def _claim(work: Path, config: BuildConfig) -> None:
    """Mark `work` as belonging to `config`: files of another recipe must not be taken for this one's.

    The students are left out: the checkpoints of each carry its own recipe, and one that changed is trained anew.
    """
    mark, wanted = work / "recipe.txt", repr(replace(config, students=())) + "\n"
    if mark.is_file() and mark.read_text(encoding="utf-8") != wanted:
        raise UsageError(f"{work} holds a build of another recipe", "give another --work, or delete it")
    mark.write_text(wanted, encoding="utf-8")


def stage_data(
    config: BuildConfig, work: Path, processes: int, text_model: Path | None, log: BuildLog
) -> tuple[dict, dict]:
    """Render what is missing; embed every text once. Returns the sets of clips and the text vectors."""
    from tinyclap_edge.data.sounds.captions import all_training_texts
    from tinyclap_edge.evaluate.harness import evaluation_texts
    from tinyclap_edge.evaluate.sets import build_sets
    from tinyclap_edge.frontend.spec import FrontendSpec
    from tinyclap_edge.reference import data
    from tinyclap_edge.reference.teaching import gather_captions

    spec = FrontendSpec()
    shards, checks = data.shards_of(config), data.validation_shards(config)
    data.render_shards(shards | checks, work / "shards", spec, processes, log)
    build_sets(spec, config.evaluation, processes, work / "evaluation.npz")
    clips = {
        "train": data.load_shards(list(shards), work / "shards"),
        **{name: data.load_shards([name], work / "shards") for name in checks},
    }
    log(f"data: {len(clips['train'])} training clips")
    every = list(all_training_texts())
    used = gather_captions(clips["train"].descriptions).fits.any(0)
    examination = sorted({*evaluation_texts(), *(t for t in every if t.startswith("the sound of "))})
    path = work / "texts.npz"
    key = json.dumps([len(every), int(used.sum()), examination])
    if not path.is_file() or str(np.load(path)["key"]) != key:
        from tinyclap_edge.teachers.text_minilm import DIM, TextTower

        tower = TextTower(text_model)
        captions = np.zeros((len(every), DIM), np.float32)
        picks = np.flatnonzero(used)
        captions[picks] = tower.encode([every[i] for i in picks])
        _save_npz(path, key=key, captions=captions, used=used, examination=tower.encode(examination))
        log(f"data: {len(picks)} captions and {len(examination)} examination texts embedded")
    with np.load(path) as stored:
        vectors = {
            "captions": stored["captions"],
            "used": stored["used"],
            "examination": dict(zip(examination, stored["examination"], strict=True)),
        }
    return clips, vectors


def stage_teacher(config: BuildConfig, work: Path, clips: dict, vectors: dict, device: str, log: BuildLog) -> None:
    """Train the teacher, unless work/teacher.safetensors is there."""
    from tinyclap_edge.frontend.spec import FrontendSpec
    from tinyclap_edge.reference import data
    from tinyclap_edge.reference.teaching import train_teacher
    from tinyclap_edge.teachers.reference import save_teacher

    if (work / "teacher.safetensors").is_file():
        return
    spec = FrontendSpec()
    shapes = data.noise_shapes(config, spec)
    teacher = train_teacher(
        clips["train"],
        clips["validation"],
        clips["seen-validation"],
        vectors["captions"],
        vectors["examination"],
        shapes,
        config,
        work,
        log,
        device,
    )
    save_teacher(
        work / "teacher.safetensors",
        teacher,
        {"frontend": spec.to_dict(), "steps": sum(c.steps for c in config.teacher_cycles)},
    )


def stage_embed(config: BuildConfig, work: Path, clips: dict, vectors: dict, device: str, log: BuildLog) -> None:
    """Embed the clean clips and the extra mixtures once; students read nothing else."""
    from tinyclap_edge.frontend.spec import FrontendSpec
    from tinyclap_edge.reference import data
    from tinyclap_edge.reference.teaching import extra_mixtures, project
    from tinyclap_edge.teachers.reference import load_teacher, save_teacher

    if (work / "pool.npz").is_file():
        return
    teacher, card = load_teacher(work / "teacher.safetensors")
    teacher.to(device)
    teacher.audio_mean.zero_()  # a killed run may have centred it already
    teacher.text_mean.zero_()
    train = clips["train"]
    mixtures, mixture_level = extra_mixtures(train, config)
    features = np.concatenate([train.features, mixtures])
    embeddings = teacher.embed_db(features)
    captions = vectors["captions"][np.flatnonzero(vectors["used"])]
    teacher.centre(embeddings[: len(train)], project(teacher, captions))
    save_teacher(work / "teacher.safetensors", teacher, card)
    temporary = work / "pool-features.tmp.npy"
    np.save(temporary, features)
    temporary.replace(work / "pool-features.npy")
    _save_npz(
        work / "pool.npz",
        level_db=np.concatenate([train.level_db, mixture_level]),
        embeddings=embeddings.astype(np.float16),
        mean=teacher.audio_mean.cpu().numpy(),
        shapes=data.noise_shapes(config, FrontendSpec()),
        captions=project(teacher, captions).astype(np.float16),
        clips=np.int64(len(train)),
    )
    log(f"embed: {len(features)} clips")


def stage_students(config: BuildConfig, work: Path, processes: int, device: str, log: BuildLog) -> None:
    """Distil the students; on a CPU side by side, each with its share of the cores."""
    if device != "cpu" or processes <= 1 or len(config.students) == 1:
        for recipe in config.students:
            _student_process(recipe, work, config, device, None, log.path, log.began)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(_student_process, recipe, work, config, device, threads, log.path, log.began)
            for recipe in sorted(config.students, key=lambda recipe: -recipe.steps)  # the longest first
        ]
        for job in jobs:
            job.result()


def _student_process(
    recipe: StudentRecipe, work: Path, config: BuildConfig, device: str, threads: int | None, path: Path, began: float
) -> None:
    import torch

    from tinyclap_edge.reference.students import train_student

    if threads:
        torch.set_num_threads(threads)
    log = BuildLog(path)
    log.began = began
    train_student(recipe, work, config, log, device)


def stage_finish(config: BuildConfig, work: Path, out: Path, processes: int, log: BuildLog) -> dict[str, Any]:
    """Reduce, examine in float and in integers, write."""
    from tinyclap_edge.reference.finish import finish

    return finish(config, work, out, processes, log)


def _save_npz(path: Path, **arrays: Any) -> None:
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)
