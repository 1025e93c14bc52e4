"""Where a corpus lies: the folder that holds its landmarks, and which level was given instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinyclap_edge.errors import CorruptFile, UsageError

_CHILDREN = 200  # folders that are looked into for a corpus one level down


def check_location(root: Path, landmarks: Sequence[str], title: str) -> Path:
    """`root`, where every landmark (a file or folder, '*' allowed) lies in it.

    UsageError (2) otherwise; it says when the corpus begins one or two levels above or below.
    """
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "not there"
        raise UsageError(f"{title}: {root} is {what}", "give the folder that holds " + _listed(landmarks))
    if holds(root, landmarks):
        return root
    full = root.resolve()
    for levels, above in enumerate(list(full.parents)[:2], 1):
        if holds(above, landmarks):
            raise UsageError(f"{title}: {root} is {_levels(levels)} too deep", f"give {above}")
    for levels, pattern in ((1, "*"), (2, "*/*")):
        for below in sorted(_folders(full, pattern)):
            if holds(below, landmarks):
                raise UsageError(f"{title}: {root} is {_levels(levels)} too high", f"give {below}")
    missing = next(mark for mark in landmarks if not _there(root, mark))
    raise UsageError(f"{title}: {root} holds no {missing}", "give the folder that holds " + _listed(landmarks))


def holds(folder: Path, landmarks: Sequence[str]) -> bool:
    """Whether every landmark is in the folder."""
    return all(_there(folder, mark) for mark in landmarks)


def inside(root: Path, relative: str) -> Path:
    """root / relative. CorruptFile (7) for a name, read from a table, that leads out of the corpus."""
    if not relative or "\0" in relative or relative.startswith(("/", "\\")) or ".." in Path(relative).parts:
        raise CorruptFile(f"a table of {root} names the file {relative!r}, outside of the corpus")
    return root / relative


def _there(folder: Path, mark: str) -> bool:
    try:
        return any(True for _ in folder.glob(mark)) if "*" in mark else (folder / mark).exists()
    except OSError:
        return False


def _folders(root: Path, pattern: str) -> list[Path]:
    found = []
    try:
        for entry in root.glob(pattern):
            if entry.is_dir():
                found.append(entry)
                if len(found) == _CHILDREN:
                    break
    except OSError:
        pass
    return found


def _levels(count: int) -> str:
    return "one level" if count == 1 else f"{count} levels"


def _listed(landmarks: Sequence[str]) -> str:
    return " and ".join(landmarks)
