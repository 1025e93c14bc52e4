"""Retrieval R@1 in both directions, over unseen prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyclap_edge.data.sounds.captions import name_prompts
from tinyclap_edge.evaluate.intervals import Share, share
from tinyclap_edge.evaluate.zeroshot import Texts, unit


def retrieval_r1(audio: np.ndarray, labels: np.ndarray, names: Sequence[str], texts: Texts) -> dict[str, Share]:
    """text_to_audio: the clip nearest to a prompt is of its family; audio_to_text: the prompt nearest to a clip is one
    of its family. audio: (n, dim), labels: (n,) index into names; each family brings its prompts."""
    owner, rows = [], []
    for i, name in enumerate(names):
        for prompt in name_prompts(name):
            owner.append(i)
            rows.append(texts[prompt])
    scores = unit(audio) @ unit(np.stack(rows)).T  # (clips, prompts)
    owner_of = np.array(owner)
    return {
        "text_to_audio": share(labels[np.argmax(scores, axis=0)] == owner_of),
        "audio_to_text": share(owner_of[np.argmax(scores, axis=1)] == labels),
    }
