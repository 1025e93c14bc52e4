"""Rows of a shard: what each embedding belongs to, and the files of the shard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip
from tinyclap_edge.data.store.disk import FileMark, json_bytes, npy_bytes
from tinyclap_edge.data.store.manifest import EMBEDDINGS, ROWS, Shard, Source, StoredTeacher
from tinyclap_edge.errors import CorruptFile

_LEAST = 0.1  # a rest shorter than this part of a segment makes no row of its own


@dataclass(frozen=True)
class Row:
    """One embedding. id: the clip's, or "clip@start" for a segment; start_s, duration_s: within what the clip covers."""

    id: str
    clip: str
    start_s: float = 0.0
    duration_s: float | None = None
    labels: tuple[str, ...] = ()
    split: str = ""
    fold: int | None = None


def rows_of(clip: Clip, samples: int, rate_hz: int, segment_s: float | None) -> list[Row]:
    """The rows of a clip of `samples` at rate_hz: one, or one for each segment; the last segment may be shorter."""
    about = {"clip": clip.id, "labels": clip.labels, "split": clip.split, "fold": clip.fold}
    if segment_s is None:
        return [Row(clip.id, **about)]  # type: ignore[arg-type]
    step = segment_s * rate_hz
    count = max(1, int(np.ceil(samples / step - _LEAST)))
    starts = [i * segment_s for i in range(count)]
    return [Row(f"{clip.id}@{s:g}", start_s=s, duration_s=segment_s, **about) for s in starts]  # type: ignore[arg-type]


def cut(audio: np.ndarray, row: Row, rate_hz: int) -> np.ndarray:
    """The stretch (samples,) of a clip's audio that a row covers."""
    begin = round(row.start_s * rate_hz)
    end = None if row.duration_s is None else begin + max(1, round(row.duration_s * rate_hz))
    return audio[begin:end]


def shard_files(
    teacher: StoredTeacher, source: Source, rows: Sequence[Row], embeddings: np.ndarray
) -> dict[str, bytes]:
    """The two files of a shard: embeddings (n, dim) float32, and rows.json, which holds the hash of the first.

    A shard so says itself whose it is: one that a kill kept out of the manifest is taken up again, not made again.
    """
    array = npy_bytes(np.asarray(embeddings, np.float32))
    record = {
        "teacher": asdict(teacher),
        "source": asdict(source),
        "embeddings_sha256": FileMark.of_bytes(array).sha256,
        "rows": [{k: v for k, v in asdict(row).items() if v not in (None, (), "", 0.0)} for row in rows],
    }
    return {EMBEDDINGS: array, ROWS: json_bytes(record)}


def read_rows(path: Path) -> list[Row]:
    """The rows of a shard's rows.json. CorruptFile (7) where it is damaged."""
    try:
        record = json.loads(path.read_bytes())
        return [Row(**{**row, "labels": tuple(row.get("labels", ()))}) for row in record["rows"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptFile(f"{path} is damaged ({error})", "`tinyclap-edge embed verify` names all damage") from error


def orphan(folder: Path, teacher: StoredTeacher, source: Source, index: int) -> Shard | None:
    """The shard in `folder` that no manifest lists yet, when it is whole and of this teacher and source; else None."""
    try:
        record = json.loads((folder / ROWS).read_bytes())
        mark = FileMark.of(folder / EMBEDDINGS)
        ours = record["teacher"] == asdict(teacher) and record["source"] == asdict(source)
        if not ours or record["embeddings_sha256"] != mark.sha256:
            return None
        return Shard(folder.name, index, len(record["rows"]), {EMBEDDINGS: mark, ROWS: FileMark.of(folder / ROWS)})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
