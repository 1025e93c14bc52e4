"""Retrieval on a corpus: its captions, or the prompts of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.retrieval import RANKS, recall_at
from tinyclap_edge.evaluate.session import Session
from tinyclap_edge.evaluate.zeroshot import unit


def retrieval(session: Session) -> dict[str, Any]:
    """R@1, 5, 10 by the clips' own captions, or by the prompts of their classes where there are no captions."""
    session.require_words()
    heard = session.hear()
    told = [clip.captions for clip in heard.clips]
    result: dict[str, Any] = {}
    if any(told):
        texts = [caption for captions in told for caption in captions]
        owner = np.repeat(np.arange(len(told)), [len(captions) for captions in told])
        relevant = owner[None] == np.arange(len(told))[:, None]  # (clips, texts)
        rows = session.examinee.class_rows(unit(session.examinee.embed_text(texts)))
        result["by"] = "captions"
    else:
        names = session.classes(heard.clips)
        relevant = np.array([[name in clip.labels for name in names] for clip in heard.clips])
        rows = session.class_rows(names)
        result["by"] = "class prompts"
    scores = unit(heard.vectors) @ rows.T
    if not relevant.any():
        raise UsageError(f"{session.corpus.card.title} has neither captions nor labels")
    asked, answered = relevant.any(0), relevant.any(1)
    return {
        **result,
        "clips": int(answered.sum()),
        "texts": int(asked.sum()),
        "text to audio": {f"R@{k}": recall_at(scores.T[asked], relevant.T[asked], k).to_dict() for k in RANKS},
        "audio to text": {f"R@{k}": recall_at(scores[answered], relevant[answered], k).to_dict() for k in RANKS},
    }
