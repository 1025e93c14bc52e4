"""Run by tests in processes of their own: one distillation of made rows, killed at a step where asked.

python distill_script.py OUT RECIPE STEPS [--kill STEP] [--resume] [--curve FILE] [--set KEY=VALUE ...]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path

import torch
from made_rows import TINY, made_rows, silent_side

from tinyclap_edge.distill.lesson import Run
from tinyclap_edge.distill.loop import Step
from tinyclap_edge.distill.recipes import find_recipe
from tinyclap_edge.distill.run import distill
from tinyclap_edge.distill.settings import with_settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("recipe")
    parser.add_argument("steps")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--curve")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    losses: list[float] = []

    def watch(step: Step) -> None:
        losses.append(step.loss)
        if len(losses) == options.kill:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = [f"steps={options.steps}", "batch=16", "r=8", "checkpoint_every=3", "log_every=50", "learning_rate=0.01"]
    recipe = with_settings(with_settings(find_recipe(options.recipe), settings), options.set)
    run = Run(Path(options.out), TINY, silent_side(), resume=options.resume, watch=watch, log=lambda line: None)
    distill(recipe, made_rows(90), run)
    if options.curve and os.environ.get("RANK", "0") == "0":
        Path(options.curve).write_text(json.dumps(losses))


if __name__ == "__main__":
    main()
