"""Checkpoints that survive a kill at any moment: written beside, flushed, renamed; everything random is inside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from tinyclap_edge.errors import CorruptFile


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, containers) so that `path` is always absent or whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as handle:
        torch.save(state, handle)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state, or None where there is none. A file that cannot be read is CorruptFile; no pickled code is run."""
    if not path.is_file():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CorruptFile(
            f"{path.name} is not a readable checkpoint ({error})", f"remove {path.name} to train from the beginning"
        ) from error
