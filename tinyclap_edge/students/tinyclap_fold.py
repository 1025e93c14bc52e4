"""Folding an imported tinyCLAP student, checked by running both networks on procedural sounds.

The same sounds then tell the space's principal directions and the statistics that a reduction needs; no recording of
others is read. Each row of the last map counts as a sound of its own, since it is the embedding of about a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyclap_edge.errors import NumbersDiffer
from tinyclap_edge.frontend.reference import logmel_float
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.registry import student_cost
from tinyclap_edge.students.tinyclap_config import parse_tinyclap
from tinyclap_edge.students.tinyclap_head import embed_pooled, fold_head
from tinyclap_edge.students.tinyclap_reduce import principal_directions

SOUNDS, HELD_OUT, CLIP_S, SEED = 24, 6, 5.0, 44100  # the last ones are kept to measure a reduction on
STEPS = SOUNDS
COMPARED = 2  # sounds on which folded and published network both run
TOLERANCE = 1e-4  # of float32 networks whose embeddings have entries around 1


def fold_student(student: StudentFile, advance: Callable[[int], None] = lambda steps: None) -> StudentFile:
    """A student with a published head -> the same with a folded one, its space measured on calibration sounds.

    NumbersDiffer (6) where the two networks disagree by more than float32 explains.
    """
    from tinyclap_edge.students.embed import embed_logmel

    config = parse_tinyclap(student.arch)
    folded = replace(student, arch=replace(config, head="folded").arch(), tensors=fold_head(student.tensors))
    mels = calibration_mels(student.frontend, advance)
    difference = float(np.abs(embed_logmel(student, mels[:COMPARED]) - embed_logmel(folded, mels[:COMPARED])).max())
    if not difference <= TOLERANCE:
        raise NumbersDiffer(
            f"folding the head of {student.name} changed its output by {difference:.2g}",
            "report the checkpoint: its last block is not as published",
        )
    samples = pooled_samples(student, mels)
    used = len(samples) * (SOUNDS - HELD_OUT) // SOUNDS
    rotation, order = principal_directions(embed_pooled(folded.tensors, samples[:used])[0])
    shape = (1, student.frontend.frames, student.frontend.mel_bins)
    before, after = student_cost(student.arch, shape), student_cost(folded.arch, shape)
    fold = {"params_before": before.params, "params": after.params, "macs_before": before.macs, "macs": after.macs,
            "largest_difference": difference, "sounds": SOUNDS, "held_out_sounds": HELD_OUT,
            "samples_used": used}  # fmt: skip
    card = student.card | {"imported": student.card.get("imported", {}) | {"fold": fold}}
    return replace(folded, rotation=rotation, order=order, samples=samples, card=card)


def calibration_mels(spec: FrontendSpec, advance: Callable[[int], None] = lambda steps: None) -> np.ndarray:
    """Log-mels (SOUNDS, frames, mels) float32 dB of procedural sounds of the training families, by this front end."""
    from tinyclap_edge.data.sounds.corpus import make_clip, sources_of

    families = sources_of("seen")
    rows = []
    for index in range(SOUNDS):
        source = families[index % len(families)]
        pcm = make_clip(source, SEED + index, rate=spec.sample_rate_hz, seconds=CLIP_S).pcm
        total = spec.window_total_samples
        pcm = np.concatenate([pcm, np.zeros(max(0, total - len(pcm)), np.int16)])[:total]
        rows.append(logmel_float(pcm, spec).astype(np.float32))
        advance(1)
    return np.stack(rows)


def pooled_samples(student: StudentFile, mels: np.ndarray) -> np.ndarray:
    """Pooled maps of a student with its published head, clip by clip: (n, channels) float32.

    For each clip the mean that the head reads, then each row of the map's first column (the only one that it reads).
    """
    import torch

    from tinyclap_edge.students.embed import BATCH, student_module
    from tinyclap_edge.students.tinyclap_torch import TinyclapStudent

    module, spec, found = student_module(student), student.frontend, []
    assert isinstance(module, TinyclapStudent)
    with torch.inference_mode():
        for start in range(0, len(mels), BATCH):
            x = (torch.from_numpy(mels[start : start + BATCH]) + spec.offset_db) / spec.scale_db
            feature_map = module.map(x[:, None])  # (batch, channels, rows, columns)
            whole = feature_map[..., ::2, ::2].mean((2, 3))[:, None]
            found.append(torch.cat([whole, feature_map[..., 0].transpose(1, 2)], 1).flatten(0, 1))
    return torch.cat(found).numpy()
