"""The calibration windows that ship with the package: log-mels, and what the teacher makes of them.

They choose the int8 ranges and show the drift from stage to stage: training clips of procedural sounds, a third of them
distorted by noise, equalisation and level as the student met them. File: calibration.npz with `logmel_q8`
(n, frames, mels) int16 in 1/256 dB, `teacher` (n, dim), its embeddings of these windows, and `names` (n,).
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


@dataclass(frozen=True)
class Calibration:
    """logmel_q8 (n, frames, mels) int16; teacher (n, dim) float32; names: what is heard in each window."""

    logmel_q8: np.ndarray
    teacher: np.ndarray
    names: tuple[str, ...]

    def network_input(self, spec: FrontendSpec) -> np.ndarray:
        """(n, frames, mels, 1) float32, as the network sees it."""
        return network_input(self.logmel_q8, spec)[..., None]


@lru_cache(maxsize=2)
def load_calibration(path: Path | None = None) -> Calibration:
    """Read and check the file, the package's own by default; CorruptFile (7) when it is damaged."""
    path = path or presets.MODELS / "calibration.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            logmel, teacher, names = arrays["logmel_q8"], arrays["teacher"], arrays["names"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{path.name}: the calibration windows cannot be read ({error})", "install again") from error
    if logmel.dtype != np.int16 or logmel.ndim != 3 or not 0 < len(logmel) == len(teacher) == len(names):
        raise CorruptFile(f"{path.name}: the calibration windows have the wrong shape", "install the package again")
    return Calibration(logmel, teacher.astype(np.float32), tuple(str(name) for name in names))
