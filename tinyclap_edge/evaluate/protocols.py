"""How each corpus is examined: which split is scored, what a probe learns from, and in which words its classes are asked.

The official protocols of the corpora; a corpus that has none gets five folds by a hash of the clip's id, so that the
same clips always fall together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tinyclap_edge.data.corpora import Clip, Corpus
from tinyclap_edge.errors import UsageError

HASH_FOLDS = 5


@dataclass(frozen=True)
class Protocol:
    """scored: splits to score, the first that the corpus has (empty: all clips); taught: splits a probe learns from (empty:
    folds of the scored clips); prompts: a name of prompts.PROMPTS; only_present: ask only for classes that occur.
    """

    scored: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    prompts: str = "corpus"
    only_present: bool = False


PROTOCOLS: dict[str, Protocol] = {
    "esc50": Protocol(),  # 5 folds
    "urbansound8k": Protocol(),  # 10 folds
    "tut2017": Protocol(scored=("evaluation", "development")),  # 4 folds on development
    "tau2020": Protocol(scored=("test",), taught=("train",)),
    "openmic": Protocol(scored=("test",), taught=("train",)),
    "fsd50k": Protocol(scored=("test",), taught=("train", "validation")),
    "audiocaps": Protocol(scored=("test", "validation")),
    "clotho": Protocol(scored=("test", "validation")),
    "audioset": Protocol(scored=("eval",), taught=("balanced_train", "unbalanced_train")),
    "sounds": Protocol(scored=("fresh",), prompts="unseen", only_present=True),
}


def protocol_of(corpus: Corpus) -> Protocol:
    """That of the corpus, or the plain one."""
    return PROTOCOLS.get(corpus.card.name, Protocol())


def scored_split(corpus: Corpus, protocol: Protocol, asked: str | None) -> str | None:
    """The split to score: the asked one, or the protocol's; None for all clips."""
    if asked is not None:
        return asked
    there = [s for s in protocol.scored if s in corpus.card.splits]
    if protocol.scored and not there and corpus.card.splits:
        raise UsageError(
            f"{corpus.card.title} is here without the split {protocol.scored[0]!r}",
            f"choose one with --split: {', '.join(corpus.card.splits)}",
        )
    return there[0] if there else None


def fold_numbers(clips: list[Clip]) -> list[int]:
    """The fold of each clip: the corpus' own where every clip has one, else 1..5 by a hash of its id."""
    if clips and all(clip.fold is not None for clip in clips):
        return [int(clip.fold or 0) for clip in clips]
    return [int(hashlib.sha256(clip.id.encode()).hexdigest()[:8], 16) % HASH_FOLDS + 1 for clip in clips]
