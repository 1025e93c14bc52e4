"""An ELF image as emulators and size check see it: what is loaded where, functions by address, bytes by region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyclap_edge.boards import Region
from tinyclap_edge.errors import CorruptFile, DoesNotFit


@dataclass(frozen=True)
class Segment:
    """Bytes to load at a physical address, as a flash tool would."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Section:
    """An allocated section; run and load address differ when it is copied at start."""

    name: str
    address: int
    load_address: int
    size: int
    in_file: bool
    executable: bool
    data: bytes


@dataclass(frozen=True)
class Function:
    """A function symbol; the Thumb bit is removed from the address."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class ElfImage:
    """A linked firmware image."""

    machine: str  # "arm" or "riscv"
    entry: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    functions: tuple[Function, ...]  # by address
    symbols: dict[str, int]

    @property
    def flash_bytes(self) -> int:
        """Bytes that a flash tool writes."""
        return sum(len(segment.data) for segment in self.segments)

    def bytes_by_region(self, regions: Sequence[Region], board_name: str) -> dict[str, int]:
        """Bytes used in each region that the image touches; initialised data counts in RAM and, as its copy, in flash.

        DoesNotFit when a section lies outside every region.
        """
        used: dict[str, int] = {}
        for section in self.sections:
            places = [section.address]
            if section.in_file and section.load_address != section.address:
                places.append(section.load_address)
            for address in places:
                region = next((r for r in regions if r.address <= address < r.end), None)
                if region is None or address + section.size > region.end:
                    raise DoesNotFit(
                        f"section {section.name} ({section.size:,} bytes at 0x{address:08X}) lies outside the memory of "
                        f"{board_name}",
                        "was this image built for another board?",
                    )
                if region.kind != "view":  # the flash behind it is counted where it is loaded
                    used[region.name] = used.get(region.name, 0) + section.size
        return used


def read_elf(path: Path | str) -> ElfImage:
    """Reads a 32-bit little-endian executable; CorruptFile for anything else."""
    try:
        with Path(path).open("rb") as file:
            return _read(ELFFile(file), Path(path))
    except FileNotFoundError as error:
        raise CorruptFile(f"there is no firmware image at {path}", "build it first: `tinyclap-edge build`") from error
    except (ELFError, OSError, UnicodeDecodeError, ValueError, KeyError, IndexError) as error:
        raise CorruptFile(f"{Path(path).name} is not a firmware image ({error})", "build it again") from error


def _read(elf: ELFFile, path: Path) -> ElfImage:
    machine = {"EM_ARM": "arm", "EM_RISCV": "riscv"}.get(elf["e_machine"])
    if machine is None or elf.elfclass != 32 or not elf.little_endian or elf["e_type"] != "ET_EXEC":
        raise CorruptFile(f"{path.name} is no 32-bit Arm or RISC-V executable", "build it with `tinyclap-edge build`")
    loads = list(elf.iter_segments("PT_LOAD"))
    segments = tuple(Segment(s["p_paddr"], s.data()) for s in loads if s["p_filesz"])
    sections = []
    for section in elf.iter_sections():
        if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or not section["sh_size"]:
            continue
        address, in_file = section["sh_addr"], section["sh_type"] != "SHT_NOBITS"
        home = next((s for s in loads if s["p_vaddr"] <= address < s["p_vaddr"] + max(s["p_memsz"], 1)), None)
        load = address - home["p_vaddr"] + home["p_paddr"] if home is not None else address
        executable = bool(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR)
        sections.append(
            Section(
                section.name, address, load, section["sh_size"], in_file, executable, section.data() if in_file else b""
            )
        )
    symbols: dict[str, int] = {}
    functions = []
    for table in elf.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC":
                address = symbol["st_value"] & (~1 if machine == "arm" else ~0)
                functions.append(Function(symbol.name, address, symbol["st_size"]))
            if symbol.name and not symbol.name.startswith("$"):
                symbols[symbol.name] = symbol["st_value"]
    functions.sort(key=lambda f: (f.address, -f.size))
    return ElfImage(machine, elf["e_entry"], segments, tuple(sections), tuple(functions), symbols)
