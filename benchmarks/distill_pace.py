"""Seconds an epoch from the store and with the teacher in the loop, in one run, and where the processor's time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.distill_data import SPEC, TRAIN, WORK, Data
from tinyclap_edge.data.corpora import open_corpus
from tinyclap_edge.data.store.features import log_mel_row
from tinyclap_edge.distill.lesson import Run, prepare
from tinyclap_edge.distill.processes import ALONE
from tinyclap_edge.distill.recipes import find_recipe
from tinyclap_edge.distill.settings import with_settings
from tinyclap_edge.students.presets import find_student

BATCH, STORE_STEPS, LOOP_STEPS = 64, 30, 4


class Clock:
    """Seconds by part: of the processor for shares, which other programs do not disturb, and of the wall."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` with its time added to `part`."""

        def measured(*args: Any, **kwargs: Any) -> Any:
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.cpu[part] = self.cpu.get(part, 0.0) + time.process_time() - cpu
                self.wall[part] = self.wall.get(part, 0.0) + time.perf_counter() - wall

        return measured


def pace(data: Data) -> dict[str, Any]:
    """Processor seconds of an epoch over the training clips, one core; teacher in the loop: each step reads its clips'
    sounds, makes both log-mels and runs the teacher, as the released recipes do."""
    torch.set_num_threads(1)
    recipe = with_settings(find_recipe("edge"), (f"batch={BATCH}",))
    run = Run(WORK / "pace", find_student("small").arch, data.side)
    lesson = prepare(recipe, data.train, run, ALONE, lambda line: None)
    epoch = len(data.train) / BATCH
    clock = Clock()
    task, rows = lesson.task, data.train
    for name in ("features", "embeddings", "levels"):
        setattr(rows, name, clock.timed("data", getattr(rows, name)))
    optimiser = torch.optim.AdamW(task.trainee.parameters(), lr=1e-3)

    def step(number: int) -> None:
        optimiser.zero_grad(set_to_none=True)
        task.backward(number, torch.Generator().manual_seed(number))
        optimiser.step()

    task.trainee.train()
    step(0)
    clock.cpu.clear()
    whole = clock.timed("whole", step)
    for number in range(1, STORE_STEPS + 1):
        whole(number)
    from_store = clock.cpu["whole"] / STORE_STEPS
    loading = clock.cpu["data"] / clock.cpu["whole"]
    for name in ("features", "embeddings", "levels"):
        delattr(rows, name)
    parts = in_the_loop(data)
    rows_out = [_row("reference, 2.1 M parameters, sounds rendered", from_store, parts, epoch)]
    unread = {name: value for name, value in parts.items() if name != "reading"}
    rows_out.append(_row("the same with all audio in memory", from_store, unread, epoch))
    large = {**unread, "teacher": _cnn14_seconds() * BATCH}
    rows_out.append(_row("CNN14 of MS CLAP 2022, 79.7 M parameters, audio in memory", from_store, large, epoch))
    return {
        "batch": BATCH, "clips": len(data.train), "store_s": round(from_store * epoch, 1), "rows": rows_out,
        "training_share": round(1 - loading, 4), "unit": "processor seconds, one core",
    }  # fmt: skip


def in_the_loop(data: Data) -> dict[str, float]:
    """Seconds a step by part, beyond what a step from the store costs."""
    from tinyclap_edge.teachers.registry import open_teacher

    corpus, teacher, clock = open_corpus(TRAIN), open_teacher("reference"), Clock()
    clips = corpus.clips("train")
    order = np.random.default_rng(0).permutation(len(clips))
    read = clock.timed("reading", lambda clip: corpus.read(clip, SPEC.sample_rate_hz))
    hear = clock.timed("student's log-mel", lambda audio: log_mel_row(audio, SPEC))
    embed = clock.timed("teacher", teacher.embed_audio)
    for number in range(LOOP_STEPS):
        audio = [read(clips[i]) for i in order[number * BATCH : (number + 1) * BATCH]]
        embed(audio)
        for each in audio:
            hear(each)
    return {part: seconds / LOOP_STEPS for part, seconds in clock.cpu.items()}


def _cnn14_seconds() -> float:
    """Processor seconds a clip of 5 s at 44.1 kHz through the published architecture with fresh weights, log-mel included."""
    from tinyclap_edge.teachers.msclap import RELEASES
    from tinyclap_edge.teachers.registry import find_card
    from tinyclap_edge.teachers.tower import WindowedTeacher

    card = find_card("msclap-2022")
    tower = RELEASES["msclap-2022"].audio().eval()

    class Fresh(WindowedTeacher):
        def network(self, x: torch.Tensor) -> torch.Tensor:
            return tower.projection(tower.base(x))

    teacher = Fresh()
    assert card.frontend is not None
    teacher.card, teacher.frontend = card, card.frontend
    noise = np.random.default_rng(0).normal(0, 0.1, card.frontend.clip_samples).astype(np.float32)
    teacher.embed_audio([noise])
    clock = Clock()
    clock.timed("teacher", teacher.embed_audio)([noise] * 3)
    return clock.cpu["teacher"] / 3


def _row(teacher: str, step: float, parts: dict[str, float], epoch: float) -> dict[str, Any]:
    extra = sum(parts.values())
    return {
        "teacher": teacher, "loop_s": round((step + extra) * epoch, 1), "ratio": round((step + extra) / step, 2),
        "parts_s": {name: round(seconds * epoch, 1) for name, seconds in parts.items()},
    }  # fmt: skip
