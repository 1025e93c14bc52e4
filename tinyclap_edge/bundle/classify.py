"""Sound files through a target: a ranking a file, and the scores of every window."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.audio import read_audio, window_starts
from tinyclap_edge.bundle.run import Ready, prepare_pcm
from tinyclap_edge.device.events import EventDetector
from tinyclap_edge.labels.pack import LabelPack

Q15 = 32768.0


def classify_files(
    ready: Ready, paths: list[Path], advance: Callable[[int], None] = lambda steps: None
) -> dict[str, Any]:
    """Every file is read before the first runs, so that a bad one costs no time. Scores are cosines, -1 to 1.

    A file's ranking is by the mean over its windows; `heard` are the labels that a board would have told of, and none of
    these where it is empty. `digest` is the SHA-256 over all embeddings and scores.
    """
    bundle = ready.bundle
    spec, labels, pack = bundle.spec, bundle.labels, bundle.pack
    recordings = [read_audio(path, spec.sample_rate_hz) for path in paths]
    sha, total, files = hashlib.sha256(), 0, []
    for recording in recordings:
        pcm = prepare_pcm(bundle, recording.pcm)
        stages, _ = ready.run(pcm)
        sha.update(stages.digest().encode())
        total += len(stages.scores)
        scores = stages.scores / Q15  # (windows, labels)
        means = scores.mean(0)
        starts = window_starts(pcm.size, spec, bundle.hop_frames, bundle.span_samples)
        files.append(
            {
                "path": str(recording.path),
                "seconds": round(recording.seconds, 3),
                "notes": list(recording.notes),
                "ranking": [
                    {"label": labels[i], "score": round(float(means[i]), 4)} for i in np.argsort(-means, kind="stable")
                ],
                "heard": heard(pack, stages.scores),
                "windows": [
                    {"start_s": round(s / spec.sample_rate_hz, 3), "scores": [round(float(v), 4) for v in row]}
                    for s, row in zip(starts, scores, strict=True)
                ],
            }
        )
        advance(1)
    return {
        "board": bundle.board.name,
        "target": ready.target,
        "labels": labels,
        "background": None if pack.background is None else labels[pack.background],
        "windows": total,
        "digest": sha.hexdigest(),
        "files": files,
    }


def heard(pack: LabelPack, scores_q15: np.ndarray) -> list[str]:
    """Labels that begin in a recording's windows (n, labels), in order, by the rules of a board (device/events.py)."""
    detector = EventDetector(pack.thresholds_q15, pack.background)
    return list(dict.fromkeys(pack.names[label] for row in scores_q15 for label in detector.take(row)))
