"""STM32F405: the models behind a virtual board of it. RM0090."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import Chip
from tinyclap_edge.device.emulator.cortex_m import CortexM
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.pdm import OVERSAMPLING
from tinyclap_edge.device.emulator.peripheral import Peripheral, ReadyBits, ResetCause
from tinyclap_edge.device.emulator.stm32 import BackupDomain, Dma, IndependentWatchdog, Timer2
from tinyclap_edge.device.emulator.stm32_sound import FrameReceiver, i2s_frames
from tinyclap_edge.device.emulator.stm32_usart import Usart

_CRYSTAL_HZ, _HSI_HZ = 12_000_000, 16_000_000
_TIM2_HZ = 84_000_000
_FLASH = 0x08000000


class Rcc(ReadyBits):
    """Clocks and the causes of resets."""

    CR, PLLCFGR, CFGR, CSR, PLLI2SCFGR = 0x00, 0x04, 0x08, 0x74, 0x84
    HOLDS: ClassVar[frozenset[int]] = frozenset({CSR})
    RMVF, PIN = 1 << 24, 1 << 26
    CAUSES: ClassVar[Mapping[ResetCause, int]] = {
        ResetCause.POWER: 1 << 27 | 1 << 25,
        ResetCause.PIN: 0,
        ResetCause.SOFTWARE: 1 << 28,
        ResetCause.WATCHDOG: 1 << 29,
    }

    def __init__(self) -> None:
        ready = {(self.CR, bit + 1): (self.CR, bit) for bit in (0, 16, 24, 26)}  # HSI, HSE, PLL, PLLI2S
        switched = {(self.CFGR, 2 + bit): (self.CFGR, bit) for bit in (0, 1)}
        super().__init__(0x40023800, follows=ready | switched)

    def reset(self, cause: ResetCause) -> None:
        """The flag of this cause beside those that nobody has removed yet."""
        super().reset(cause)
        self.registers[self.CSR] = self.registers.get(self.CSR, 0) | self.CAUSES[cause] | self.PIN

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.CSR:
            value = 0 if value & self.RMVF else self.registers.get(self.CSR, 0)
        super().on_write(offset, value)

    def _pll_input_hz(self) -> float:
        pll = self.registers.get(self.PLLCFGR, 0)
        return (_CRYSTAL_HZ if pll & 1 << 22 else _HSI_HZ) / max(pll & 63, 1)

    def core_hz(self) -> float:
        """SYSCLK = HCLK."""
        if self.registers.get(self.CFGR, 0) & 3 != 2:
            return _HSI_HZ
        pll = self.registers.get(self.PLLCFGR, 0)
        return self._pll_input_hz() * (pll >> 6 & 511) / (2 * (pll >> 16 & 3) + 2)

    def apb2_hz(self) -> float:
        """PCLK2."""
        divider = self.registers.get(self.CFGR, 0) >> 13 & 7
        return self.core_hz() / (1 if divider < 4 else 2 << divider - 4)

    def plli2s_hz(self) -> float:
        """The clock of SPI2 in I2S mode."""
        word = self.registers.get(self.PLLI2SCFGR, 0)
        return self._pll_input_hz() * (word >> 6 & 511) / max(word >> 28 & 7, 1)


class Usart1(Usart):
    """USART1."""

    STATUS, RECEIVED, SEND, BRR, CR1 = 0x00, 0x04, 0x04, 0x08, 0x0C
    UE, LINE = 1 << 13, 37

    def on_read(self, offset: int) -> int:
        if offset == self.RECEIVED:  # behind a read of the status this clears IDLE
            self.forget_quiet()
        return super().on_read(offset)


class I2s(FrameReceiver):
    """SPI2 in I2S mode, master, receiving."""

    CR2, SR, DR, I2SCFGR, I2SPR = 0x04, 0x08, 0x0C, 0x1C, 0x20
    LISTENS = 1 << 11 | 1 << 10 | 3 << 8  # I2SMOD, I2SE, master receive

    def __init__(self, microphone: Microphone, rcc: Rcc, dma: Dma, stream: int) -> None:
        super().__init__(0x40003800, microphone, dma, stream, 0x40003800 + self.DR)
        self._rcc = rcc

    def _slots_of_32_bits(self) -> bool:
        """CHLEN. With 16 bits nothing stands between the slots: every clock brings a bit of a PDM microphone."""
        return bool(self.registers.get(self.I2SCFGR, 0) & 1)

    def rate_hz(self) -> float:
        """Two slots of 32 bits a sample, or 64 bits of PDM: the same number of clocks."""
        word = self.registers.get(self.I2SPR, 0)
        return self._rcc.plli2s_hz() / (OVERSAMPLING * (2 * (word & 255) + (word >> 8 & 1)))

    def items(self) -> int:
        """Left and right, or four half words of bits."""
        return 2 if self._slots_of_32_bits() else OVERSAMPLING // 16

    def said(self, samples: np.ndarray) -> bytes:
        """Frames, or bits."""
        return i2s_frames(samples, 2) if self._slots_of_32_bits() else self.pdm.octets(samples, half_words=True)

    def listening(self) -> bool:
        """I2S on, and DMA asked for."""
        return (
            self.registers.get(self.I2SCFGR, 0) & self.LISTENS == self.LISTENS
            and self.registers.get(self.CR2, 0) & 1 == 1
        )

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        self.begin()


class Flash(Peripheral):
    """The flash interface: unlocked by two keys, an erase by sector number, a store where PG and the width allow it."""

    ACR, KEYR, SR, CR = 0x00, 0x04, 0x0C, 0x10
    KEYS = (0x45670123, 0xCDEF89AB)
    PG, SER, STRT, LOCK = 1 << 0, 1 << 1, 1 << 16, 1 << 31
    PGPERR, PGSERR = 1 << 6, 1 << 7
    RESETS: ClassVar[Mapping[int, int]] = {CR: LOCK}

    def __init__(self, sectors: tuple[int, ...]) -> None:
        super().__init__(0x40023C00)
        # DS8626: 250 ms for 16 KB at 32 bits, 550 for 64, 1,000 for 128; 16 us a word
        self.cells = FlashArray(_FLASH, sectors, 4, lambda size: {16: 0.25, 64: 0.55, 128: 1.0}[size >> 10], 16e-6)

    def reset(self, cause: ResetCause) -> None:
        """Locked."""
        super().reset(cause)
        self._keys: tuple[int, ...] = ()

    def on_write(self, offset: int, value: int) -> None:
        locked = self.registers[self.CR] & self.LOCK
        if offset == self.KEYR:
            self._keys = (*self._keys, value)
            if self._keys == self.KEYS:
                self.registers[self.CR] &= ~self.LOCK
            if self._keys != self.KEYS[: len(self._keys)]:
                self.cells.broken_rules.append("a wrong key locks the flash until the next reset")
        elif offset == self.SR:
            self.registers[self.SR] = self.registers.get(self.SR, 0) & ~value
        elif offset != self.CR:
            super().on_write(offset, value)
        elif not locked:
            super().on_write(offset, value & ~self.STRT)
            self._keys = () if value & self.LOCK else self._keys
            if value & self.STRT and value & self.SER:
                self.cells.erase(value >> 3 & 15)

    def store(self, address: int, size: int, value: int) -> bool:
        """A store into flash: programs a word."""
        control = self.registers[self.CR]
        if control & self.LOCK or not control & self.PG:
            self.registers[self.SR] = self.registers.get(self.SR, 0) | self.PGSERR
        elif size != 1 << (control >> 8 & 3):
            self.registers[self.SR] = self.registers.get(self.SR, 0) | self.PGPERR
        else:
            self.cells.program(address, value.to_bytes(size, "little"))
        return True


def make_chip(board: Board, wire: SerialWire, microphone: Microphone) -> Chip:
    """The chip with what is wired to it."""
    sectors = board.flash.sectors
    assert sectors is not None
    rcc, power = Rcc(), ReadyBits(0x40007000)
    dma1, dma2 = Dma(0x40026000, {3: 14}), Dma(0x40026400, {2: 58})
    flash = Flash(sectors.sizes)
    peripherals: list[Peripheral] = [
        rcc, power, flash, dma1, dma2,
        Peripheral(0x40020000), Peripheral(0x40020400),  # ports A and B
        Timer2(0x40000000, _TIM2_HZ),
        BackupDomain(0x40002800, power, 0x00),
        IndependentWatchdog(0x40003000),
        Usart1(0x40011000, wire, rcc.apb2_hz, dma2, 2),
        I2s(microphone, rcc, dma1, 3),
    ]  # fmt: skip
    return Chip(CortexM(board.clock_hz), peripherals, flash, _FLASH)
