"""Embeddings of log-mels or sounds by any student: by its own front end, without text and without labels."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.file import StudentFile
from tinyclap_edge.students.registry import build_student

if TYPE_CHECKING:
    from torch import nn

BATCH = 16
MAX_MEL_BYTES = 4 << 30


def student_module(student: StudentFile) -> nn.Module:
    """The student as a torch module in evaluation mode."""
    import torch

    module = build_student(student.arch, student.dim)
    state = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in student.tensors.items()}
    wrong = module.load_state_dict(state, strict=False)
    missing = [k for k in wrong.missing_keys if not k.endswith("num_batches_tracked")]
    assert not missing and not wrong.unexpected_keys, (missing, wrong.unexpected_keys)  # the file was checked
    return module.eval()


def embed_logmel(
    student: StudentFile,
    logmel: np.ndarray,
    advance: Callable[[int], None] = lambda steps: None,
    module: nn.Module | None = None,
) -> np.ndarray:
    """(n, frames, mels) float dB of the student's front end -> (n, dim) float32, not of unit length.

    Any number of frames that the network can take. UsageError (2) for another number of mel bins. module: the
    student's, where it was built before.
    """
    import torch

    spec = student.frontend
    if logmel.ndim != 3 or logmel.shape[2] != spec.mel_bins:
        raise UsageError(
            f"log-mels of shape {logmel.shape} are not (n, frames, {spec.mel_bins})",
            f"{student.name} takes {spec.mel_bins} mel bins of {spec.sample_rate_hz} Hz audio, time before frequency",
        )
    module, found = module or student_module(student), np.empty((len(logmel), student.dim), np.float32)
    with torch.inference_mode():
        for start in range(0, len(logmel), BATCH):
            level = np.asarray(logmel[start : start + BATCH], np.float32)
            x = torch.from_numpy((level + np.float32(spec.offset_db)) / np.float32(spec.scale_db))[:, None]
            try:
                found[start : start + len(level)] = module(x).numpy()
            except RuntimeError as error:
                raise UsageError(
                    f"{student.name} cannot take {logmel.shape[1]} frames ({str(error).splitlines()[0]})",
                    f"it was made for {spec.frames}",
                ) from error
            advance(len(level))
    if not np.isfinite(found).all():
        raise UsageError(f"{student.name} gives NaN for {logmel.shape[1]} frames", f"it was made for {spec.frames}")
    return found


def embed_audio(
    student: StudentFile, files: list[Path], advance: Callable[[int], None] = lambda steps: None
) -> np.ndarray:
    """Sound files of any length -> (n, dim) float32: the mean over windows.

    Windows follow each other without overlap; the last one ends with the recording. What is shorter than a window is
    followed by silence. UsageError (2), CorruptFile (7) name the file.
    """
    from tinyclap_edge.audio import read_audio
    from tinyclap_edge.frontend.reference import logmel_float

    spec, module, rows = student.frontend, student_module(student), []
    for file in files:
        pcm = read_audio(file, spec.sample_rate_hz).pcm
        mels = np.stack([logmel_float(window, spec) for window in clip_windows(pcm, spec)])
        rows.append(embed_logmel(student, mels, module=module).mean(0))
        advance(1)
    return np.stack(rows)


def clip_windows(pcm: np.ndarray, spec: FrontendSpec) -> list[np.ndarray]:
    """The windows of a recording, each of spec.window_total_samples; a rest shorter than one hop is not heard."""
    total = spec.window_total_samples
    if len(pcm) <= total:
        return [np.concatenate([pcm, np.zeros(total - len(pcm), pcm.dtype)])]
    starts = list(range(0, len(pcm) - total + 1, total))
    if len(pcm) - (starts[-1] + total) >= spec.hop_samples:
        starts.append(len(pcm) - total)
    return [pcm[s : s + total] for s in starts]


def write_embeddings(path: Path, embeddings: np.ndarray, files: list[str]) -> None:
    """An .npz with `embeddings` (n, dim) float32, and `files` (n,) for sounds; atomically, under exactly this name."""
    arrays = {"embeddings": np.asarray(embeddings, np.float32)} | ({"files": np.array(files)} if files else {})
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_logmel(path: Path) -> np.ndarray:
    """The array `logmel` (n, frames, mels) of an .npz file. UsageError (2) without a file, CorruptFile (7) if bad."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if path.stat().st_size > MAX_MEL_BYTES:
        raise UsageError(f"{path} is larger than {MAX_MEL_BYTES >> 30} GiB", "split it into parts")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile) or "logmel" not in arrays.files:
                raise CorruptFile(f"{path.name} has no array 'logmel'", "write it by np.savez(path, logmel=...)")
            logmel = arrays["logmel"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{path.name} is not a readable .npz file ({error})", "write it again") from error
    if logmel.ndim != 3 or logmel.dtype.kind != "f" or not logmel.size:
        raise CorruptFile(f"{path.name}: logmel is {logmel.dtype} of shape {logmel.shape}, not float (n, frames, mels)")
    if not np.isfinite(logmel).all():
        raise CorruptFile(f"{path.name}: logmel holds NaN or infinity", "a level is finite: clamp it to a floor")
    return logmel
