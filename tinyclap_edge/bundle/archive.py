"""Writing an export: everything or nothing, and the same bytes for the same inputs."""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.bundle.manifest import read_manifest, strangers
from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.whole_directory import replacing

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: no clock enters a bundle
_LEFT_BEHIND = {".pio", ".cache", "__pycache__"}


def replacing_export(out: Path) -> AbstractContextManager[Path]:
    """whole_directory.replacing for an export: an existing `out` is replaced only when it is empty, or an earlier export
    that holds no file but its own (what a build left in it aside)."""
    return replacing(out, _check_replaceable)


def _check_replaceable(target: Path, out: Path) -> None:
    if Path.cwd().is_relative_to(target):
        raise UsageError(f"{out} is the current directory, or holds it", "choose a directory below it: --out bundle")
    if os.path.ismount(target):
        raise UsageError(f"{out} is a mount point and cannot be replaced", "choose a directory below it")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        foreign = strangers(tree_files(target), read_manifest(target))
    except (UsageError, CorruptFile, NotADirectoryError) as error:
        raise UsageError(f"{out} exists and is no earlier export", "choose another --out, or empty it first") from error
    if foreign:
        raise UsageError(
            f"{out} is an earlier export, but {foreign[0]} in it is not: it would be lost",
            "move it elsewhere, or choose another --out",
        )


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


def tree_files(root: Path) -> dict[str, Path]:
    """Every file below `root` by relative path, sorted; what PlatformIO and Python leave behind is left out."""
    found = ((p, p.relative_to(root)) for p in sorted(root.rglob("*")) if p.is_file() or p.is_symlink())
    return {relative.as_posix(): p for p, relative in found if not _LEFT_BEHIND & set(relative.parts)}


def tree_bytes(root: Path) -> dict[str, bytes]:
    """The content of `tree_files`."""
    return {name: path.read_bytes() for name, path in tree_files(root).items()}
