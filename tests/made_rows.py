"""A small store in memory: clips whose log-mel shows which embedding they have, so that a student can learn it."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.distill.rows import ArrayRows, Source
from tinyclap_edge.distill.space import TextSide
from tinyclap_edge.frontend.spec import FrontendSpec

SPEC = FrontendSpec(frames=32, mel_bins=16)
TINY = "phinet:alpha=0.15,beta=1,t0=2,N=3,compat=1,padding=same,divisor=4"


def made_rows(count: int = 120, dim: int = 12, seed: int = 0, kinds: int = 6) -> ArrayRows:
    """`count` clips of `kinds` kinds; each kind has a spectrum and an embedding of its own."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, count)
    spectra = rng.uniform(-70, -20, (kinds, 1, SPEC.mel_bins))
    db = spectra[kind] + rng.normal(0, 4, (count, SPEC.frames, SPEC.mel_bins))
    directions = rng.normal(size=(kinds, dim))
    targets = directions[kind] + 0.2 * rng.normal(size=(count, dim))
    return ArrayRows(
        Source("made", "00ff00ff00ff00ff", "ab" * 32, "store"),
        SPEC,
        [f"clip-{i:03d}" for i in range(count)],
        targets.astype(np.float32),
        np.round(db * 256).astype(np.int16),
        np.full(count, -26, np.float32),
    )


def silent_side(dim: int = 12) -> TextSide:
    """The text side of a teacher without one."""
    return TextSide(np.eye(dim, dtype=np.float32), np.zeros(dim, np.float32), None, centred=False, speaks=False)
