"""Sound files through a target: a ranking a file, and the scores of every window."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.audio import read_audio, window_starts
from tinyclap_edge.bundle.run import Ready, prepare_pcm

Q15 = 32768.0


def classify_files(
    ready: Ready, paths: list[Path], advance: Callable[[int], None] = lambda steps: None
) -> dict[str, Any]:
    """Every file is read before the first runs, so that a bad one costs no time. Scores are cosines, -1 to 1.

    A file's ranking is by the mean over its windows. `digest` is the SHA-256 over all embeddings and scores.
    """
    bundle = ready.bundle
    spec, labels = bundle.spec, bundle.labels
    recordings = [read_audio(path, spec.sample_rate_hz) for path in paths]
    sha, total, files = hashlib.sha256(), 0, []
    for recording in recordings:
        pcm = prepare_pcm(bundle, recording.pcm)
        stages, _ = ready.run(pcm)
        sha.update(stages.digest().encode())
        total += len(stages.scores)
        scores = stages.scores / Q15  # (windows, labels)
        means = scores.mean(0)
        starts = window_starts(pcm.size, spec, bundle.hop_frames)
        files.append(
            {
                "path": str(recording.path),
                "seconds": round(recording.seconds, 3),
                "notes": list(recording.notes),
                "ranking": [
                    {"label": labels[i], "score": round(float(means[i]), 4)} for i in np.argsort(-means, kind="stable")
                ],
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
        "windows": total,
        "digest": sha.hexdigest(),
        "files": files,
    }
