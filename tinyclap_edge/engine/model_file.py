"""A .tflite from a user's disk to a graph, and the name its library gets. The file is hostile until it is read."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from tinyclap_export.codegen.ctext import is_identifier
from tinyclap_export.graph import Graph
from tinyclap_export.passes import PassNote, optimise
from tinyclap_export.tflite_reader import MAX_FILE_BYTES, read_tflite

from tinyclap_edge.errors import DoesNotFit, UsageError

ID_DIGITS = 16
_TAKEN = ("engine", "requant")  # tce_engine.h and tce_requant.h are the kernels' own


@dataclass(frozen=True)
class Model:
    """A model read from a file. graph: as it is there. optimised: the same bytes with less work, by the passes of `notes`.
    id: the first 16 digits of the file's SHA-256, as an encoder's id in a bundle."""

    graph: Graph
    optimised: Graph
    notes: tuple[PassNote, ...]
    id: str
    stem: str
    file_bytes: int


def read_model(path: Path | str, batch_one: bool = False) -> Model:
    """Reads and checks a .tflite.

    UsageError (2) where there is no such file, ExportError with exit code 7 (corrupt) or 5 (not supported) for what
    is in it. batch_one: a batch axis of -1 counts as 1.
    """
    path = Path(path)
    try:
        mode = path.stat()
        if not stat.S_ISREG(mode.st_mode):
            raise UsageError(f"{path} is no file", "give a TensorFlow Lite model")
        if mode.st_size > MAX_FILE_BYTES:
            raise DoesNotFit(
                f"{path} has {mode.st_size:,} bytes; models above {MAX_FILE_BYTES:,} are not read",
                "no board here holds such a model",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror or error})", "give a TensorFlow Lite model") from error
    graph = read_tflite(data, batch_one=batch_one)
    return Model(graph, *optimise(graph), hashlib.sha256(data).hexdigest()[:ID_DIGITS], path.stem, len(data))


def library_name(stem: str) -> str:
    """A C identifier for a model file's stem: `My-Net v2` becomes `my_net_v2`."""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:32].rstrip("_")
    if not name or not name[0].isalpha():
        name = f"model_{name}".rstrip("_")
    return check_name(name if is_identifier(name) and name not in _TAKEN else f"{name}_model")


def check_name(name: str) -> str:
    """`name` itself; UsageError where the generated files could not be called so."""
    if not is_identifier(name) or name in _TAKEN:
        raise UsageError(
            f"--name {name!r} cannot name a library",
            "a lower-case C identifier of up to 40 characters, such as kws; not a keyword, not 'engine' or 'requant'",
        )
    return name
