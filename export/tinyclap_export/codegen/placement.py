"""Offsets in the arena: the densest packing of storages whose bytes are in use at different times.

A storage is a contiguous block of bytes in pieces (the slots of a ring, the rows of a map), each with the times at
which it holds something. Two storages may share bytes as long as no piece of one meets a piece of the other that is in
use at the same time: a map that is consumed row by row makes room for the map that grows from it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

ALIGNMENT = 16  # bytes; wide loads of DSP and MVE kernels
SEARCH_ROUNDS = 400  # random neighbours tried when the simple orders miss the bound; seeded, hence deterministic

Lives = tuple[tuple[int, int], ...]  # times in use, as intervals that include both ends


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Piece:
    """Bytes [offset, offset + size) of a storage and when they are in use."""

    offset: int
    size: int
    lives: Lives

    @cached_property
    def mask(self) -> int:
        """The times as bits of an integer."""
        bits = 0
        for first, last in self.lives:
            bits |= ((1 << (last - first + 1)) - 1) << first
        return bits


@dataclass(frozen=True)
class Storage:
    """A block to place."""

    name: str
    size: int
    pieces: tuple[Piece, ...]

    @cached_property
    def mask(self) -> int:
        bits = 0
        for piece in self.pieces:
            bits |= piece.mask
        return bits

    @cached_property
    def first(self) -> int:
        return min(piece.lives[0][0] for piece in self.pieces)

    @cached_property
    def last(self) -> int:
        return max(piece.lives[-1][1] for piece in self.pieces)


Gaps = tuple[tuple[int, int], ...]  # open intervals of (offset of b - offset of a) that let the two collide


def collisions(a: Storage, b: Storage) -> Gaps:
    """The offsets that b cannot have relative to a; merged, rising."""
    if not a.mask & b.mask:
        return ()
    found = []
    for p in a.pieces:
        if p.mask & b.mask:
            found += [(p.offset - q.offset - q.size, p.offset + p.size - q.offset)
                      for q in b.pieces if p.mask & q.mask]  # fmt: skip
    found.sort()
    merged = [found[0]]
    for low, high in found[1:]:
        if low < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def peak_bytes(storages: Sequence[Storage]) -> int:
    """The most bytes in use at one time: no placement needs less."""
    if not storages:
        return 0
    change = np.zeros(max(s.last for s in storages) + 2, np.int64)
    for storage in storages:
        for piece in storage.pieces:
            for first, last in piece.lives:
                change[first] += piece.size
                change[last + 1] -= piece.size
    return int(np.cumsum(change).max())


class Packer:
    """First-fit placement in a given order, with the collisions of every pair found once."""

    def __init__(self, storages: Sequence[Storage]) -> None:
        self.storages = list(storages)
        count = len(self.storages)
        self.near: list[dict[int, Gaps]] = [{} for _ in range(count)]  # [b][a]: collisions of b relative to a
        for i in range(count):
            for j in range(i):
                gaps = collisions(self.storages[j], self.storages[i])
                if gaps:
                    self.near[i][j] = gaps
                    self.near[j][i] = tuple((-high, -low) for low, high in reversed(gaps))

    def place(
        self, order: Sequence[int], fixed: dict[int, int] | None = None, most: int | None = None
    ) -> tuple[dict[int, int], int]:
        """Each storage at the lowest offset that the earlier ones leave. fixed: offsets of some placed before.

        most: give up beyond so many bytes; the total is then the bytes at which that was seen, the offsets incomplete.
        """
        offsets = dict(fixed or {})
        total = max((offset + self.storages[i].size for i, offset in offsets.items()), default=0)
        for index in order:
            taken = sorted(
                (offsets[other] + low, offsets[other] + high)
                for other, gaps in self.near[index].items()
                if other in offsets
                for low, high in gaps
            )
            offset = 0
            for low, high in taken:
                if offset <= low:
                    break
                if offset < high:
                    offset = aligned(high)
            offsets[index] = offset
            total = max(total, offset + self.storages[index].size)
            if most is not None and total > most:
                break
        return offsets, total

    def best(self, bound: int, rounds: int = SEARCH_ROUNDS) -> tuple[dict[int, int], int]:
        """The best of several orders, then of random neighbours of the best, until `bound` is met."""
        s, indices = self.storages, range(len(self.storages))
        orders = [
            sorted(indices, key=lambda i: (-s[i].size, s[i].first, s[i].name)),
            sorted(indices, key=lambda i: (-(s[i].last - s[i].first + 1) * s[i].size, s[i].first, s[i].name)),
            sorted(indices, key=lambda i: (-(s[i].last - s[i].first), -s[i].size, s[i].name)),
            sorted(indices, key=lambda i: (s[i].first, -s[i].size, s[i].name)),
            sorted(indices, key=lambda i: (-s[i].last, -s[i].size, s[i].name)),
        ]
        tried = [(*self.place(order), order) for order in orders]
        offsets, total, order = min(tried, key=lambda t: t[1])
        rng = random.Random(0)
        for _ in range(rounds if len(s) > 2 else 0):
            if total <= bound:
                break
            other = list(order)
            i, j = rng.sample(range(len(other)), 2)
            other.insert(j, other.pop(i))
            same = min(i, j)  # what stands before stays where it is
            found, size = self.place(other[same:], {k: offsets[k] for k in other[:same]}, total)
            if size <= total:  # equal totals are kept too: they let the search leave a plateau
                offsets, total, order = found, size, other
        return offsets, total


def place_storages(storages: Sequence[Storage]) -> tuple[dict[str, int], int]:
    """Offset of each storage by name, multiples of ALIGNMENT, and the total."""
    packer = Packer(storages)
    offsets, total = packer.best(peak_bytes(storages))
    return {packer.storages[i].name: offset for i, offset in offsets.items()}, total
