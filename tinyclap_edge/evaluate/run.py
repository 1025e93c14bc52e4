"""`evaluate`: a model, a corpus, a list of tasks -> one record, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyclap_edge import __version__
from tinyclap_edge.data.corpora import Corpus
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.examinee import Examinee
from tinyclap_edge.evaluate.prompts import PromptSet, find_prompts
from tinyclap_edge.evaluate.protocols import protocol_of, scored_split
from tinyclap_edge.evaluate.session import Session
from tinyclap_edge.evaluate.task_drift import drift
from tinyclap_edge.evaluate.task_probe import probe
from tinyclap_edge.evaluate.task_retrieval import retrieval
from tinyclap_edge.evaluate.task_robustness import robustness
from tinyclap_edge.evaluate.task_zeroshot import zero_shot
from tinyclap_edge.evaluate.temporal import support_curve

SCHEMA = "tinyclap-evaluation/1"


@dataclass(frozen=True)
class Task:
    """One examination; run raises UsageError where the model or the corpus does not have what it takes."""

    name: str
    title: str
    run: Callable[[Session], dict[str, Any]]


TASKS: dict[str, Task] = {
    t.name: t
    for t in (
        Task("zero-shot", "Zero-shot by prompts", zero_shot),
        Task("probe", "Linear probe on frozen embeddings", probe),
        Task("retrieval", "Retrieval in both directions", retrieval),
        Task("robustness", "Noise, time shift and gain", robustness),
        Task("drift", "Drift from stage to stage", drift),
    )
}


@dataclass(frozen=True)
class Request:
    """tasks: names of TASKS; windows: none for the model's own, one to examine at it, several for the curve too;
    prompts: see prompts.find_prompts, None for the corpus' own."""

    tasks: tuple[str, ...] = ("zero-shot",)
    prompts: str | None = None
    split: str | None = None
    windows: tuple[float, ...] = ()
    forgiving: bool = False  # a task that cannot be run is named in the record, not an error

    def __post_init__(self) -> None:
        unknown = [name for name in self.tasks if name not in TASKS]
        if unknown or not self.tasks:
            raise UsageError(f"no task is called {(unknown or [''])[0]!r}", f"one of {', '.join(TASKS)}, or all")


def evaluate(
    examinee: Examinee, corpus: Corpus, request: Request, advance: Callable[[int], None] = lambda clips: None
) -> dict[str, Any]:
    """The whole record, ready for JSON; nothing in it depends on the clock, the machine's paths or chance.

    Raises UsageError (2) where the model or the corpus does not have what a task takes; with request.forgiving the
    task is left out and the record says why.
    """
    protocol = protocol_of(corpus)
    prompts = find_prompts(request.prompts or protocol.prompts, corpus.card)
    split = scored_split(corpus, protocol, request.split)
    one = request.windows[0] if len(request.windows) == 1 else None
    session = Session(examinee, corpus, protocol, prompts, split, one, advance)
    results, left_out = {}, {}
    for name in request.tasks:
        try:
            results[name] = TASKS[name].run(session)
        except UsageError as error:
            if not request.forgiving:
                raise
            left_out[name] = error.fact
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "tool_version": __version__,
        "model": {
            "name": examinee.name, "form": examinee.form, "identity": examinee.identity, "dim": examinee.dim,
            **examinee.cost(one),
        },
        "corpus": _corpus_record(corpus, session, split),
        "prompts": _prompts_record(prompts),
        "tasks": results,
        "left out": left_out,
    }  # fmt: skip
    if len(request.windows) > 1:
        curve = record["temporal support"] = support_curve(session, request.windows)
        record["windows"] = [
            {"window_s": r["window_s"], "accuracy": r[curve["measure"]]} for r in curve["rows"]
        ]  # `fit`
    record["corpus"]["trouble"] = corpus.report.sentences()
    return record


def _corpus_record(corpus: Corpus, session: Session, split: str | None) -> dict[str, Any]:
    card = corpus.card
    clips = len(session.clips(split))
    return {"name": card.name, "title": card.title, "protocol": card.protocol, "split": split or "all", "clips": clips}


def _prompts_record(prompts: PromptSet) -> dict[str, Any]:
    return {"name": prompts.name, "templates": list(prompts.templates), "source": prompts.source}
