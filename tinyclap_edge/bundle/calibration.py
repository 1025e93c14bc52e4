"""The calibration windows: those that ship with the package, and windows of the same kind for any other front end.

They choose the int8 ranges and show the drift from stage to stage: training clips of procedural sounds, a third of them
distorted by noise, equalisation and level as the student met them. File: calibration.npz with `logmel_q8`
(n, frames, mels) int16 in 1/256 dB, `teacher` (n, dim), its embeddings of these windows, and `names` (n,).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.frontend.quantize import network_input
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students import presets


@dataclass(frozen=True)
class Calibration:
    """logmel_q8 (n, frames, mels) int16; teacher (n, dim) float32, None where no teacher has heard these windows;
    names: what is heard in each."""

    logmel_q8: np.ndarray
    teacher: np.ndarray | None
    names: tuple[str, ...]

    def network_input(self, spec: FrontendSpec) -> np.ndarray:
        """(n, frames, mels, 1) float32, as the network sees it."""
        return network_input(self.logmel_q8, spec)[..., None]


WINDOWS, SEED = 48, 12_000_000  # of windows made for a front end; seeds that no examination draws
NOISE_DB = 10


def calibration_for(spec: FrontendSpec) -> Calibration:
    """The shipped windows where this front end hears them so, cut to its frames; else windows rendered for it."""
    usual = FrontendSpec()
    as_shipped = replace(spec, frames=usual.frames, offset_db=usual.offset_db, scale_db=usual.scale_db)
    if as_shipped != usual or spec.frames > usual.frames:
        return _rendered(replace(spec, offset_db=usual.offset_db, scale_db=usual.scale_db))
    shipped = load_calibration()
    if spec.frames == usual.frames:
        return shipped
    return Calibration(shipped.logmel_q8[:, : spec.frames], None, shipped.names)


@lru_cache(maxsize=2)
def _rendered(spec: FrontendSpec) -> Calibration:
    """WINDOWS training clips of procedural sounds, every third with noise. UsageError (2) if boards do not compute it."""
    from tinyclap_edge.data.sounds.corpus import make_clip, sources_of
    from tinyclap_edge.evaluate.shifts import add_noise
    from tinyclap_edge.frontend.fixed import logmel_q8

    families, rows, names = sources_of("seen"), [], []
    for i in range(WINDOWS):
        source = families[i * len(families) // WINDOWS]
        clip = make_clip(source, SEED + i, rate=spec.sample_rate_hz, seconds=spec.window_seconds)
        sound = np.resize(clip.audio, spec.window_total_samples).astype(np.float64)
        if i % 3 == 2:
            sound = add_noise(sound, "white", NOISE_DB, np.random.default_rng(SEED + i))
        rows.append(logmel_q8(np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16), spec))
        names.append(source.removeprefix("family:"))
    return Calibration(np.stack(rows), None, tuple(names))


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
