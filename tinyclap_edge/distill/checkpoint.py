"""Checkpoints that survive a kill at any moment: written beside, flushed, renamed; everything random is inside."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tinyclap_edge.errors import CorruptFile, UsageError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, containers) so that `path` is always absent or whole.

    UsageError where it cannot be written, a full disk for example; what was there before stays.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            handle.write(buffer.getbuffer())
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"the checkpoint {path.name} cannot be written ({error.strerror or error})",
            f"make room in {path.parent}; the checkpoint before it stays, and the run continues from there",
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state, or None where there is none. A file that cannot be read is CorruptFile; no pickled code is run."""
    if not path.is_file():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CorruptFile(
            f"{path.name} is not a readable checkpoint ({error})", f"remove {path.name} to train from the one before it"
        ) from error


def _flush_folder(folder: Path) -> None:
    """A rename is only on disk once its folder is."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True)
class OneFile:
    """One checkpoint that is written over."""

    path: Path

    def load(self) -> dict[str, Any] | None:
        """The state to continue from."""
        return load_checkpoint(self.path)

    def save(self, state: dict[str, Any], score: float | None) -> None:
        """`score` is not consulted."""
        save_checkpoint(self.path, state)


@dataclass
class Rotating:
    """The last two checkpoints of a stage of training, and the best of it.

    claim: what the weights belong to (teacher, front end, recipe ...); a checkpoint of another claim is refused.
    """

    folder: Path
    stage: int
    claim: dict[str, str]
    keep: int = 2
    best: float | None = field(default=None, init=False)

    def load(self) -> dict[str, Any] | None:
        """The youngest checkpoint of this stage, or None. UsageError where it was made for something else."""
        found = self._files()
        if not found:
            return None
        state = load_checkpoint(found[-1])
        assert state is not None
        check_claim(state["claim"], self.claim, found[-1].name)
        self.best = state["best"]
        return state

    def save(self, state: dict[str, Any], score: float | None) -> None:
        """Keep `state`, and as the best one where its score is higher than any before."""
        best = score is not None and (self.best is None or score > self.best)
        if best:
            self.best = score
        whole = state | {"claim": self.claim, "stage": self.stage, "best": self.best}
        save_checkpoint(self.folder / f"stage{self.stage}-{state['step']:08d}.pt", whole)
        if best:
            save_checkpoint(self.best_path, whole)
        for path in self._files()[: -self.keep]:
            path.unlink()
        for path in self.folder.glob(f"stage{self.stage - 1}-*.pt"):  # the stage before is done: its best stays
            if path != Rotating(self.folder, self.stage - 1, {}).best_path:
                path.unlink()

    @property
    def best_path(self) -> Path:
        """Where the best checkpoint of this stage is."""
        return self.folder / f"stage{self.stage}-best.pt"

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"stage{self.stage}-[0-9]*.pt"))


def check_claim(found: dict[str, str], wanted: dict[str, str], where: str) -> None:
    """Refuse (UsageError) a checkpoint whose teacher, front end, student or recipe is not this run's."""
    for name, value in wanted.items():
        if found.get(name) != value:
            theirs, ours = _differing(found.get(name, "nothing"), value)
            raise UsageError(
                f"{where} was trained with {name} {theirs}, this run has {ours}",
                "give the run's own settings, or another --out",
            )


def _differing(theirs: str, ours: str) -> tuple[str, str]:
    """Of two recipes only the settings in which they differ; anything else as it is."""
    try:
        a, b = json.loads(theirs), json.loads(ours)
    except ValueError:
        return theirs, ours
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return theirs, ours
    keys = [key for key in sorted({*a, *b}) if a.get(key) != b.get(key)]
    said = [", ".join(f"{key}={one[key]}" for key in keys if key in one) or "none of these" for one in (a, b)]
    return said[0], said[1]
