"""Label packs, `labels.tlp`: names, int8 rows and thresholds that a board scores against. Format: docs/label-pack.md.

Writing is deterministic; reading accepts exactly what writing can produce and nothing else, as the firmware does
(firmware/labels/tce_labels.c makes the same checks in the same order).
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyclap_edge.errors import CorruptFile, UsageError
from tinyclap_edge.labels.score import reciprocal_norm

MAGIC, VERSION = b"TCLP", 1
MAX_LABELS, MAX_DIM, MAX_NAME_BYTES = 256, 1024, 64
FLAG_BACKGROUND = 1
UNBOUND = "0" * 16  # the encoder_id of a pack that was made for no encoder in particular

_HEADER = struct.Struct("<4sHH8s8sIHH")  # magic, version, header bytes, encoder, front end, file bytes, dim, count
_ENTRY = struct.Struct("<IhHHH")  # reciprocal norm Q30, threshold Q15, name offset, name bytes, flags
_CRC = struct.Struct("<I")
MAX_BYTES = _HEADER.size + MAX_LABELS * (_ENTRY.size + MAX_DIM + MAX_NAME_BYTES) + _CRC.size
_CURE = "copy it again, or make it anew: `tinyclap-edge labels encode`"


@dataclass(frozen=True)
class LabelPack:
    """A pack in memory. ids: 16 hex digits; rows: (n, dim) int8 within -127..127; thresholds_q15: (n,) int16."""

    encoder_id: str
    frontend_id: str
    names: tuple[str, ...]
    rows: np.ndarray
    thresholds_q15: np.ndarray
    background: int | None = None  # the row that stands for "none of these"

    def __post_init__(self) -> None:
        check_names(self.names)
        n, rows, thresholds = len(self.names), self.rows, self.thresholds_q15
        if rows.dtype != np.int8 or rows.ndim != 2 or len(rows) != n or not 1 <= rows.shape[1] <= MAX_DIM:
            raise UsageError(f"rows are {rows.dtype} {rows.shape}, {n} labels need int8 ({n}, 1..{MAX_DIM})")
        if rows.min() == -128 or not rows.any(1).all():
            raise UsageError("a row holds -128 or nothing but zeros")
        if thresholds.dtype != np.int16 or thresholds.shape != (n,):
            raise UsageError(f"thresholds are {thresholds.dtype} {thresholds.shape}, {n} labels need int16 ({n},)")
        if self.background is not None and not 0 <= self.background < n:
            raise UsageError(f"the background row {self.background} is not one of {n}")
        for what, value in (("encoder_id", self.encoder_id), ("frontend_id", self.frontend_id)):
            if len(value) != 16 or set(value) - set("0123456789abcdef"):
                raise UsageError(f"{what} {value!r} is not 16 hexadecimal digits")

    @property
    def dim(self) -> int:
        """Entries of a row, and of the embedding that it is scored against."""
        return int(self.rows.shape[1])

    @property
    def scales(self) -> np.ndarray:
        """(n,) int32: 1 / |row| in Q30."""
        return reciprocal_norm((self.rows.astype(np.int64) ** 2).sum(1)).astype(np.int32)

    def to_bytes(self) -> bytes:
        """The file. Equal packs give equal bytes."""
        names = [n.encode() for n in self.names]
        offsets = np.cumsum([0, *map(len, names)])
        entries = b"".join(
            _ENTRY.pack(int(scale), int(threshold), int(at), len(name), FLAG_BACKGROUND * (i == self.background))
            for i, (scale, threshold, at, name) in enumerate(
                zip(self.scales, self.thresholds_q15, offsets, names, strict=False)
            )
        )
        rows = np.pad(self.rows, ((0, 0), (0, -self.dim % 4))).tobytes()
        text = b"".join(names)
        body = entries + rows + text + bytes(-len(text) % 4)
        size = _HEADER.size + len(body) + _CRC.size
        ids = bytes.fromhex(self.encoder_id), bytes.fromhex(self.frontend_id)
        data = _HEADER.pack(MAGIC, VERSION, _HEADER.size, *ids, size, self.dim, len(names)) + body
        return data + _CRC.pack(zlib.crc32(data))

    @classmethod
    def from_bytes(cls, data: bytes) -> LabelPack:
        """Read strictly. CorruptFile (7) says what is wrong first."""
        try:
            return _parse(bytes(data))
        except UsageError as error:  # the constructor's own limits
            raise CorruptFile(f"the label pack is refused: {error.fact}", _CURE) from error
        except CorruptFile as error:
            raise CorruptFile(error.fact, error.hint or _CURE) from error


def check_names(names: Sequence[str]) -> None:
    """UsageError (2) unless 1..256 distinct names of 1..64 bytes of UTF-8 without control characters."""
    if not names:
        raise UsageError("there are no labels", "name at least one sound")
    if len(names) > MAX_LABELS:
        raise UsageError(f"{len(names)} labels are too many", f"a label pack holds up to {MAX_LABELS}")
    seen: set[str] = set()
    for name in names:
        if not name:
            raise UsageError("a label is empty", "name each sound in a word or a few")
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise UsageError(f"the label {name!a} is not valid text", "write it in UTF-8") from None
        if size > MAX_NAME_BYTES:
            raise UsageError(
                f"the label {name[:24] + '...'!r} takes {size} bytes in UTF-8",
                f"up to {MAX_NAME_BYTES} bytes fit; shorten it",
            )
        if any(unicodedata.category(c) == "Cc" for c in name):
            raise UsageError(f"the label {name!r} holds a control character", "write labels as plain words")
        if name in seen:
            raise UsageError(f"the label {name!r} is given twice", "give each label once")
        seen.add(name)


def _parse(data: bytes) -> LabelPack:
    if not _HEADER.size + _CRC.size <= len(data) <= MAX_BYTES:
        raise CorruptFile(f"a label pack cannot have {len(data):,} bytes", "it was cut off, or is another kind of file")
    magic, version, header_bytes, encoder, frontend, size, dim, count = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise CorruptFile("this is not a label pack (it does not begin with TCLP)")
    if (version, header_bytes) != (VERSION, _HEADER.size):
        raise CorruptFile(
            f"label packs of version {version} are not readable here", f"this tool reads version {VERSION}"
        )
    if size != len(data):
        raise CorruptFile(f"the label pack should have {size:,} bytes and has {len(data):,}", _CURE)
    if not 1 <= dim <= MAX_DIM or not 1 <= count <= MAX_LABELS:
        raise CorruptFile(f"{count} labels of {dim} entries are outside the limits of a label pack")
    stride = -(-dim // 4) * 4
    rows_at = _HEADER.size + count * _ENTRY.size
    names_at = rows_at + count * stride
    if names_at + _CRC.size > size:
        raise CorruptFile(f"the label pack is too short for {count} labels of {dim} entries")
    if zlib.crc32(data[: -_CRC.size]) != _CRC.unpack_from(data, size - _CRC.size)[0]:
        raise CorruptFile("the label pack's checksum differs: it is damaged", _CURE)
    entries = [_ENTRY.unpack_from(data, _HEADER.size + i * _ENTRY.size) for i in range(count)]
    spans = _name_spans(entries)
    names_end = names_at + spans[-1][1]
    if names_end + -names_end % 4 + _CRC.size != size:
        raise CorruptFile("the label pack has bytes that belong to nothing")
    if any(data[names_end : -_CRC.size]):
        raise CorruptFile("the label pack's filling bytes are not zero")
    background = _background([e[4] for e in entries])
    rows = np.frombuffer(data, np.int8, count * stride, rows_at).reshape(count, stride)
    if rows[:, dim:].any():
        raise CorruptFile("the label pack's filling bytes are not zero")
    try:
        names = tuple(data[names_at + a : names_at + b].decode("utf-8", "strict") for a, b in spans)
    except UnicodeDecodeError:
        raise CorruptFile("a label's name is not UTF-8") from None
    thresholds = np.array([e[1] for e in entries], np.int16)
    pack = LabelPack(encoder.hex(), frontend.hex(), names, rows[:, :dim].copy(), thresholds, background)
    if [e[0] for e in entries] != pack.scales.tolist():
        raise CorruptFile("a label's scale is not that of its row")
    return pack


def _name_spans(entries: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Begin and end of each name: one behind the other, so that none overlaps and nothing lies between."""
    spans, at = [], 0
    for _, _, offset, length, _ in entries:
        if offset != at or not 1 <= length <= MAX_NAME_BYTES:
            raise CorruptFile("a label's name is out of place, empty or too long")
        spans.append((at, at + length))
        at += length
    return spans


def _background(flags: list[int]) -> int | None:
    marked = [i for i, flag in enumerate(flags) if flag == FLAG_BACKGROUND]
    if len(marked) > 1 or any(flag not in (0, FLAG_BACKGROUND) for flag in flags):
        raise CorruptFile("the label pack has unknown flags, or two background rows")
    return marked[0] if marked else None
