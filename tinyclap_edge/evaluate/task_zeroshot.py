"""Zero-shot: every clip gets the class whose prompts are nearest; several classes a clip are scored by mAP."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.data.corpora import label_matrix
from tinyclap_edge.evaluate.intervals import share
from tinyclap_edge.evaluate.precision import mean_average_precision
from tinyclap_edge.evaluate.session import Heard, Session
from tinyclap_edge.evaluate.zeroshot import unit


def zero_shot(session: Session, heard: Heard | None = None) -> dict[str, Any]:
    """The measure with its interval; accuracy also by fold and by group where the corpus has them."""
    session.require_words()
    heard = heard or session.hear()
    names = session.classes(heard.clips)
    scores = unit(heard.vectors) @ session.class_rows(names).T  # (n, classes)
    result: dict[str, Any] = {"classes": len(names), "prompts": list(session.prompts.templates)}
    if session.multi_label:
        targets, mask = label_matrix(heard.clips, names)
        return {**result, "measure": "mAP", "mAP": mean_average_precision(scores, targets, mask).to_dict()}
    single = np.array([len(clip.labels) == 1 for clip in heard.clips])
    index = {name: i for i, name in enumerate(names)}
    truth = np.array([index[clip.labels[0]] for clip in heard.clips if len(clip.labels) == 1], int)
    ranked = np.argsort(-scores[single], axis=1, kind="stable")
    hits = ranked[:, 0] == truth
    result |= {
        "measure": "accuracy",
        "accuracy": share(hits).to_dict(),
        "top 5": share((ranked[:, :5] == truth[:, None]).any(1)).to_dict(),
        "chance": round(1 / len(names), 4),
        "left out": int((~single).sum()),
    }
    clips = [clip for clip, keep in zip(heard.clips, single, strict=True) if keep]
    if clips and all(clip.fold is not None for clip in clips) and not session.protocol.only_present:
        folds = np.array([clip.fold for clip in clips])
        by_fold = {str(f): round(float(hits[folds == f].mean()), 4) for f in np.unique(folds)}
        result |= {"by fold": by_fold, "mean of folds": round(float(np.mean(list(by_fold.values()))), 4)}
    groups = np.array([clip.group for clip in clips])
    if len(set(groups.tolist()) - {""}) > 1:
        result["by group"] = {str(g): round(float(hits[groups == g].mean()), 4) for g in np.unique(groups)}
    result["by class"] = {
        n: round(float(hits[truth == i].mean()), 4) for i, n in enumerate(names) if (truth == i).any()
    }
    return result
