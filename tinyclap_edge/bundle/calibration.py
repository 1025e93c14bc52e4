"""The calibration windows that ship with the package: log-mels, and what the teacher makes of them.

They choose the int8 ranges and show the drift from stage to stage: training clips of procedural sounds, the first third
of them distorted by noise, equalisation and level as the student met them. File: calibration.npz with `features`
(n, frames, mels) uint8 in half decibels above -100 dB, and `embeddings` (n, dim), the teacher's of the clean clip.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.frontend.quantize import network_input
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students import presets

_OFFSET, _STEP_Q8 = 200, 128  # q8 = (feature - 200) * 128


@dataclass(frozen=True)
class Calibration:
    """logmel_q8 (n, frames, mels) int16; teacher (n, dim) float32; clean: the index of the first undistorted window."""

    logmel_q8: np.ndarray
    teacher: np.ndarray
    clean: int

    def network_input(self, spec: FrontendSpec) -> np.ndarray:
        """(n, frames, mels, 1) float32, as the network sees it."""
        return network_input(self.logmel_q8, spec)[..., None]


@lru_cache(maxsize=2)
def load_calibration(path: Path | None = None) -> Calibration:
    """Read and check the file, the package's own by default; CorruptFile (7) when it is damaged."""
    path = path or presets.MODELS / "calibration.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            features, teacher = arrays["features"], arrays["embeddings"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{path.name}: the calibration windows cannot be read ({error})", "install again") from error
    if features.dtype != np.uint8 or features.ndim != 3 or len(features) != len(teacher) or not len(features):
        raise CorruptFile(f"{path.name}: the calibration windows have the wrong shape", "install the package again")
    logmel = ((features.astype(np.int16) - _OFFSET) * _STEP_Q8).astype(np.int16)
    return Calibration(logmel, teacher.astype(np.float32), len(features) // 3)
