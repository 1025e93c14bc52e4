"""Rows of inputs from a user's .npz, rows of outputs into one. The file is read strictly: int8, whole samples, no pickles."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from tinyclap_export.graph import Graph

from tinyclap_edge.errors import CorruptFile, UsageError

MAX_BYTES = 1 << 30  # of one array; what a member claims to hold is checked before it is unpacked


def key(word: str, index: int) -> str:
    """The array of input or output `index`: inputs, inputs_1, inputs_2 ..."""
    return word if index == 0 else f"{word}_{index}"


def read_rows(path: Path | str, graph: Graph) -> tuple[np.ndarray, bool]:
    """All inputs of each sample, in order: (n, bytes of all inputs) int8; and whether samples hold the batch axis.

    A sample may have the input's shape or the same without its leading axis of one.
    UsageError (2) for a missing file or array, a wrong type or shape; CorruptFile (7) for a file that is no .npz.
    """
    arrays = _load(Path(path), len(graph.inputs))
    parts, batched = [], True
    for index, name in enumerate(graph.inputs):
        shape, x = graph.tensors[name].shape, arrays[index]
        what = f"{path}: {key('inputs', index)}"
        if x.dtype != np.int8:
            raise UsageError(f"{what} is {x.dtype}, not int8", "quantise it with the input's scale and zero point")
        if x.shape[1:] != shape:
            if not (shape[:1] == (1,) and x.shape[1:] == shape[1:]):
                raise UsageError(
                    f"{what} has shape {list(x.shape)}, the model takes samples of {list(shape)}",
                    "the first axis counts samples",
                )
            batched = False
        if len(x) != len(arrays[0]) or not len(x):
            raise UsageError(f"{what} holds {len(x)} samples", "each input needs the same number, at least one")
        parts.append(np.ascontiguousarray(x).reshape(len(x), -1))
    return np.concatenate(parts, axis=1), batched


def _load(path: Path, inputs: int) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UsageError(f"{path} is no .npz", "np.savez writes one: np.savez('x.npz', inputs=x)")
            for index in range(inputs):
                if key("inputs", index) not in archive.files:
                    raise UsageError(
                        f"{path} holds no array {key('inputs', index)!r}; it has: {', '.join(archive.files[:8]) or 'none'}",
                        "np.savez('x.npz', inputs=x), further inputs as inputs_1, inputs_2 ...",
                    )
            for info in archive.zip.infolist():  # type: ignore[union-attr]
                if info.file_size > MAX_BYTES:
                    raise UsageError(f"{path}: {info.filename} unpacks to {info.file_size:,} bytes", "split the file")
            return [np.atleast_1d(archive[key("inputs", index)]) for index in range(inputs)]
    except OSError as error:
        raise UsageError(
            f"cannot read {path} ({error.strerror or 'not an array file'})", "np.savez writes one"
        ) from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError) as error:
        # RuntimeError: an encrypted archive, or one packed in a way that zipfile does not know
        raise CorruptFile(f"{path} is no .npz that can be read ({error})", "np.savez writes one") from error


def split_outputs(rows: np.ndarray, graph: Graph, batched: bool) -> dict[str, np.ndarray]:
    """(n, bytes of all outputs) to one int8 array an output: (n, *shape), without a batch axis where inputs had none."""
    found, at = {}, 0
    for index, name in enumerate(graph.outputs):
        tensor = graph.tensors[name]
        shape = tensor.shape if batched or tensor.shape[:1] != (1,) else tensor.shape[1:]
        part = np.ascontiguousarray(rows[:, at : at + tensor.size]).view(np.int8)
        found[key("outputs", index)] = part.reshape(len(rows), *shape)
        at += tensor.size
    return found


def check_writable(path: Path | str) -> None:
    """UsageError before any work where the outputs could not be written."""
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"cannot write {path}", "give a file in a directory that exists: --out y.npz")


def write_rows(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    """Writes the .npz under exactly this name, whole or not at all."""
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".tce-", dir=path.parent) as work:
            temporary = Path(work) / "rows.npz"
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
            os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"cannot write {path} ({error.strerror})", "choose a file that may be written") from error
