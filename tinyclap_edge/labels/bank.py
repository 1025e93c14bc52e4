"""The bank: precomputed text embeddings of common sound names, so that ordinary labels need no text tower.

One safetensors file, `embeddings` (n, 384) float16 with the keys in its header: the prompt ensembles (prompts.py) of
all-MiniLM-L6-v2. `python -m tinyclap_edge.labels.build_bank` writes it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tinyclap_edge.errors import CorruptFile
from tinyclap_edge.labels.prompts import TEMPLATES, normalise_label, unit_rows

FORMAT = "tinyclap-label-bank/1"
PATH = Path(__file__).with_name("bank.safetensors")


@dataclass(frozen=True)
class Bank:
    """keys: normalised names; embeddings: (n, dim) float16, nearly of unit length."""

    keys: dict[str, int]
    embeddings: np.ndarray

    @property
    def dim(self) -> int:
        """Entries of a text embedding."""
        return int(self.embeddings.shape[1])

    def __contains__(self, name: str) -> bool:
        return normalise_label(name) in self.keys

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)

    def vectors(self, names: list[str]) -> np.ndarray:
        """(n, dim) float32 of unit length. KeyError for a name that the bank lacks."""
        rows = [self.keys[normalise_label(name)] for name in names]
        return unit_rows(self.embeddings[rows].astype(np.float32))

    def nearest(self, name: str, count: int = 3) -> list[str]:
        """Names of the bank that resemble `name`: shared words first, then spelling."""
        key = normalise_label(name)
        words = set(key.split())

        def shared(other: str) -> float:
            common = words & set(other.split())
            return len(common) / len(words | set(other.split()))

        by_words = sorted((k for k in self.keys if shared(k) > 0), key=lambda k: (-shared(k), k))[:count]
        by_spelling = difflib.get_close_matches(key, self.keys, count, 0.6)
        return list(dict.fromkeys(by_words + by_spelling))[:count]


@cache
def load_bank(path: Path = PATH) -> Bank:
    """The bank that ships with the package. CorruptFile (7) when it is absent or damaged."""
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="np") as handle:
            about = json.loads((handle.metadata() or {}).get("about", "{}"))
            embeddings = handle.get_tensor("embeddings")
        if about.get("format") != FORMAT or about.get("templates") != list(TEMPLATES):
            raise ValueError("it was made by another version")
        keys = {str(key): i for i, key in enumerate(about["keys"])}
        if embeddings.shape != (len(about["keys"]), embeddings.shape[-1]) or len(keys) != len(embeddings):
            raise ValueError("its names and embeddings do not match")
        if embeddings.dtype != np.float16 or not np.isfinite(embeddings).all():
            raise ValueError("its embeddings are not finite float16")
    except Exception as error:  # safetensors and json raise a family of their own
        raise CorruptFile(
            f"{path.name} is not a readable bank of names ({error})", "install the package again"
        ) from error
    return Bank(keys, embeddings)
