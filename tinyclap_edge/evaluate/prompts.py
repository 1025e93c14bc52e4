"""Sentences in which classes are asked for: sets of templates by name, and those that a user writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.data.corpora import CorpusCard
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.zeroshot import unit
from tinyclap_edge.labels.prompts import TEMPLATES

MAX_TEMPLATES = 200
EncodeTexts = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class PromptSet:
    """templates: sentences with one {}; a class is the mean of their unit embeddings."""

    name: str
    templates: tuple[str, ...]
    source: str = ""


PROMPTS: dict[str, PromptSet] = {
    p.name: p
    for p in (
        PromptSet("name", ("{}",), "the bare name of the class"),
        PromptSet("msclap", ("this is the sound of {}",), "MS CLAP and tinyCLAP"),
        PromptSet("laion", ("This is a sound of {}",), "LAION CLAP on ESC-50"),
        PromptSet("labels", TEMPLATES, "what label packs are made of"),
        PromptSet(
            "unseen", ("the noise of {}", "an audio clip of {}", "somebody can hear {} here"),
            "templates that no training caption of the reference teacher has",
        ),
        PromptSet(
            "ensemble", (*TEMPLATES, "the noise of {}", "an audio clip of {}", "This is a sound of {}", "i can hear {}"),
            "nine wordings",
        ),
    )
}  # fmt: skip


def find_prompts(asked: str, card: CorpusCard) -> PromptSet:
    """ "corpus" (the template of its published results), a name of PROMPTS, a template with {}, or a file of templates."""
    if asked == "corpus":
        return PromptSet("corpus", (card.template,), f"published for {card.title}")
    if asked in PROMPTS:
        return PROMPTS[asked]
    if "{}" in asked:
        return PromptSet("given", (asked,), "the command line")
    path = Path(asked)
    if not path.is_file():
        raise UsageError(
            f"no prompts are called {asked!r}",
            f"one of corpus, {', '.join(PROMPTS)}, a sentence with {{}}, or a text file",
        )
    if path.stat().st_size > 1 << 20:
        raise UsageError(f"{path} is larger than 1 MiB", "one template a line")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "save it as UTF-8, one template a line") from None
    wrong = [line for line in lines if line.count("{}") != 1]
    if wrong or not 1 <= len(lines) <= MAX_TEMPLATES:
        fact = f"{path}: {wrong[0]!r} holds no single {{}}" if wrong else f"{path} holds {len(lines)} templates"
        raise UsageError(fact, f"one template a line, each with one {{}}, 1 to {MAX_TEMPLATES} of them")
    return PromptSet(path.name, tuple(lines), "a file")


def class_vectors(spoken: Sequence[str], prompts: PromptSet, encode: EncodeTexts) -> np.ndarray:
    """(classes, dim) unit vectors: of each class the mean of its prompts' unit embeddings."""
    texts = [template.replace("{}", name) for name in spoken for template in prompts.templates]
    unique = list(dict.fromkeys(texts))
    vectors = dict(zip(unique, unit(encode(unique)), strict=True))
    per_class = np.stack([vectors[t] for t in texts]).reshape(len(spoken), len(prompts.templates), -1)
    return unit(per_class.mean(1))
