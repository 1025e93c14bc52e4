"""The calibration windows that ship with the package: log-mels, and what the teacher makes of them.

They choose the int8 ranges and show the drift from stage to stage. 192 windows of procedural sounds, none of them of
a test family. File: calibration.npz with `logmel_q8` (n, frames, mels) int16 in 1/256 dB, `teacher` (n, dim) float16
unit rows, `names` (n,) str.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.frontend.spec import Q8, FrontendSpec
from tinyclap_edge.students.presets import MODELS


@dataclass(frozen=True)
class Calibration:
    """logmel_q8 (n, frames, mels) int16; teacher (n, dim) float32, unit rows; names (n,)."""

    logmel_q8: np.ndarray
    teacher: np.ndarray
    names: tuple[str, ...]

    def network_input(self, spec: FrontendSpec) -> np.ndarray:
        """(n, frames, mels, 1) float32, as the network sees it."""
        db = self.logmel_q8.astype(np.float32) / Q8
        return ((db + spec.offset_db) / spec.scale_db)[..., None]


@lru_cache(maxsize=2)
def load_calibration(path: Path = MODELS / "calibration.npz") -> Calibration:
    """Read and check the file; CorruptFile (7) when it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            logmel, teacher, names = arrays["logmel_q8"], arrays["teacher"], arrays["names"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{path.name}: the calibration windows cannot be read ({error})", "install again") from error
    if logmel.dtype != np.int16 or logmel.ndim != 3 or not len(logmel) == len(teacher) == len(names):
        raise CorruptFile(f"{path.name}: the calibration windows have the wrong shape", "install the package again")
    return Calibration(logmel, teacher.astype(np.float32), tuple(str(n) for n in names))
