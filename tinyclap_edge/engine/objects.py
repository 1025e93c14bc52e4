"""One relocatable object before it is linked: which sections the linker will keep, how large they are, how deep calls go.

The library, the runner and the port are compiled into one object (`-r`), one section a function and a constant. What
the linker keeps is what the entry points reach by relocations; so the sizes of the image are known before there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from tinyclap_edge.errors import CorruptFile

STACK_SIZES = ".stack_sizes"  # clang's: (address, ULEB128 bytes) of each function
_RISCV_RELAXABLE = (18, 19)  # R_RISCV_CALL, R_RISCV_CALL_PLT: with R_RISCV_RELAX beside it two instructions become one
_RISCV_RELAX = 51
_RISCV_SAVED = 4  # bytes; `jal` instead of `auipc` and `jalr`


@dataclass(frozen=True)
class ObjectSection:
    """A section that takes memory. kind: "code", "const", "data" or "bss"."""

    name: str
    kind: str
    size: int
    align: int
    reaches: tuple[int, ...]  # indices of the sections it refers to
    symbols: tuple[str, ...]  # functions and objects defined in it
    stack_bytes: int | None  # of the deepest function in it, where the compiler said


@dataclass(frozen=True)
class RelocatableObject:
    """Sections by index, and what is undefined: left to the compiler's run-time library."""

    sections: dict[int, ObjectSection]

    def kept(self, roots: Iterable[str]) -> list[ObjectSection]:
        """What a linker that collects garbage keeps for these entry points."""
        return [self.sections[i] for i in sorted(self._reached(self._index(roots)))]

    def stack_bytes(self, root: str) -> int | None:
        """Deepest chain of calls below `root`; None where the compiler wrote no stack sizes or the calls go in circles."""
        if all(s.stack_bytes is None for s in self.sections.values()):
            return None
        depth: dict[int, int] = {}
        open_: set[int] = set()
        todo = [(i, False) for i in self._index([root])]
        while todo:  # iterative: a chain of calls is as long as the model has layers
            index, done = todo.pop()
            callees = [i for i in self.sections[index].reaches if self.sections[i].kind == "code" and i != index]
            if done:
                depth[index] = (self.sections[index].stack_bytes or 0) + max((depth[i] for i in callees), default=0)
                open_.discard(index)
            elif index not in depth:
                if index in open_ or any(i in open_ for i in callees):
                    return None
                open_.add(index)
                todo.append((index, True))
                todo.extend((i, False) for i in callees if i not in depth)
        return max((depth[i] for i in self._index([root])), default=0)

    def _index(self, names: Iterable[str]) -> list[int]:
        wanted = set(names)
        return [i for i, s in self.sections.items() if wanted & set(s.symbols)]

    def _reached(self, start: list[int]) -> set[int]:
        reached: set[int] = set()
        todo = list(start)
        while todo:
            index = todo.pop()
            if index not in reached:
                reached.add(index)
                todo.extend(self.sections[index].reaches)
        return reached


def read_object(path: Path) -> RelocatableObject:
    """Reads what `-r` wrote; CorruptFile for anything else."""
    try:
        with path.open("rb") as file:
            return _read(ELFFile(file))
    except (ELFError, OSError, ValueError, KeyError, IndexError) as error:
        raise CorruptFile(f"{path.name} is no object of a compiler here ({error})") from error


def _read(elf: ELFFile) -> RelocatableObject:
    sections = list(elf.iter_sections())
    tables = {i: s for i, s in enumerate(sections) if isinstance(s, SymbolTableSection)}
    symbols: dict[int, list[str]] = {}
    homes: dict[int, list[int | None]] = {}  # by symbol table: the section of each symbol
    for number, table in tables.items():
        homes[number] = []
        for symbol in table.iter_symbols():
            home = symbol["st_shndx"]
            homes[number].append(home if isinstance(home, int) else None)
            if isinstance(home, int) and symbol.name and not symbol.name.startswith("$"):
                symbols.setdefault(home, []).append(symbol.name)
    targets, relaxed = _targets(sections, homes)
    reaches = {i: set(found) for i, found in targets.items()}
    stacks = _stack_sizes(sections, targets)
    riscv = elf["e_machine"] == "EM_RISCV"
    found = {}
    for index, section in enumerate(sections):
        kind = _kind(section)
        if kind is None:
            continue
        size = section["sh_size"] - (_RISCV_SAVED * relaxed.get(index, 0) if riscv else 0)
        found[index] = ObjectSection(
            section.name, kind, size, max(1, section["sh_addralign"]),
            tuple(sorted(reaches.get(index, ()))), tuple(symbols.get(index, ())), stacks.get(index),
        )  # fmt: skip
    kept = set(found)
    return RelocatableObject(
        {i: ObjectSection(s.name, s.kind, s.size, s.align, tuple(t for t in s.reaches if t in kept), s.symbols,
                          s.stack_bytes) for i, s in found.items()}
    )  # fmt: skip


def _kind(section: object) -> str | None:
    header = section.header  # type: ignore[attr-defined]
    flags, name = header["sh_flags"], section.name  # type: ignore[attr-defined]
    if not flags & SH_FLAGS.SHF_ALLOC or not header["sh_size"] or name.startswith((".ARM.ex", ".eh_frame")):
        return None
    if flags & SH_FLAGS.SHF_EXECINSTR:
        return "code"
    if header["sh_type"] == "SHT_NOBITS":
        return "bss"
    return "data" if flags & SH_FLAGS.SHF_WRITE else "const"


def _targets(sections: list, homes: dict[int, list[int | None]]) -> tuple[dict[int, list[int]], dict[int, int]]:
    """By section: the sections that its relocations refer to, in order; and its calls that a RISC-V linker shortens."""
    found: dict[int, list[int]] = {}
    relaxed: dict[int, int] = {}
    for section in sections:
        if not isinstance(section, RelocationSection):
            continue
        target = section["sh_info"]
        if _kind(sections[target]) is None and sections[target].name != STACK_SIZES:
            continue  # of debug information: most of them, and slow to read
        home_of, call = homes[section["sh_link"]], None
        for relocation in section.iter_relocations():
            kind, offset = relocation["r_info_type"], relocation["r_offset"]
            if kind == _RISCV_RELAX and offset == call:
                relaxed[target] = relaxed.get(target, 0) + 1
            call = offset if kind in _RISCV_RELAXABLE else None
            home = home_of[relocation["r_info_sym"]]
            if home is not None:
                found.setdefault(target, []).append(home)
    return found, relaxed


def _stack_sizes(sections: list, targets: dict[int, list[int]]) -> dict[int, int]:
    """By code section: the stack that its function takes, from clang's .stack_sizes: (address, ULEB128 bytes) pairs."""
    sizes: dict[int, int] = {}
    for index, section in enumerate(sections):
        if section.name != STACK_SIZES:
            continue
        data, at = section.data(), 0
        for home in targets.get(index, []):
            at += 4
            value = shift = 0
            while at < len(data):
                byte = data[at]
                at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
                if byte < 0x80:
                    break
            sizes[home] = max(sizes.get(home, 0), value)
    return sizes
