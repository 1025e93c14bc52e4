"""OpenMIC-2018: 20,000 clips of 10 s, 20 instruments, each clip judged for a few of them only.

    openmic-2018/                               <- this folder
    ├── audio/{first three letters}/{sample_key}.ogg
    ├── openmic-2018-aggregated-labels.csv      sample_key,instrument,relevance,num_responses
    ├── openmic-2018.npz                        the same as Y_true (n, 20), Y_mask (n, 20), sample_key (n,)
    ├── class-map.json                          {"accordion": 0, ...}
    └── partitions/split01_{train,test}.csv     one sample_key a line, no header

The published .npz keeps sample_key as a pickled object array, which is never loaded: where the table is there, the labels are taken
from it; a .npz whose keys are text will do too.

Protocol: split01; mean average precision over the 20 classes, each from the clips whose mask is set (Clip.known); a
likelihood of at least 0.5 is a positive. Humphrey, Durand and McFee, ISMIR 2018.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyclap_edge.data.corpora.clip import Clip, CorpusCard
from tinyclap_edge.data.corpora.file_corpus import FileCorpus
from tinyclap_edge.data.corpora.location import inside
from tinyclap_edge.data.corpora.tables import read_json, read_table, read_text
from tinyclap_edge.errors import CorruptFile

CLASSES = (
    "accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar", "mallet_percussion",
    "mandolin", "organ", "piano", "saxophone", "synthesizer", "trombone", "trumpet", "ukulele", "violin", "voice",
)  # by class-map.json  # fmt: skip
THRESHOLD = 0.5
MAX_CLIPS = 1_000_000


class OpenMic(FileCorpus):
    """See the module."""

    name, title = "openmic", "OpenMIC-2018"
    landmarks = ("partitions", "audio")

    def _card(self) -> CorpusCard:
        return CorpusCard(
            self.name, self.title, CLASSES, "split01, mAP over 20 classes, masked-in labels only", "CC BY 4.0",
            "openmic-2018/{audio/<first3>/<key>.ogg, openmic-2018-aggregated-labels.csv, class-map.json, partitions}",
            splits=("train", "test"), metric="mAP",
        )  # fmt: skip

    def _listed(self) -> list[Clip]:
        mapping = self.root / "class-map.json"
        if mapping.is_file() and read_json(mapping) != {name: i for i, name in enumerate(CLASSES)}:
            raise CorruptFile(f"{mapping} does not name the 20 instruments in their order", "copy it again")
        published = self.root / "openmic-2018-aggregated-labels.csv"
        arrays = self.root / "openmic-2018.npz"
        keys, likely, known = (
            _labels_of_table(published) if published.is_file() else _labels_of_arrays(arrays, published.name)
        )
        split_of: dict[str, str] = {}
        for split in ("train", "test"):
            path = self.root / "partitions" / f"split01_{split}.csv"
            for key in read_text(path).split():
                if split_of.setdefault(key, split) != split:
                    raise CorruptFile(f"{path}: {key} is in the training partition too", "copy it again")
        clips = []
        for key, row, mask in zip(keys, likely, known, strict=True):
            if key not in split_of:
                raise CorruptFile(f"{self.root / 'partitions'}: {key} is in neither partition", "copy them again")
            file = inside(self.root / "audio", f"{key[:3]}/{key}.ogg")
            labels = tuple(CLASSES[i] for i in np.flatnonzero(mask & (row >= THRESHOLD)))
            judged = tuple(CLASSES[i] for i in np.flatnonzero(mask))
            clips.append(Clip(key, file, labels, split=split_of[key], known=judged))
        return clips


def _labels_of_table(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """sample_key in order, likelihoods (n, 20) float and what was judged (n, 20) bool; the last of equal rows holds."""
    rows = read_table(path, ("sample_key", "instrument", "relevance"))
    keys = sorted({row["sample_key"] for row in rows})
    place = {key: i for i, key in enumerate(keys)}
    likely, known = np.full((len(keys), len(CLASSES)), 0.5), np.zeros((len(keys), len(CLASSES)), bool)
    for row in rows:
        try:
            at, value = (place[row["sample_key"]], CLASSES.index(row["instrument"])), float(row["relevance"])
        except ValueError:
            at, value = (0, 0), -1.0
        if not 0 <= value <= 1:
            raise CorruptFile(
                f"{path}: {row['sample_key']} has {row['instrument']!r} {row['relevance']!r}", "copy it again"
            )
        likely[at], known[at] = value, True
    return keys, likely, known


def _labels_of_arrays(path: Path, instead: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """sample_key, Y_true (n, 20) float and Y_mask (n, 20) bool. CorruptFile (7) where they do not fit each other."""
    if not path.is_file():
        raise CorruptFile(f"{path.parent} holds neither {instead} nor {path.name}", "copy one of them there")
    try:
        with np.load(path, allow_pickle=False) as stored:
            keys, likely, known = (stored[name] for name in ("sample_key", "Y_true", "Y_mask"))
    except KeyError as error:
        raise CorruptFile(f"{path} misses an array: {error.args[0]}", "copy it again") from error
    except Exception as error:  # zipfile, zlib and numpy each have their own for a damaged file
        if "object array" in str(error).lower():
            fact = f"{path} keeps sample_key as a pickle, which is not loaded"
            raise CorruptFile(fact, f"copy {instead} beside it, where the same labels are") from error
        raise CorruptFile(f"{path} cannot be read ({error})", "copy it again") from error
    rows = len(keys)
    if keys.dtype.kind not in "US" or not likely.shape == known.shape == (rows, len(CLASSES)) or rows > MAX_CLIPS:
        raise CorruptFile(f"{path}: sample_key {keys.shape}, Y_true {likely.shape} and Y_mask {known.shape} do not fit")
    return [k.decode() if isinstance(k, bytes) else str(k) for k in keys.tolist()], likely, known.astype(bool)
