"""Log-mels of the rows of a store, cached beside its embeddings: what students are trained on.

A feature shard is a folder features-FRONTEND_ID/shard-NNNNN with

    logmel.npy      (all frames of its rows, mels) int16 in 1/256 dB, the integer front end
    offsets.npy     (rows + 1,) int64: row i has the frames offsets[i] to offsets[i + 1]
    level_db.npy    (rows,) float32: RMS level of each row's audio, dB re full scale
    mark.json       the hash of each of them, and of the rows.json that they belong to

A row that is shorter than a window of the front end was filled with silence to one, as on a device.
"""

from __future__ import annotations

import functools
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tinyclap_edge.data.store.disk import FileMark, json_bytes, npy_bytes, write_file, write_folder
from tinyclap_edge.data.store.manifest import ROWS, Shard
from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.frontend.spec import FrontendSpec

LOGMEL, OFFSETS, LEVEL, MARK = "logmel.npy", "offsets.npy", "level_db.npy", "mark.json"
OPEN_SHARDS = 256  # each mapped file holds a descriptor, and a process has 1,024 by default


def feature_folder(store: Path, spec: FrontendSpec) -> Path:
    """Where the features of one front end lie."""
    return store / f"features-{spec.frontend_id}"


def log_mel_row(audio: np.ndarray, spec: FrontendSpec) -> tuple[np.ndarray, float]:
    """Audio (samples,) float32 at the front end's rate -> (frames, mels) int16 in 1/256 dB, and its level in dB.

    The audio is rounded to 16 bits as a microphone would give them; silence fills it to whole hops, and to one window
    at least. level: 10 log10 of the mean square before that.
    """
    pcm = np.rint(np.clip(audio.astype(np.float64), -1.0, 32767 / 32768) * 32768).astype(np.int16)
    level = 10 * np.log10(np.mean((pcm / 32768.0) ** 2) + 1e-12)
    extra = max(0, pcm.size - spec.window_total_samples)
    total = spec.window_total_samples + -(-extra // spec.hop_samples) * spec.hop_samples
    return _front_end(spec)(np.pad(pcm, (0, total - pcm.size))), float(level)


@functools.lru_cache(maxsize=8)
def _front_end(spec: FrontendSpec) -> Callable[[np.ndarray], np.ndarray]:
    """The C front end where a compiler is at hand, else its NumPy twin: the same integers, 30 times slower."""
    from tinyclap_edge.frontend.fixed import logmel_q8
    from tinyclap_edge.frontend.native import NativeLogMel

    try:
        return NativeLogMel(spec).frames
    except (ToolMissing, OSError):
        return functools.partial(logmel_q8, spec=spec)


def write_features(
    store: Path, name: str, rows_mark: FileMark, spec: FrontendSpec, rows: Sequence[tuple[np.ndarray, float]]
) -> None:
    """One feature shard from the log_mel_row of each of its rows."""
    folder = feature_folder(store, spec)
    if not (folder / "frontend.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "frontend.json", json_bytes(spec.to_dict()))
    files = {
        LOGMEL: npy_bytes(np.concatenate([logmel for logmel, _ in rows])),
        OFFSETS: npy_bytes(np.cumsum([0, *(len(logmel) for logmel, _ in rows)], dtype=np.int64)),
        LEVEL: npy_bytes(np.array([level for _, level in rows], np.float32)),
    }
    marks = {file: asdict(FileMark.of_bytes(data)) for file, data in files.items()}
    write_folder(folder / name, {**files, MARK: json_bytes({"rows_sha256": rows_mark.sha256, "files": marks})})


def read_mark(folder: Path) -> tuple[str, dict[str, FileMark]]:
    """The rows that a feature shard belongs to (SHA-256 of rows.json), and its files. CorruptFile (7) on damage."""
    try:
        record = json.loads((folder / MARK).read_bytes())
        marks = {name: FileMark(**record["files"][name]) for name in (LOGMEL, OFFSETS, LEVEL)}
        return str(record["rows_sha256"]), marks
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptFile(f"{folder / MARK} is damaged ({error})", f"delete {folder}: it is made anew") from error


def missing_features(store: Path, spec: FrontendSpec, shards: Sequence[Shard]) -> list[Shard]:
    """The shards that have no features of this front end yet, or those of other rows."""
    folder = feature_folder(store, spec)
    return [
        shard
        for shard in shards
        if not (folder / shard.name).is_dir() or read_mark(folder / shard.name)[0] != shard.files[ROWS].sha256
    ]


class FeatureCache:
    """Log-mels of all rows for one front end. frames, mels: what gather gives; lengths: (n,) frames that a row has;
    level_db: (n,) float32. CorruptFile (7) where a shard does not fit its size."""

    def __init__(self, store: Path, spec: FrontendSpec, shards: Sequence[Shard]) -> None:
        self.spec, self.frames, self.mels = spec, spec.frames, spec.mel_bins
        self._folders = [feature_folder(store, spec) / shard.name for shard in shards]
        self._mapped: OrderedDict[int, np.ndarray] = OrderedDict()
        first, levels, counts, self._shard_rows = [], [], [], [0]
        for folder, shard in zip(self._folders, shards, strict=True):
            marks = read_mark(folder)[1]
            for file, mark in marks.items():
                if not (folder / file).is_file() or (folder / file).stat().st_size != mark.size:
                    raise CorruptFile(f"{folder / file} is missing or cut off", f"delete {folder}: it is made anew")
            offsets, level = np.load(folder / OFFSETS), np.load(folder / LEVEL)
            if offsets.shape != (shard.rows + 1,) or level.shape != (shard.rows,):
                raise CorruptFile(f"{folder} does not hold {shard.rows} rows", f"delete {folder}: it is made anew")
            first.append(offsets[:-1])
            counts.append(np.diff(offsets))
            levels.append(level)
            self._shard_rows.append(self._shard_rows[-1] + shard.rows)
        nothing = np.zeros(0, np.int64)
        self._first = np.concatenate([nothing, *first])  # (n,) first frame of a row in its shard
        self.lengths = np.concatenate([nothing, *counts]).astype(np.int64)
        self.level_db = np.concatenate([np.zeros(0, np.float32), *levels]).astype(np.float32)

    def __len__(self) -> int:
        return len(self.lengths)

    def gather(self, picks: np.ndarray, starts: np.ndarray | None = None) -> np.ndarray:
        """(k, frames, mels) int16 in 1/256 dB: one window of each row of `picks`.

        starts: (k,) the first frame of each window, at most lengths[pick] - frames; None takes the middle of the row.
        """
        picks = np.asarray(picks, np.int64)
        spare = self.lengths[picks] - self.frames
        begin = spare // 2 if starts is None else np.asarray(starts, np.int64)
        if ((begin < 0) | (begin > spare)).any():
            raise IndexError("a window begins before its row or ends after it")
        out = np.empty((len(picks), self.frames, self.mels), np.int16)
        shard = np.searchsorted(self._shard_rows, picks, side="right") - 1
        at = self._first[picks] + begin
        for k in np.lexsort((at, shard)):  # in the order of the disk
            out[k] = self._logmel(int(shard[k]))[at[k] : at[k] + self.frames]
        return out

    def _logmel(self, number: int) -> np.ndarray:
        if number in self._mapped:
            self._mapped.move_to_end(number)
            return self._mapped[number]
        array = np.load(self._folders[number] / LOGMEL, mmap_mode="r", allow_pickle=False)
        if array.ndim != 2 or array.shape[1] != self.mels or array.dtype != np.int16:
            raise CorruptFile(f"{self._folders[number] / LOGMEL} has the shape {array.shape} and type {array.dtype}")
        self._mapped[number] = array
        if len(self._mapped) > OPEN_SHARDS:
            self._mapped.popitem(last=False)
        return array
