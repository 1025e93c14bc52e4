"""`distill`: a student from an embedding store, by a named recipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyclap_edge.cli.output import result, say, table, verb
from tinyclap_edge.errors import UsageError

if TYPE_CHECKING:
    from tinyclap_edge.distill.recipes import Recipe
    from tinyclap_edge.frontend.spec import FrontendSpec


@verb("distill")
@click.option("--recipe", help="edge, tinyclap, ssondo or encoder-kd; see --list.")
@click.option("--store", type=click.Path(), help="An embedding store, as `embed` writes it.")
@click.option("--out", type=click.Path(), help="The run's folder; student.safetensors and everything else goes there.")
@click.option(
    "--student",
    help="A built-in student's or a file's architecture and front end, or 'phinet:alpha=...', mn10 ...  [default: small]",
)
@click.option("--board", help="Train the student that `fit` recommends for this board: its shape, log-mel and size r.")
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps; the same as --set steps=N.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting of the recipe; repeatable."
)
@click.option("--resume", is_flag=True, help="Continue a killed run in --out; it ends in the same weights.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--device", help="cpu or cuda; by default a GPU where there is one.")
@click.option("--teacher-weights", type=click.Path(), help="The teacher's file, where it is not in its usual place.")
@click.option("--list", "list_recipes", is_flag=True, help="List the recipes.")
@click.option("--show", metavar="RECIPE", help="Print a recipe with its settings, --set applied.")
def command(
    recipe: str | None,
    store: str | None,
    out: str | None,
    student: str | None,
    board: str | None,
    steps: int | None,
    settings: tuple[str, ...],
    resume: bool,
    seed: int,
    device: str | None,
    teacher_weights: str | None,
    list_recipes: bool,
    show: str | None,
) -> Any:
    """Train a student from an embedding store by a named recipe.

    Several processes: torchrun --nproc-per-node 4 --no-python tinyclap-edge distill ...
    """
    from tinyclap_edge.distill.recipes import find_recipe
    from tinyclap_edge.distill.settings import with_settings

    if list_recipes:
        return _list()
    if steps is not None:
        settings = (*settings, f"steps={steps}")
    if show:
        return _show(with_settings(find_recipe(show), settings))
    for name, value in (("--recipe", recipe), ("--store", store), ("--out", out)):
        if value is None:
            raise UsageError(f"{name} is missing", "`tinyclap-edge distill --list` lists the recipes")
    assert recipe and store and out
    if board is None:
        arch, spec = _architecture(student or "small")
    elif student is None:
        arch, spec, r = _recommended(board)
        if all(setting.partition("=")[0].strip() != "r" for setting in settings):
            settings = (*settings, f"r={r}")
    else:
        raise UsageError("--student and --board both say what to train", "leave one of them away")
    chosen = with_settings(find_recipe(recipe), settings)

    import torch

    from tinyclap_edge.distill.lesson import Run
    from tinyclap_edge.distill.processes import join
    from tinyclap_edge.distill.rows import open_rows
    from tinyclap_edge.distill.run import distill
    from tinyclap_edge.distill.space import text_side

    device = _device(device, torch.cuda.is_available())
    world = join(device)
    if not world.first:  # the first process computes what log-mels are missing, the others find them
        world.wait()
    rows = open_rows(Path(store), spec)
    if world.first:
        world.wait()
    weights = Path(teacher_weights) if teacher_weights else None
    run = Run(
        out=Path(out),
        arch=arch,
        side=text_side(rows.source.teacher, rows.source.identity, rows.dim, weights),
        seed=seed,
        resume=resume,
        device=device,
        command=tuple(sys.argv[1:]),
        log=say,
    )
    record = distill(chosen, rows, run)
    if record["status"] == "done":
        result(str(Path(out) / "student.safetensors"))
    return record


def _list() -> list[dict[str, Any]]:
    from tinyclap_edge.distill.recipes import RECIPES

    table("", ["recipe", "what it does"], [[name, kind.title] for name, kind in RECIPES.items()])
    return [{"name": name, "title": kind.title} for name, kind in RECIPES.items()]


def _show(recipe: Recipe) -> dict[str, Any]:
    from dataclasses import asdict

    from tinyclap_edge.distill.recipes import values

    result(f"{recipe.name}: {recipe.title}")
    result(f"learns {recipe.targets} embeddings" + ("; the last layer is refitted in the end" * recipe.refit))
    for stage in recipe.stages():
        result(f"stage {stage.name}: {stage.steps} steps, rate {stage.learning_rate:g}, trains {stage.trained}")
    table("", ["setting", "value"], [[key, f"{value}"] for key, value in values(recipe)])
    stages = [asdict(stage) for stage in recipe.stages()]
    return {"name": recipe.name, "title": recipe.title, "settings": dict(values(recipe)), "stages": stages}


def _architecture(student: str) -> tuple[str, FrontendSpec]:
    """The architecture, and the front end it hears through: a file's own, or the default."""
    from tinyclap_edge.frontend.spec import FrontendSpec
    from tinyclap_edge.students.presets import MADE_FOR, find_student
    from tinyclap_edge.students.registry import canonical_arch

    if student in MADE_FOR or student.endswith(".safetensors"):
        file = find_student(student)
        return canonical_arch(file.arch), file.frontend
    return canonical_arch(student), FrontendSpec()


def _recommended(board: str) -> tuple[str, FrontendSpec, int]:
    """Architecture, front end and r that `fit --board` recommends."""
    from tinyclap_edge.boards import find_board
    from tinyclap_edge.fit.solver import recommend
    from tinyclap_edge.students.registry import canonical_arch

    best = recommend(find_board(board)).recommended
    say(f"{board}: {best.configuration.text()}, {best.params:,} parameters, {best.macs / 1e6:.1f} M MACs")
    return canonical_arch(best.configuration.net.arch()), best.configuration.frontend, best.configuration.r


def _device(wanted: str | None, gpu: bool) -> str:
    if wanted is None:
        wanted = "cuda" if gpu else "cpu"
    if wanted.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {wanted!r}", "cpu or cuda")
    if wanted.startswith("cuda") and not gpu:
        raise UsageError("torch sees no GPU", "--device cpu")
    if wanted == "cuda" and "LOCAL_RANK" in os.environ:
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return wanted
