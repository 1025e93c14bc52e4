"""The linear probe on a corpus: its folds or its splits, accuracy or mAP."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyclap_edge.data.corpora import label_matrix
from tinyclap_edge.errors import UsageError
from tinyclap_edge.evaluate.intervals import share
from tinyclap_edge.evaluate.precision import mean_average_precision
from tinyclap_edge.evaluate.probe import C, Scores, fit_multi, fit_single
from tinyclap_edge.evaluate.protocols import fold_numbers
from tinyclap_edge.evaluate.session import Heard, Session


def probe(session: Session, window_s: float | None = None) -> dict[str, Any]:
    """The measure with its interval, by fold where there are folds; and what the probe was."""
    return score_probe(session, fit_probe(session, window_s), session.hear(window_s=window_s))


def fit_probe(session: Session, window_s: float | None = None) -> dict[int, Scores]:
    """Fold -> the probe that never saw it; fold 0 is the scored split of a corpus that names one to learn from."""
    taught = [s for s in session.protocol.taught if s in session.corpus.card.splits and s != session.split]
    if taught:
        heard = [session.hear(split, window_s) for split in taught]
        clips = [clip for part in heard for clip in part.clips]
        return {0: _fit(session, Heard(clips, np.concatenate([part.vectors for part in heard])))}
    heard_all = session.hear(window_s=window_s)
    folds = np.array(fold_numbers(heard_all.clips))
    if len(np.unique(folds)) < 2:
        raise UsageError(
            f"{len(heard_all.clips)} clips in one fold", "a probe needs two folds, or a split to learn from"
        )
    return {int(f): _fit(session, _part(heard_all, folds != f)) for f in np.unique(folds)}


def score_probe(session: Session, probes: dict[int, Scores], heard: Heard) -> dict[str, Any]:
    """How well the probes do on the scored clips as they were heard, each on the fold that it does not know."""
    names = session.classes(heard.clips)
    folds = np.array(fold_numbers(heard.clips)) if 0 not in probes else np.zeros(len(heard.clips), int)
    result: dict[str, Any] = {"recipe": f"standardised, logistic regression, C = {C:g}", "classes": len(names)}
    if session.multi_label:
        targets, mask = label_matrix(heard.clips, names)
        scores = np.zeros(targets.shape)
        for fold, run in probes.items():
            scores[folds == fold] = run(heard.vectors[folds == fold])
        return {**result, "measure": "mAP", "mAP": mean_average_precision(scores, targets, mask).to_dict()}
    truth = _labels(heard, names)
    use = truth >= 0
    answers = np.full(len(truth), -1)
    for fold, run in probes.items():
        rows = use & (folds == fold)
        if rows.any():
            answers[rows] = run(heard.vectors[rows]).argmax(1)
    hits = answers == truth
    result |= {"measure": "accuracy", "accuracy": share(hits[use]).to_dict(), "chance": round(1 / len(names), 4)}
    if 0 not in probes:
        rates = {str(f): round(float(hits[use & (folds == f)].mean()), 4) for f in probes if (use & (folds == f)).any()}
        values = list(rates.values())
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        result |= {
            "by fold": rates,
            "mean of folds": round(float(np.mean(values)), 4),
            "deviation": round(deviation, 4),
        }
    return result


def _fit(session: Session, heard: Heard) -> Scores:
    names = session.classes(session.corpus.clips(session.split))
    if session.multi_label:
        return fit_multi(heard.vectors, *label_matrix(heard.clips, names))
    labels = _labels(heard, names)
    return fit_single(heard.vectors[labels >= 0], labels[labels >= 0], len(names))


def _labels(heard: Heard, names: tuple[str, ...]) -> np.ndarray:
    """(n,) index of the only label, -1 for a clip with none, with several or with another."""
    index = {name: i for i, name in enumerate(names)}
    return np.array([index.get(c.labels[0], -1) if len(c.labels) == 1 else -1 for c in heard.clips], int)


def _part(heard: Heard, rows: np.ndarray) -> Heard:
    return Heard([clip for clip, keep in zip(heard.clips, rows, strict=True) if keep], heard.vectors[rows])
