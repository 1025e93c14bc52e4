"""A distillation from start to finish: rows and a recipe in, a folder with a student out.

    distill(find_recipe("edge"), rows, Path("run"), arch="phinet:...", seed=0)

The folder holds student.safetensors (what `export --student` takes), run.json (everything needed to repeat it),
report.html, tensorboard/ and checkpoints/. A killed run continues with resume=True and ends in the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from tinyclap_edge.distill.checkpoint import Rotating, check_claim, load_checkpoint
from tinyclap_edge.distill.lesson import Lesson, Run, prepare
from tinyclap_edge.distill.loop import Step, TrainConfig, train
from tinyclap_edge.distill.processes import World, join, leave
from tinyclap_edge.distill.recipes import Recipe, Stage
from tinyclap_edge.distill.report import write_report
from tinyclap_edge.distill.rows import Rows, unit_rows
from tinyclap_edge.distill.space import embed_features, refit_head, settles, student_file
from tinyclap_edge.distill.tracking import Tracker, environment, recipe_dict, write_json
from tinyclap_edge.distill.trainee import last_layer
from tinyclap_edge.errors import UsageError
from tinyclap_edge.students.file import StudentFile, write_student

_BASIS_CLIPS = 4000
_QAT_CLIPS = 256


def distill(recipe: Recipe, rows: Rows, run: Run) -> dict[str, Any]:
    """Train, and write everything into run.out; returns what run.json holds. Under torchrun every process calls it.

    UsageError where run.out holds another run, or one and `resume` is not set; GateFailed where the loss is not finite.
    """
    world = join(run.device)
    try:
        return _distill(recipe, rows, run, world)
    finally:
        leave(world)


def _distill(recipe: Recipe, rows: Rows, run: Run, world: World) -> dict[str, Any]:
    began = time.monotonic()
    say = run.log if world.first else lambda line: None
    checkpoints = run.out / "checkpoints"
    claim = claim_of(recipe, rows, run)
    started = sorted(checkpoints.glob("stage*.pt"))
    if started and not run.resume:
        raise UsageError(f"{run.out} holds a run already", "--resume continues it; or give another --out")
    for path in started:
        check_claim((load_checkpoint(path) or {})["claim"], claim, path.name)
    world.wait()  # nobody writes before all have looked
    stages = recipe.stages()
    memory: dict[str, Any] = {}
    lesson = prepare(recipe, rows, run, world, say)
    record = _record(recipe, rows, run, world, claim)
    if world.first:
        run.out.mkdir(parents=True, exist_ok=True)
        write_json(run.out / "run.json", record)
    tracker = Tracker(run.out / "tensorboard", stages, memory, say)
    try:
        weights = _stages(stages, lesson, run, claim, memory, tracker, world, say)
    finally:
        tracker.close()
    if not world.first:
        return record
    lesson.task.trainee.load_state_dict(weights)
    lesson.task.trainee.eval()
    result = finish(recipe, lesson, run, say)
    record |= {"status": "done", "result": result, "seconds": round(time.monotonic() - began, 1)}
    write_json(run.out / "run.json", record)
    write_report(run.out, record, memory)
    return record


def _stages(
    stages: tuple[Stage, ...], lesson: Lesson, run: Run, claim: dict[str, str], memory: dict[str, Any],
    tracker: Tracker, world: World, say: Callable[[str], None],
) -> dict[str, torch.Tensor]:  # fmt: skip
    """Train stage after stage; those that a killed run had finished are not repeated. Returns the averaged weights."""
    task, folder = lesson.task, run.out / "checkpoints"
    recipe, trainee = task.recipe, task.trainee
    reached = max((int(path.name[5:].split("-")[0]) for path in folder.glob("stage*-[0-9]*.pt")), default=0)
    weights: dict[str, torch.Tensor] = {}
    for number in range(reached, len(stages)):
        stage, keeper = stages[number], Rotating(folder, number, claim)
        if stage.from_best and number > 0:
            best = load_checkpoint(Rotating(folder, number - 1, claim).best_path)
            weights = best["average"] if best else weights
        if weights:
            trainee.load_state_dict(weights)
        groups: list[dict] | None = None
        if stage.trained == "head":
            groups = [{"params": trainee.freeze_body()}]
        task.model = world.wrap(trainee)
        tracker.begin(number)

        def look(step: int, model: torch.nn.Module) -> float:
            values = lesson.look()
            if world.first:
                tracker.scores(step, values)
            say("held-out clips: " + ", ".join(f"{name.replace('_', ' ')} {v:.4f}" for name, v in values.items()))
            return values["cosine"]

        def watch(step: Step) -> None:
            memory["parts"] = task.parts
            if world.first:
                tracker.step(step)
            if run.watch:
                run.watch(step)

        def backward(step: int, generator: torch.Generator) -> torch.Tensor:
            task.parts = max(task.parts, memory.get("parts", 1))
            return task.backward(step, generator)

        weights = train(
            trainee, backward, _config(recipe, stage, run.seed + number), checkpoint=keeper, groups=groups, log=say,
            title=stage.name, at_step=look, backward=backward, world=world, watch=watch, memory=memory,
            name_batch=task.blame,
        )  # fmt: skip
    return weights


def _config(recipe: Recipe, stage: Stage, seed: int) -> TrainConfig:
    return TrainConfig(
        steps=stage.steps,
        learning_rate=stage.learning_rate,
        batch=recipe.batch,
        weight_decay=recipe.weight_decay,
        warmup=recipe.warmup,
        ema=max(0.0, 1 - 1 / (recipe.average * stage.steps)) if recipe.average else 0.0,
        seed=seed,
        clip_norm=recipe.clip_norm,
        checkpoint_every=recipe.checkpoint_every,
        log_every=recipe.log_every,
        schedule=recipe.schedule,
        optimiser=recipe.optimiser,
    )


def finish(recipe: Recipe, lesson: Lesson, run: Run, say: Callable[[str], None]) -> dict[str, Any]:
    """Reduce, train for int8 where the recipe says so, write the student's file; returns what is known of it."""
    task, side = lesson.task, lesson.side
    rows, student = task.rows, task.trainee.student
    result: dict[str, Any] = {"validation": lesson.look()}
    picks = np.sort(np.random.default_rng([run.seed, 17]).permutation(task.picks)[:_BASIS_CLIPS])
    audio = embed_features(student, rows.features(picks), rows.spec)
    head = last_layer(student)
    # raw embeddings are learnt through a head that the student will not have: to speak it must be refitted
    if recipe.refit and (side.speaks if recipe.targets == "raw" else settles(head, len(picks))):
        assert isinstance(head, torch.nn.Linear)
        result["refit"] = _refit(head, lesson, result["validation"]["cosine"], audio, picks, say)
        audio = embed_features(student, rows.features(picks), rows.spec)
    card = {"distilled": {"recipe": recipe_dict(recipe), "seed": run.seed, "teacher": asdict(rows.source), **result}}
    card["distilled"]["teacher"].pop("path")
    made = student_file(
        run.name, student, run.arch, rows.spec, audio, side.in_space, side.projection, side.mean,
        r=recipe.r, reduction=recipe.reduction, teacher=rows.source.teacher, card=card,
    )  # fmt: skip
    made = replace(made, teacher_identity=rows.source.identity, store=rows.source.fingerprint)
    if getattr(recipe, "qat_steps", 0):
        made = _for_int8(made, rows, picks[:_QAT_CLIPS], recipe.qat_steps, run, say)  # type: ignore[attr-defined]
    path = run.out / f"{run.name}.safetensors"
    write_student(path, made)
    result["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    say(f"written: {path}")
    return result


def _refit(
    head: torch.nn.Linear, lesson: Lesson, before: float, audio: np.ndarray, picks: np.ndarray,
    say: Callable[[str], None],
) -> dict[str, float]:  # fmt: skip
    """The last layer towards the teacher's embeddings of `picks`, of which audio (picks, dim) are the student's. Where
    the student has learnt that very space and held-out clips are farther from it than `before`, nothing is changed."""
    task = lesson.task
    kept = {name: value.clone() for name, value in head.state_dict().items()}
    wanted = unit_rows(task.wanted(task.rows.embeddings(picks)).cpu().numpy())
    finite = np.isfinite(wanted).all(1)
    found = {"cosine on training clips": round(refit_head(head, audio[finite], wanted[finite]), 5)}
    say(f"last layer refitted: cosine {found['cosine on training clips']:.4f} on training clips")
    if task.recipe.targets != "raw":
        found |= (after := lesson.look())
        if after["cosine"] < before:
            say(f"held-out clips: cosine {after['cosine']:.4f}, it was {before:.4f}: taken back")
            head.load_state_dict(kept)
            return {}
    return found


def _for_int8(
    made: StudentFile, rows: Rows, picks: np.ndarray, steps: int, run: Run, say: Callable[[str], None]
) -> StudentFile:
    from tinyclap_edge.distill.qat import qat_student

    db = rows.features(picks).astype(np.float32) / 256.0
    x = ((db + rows.spec.offset_db) / rows.spec.scale_db)[..., None]  # (n, frames, mels, 1)
    return qat_student(made, x, steps, log=say, device=run.device)


def claim_of(recipe: Recipe, rows: Rows, run: Run) -> dict[str, str]:
    """What a checkpoint belongs to, word by word in the order in which a difference is named."""
    return {
        "teacher": f"{rows.source.teacher} {rows.source.identity}",
        "dimensions": str(rows.dim),
        "front end": rows.spec.frontend_id,
        "student": run.arch,
        "store": rows.source.fingerprint[:16],
        "seed": str(run.seed),
        "recipe": json.dumps(recipe_dict(recipe), sort_keys=True),
    }


def _record(recipe: Recipe, rows: Rows, run: Run, world: World, claim: dict[str, str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "status": "running",
        "command": list(run.command),
        "recipe": recipe_dict(recipe),
        "stages": [asdict(stage) for stage in recipe.stages()],
        "student": run.arch,
        "seed": run.seed,
        "store": {"path": rows.source.path, "manifest_sha256": rows.source.fingerprint, "rows": len(rows)},
        "teacher": {"name": rows.source.teacher, "identity": rows.source.identity, "dim": rows.dim},
        "frontend": rows.spec.to_dict() | {"id": claim["front end"]},
        "environment": environment(run.device, world.size),
    }
