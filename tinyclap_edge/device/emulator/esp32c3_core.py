"""An ESP32-C3's core around unicorn's RV32: reset by direct boot, the interrupt matrix, sleep, its own cycle counter.

unicorn executes traps' returns (mret) itself; entering an interrupt is done here. ESP32-C3 TRM, chapters 1 and 8.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from tinyclap_edge.boards import Region
from tinyclap_edge.device.emulator.esp32c3_rom import ROM, ROM_BYTES, BootRom, rom_image
from tinyclap_edge.device.emulator.peripheral import Peripheral
from tinyclap_edge.errors import DeviceError

_WFI = bytes.fromhex("73005010")
_MIE, _MPIE, _MPP = 1 << 3, 1 << 7, 3 << 11
_INTERRUPT = 1 << 31
_ILLEGAL = 2  # unicorn's number of the exception
_COUNTER_CSRS = range(0x7E0, 0x7E3)  # MPCER, MPCMR, MPCCR: what is counted, whether, how many
_DIRECT_BOOT = bytes.fromhex("1d04dbae") * 2


class InterruptMatrix(Peripheral):
    """Which of the core's 31 interrupts a source has, and which are enabled."""

    ENABLE, EIP, PRIORITY, THRESHOLD = 0x104, 0x110, 0x114, 0x194

    def __init__(self) -> None:
        super().__init__(0x600C2000, 0x400)

    def interrupt_of(self, source: int) -> int | None:
        """The core's interrupt that a source raises; None where it raises none."""
        number = self.registers.get(4 * source, 0) & 0x1F
        enabled = self.registers.get(self.ENABLE, 0) >> number & 1
        urgent = self.registers.get(self.PRIORITY + 4 * number, 0) >= max(1, self.registers.get(self.THRESHOLD, 0))
        return number if number and enabled and urgent else None


class Rv32Core:
    """The core. flash and view: one memory at two addresses, for code and for constants."""

    def __init__(self, clock_hz: int, flash: Region, view: Region, rom: BootRom) -> None:
        self.matrix = InterruptMatrix()
        self.peripherals: Sequence[Peripheral] = [self.matrix]
        self.lines: set[int] = set()
        self._clock_hz, self._flash, self._view, self._rom = clock_hz, flash, view, rom
        self._cells = ctypes.create_string_buffer(flash.size_bytes)
        self._counter = {0x7E0: 0, 0x7E1: 0, 0x7E2: 0}

    def attach(self, engine: Any) -> None:
        """The engine of the machine: its flash becomes one memory at two places, the ROM stands where the chip has it."""
        import unicorn
        from unicorn import riscv_const

        self._engine, self._names = engine, riscv_const
        cells = ctypes.addressof(self._cells)
        for region, rights in (
            (self._flash, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC),
            (self._view, unicorn.UC_PROT_READ),
        ):
            engine.mem_unmap(region.address, region.size_bytes)
            engine.mem_map_ptr(region.address, region.size_bytes, rights, cells)
        engine.mem_map(ROM, ROM_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        engine.mem_write(ROM, rom_image())
        engine.hook_add(unicorn.UC_HOOK_INTR, self._trap)
        self._rom.engine, self._rom.view = engine, self._view.address
        self._cold = engine.context_save()

    def begin(self, vectors: int) -> None:
        """The ROM finds its magic words, and jumps behind them."""
        self._engine.context_restore(self._cold)
        self.lines.clear()
        self._counter = dict.fromkeys(self._counter, 0)
        if bytes(self._engine.mem_read(self._flash.address, 8)) != _DIRECT_BOOT:
            raise DeviceError(
                "the ESP32-C3's boot ROM does not start this image: it begins without the two words of a direct boot",
                "build it for the bare board",
            )
        self._write("PC", vectors)

    def _read(self, name: str) -> int:
        return int(self._engine.reg_read(getattr(self._names, "UC_RISCV_REG_" + name)))

    def _write(self, name: str, value: int) -> None:
        self._engine.reg_write(getattr(self._names, "UC_RISCV_REG_" + name), value & 0xFFFFFFFF)

    @property
    def program_counter(self) -> int:
        """Where the engine goes on."""
        return self._read("PC")

    def asleep(self) -> bool:
        """Whether the instruction before the program counter is WFI."""
        return bytes(self._engine.mem_read(self._read("PC") - 4, 4)) == _WFI

    def _waiting(self) -> list[int]:
        numbers = (self.matrix.interrupt_of(source) for source in self.lines)
        return sorted(number for number in numbers if number is not None)

    def pending(self) -> bool:
        """Whether an enabled interrupt waits; it ends a WFI whatever mstatus says."""
        return bool(self._waiting())

    def held_back(self) -> bool:
        """Whether an interrupt waits for mstatus.MIE."""
        return self.pending() and not self._read("MSTATUS") & _MIE

    def deliver(self) -> bool:
        """Enter the handler of a waiting interrupt, if mstatus.MIE is set."""
        status = self._read("MSTATUS")
        waiting = self._waiting()
        if not waiting or not status & _MIE:
            return False
        self._write("MEPC", self._read("PC"))
        self._write("MCAUSE", _INTERRUPT | waiting[0])
        self._write("MSTATUS", status & ~_MIE | _MPIE | _MPP)
        self._write("PC", (self._read("MTVEC") & ~3) + 4 * waiting[0])
        return True

    def returned(self) -> bool:
        """The engine executes mret itself."""
        return False

    def _trap(self, engine: Any, number: int, _user: Any) -> None:
        """An exception: accesses to the chip's own CSRs are done here, anything else ends the run."""
        at = self._read("PC") - 4  # the engine stands behind the instruction
        word = int.from_bytes(engine.mem_read(at, 4), "little") if number == _ILLEGAL else 0
        csr, function, rd, rs1 = word >> 20, word >> 12 & 7, word >> 7 & 31, word >> 15 & 31
        if word & 0x7F != 0x73 or csr not in _COUNTER_CSRS or function not in (1, 2):
            raise DeviceError(
                f"the firmware stopped at 0x{at:08X}: exception {number}", "look at that address in the image"
            )
        now = int(self._rom.board.now_s * self._clock_hz)
        counting = self._counter[0x7E0] & 1 and self._counter[0x7E1] & 1
        old = (now - self._counter[0x7E2] if counting else 0) if csr == 0x7E2 else self._counter[csr]
        if function == 1:  # csrrw
            value = self._read(f"X{rs1}")
            self._counter[csr] = now - value if csr == 0x7E2 else value
        if rd:
            self._write(f"X{rd}", old)
