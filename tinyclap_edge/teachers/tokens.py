"""Words to token ids, by the tokenizer.json that was published with a text model (the library `tokenizers`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyclap_edge.errors import CorruptFile, ToolMissing
from tinyclap_edge.teachers.cache import hub_cached

FILE = "tokenizer.json"
MAX_BYTES = 64 << 20
INSTALL = "pip install 'tinyclap-edge[teachers]'"


@dataclass(frozen=True)
class Tokens:
    """ids: (n, longest) int64, filled up with `pad`; mask: (n, longest) int64, 1 where a token is."""

    ids: np.ndarray
    mask: np.ndarray


class Tokenizer:
    """At most `longest` tokens a text; ids at or above `vocabulary` mean that the file belongs to another model."""

    def __init__(self, path: Path, longest: int, pad: int, vocabulary: int) -> None:
        try:
            from tokenizers import Tokenizer as Loaded
        except ImportError as error:
            raise ToolMissing("the package tokenizers is missing", f"`{INSTALL}` brings it") from error
        if path.stat().st_size > MAX_BYTES:
            raise CorruptFile(f"{path} is larger than {MAX_BYTES >> 20} MiB", "it is no tokenizer")
        try:
            self._tokenizer: Any = Loaded.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise CorruptFile(f"{path} is not a readable tokenizer ({error})", "fetch the teacher again") from error
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.no_padding()
        self._path, self._pad, self._vocabulary = path, pad, vocabulary

    def __call__(self, texts: Sequence[str]) -> Tokens:
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(1, *(len(row) for row in rows))
        ids = np.full((len(rows), longest), self._pad, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, 1
        if ids.max(initial=0) >= self._vocabulary:
            raise CorruptFile(
                f"{self._path} gives token {ids.max()}, the text model knows {self._vocabulary}",
                "the tokenizer belongs to another model: fetch the teacher again",
            )
        return Tokens(ids, mask)


def find_tokenizer(teacher: str, folders: Sequence[Path], hub_names: Sequence[str]) -> Path:
    """tokenizer.json in one of the folders, else in the hub's local cache; nothing is downloaded.

    ToolMissing (3) says where it was looked for.
    """
    for folder in folders:
        if (folder / FILE).is_file():
            return folder / FILE
    for name in hub_names:
        if found := hub_cached(name, FILE):
            return found
    raise ToolMissing(
        f"the words of {teacher} need {FILE}" + (f" of {hub_names[0]}" if hub_names else "") + ", which is not here",
        f"`tinyclap-edge teachers fetch {teacher}` brings it; or put it beside the weights",
    )
