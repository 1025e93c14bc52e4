"""A directory that is replaced whole or not at all: made beside its place, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyclap_edge.errors import UsageError


@contextmanager
def replacing(out: Path, check: Callable[[Path, Path], None]) -> Iterator[Path]:
    """A new folder beside `out` that takes its place on success; on any error `out` stays as it was.

    check(target, out), target being `out` with links resolved, raises UsageError (2) before any work where what is there
    may not be replaced. A link stays, its target is replaced.
    """
    try:
        target = out.resolve(strict=False)
        check(target, out)
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
