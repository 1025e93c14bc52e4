"""Bounds-checked reading of a flatbuffer: a file is hostile until every offset in it has been checked.

The generated schema code trusts its input: a length field of 2**32 loops for minutes and shared tables multiply the
work. Here each access is checked against the file, and a budget bounds the total work by the size of the file.
Format: https://flatbuffers.dev/internals (uoffset 32 bit, soffset to the vtable, voffset 16 bit).
"""

from __future__ import annotations

import struct

import numpy as np

from tinyclap_export.errors import ExportError

MAX_TABLES = 1 << 16  # in one list; a file of 64 MB could hold millions, and visiting them takes minutes


def corrupt(what: str) -> ExportError:
    return ExportError(f"the .tflite file is corrupt: {what}", "export or download it again", exit_code=7)


class File:
    """The bytes, and a budget of table visits that only a file built to waste time can exceed."""

    def __init__(self, data: bytes, identifier: bytes) -> None:
        self.data = data
        self.budget = len(data) + 1024
        if len(data) < 8:
            raise corrupt(f"it has {len(data)} bytes")
        if data[4:8] != identifier:
            raise ExportError(f"the file is no .tflite: bytes 4 to 8 are {data[4:8]!r}, not {identifier!r}",
                              "give a TensorFlow Lite model", exit_code=7)  # fmt: skip

    def unpack(self, code: str, at: int) -> int | float:
        size = struct.calcsize(code)
        if at < 0 or at + size > len(self.data):
            raise corrupt(f"offset {at} is outside its {len(self.data)} bytes")
        return struct.unpack_from("<" + code, self.data, at)[0]

    def root(self) -> Table:
        return Table(self, int(self.unpack("I", 0)))


class Table:
    """One table: typed field access by slot number, with the schema's default for an absent field."""

    def __init__(self, file: File, at: int) -> None:
        file.budget -= 1
        if file.budget < 0:
            raise corrupt("its tables refer to each other without end")
        self.file, self.at = file, at
        self.vtable = at - int(file.unpack("i", at))
        self.vtable_bytes = int(file.unpack("H", self.vtable))
        self.table_bytes = int(file.unpack("H", self.vtable + 2))
        ends = max(at + self.table_bytes, self.vtable + self.vtable_bytes)
        if self.vtable_bytes < 4 or ends > len(file.data):
            raise corrupt(f"the table at {at} does not fit")

    def _field(self, slot: int) -> int | None:
        """Absolute position of a field, or None when it is absent."""
        entry = 4 + 2 * slot
        if entry + 2 > self.vtable_bytes:
            return None
        offset = int(self.file.unpack("H", self.vtable + entry))
        if offset >= self.table_bytes > 0:
            raise corrupt(f"field {slot} of the table at {self.at} lies outside it")
        return self.at + offset if offset else None

    def number(self, slot: int, code: str, default: int | float = 0) -> int | float:
        """A scalar; code as in `struct` (b B h H i I q Q f ?)."""
        at = self._field(slot)
        return default if at is None else self.file.unpack(code, at)

    def integer(self, slot: int, code: str = "i", default: int = 0) -> int:
        return int(self.number(slot, code, default))

    def _target(self, slot: int) -> int | None:
        at = self._field(slot)
        return None if at is None else at + int(self.file.unpack("I", at))

    def table(self, slot: int) -> Table | None:
        at = self._target(slot)
        return None if at is None else Table(self.file, at)

    def has(self, slot: int) -> bool:
        return self._field(slot) is not None

    def _vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """(position of the first item, count), checked to lie within the file."""
        at = self._target(slot)
        if at is None:
            return 0, 0
        count = int(self.file.unpack("I", at))
        if at + 4 + count * item_bytes > len(self.file.data):
            raise corrupt(f"a list of {count} items at {at} runs past the end")
        return at + 4, count

    def array(self, slot: int, dtype: str) -> np.ndarray:
        """A vector of scalars as a fresh array; empty when absent."""
        kind = np.dtype(dtype).newbyteorder("<")
        at, count = self._vector(slot, kind.itemsize)
        self.file.budget -= 1 + count // 64
        if self.file.budget < 0:
            raise corrupt("its lists refer to each other without end")
        return np.frombuffer(self.file.data, kind, count, at).astype(dtype)

    def tables(self, slot: int) -> list[Table]:
        at, count = self._vector(slot, 4)
        if count > MAX_TABLES:
            raise corrupt(f"a list of {count} tables at {at}")
        return [Table(self.file, at + 4 * i + int(self.file.unpack("I", at + 4 * i))) for i in range(count)]

    def text(self, slot: int) -> str:
        return self.array(slot, "uint8").tobytes().decode("utf-8", "replace")
