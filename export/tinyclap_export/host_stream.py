"""A generated stream (schedule `continuous`) on this PC: rows in, embeddings out, whenever they are asked for."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyclap_export.errors import ExportError
from tinyclap_export.host import compile_shared, header_macros


class HostStream:
    """A compiled stream. `run` starts it again, pushes rows and asks for embeddings."""

    def __init__(self, c_dir: str | Path, name: str = "encoder", flags: Sequence[str] = ("-O2",)) -> None:
        folder = Path(c_dir)
        header = folder / f"tce_{name}.h"
        if not header.is_file():
            raise ExportError(f"{folder} holds no tce_{name}.h", "generate the library first", exit_code=2)
        sources = sorted(folder.glob("*.c")) + sorted((folder / "engine").glob("*.c"))
        self._attach(compile_shared(sources, [folder], flags), name, header.read_text())

    @classmethod
    def from_shared(cls, library: ctypes.CDLL, name: str, header_text: str) -> HostStream:
        """A stream inside a shared object that holds several."""
        stream = cls.__new__(cls)
        stream._attach(library, name, header_text)
        return stream

    def _attach(self, library: ctypes.CDLL, name: str, header_text: str) -> None:
        stem = f"TCE_{name.upper()}_"
        self.macros = {
            k.removeprefix(stem): int(v) for k, v in header_macros(header_text).items() if k.startswith(stem)
        }
        if "FEATURE_ROWS" not in self.macros:
            raise ExportError(f"the library {name} is no stream", "generate it with schedule='continuous'", exit_code=2)
        memory = np.full(self.macros["ARENA_BYTES"] + 32, 0xA5, np.uint8)  # what is there before the start is anything
        offset = -memory.ctypes.data % 16
        self._memory, self._behind = memory, memory[offset + self.macros["ARENA_BYTES"] :]
        self._arena = ctypes.c_void_p(memory.ctypes.data + offset)
        self._start, self._push, self._embedding = (
            getattr(library, f"tce_{name}_{what}") for what in ("start", "push", "embedding")
        )
        self._start.restype = self._push.restype = None
        self._embedding.restype = ctypes.c_int

    def start(self) -> None:
        """Forget everything: the next row is the first."""
        self._start(self._arena)

    def push(self, row: np.ndarray) -> None:
        """The next row: INPUT_ROW_BYTES int8 codes."""
        row = np.ascontiguousarray(row, np.int8).reshape(-1)
        if row.size != self.macros["INPUT_ROW_BYTES"]:
            raise ExportError(f"a row of {row.size} codes instead of {self.macros['INPUT_ROW_BYTES']}", exit_code=2)
        self._push(self._arena, ctypes.c_void_p(row.ctypes.data))

    def embedding(self) -> np.ndarray | None:
        """(OUTPUT_BYTES,) int8, or None before the first."""
        out = np.zeros(self.macros["OUTPUT_BYTES"], np.int8)
        return out if self._embedding(self._arena, ctypes.c_void_p(out.ctypes.data)) else None

    def run(self, rows: np.ndarray, at: Sequence[int]) -> np.ndarray:
        """int8 (len(at), OUTPUT_BYTES): embeddings after so many rows of a new stream. at: rising, none too early."""
        self.start()
        wanted, found = set(at), dict[int, np.ndarray]()
        for number, row in enumerate(rows, 1):
            self.push(row)
            if number in wanted:
                embedding = self.embedding()
                if embedding is None:
                    raise ExportError(f"no embedding after {number} rows", "ask later", exit_code=2)
                found[number] = embedding
        if np.any(self._behind[:16] != 0xA5):
            raise ExportError("the stream writes behind its arena", "report this bug", exit_code=6)
        return np.stack([found[number] for number in at])
