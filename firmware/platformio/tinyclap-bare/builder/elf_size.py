"""Bytes of an ELF by memory region, for PlatformIO's size check (`zig` has no size tool).

usage: elf_size.py [--table] FILE name:kind:address:size ...
"""

import sys

from elftools.elf.elffile import ELFFile


def usage_by_region(path, regions):
    """{region name: bytes}: sections at their run address, initialised data also where its copy is stored."""
    used = {name: 0 for name, *_ in regions}
    with open(path, "rb") as file:
        elf = ELFFile(file)
        loads = list(elf.iter_segments("PT_LOAD"))
        for section in elf.iter_sections():
            address, size = section["sh_addr"], section["sh_size"]
            if not section["sh_flags"] & 2 or not size:  # SHF_ALLOC
                continue
            places = [address]
            for load in loads:
                start = load["p_vaddr"]
                in_file = section["sh_type"] != "SHT_NOBITS" and load["p_paddr"] != start
                if in_file and start <= address < start + load["p_memsz"]:
                    places.append(address - start + load["p_paddr"])
            for place in places:
                for name, _, base, length in regions:
                    if base <= place < base + length:
                        used[name] += size
    return used


def main(arguments):
    """Prints `flash N` and `ram N`, and with --table a line a region."""
    table = arguments[0] == "--table"
    path, *descriptions = arguments[1:] if table else arguments
    regions = []
    for description in descriptions:
        name, kind, address, length = description.split(":")
        regions.append((name, kind, int(address), int(length)))
    used = usage_by_region(path, regions)
    if table:
        for name, kind, _, length in regions:
            print("%-10s %-6s %9d of %9d bytes" % (name, kind, used[name], length))
    for wanted in ("flash", "ram"):
        print("%-10s %d" % (wanted, sum(used[name] for name, kind, *_ in regions if kind == wanted)))


main(sys.argv[1:])
