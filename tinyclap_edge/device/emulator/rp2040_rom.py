"""The RP2040's boot ROM as an image meets it: the start through the second stage, and the functions that change the flash.

The ROM's tables stand where the chip's stand (RP2040 datasheet 2.8.2, 2.8.3); behind a function's address is a stub that
hands its arguments to this model. While the driver has left XIP the flash cannot be read or executed, as on the chip.
"""

from __future__ import annotations

import struct
from typing import Any

from tinyclap_edge.device.emulator.cortex_m import CortexM
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.errors import DeviceError

FLASH = 0x10000000
SECOND_STAGE, SECOND_STAGE_BYTES = 0x20041F00, 256
ROM_BYTES = 0x4000
_TRAP = 0x4000  # behind the ROM, where the chip has nothing: the stubs' way to this model
_CALL, _RESULT = 0x10, 0x40  # registers of the trap behind those of the arguments
_TABLE, _STUBS, _STUB_BYTES = 0x200, 0x400, 24
_LOOKUP = 0  # number of the stub that searches the table; the functions follow it
FUNCTIONS = ("IF", "EX", "RE", "RP", "FC")


def boot_checksum(data: bytes) -> int:
    """CRC-32 of the second stage as the ROM computes it: polynomial 04C11DB7, begun with ones, nothing reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def rom_image() -> bytes:
    """The ROM's bytes."""
    rom = bytearray(ROM_BYTES)
    struct.pack_into("<HHH", rom, 0x14, _TABLE, 0, _stub_at(_LOOKUP))
    for i, code in enumerate(FUNCTIONS):
        struct.pack_into("<HH", rom, _TABLE + 4 * i, int.from_bytes(code.encode(), "little"), _stub_at(i + 1))
    for number in range(len(FUNCTIONS) + 1):
        # push {r4}; ldr r4, trap; str r0..r3, [r4]; str r0, [r4, #_CALL + 4 number]; ldr r0, [r4, #_RESULT]; pop {r4}; bx lr
        call, result = 0x6020 | (_CALL // 4 + number) << 6, 0x6820 | _RESULT // 4 << 6
        halfwords = (0xB410, 0x4C04, 0x6020, 0x6061, 0x60A2, 0x60E3, call, result, 0xBC10, 0x4770)
        struct.pack_into("<10HI", rom, _STUBS + _STUB_BYTES * number, *halfwords, _TRAP)
    return bytes(rom)


def _stub_at(number: int) -> int:
    return _STUBS + _STUB_BYTES * number | 1


class FlashInterface(Peripheral):
    """SSI: enabled by the second stage, it makes the flash memory again."""

    SSIENR = 0x8

    def __init__(self, rom: BootRom) -> None:
        super().__init__(0x18000000)
        self._rom = rom

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        wanted = {0x0: 0x001F0300, 0x4: 0, 0xF4: 0x03000218}
        if offset == self.SSIENR and value & 1 and all(self.registers.get(k, 0) == v for k, v in wanted.items()):
            self._rom.enter_xip()


class BootRom(Peripheral):
    """The functions: each may be called only when the flash is in the state that it wants."""

    def __init__(self, cells: FlashArray) -> None:
        super().__init__(_TRAP, 0x100)
        self.cells, self.connected, self.xip, self._asked = cells, False, False, False
        self.engine: Any = None

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.connected = False
        self._show_flash(False)

    def store(self, address: int, size: int, value: int) -> bool:
        """The core cannot store into this flash."""
        return False

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        self._asked = self._asked or offset == 0
        if offset < _CALL or not self._asked:
            return
        self._asked = False  # the engine repeats a store behind which time has passed
        number, arguments = (offset - _CALL) // 4, [self.registers.get(at, 0) for at in (0, 4, 8, 12)]
        if number == _LOOKUP:
            code = arguments[1].to_bytes(4, "little").rstrip(b"\0").decode("ascii", "replace")
            self.registers[_RESULT] = _stub_at(FUNCTIONS.index(code) + 1) if code in FUNCTIONS else 0
        else:
            getattr(self, "_call_" + FUNCTIONS[number - 1].lower())(*arguments)

    def enter_xip(self) -> None:
        """The second stage has set up the SSI."""
        self._show_flash(True)

    def _show_flash(self, shown: bool) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ

        self.xip = shown
        self.engine.mem_protect(FLASH, self.cells.size, UC_PROT_READ | UC_PROT_EXEC if shown else UC_PROT_NONE)

    def _call_if(self, *_: int) -> None:
        """connect_internal_flash."""
        self.connected = True
        self._show_flash(False)

    def _call_ex(self, *_: int) -> None:
        """flash_exit_xip."""
        self._require("EX")

    def _call_re(self, offset: int, count: int, block: int, _command: int) -> None:
        """flash_range_erase."""
        self._require("RE")
        if offset % 4096 or count % 4096 or block != 1 << 16:
            raise DeviceError(f"flash_range_erase of {count} bytes at 0x{offset:X}: not whole sectors")
        for sector in range(offset // 4096, (offset + count) // 4096):
            self.cells.erase(sector)

    def _call_rp(self, offset: int, address: int, count: int, _: int) -> None:
        """flash_range_program."""
        self._require("RP")
        if offset % 256 or count % 256 or FLASH <= address < FLASH + self.cells.size:
            raise DeviceError(f"flash_range_program of {count} bytes at 0x{offset:X} from 0x{address:08X}")
        for at in range(0, count, 256):
            self.cells.program(FLASH + offset + at, self.board.read_memory(address + at, 256))

    def _call_fc(self, *_: int) -> None:
        """flash_flush_cache."""
        self._require("FC")
        self.connected = False

    def _require(self, code: str) -> None:
        if not self.connected or self.xip:
            raise DeviceError(f"the boot ROM's function {code} is called while the flash is not connected to it")


class BootedCore(CortexM):
    """The first core of an RP2040: the ROM checks the second stage, copies it to the end of RAM and calls it."""

    def __init__(self, clock_hz: int, rom: BootRom) -> None:
        super().__init__(clock_hz, fpu=False, cycle_counter=False)
        self._rom = rom

    def attach(self, engine: Any) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_READ

        super().attach(engine)
        self._rom.engine = engine
        engine.mem_map(0, ROM_BYTES, UC_PROT_READ | UC_PROT_EXEC)
        engine.mem_write(0, rom_image())

    def begin(self, vectors: int) -> None:
        stage = bytes(self._engine.mem_read(FLASH, SECOND_STAGE_BYTES))
        if boot_checksum(stage[:-4]) != int.from_bytes(stage[-4:], "little"):
            raise DeviceError(
                "the RP2040's boot ROM does not start this image: its first 256 bytes are no second stage with its checksum",
                "build it for the bare board",
            )
        super().begin(vectors)
        self._engine.mem_write(SECOND_STAGE, stage)
        self._write("SP", SECOND_STAGE)
        self._write("LR", 0)
        self._write("PC", SECOND_STAGE | 1)
