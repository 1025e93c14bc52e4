"""What is read as a store: one of ours, or a folder with one .npz a clip, as S-SONDO keeps its teachers' knowledge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyclap_edge.data.store.embedding_store import EmbeddingStore
from tinyclap_edge.data.store.manifest import MANIFEST, StoredTeacher
from tinyclap_edge.errors import UsageError
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.teachers.embeddings import Embeddings, open_embeddings


class ClipFileStore:
    """A folder of .npz files behind the face of a store. It names no corpus, so that it has no log-mels of its own."""

    def __init__(self, path: Path, held: Embeddings, identity: str) -> None:
        self.path, self._held = path, held
        self.teacher = StoredTeacher(held.card.name, identity, held.card.dim)
        self.dim, self.ids = held.card.dim, held.ids

    def __len__(self) -> int:
        return len(self.ids)

    def embeddings(self, picks: np.ndarray) -> np.ndarray:
        """(k, dim) float32: one file is opened for each, so that training wants a store made of them."""
        return self._held.embeddings([self.ids[int(i)] for i in picks])

    def features(self, spec: FrontendSpec) -> None:
        """UsageError (2): which sounds these are is not written here."""
        raise UsageError(
            f"{self.path} holds embeddings, and not where their sounds are",
            f"`tinyclap-edge embed --teacher embeddings:{self.path} --data CORPUS --out STORE` joins them",
        )


def open_store(path: Path | str) -> EmbeddingStore | ClipFileStore:
    """The store at `path` ("embeddings:DIR" too), of either layout. UsageError (2) for neither, CorruptFile (7) on damage."""
    folder = Path(str(path).removeprefix("embeddings:"))
    if (folder / MANIFEST).is_file():
        return EmbeddingStore.open(folder)
    held = open_embeddings(folder)
    return ClipFileStore(folder, held, str(getattr(held, "identity")))  # noqa: B009  (each layout has its own)
