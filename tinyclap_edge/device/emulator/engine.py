"""A unicorn engine for a board: the core's model, memory by the board's regions, an image loaded as a flash tool would.

unicorn is GPL-2 and imported only in this package, when an emulator is asked for.
"""

from __future__ import annotations

from typing import Any

from tinyclap_edge.boards import Board, Region
from tinyclap_edge.device.elf_image import ElfImage
from tinyclap_edge.errors import DoesNotFit, ToolMissing, UsageError

_PAGE = 0x1000


def open_unicorn() -> Any:
    """The module; ToolMissing with the line that installs it."""
    try:
        import unicorn
    except ImportError as error:
        raise ToolMissing("the emulator unicorn is not installed", 'pip install "tinyclap-edge[emu]"') from error
    return unicorn


def new_engine(board: Board, image: ElfImage) -> Any:
    """An engine with the board's core. UsageError where unicorn has none, DoesNotFit for an image of another architecture."""
    unicorn = open_unicorn()
    if not board.emulator.unicorn:
        raise UsageError(
            f"unicorn has no model of {board.name} ({board.core})", "`tinyclap-edge boards` lists the emulated ones"
        )
    wanted = "riscv" if board.emulator.unicorn == "rv32" else "arm"
    if image.machine != wanted:
        raise DoesNotFit(f"the image is for {image.machine}, {board.name} is {board.core}", "build it for this board")
    if wanted == "riscv":
        engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        engine.ctl_set_cpu_model(unicorn.riscv_const.UC_CPU_RISCV32_SIFIVE_E31)  # RV32IMAC: no FPU, as the chip
        return engine
    engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    model = "UC_CPU_ARM_" + board.emulator.unicorn.upper().replace("-", "_")
    engine.ctl_set_cpu_model(getattr(unicorn.arm_const, model))
    return engine


def map_memory(engine: Any, board: Board, image: ElfImage) -> None:
    """Memory where the board's regions are. Flash takes no stores. RAM is not executed unless the image runs code there
    (with it unicorn looks at every store for self-modified code, which costs three quarters of the speed)."""
    unicorn = open_unicorn()
    pages: dict[int, int] = {}  # neighbouring regions may share one
    for region in board.regions:
        for page in range(region.address & -_PAGE, region.end, _PAGE):
            pages[page] = pages.get(page, 0) | _permissions(unicorn, region, image)
    start = None
    for page in sorted(pages):
        start = page if start is None else start
        if pages.get(page + _PAGE) != pages[page]:
            engine.mem_map(start, page + _PAGE - start, pages[page])
            start = None


def _permissions(unicorn: Any, region: Region, image: ElfImage) -> int:
    if region.kind == "flash":
        return int(unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
    code = any(s.executable and region.address <= s.address < region.end for s in image.sections)
    return int(unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE | (unicorn.UC_PROT_EXEC if code else 0))


def load_image(engine: Any, board: Board, image: ElfImage) -> None:
    """Every segment at its physical address. DoesNotFit where the board has no memory."""
    unicorn = open_unicorn()
    for segment in image.segments:
        try:
            engine.mem_write(segment.address, segment.data)
        except unicorn.UcError as error:
            raise DoesNotFit(
                f"the image loads 0x{segment.address:08X}, which is no memory of {board.name}",
                "build it for this board",
            ) from error
