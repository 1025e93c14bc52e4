"""The ESP32-C3's boot ROM as an image meets it: functions at the chip's own addresses that change the flash.

Every ESP32-C3 has a table of jumps at 0x40000000, one word a function; behind those that the port calls is a stub that hands
its arguments to this model. While the cache is suspended the flash can be neither read nor executed, as on the chip.
"""

from __future__ import annotations

import struct
from typing import Any

from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.errors import DeviceError

FLASH = 0x42000000
ROM, ROM_BYTES = 0x40000000, 0x4000
_TRAP = 0x40060000  # behind the ROM, where the chip has nothing: the stubs' way to this model
_CALL, _RESULT = 0x20, 0x100  # registers of the trap behind those of six arguments
_STUBS = 0x2000
FUNCTIONS = {  # address -> name
    0x40000128: "erase_sector",
    0x4000012C: "write",
    0x40000134: "config_param",
    0x40000140: "unlock",
    0x400004D4: "cache_invalidate",
    0x40000524: "cache_suspend",
    0x40000528: "cache_resume",
    0x40000588: "update_cpu_frequency",
    0x4000195C: "analog_write",
    0x40001960: "analog_write_field",
}
_T0, _A0 = 5, 10


def rom_image() -> bytes:
    """The ROM's bytes."""
    rom = bytearray(ROM_BYTES)
    for number, address in enumerate(FUNCTIONS):
        stub = _STUBS + 64 * number
        struct.pack_into("<I", rom, address - ROM, _jump(stub - (address - ROM)))
        # lui t0, trap; sw a0..a5, 4 i(t0); sw a0, _CALL + 4 number(t0); lw a0, _RESULT(t0); ret
        words = [_TRAP & 0xFFFFF000 | _T0 << 7 | 0x37]
        words += [_store(_A0 + i, 4 * i) for i in range(6)]
        words += [_store(_A0, _CALL + 4 * number), _RESULT << 20 | _T0 << 15 | 2 << 12 | _A0 << 7 | 0x03, 0x00008067]
        struct.pack_into(f"<{len(words)}I", rom, stub, *words)
    return bytes(rom)


def _store(register: int, offset: int) -> int:
    return offset >> 5 << 25 | register << 20 | _T0 << 15 | 2 << 12 | (offset & 31) << 7 | 0x23


def _jump(offset: int) -> int:
    fields = (
        (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3FF) << 21 | (offset >> 11 & 1) << 20 | (offset >> 12 & 0xFF) << 12
    )
    return fields | 0x6F


class BootRom(Peripheral):
    """The functions: each may be called only when the flash is in the state that it wants."""

    def __init__(self, cells: FlashArray) -> None:
        super().__init__(_TRAP, 0x1000)
        self.cells, self.view, self._asked = cells, 0, False
        self.engine: Any = None

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.suspended = self.unlocked = False
        self.flash_bytes = 0
        self.cpu_mhz = 20
        self.analog: dict[int, int] = {}
        self._show_flash(True)

    def store(self, address: int, size: int, value: int) -> bool:
        """The core cannot store into this flash."""
        return False

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        self._asked = self._asked or offset == 0
        if offset < _CALL or not self._asked:
            return
        self._asked = False  # the engine repeats a store behind which time has passed
        name = list(FUNCTIONS.values())[(offset - _CALL) // 4]
        arguments = [self.registers.get(4 * i, 0) for i in range(6)]
        self.registers[_RESULT] = getattr(self, "_call_" + name)(*arguments) & 0xFFFFFFFF

    def _show_flash(self, shown: bool) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ

        self.engine.mem_protect(FLASH, self.cells.size, UC_PROT_READ | UC_PROT_EXEC if shown else UC_PROT_NONE)
        self.engine.mem_protect(self.view, self.cells.size, UC_PROT_READ if shown else UC_PROT_NONE)

    def _call_config_param(self, _id: int, size: int, block: int, sector: int, page: int, _mask: int) -> int:
        self.flash_bytes = size if (block, sector, page) == (1 << 16, 4096, 256) else 0
        return 0 if self.flash_bytes else 1

    def _call_unlock(self, *_: int) -> int:
        self._require("unlock")
        self.unlocked = True
        return 0

    def _call_erase_sector(self, sector: int, *_: int) -> int:
        self._require("erase_sector")
        if not self.unlocked or sector >= self.flash_bytes // 4096:
            return 1
        self.cells.erase(sector)
        return 0

    def _call_write(self, offset: int, address: int, count: int, *_: int) -> int:
        self._require("write")
        if not self.unlocked or offset % 4 or count % 4 or offset + count > self.flash_bytes:
            return 1
        if (
            address % 4
            or FLASH <= address < FLASH + self.cells.size
            or self.view <= address < self.view + self.cells.size
        ):
            raise DeviceError(f"the boot ROM is told to write from 0x{address:08X}, which it cannot read now")
        for at in range(0, count, 256):
            self.cells.program(FLASH + offset + at, self.board.read_memory(address + at, min(256, count - at)))
        return 0

    def _call_cache_suspend(self, *_: int) -> int:
        self.suspended = True
        self._show_flash(False)
        return 1

    def _call_cache_resume(self, *_: int) -> int:
        self.suspended = self.unlocked = False
        self._show_flash(True)
        return 0

    def _call_cache_invalidate(self, address: int, count: int, *_: int) -> int:
        if not self.view <= address < address + count <= self.view + self.cells.size:
            raise DeviceError(f"the boot ROM is told to forget 0x{address:08X}, which is not cached")
        return 0

    def _call_update_cpu_frequency(self, mhz: int, *_: int) -> int:
        self.cpu_mhz = mhz
        return 0

    def _call_analog_write(self, block: int, host: int, register: int, value: int, *_: int) -> int:
        self._require_pll(block, host)
        self.analog[register] = value
        return 0

    def _call_analog_write_field(self, block: int, host: int, register: int, high: int, low: int, value: int) -> int:
        self._require_pll(block, host)
        mask = (1 << high - low + 1) - 1 << low
        self.analog[register] = self.analog.get(register, 0) & ~mask | value << low & mask
        return 0

    def _require(self, name: str) -> None:
        if not self.suspended:
            raise DeviceError(f"the boot ROM's {name} is called while code runs from the flash")

    @staticmethod
    def _require_pll(block: int, host: int) -> None:
        if (block, host) != (0x66, 0):
            raise DeviceError(f"the boot ROM is told to write analog block 0x{block:02X} of host {host}, not the PLL")
