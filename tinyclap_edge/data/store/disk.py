"""How a store writes: everything beside its place first, flushed, then renamed; a kill at any point leaves no half file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinyclap_edge.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows: no advisory locks, so two writers are not noticed
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class FileMark:
    """What a whole file looks like. size: bytes."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileMark:
        """The mark of a file as it lies there."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return cls(size, digest.hexdigest())

    @classmethod
    def of_bytes(cls, data: bytes) -> FileMark:
        """The mark of a file with these bytes."""
        return cls(len(data), hashlib.sha256(data).hexdigest())


def npy_bytes(array: np.ndarray) -> bytes:
    """The .npy file (format 1.0) of an array."""
    import io

    held = io.BytesIO()
    np.lib.format.write_array(held, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return held.getvalue()


def json_bytes(record: Any) -> bytes:
    """JSON with sorted keys: the same record, the same bytes."""
    return json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_file(path: Path, data: bytes) -> None:
    """A file that appears whole, or is replaced whole. UsageError (2) where the disk takes it not."""
    beside = path.with_name(f".{path.name}.tmp")
    with said_of(path, beside):
        _write(beside, data)
        os.replace(beside, path)
        _flush_folder(path.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """A folder that appears with all its files; one of the same name that is there is replaced."""
    beside = folder.with_name(f".{folder.name}.tmp")
    with said_of(folder, beside):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for name, data in files.items():
            _write(beside / name, data)
        _flush_folder(beside)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(beside, folder)
        _flush_folder(folder.parent)


@contextmanager
def said_of(path: Path, beside: Path | None = None) -> Iterator[None]:
    """Turns an OSError of writing into a UsageError (2) of one sentence, and takes the half-written away."""
    try:
        yield
    except OSError as error:
        if beside is not None:
            if beside.is_dir():
                shutil.rmtree(beside, ignore_errors=True)
            else:
                beside.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UsageError(
            f"cannot write {path} ({error.strerror or error})",
            "make room and run the same line again: what is finished is kept" if full else "choose a writable folder",
        ) from error


@contextmanager
def only_writer(store: Path) -> Iterator[None]:
    """Holds the store for this process; UsageError (2) while another one writes it. A kill lets go."""
    with said_of(store):
        store.mkdir(parents=True, exist_ok=True)
        lock = (store / ".lock").open("w")
    with lock:
        if fcntl:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # flock would live on in the forks of a killed process
            except (BlockingIOError, PermissionError):
                raise UsageError(
                    f"another process is writing {store}", "wait for it, or give --shard i/n and a folder to each"
                ) from None
            except OSError:  # a file system without locks
                pass
        yield


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        _put(file, data)
        file.flush()
        os.fsync(file.fileno())


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
