"""Where `compile` writes: a folder that is replaced as a whole, and never with anything in it that is a user's."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import UsageError
from tinyclap_edge.whole_directory import replacing

RECORD = "model.json"
SCHEMA_VERSION = 1


def replacing_library(out: Path) -> AbstractContextManager[Path]:
    """whole_directory.replacing for a library: an existing `out` is replaced only when it is empty or holds an earlier
    library and nothing else."""
    return replacing(out, _check_replaceable)


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    """model.json: what the library was made from and its sizes, and the list of files that are the generator's own."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    record = {"schema_version": SCHEMA_VERSION, **facts, "files": [*files, RECORD]}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")


def _check_replaceable(target: Path, out: Path) -> None:
    if Path.cwd().is_relative_to(target):
        raise UsageError(f"{out} is the current directory, or holds it", "choose a directory below it: --out lib/model")
    if os.path.ismount(target):
        raise UsageError(f"{out} is a mount point and cannot be replaced", "choose a directory below it")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        raise UsageError(f"{out} exists and is no directory", "choose another --out")
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
        own = {str(name) for name in record["files"]} if record["schema_version"] == SCHEMA_VERSION else set()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{out} exists and is no generated library", "choose another --out, or empty it") from None
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_symlink() or not p.is_dir()}
    strange = sorted(found - own)
    if strange:
        raise UsageError(
            f"{out} is a generated library, but {strange[0]} in it is not: it would be lost",
            "move it elsewhere, or choose another --out",
        )
