"""Where `compile` writes: a folder that is replaced as a whole, and never with anything in it that is a user's."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinyclap_edge.errors import UsageError

RECORD = "model.json"
SCHEMA_VERSION = 1


@contextmanager
def replacing_library(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place on success; on any error `out` stays as it was.

    An existing `out` is replaced only when it is empty or holds an earlier library and nothing else: UsageError (2)
    otherwise, before any work. A link stays, its target is replaced.
    """
    try:
        target = out.resolve(strict=False)
        _check_replaceable(target, out)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, in Python before 3.13
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {out} ({reason})", "choose a directory that may be written") from error
    fresh, old = work / "new", work / "old"
    try:
        fresh.mkdir(mode=0o755)
        yield fresh
        try:
            if target.exists():
                os.replace(target, old)
            os.replace(fresh, target)
        except OSError as error:
            raise UsageError(f"cannot replace {out} ({error.strerror})", "is one of its files in use?") from error
    finally:
        if old.exists() and not target.exists():  # interrupted between the two
            os.replace(old, target)
        shutil.rmtree(work, ignore_errors=True)


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
