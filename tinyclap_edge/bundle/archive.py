"""Writing an export: everything or nothing, and the same bytes for the same inputs."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import UsageError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: no clock enters a bundle


@contextmanager
def replacing(out: Path, marker: str = "manifest.json") -> Iterator[Path]:
    """A temporary directory beside `out` that takes its place on success; on any error `out` stays as it was.

    An existing `out` is replaced only when it is empty or an earlier export (it holds `marker`).
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / marker).is_file())):
        raise UsageError(f"{out} exists and is no earlier export", "choose another --out, or empty it first")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise UsageError(f"cannot write {out} ({error.strerror})", "choose a directory that may be written") from error
    try:
        temporary.chmod(0o755)
        yield temporary
        if out.exists():
            old = temporary.with_name(temporary.name + "-old")
            os.replace(out, old)
            os.replace(temporary, out)
            shutil.rmtree(old)
        else:
            os.replace(temporary, out)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    """A zip with sorted members, fixed times and no compression."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])


def npz_bytes(**arrays: Any) -> bytes:
    """The bytes of an .npz with sorted members and fixed times (numpy's own writer stamps none, but compresses)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(arrays):
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def tree_bytes(root: Path) -> dict[str, bytes]:
    """Every file below `root` by relative path, hidden directories left out."""
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and not any(part.startswith(".") for part in p.relative_to(root).parts)
    }
