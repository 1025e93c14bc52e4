"""STM32H743: the models behind a virtual board of it. RM0433."""

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

_OUTSIDE_HZ, _HSI_HZ = 8_000_000, 64_000_000
_TIM2_HZ = 240_000_000
_FLASH, _BANK_BYTES = 0x08000000, 1 << 20
_WORD_BYTES = 32


class Rcc(ReadyBits):
    """Clocks and the causes of resets."""

    CR, CFGR, D1CFGR, D2CFGR, PLLCKSELR, PLL1DIVR, PLL3DIVR, D2CCIP1R, RSR = (
        0x00, 0x10, 0x18, 0x1C, 0x28, 0x30, 0x40, 0x50, 0xD0,
    )  # fmt: skip
    HOLDS: ClassVar[frozenset[int]] = frozenset({RSR})
    RMVF, PIN = 1 << 16, 1 << 22
    CAUSES: ClassVar[Mapping[ResetCause, int]] = {
        ResetCause.POWER: 1 << 23 | 1 << 21,
        ResetCause.PIN: 0,
        ResetCause.SOFTWARE: 1 << 24,
        ResetCause.WATCHDOG: 1 << 26,
    }

    def __init__(self) -> None:
        ready = {(self.CR, bit + 1): (self.CR, bit) for bit in (16, 24, 26, 28)}  # HSE and the three PLLs
        switched = {(self.CFGR, 3 + bit): (self.CFGR, bit) for bit in (0, 1, 2)}
        super().__init__(0x58024400, follows=ready | switched)

    def reset(self, cause: ResetCause) -> None:
        """The flag of this cause beside those that nobody has removed yet."""
        super().reset(cause)
        self.registers[self.RSR] = self.registers.get(self.RSR, 0) | self.CAUSES[cause] | self.PIN

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.RSR:
            value = 0 if value & self.RMVF else self.registers.get(self.RSR, 0)
        super().on_write(offset, value)

    def _pll_p_hz(self, divisors: int, m_shift: int) -> float:
        select, word = self.registers.get(self.PLLCKSELR, 0), self.registers.get(divisors, 0)
        source = _OUTSIDE_HZ if select & 3 == 2 else _HSI_HZ
        return source / max(select >> m_shift & 63, 1) * ((word & 511) + 1) / ((word >> 9 & 127) + 1)

    def core_hz(self) -> float:
        """The core's clock."""
        return self._pll_p_hz(self.PLL1DIVR, 4) if self.registers.get(self.CFGR, 0) & 7 == 3 else _HSI_HZ

    def apb1_hz(self) -> float:
        """PCLK1."""
        hpre, ppre = self.registers.get(self.D1CFGR, 0) & 15, self.registers.get(self.D2CFGR, 0) >> 4 & 7
        return self.core_hz() / (1 if hpre < 8 else 2 << hpre - 8) / (1 if ppre < 4 else 2 << ppre - 4)

    def sai1_hz(self) -> float:
        """SAI1's clock; only PLL3 P is modelled."""
        return self._pll_p_hz(self.PLL3DIVR, 20) if self.registers.get(self.D2CCIP1R, 0) & 7 == 2 else 0.0


class Usart3(Usart):
    """USART3."""

    CR1, BRR, STATUS, ICR, RECEIVED, SEND = 0x00, 0x0C, 0x1C, 0x20, 0x24, 0x28
    UE, LINE = 1 << 0, 39

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.ICR and value & self.IDLE:
            self.forget_quiet()
        elif offset != self.ICR:
            super().on_write(offset, value)


class DmaMux(Peripheral):
    """DMAMUX1: which request a stream of DMA1 answers."""

    def __init__(self) -> None:
        super().__init__(0x40020800)

    def request(self, stream: int) -> int:
        """The number of a stream's request."""
        return self.registers.get(4 * stream, 0) & 127


class Sai(FrameReceiver):
    """SAI1, block A, as a master that receives: I2S of two slots of 32 bits, or the PDM interface with its first two microphones."""

    CR1, FRCR, SLOTR, DR, PDMCR = 0x04, 0x0C, 0x10, 0x20, 0x44
    REQUEST = 87
    RUNS = 1 | 1 << 16 | 1 << 17 | 1 << 19  # master receive, on, DMA, no master clock
    DATA_AND_EDGE = 0x3EC  # of CR1: protocol, data size, bit order, edge
    # (data size and edge of CR1, FRCR, SLOTR, PDMCR)
    I2S = (4 << 5 | 1 << 9, 63 | 31 << 8 | 1 << 16 | 1 << 18, 2 << 6 | 1 << 8 | 1 << 16, 0)
    PDM = (2 << 5, 15 | 1 << 17, 1 << 8 | 1 << 16, 1 | 1 << 8)

    def __init__(self, microphone: Microphone, rcc: Rcc, dma: Dma, mux: DmaMux, stream: int) -> None:
        super().__init__(0x40015800, microphone, dma, stream, 0x40015800 + self.DR)
        self._rcc, self._mux = rcc, mux

    def _form(self) -> tuple[int, int, int, int]:
        cr1, frcr, slotr, pdmcr = (self.registers.get(at, 0) for at in (self.CR1, self.FRCR, self.SLOTR, self.PDMCR))
        return cr1 & self.DATA_AND_EDGE, frcr, slotr, pdmcr

    def rate_hz(self) -> float:
        """Frames a second; of PDM, whose frame has eight bits of each of two microphones, eight make a sample."""
        divider, bits = self.registers.get(self.CR1, 0) >> 20 & 63, (self.registers.get(self.FRCR, 0) & 255) + 1
        return self._rcc.sai1_hz() / max(divider, 1) / bits / (self.items() if self._form() == self.PDM else 1)

    def items(self) -> int:
        """One half word, or eight bytes of bits."""
        return OVERSAMPLING // 8 if self._form() == self.PDM else 1

    def said(self, samples: np.ndarray) -> bytes:
        """Samples, or bits."""
        return self.pdm.octets(samples) if self._form() == self.PDM else i2s_frames(samples, 1)

    def listening(self) -> bool:
        """On, with frames of either kind, and the request on its stream."""
        return (
            self.registers.get(self.CR1, 0) & self.RUNS == self.RUNS
            and self._form() in (self.I2S, self.PDM)
            and self._mux.request(self._stream) == self.REQUEST
        )

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        self.begin()


class Flash(Peripheral):
    """The flash interface: two banks, each unlocked by its two keys; a flash word is programmed when its last word comes."""

    ACR, BANKS, BANK_BYTES = 0x00, (0x004, 0x104), 0x20
    KEYR, CR, SR, CCR = 0x00, 0x08, 0x0C, 0x10  # in a bank
    KEYS = (0x45670123, 0xCDEF89AB)
    LOCK, PG, SER, START = 1 << 0, 1 << 1, 1 << 2, 1 << 7
    PGSERR, INCERR = 1 << 18, 1 << 21
    BUSY_QUEUE = 1 << 0 | 1 << 2  # of SR
    ERASE_S, PROGRAM_S = 1.0, 100e-6  # DS12110: 128 KB at 64 bits, one flash word
    RESETS: ClassVar[Mapping[int, int]] = {BANKS[0] + CR: LOCK, BANKS[1] + CR: LOCK}

    def __init__(self, sectors: tuple[int, ...]) -> None:
        super().__init__(0x52002000)
        # the core runs on from the other bank meanwhile: the time passes while it looks at the busy flags
        self.cells = FlashArray(_FLASH, sectors, _WORD_BYTES, lambda size: 0.0, 0.0, once=True)

    def reset(self, cause: ResetCause) -> None:
        """Locked."""
        super().reset(cause)
        self._keys: dict[int, tuple[int, ...]] = dict.fromkeys(self.BANKS, ())
        self._word: dict[int, int] = {}  # address -> value: the words of a flash word that have come
        self._busy_until = dict.fromkeys(self.BANKS, 0.0)

    def on_read(self, offset: int) -> int:
        for bank, until in self._busy_until.items():
            if offset == bank + self.SR and self.board.now_s < until:
                self.board.pause(until)
                return super().on_read(offset) | self.BUSY_QUEUE
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        bank = self.BANKS[offset >= self.BANKS[1]]
        register = offset - bank
        if offset == self.ACR or register >= self.BANK_BYTES:
            super().on_write(offset, value)
            return
        control = bank + self.CR
        locked = self.registers[control] & self.LOCK
        if register == self.KEYR:
            self._keys[bank] = (*self._keys[bank], value)
            if self._keys[bank] == self.KEYS:
                self.registers[control] &= ~self.LOCK
            if self._keys[bank] != self.KEYS[: len(self._keys[bank])]:
                self.cells.broken_rules.append("a wrong key locks the bank until the next reset")
        elif register == self.CCR:
            self.registers[bank + self.SR] = self.registers.get(bank + self.SR, 0) & ~value
        elif register == self.CR and not locked:
            super().on_write(offset, value & ~self.START)
            self._keys[bank] = () if value & self.LOCK else self._keys[bank]
            if value & self.START and value & self.SER:
                first = 0 if bank == self.BANKS[0] else len(self.cells.sectors) // 2
                self._busy_until[bank] = self.board.now_s + self.ERASE_S
                self.cells.erase(first + (value >> 8 & 7))

    def store(self, address: int, size: int, value: int) -> bool:
        """A store into flash: one of the eight words of a flash word."""
        bank = self.BANKS[address >= _FLASH + _BANK_BYTES]
        control = self.registers[bank + self.CR]
        start = address & -_WORD_BYTES
        if control & self.LOCK or not control & self.PG or size != 4:
            self._error(bank, self.PGSERR)
            return True
        if self._word and min(self._word) & -_WORD_BYTES != start:
            self._error(bank, self.INCERR)
            self._word.clear()
        self._word[address] = value
        if len(self._word) == _WORD_BYTES // 4:
            data = b"".join(self._word[start + at].to_bytes(4, "little") for at in range(0, _WORD_BYTES, 4))
            self._word.clear()
            self._busy_until[bank] = self.board.now_s + self.PROGRAM_S
            self.cells.program(start, data)
        return True

    def _error(self, bank: int, flag: int) -> None:
        self.registers[bank + self.SR] = self.registers.get(bank + self.SR, 0) | flag


def make_chip(board: Board, wire: SerialWire, microphone: Microphone) -> Chip:
    """The chip with what is wired to it."""
    sectors = board.flash.sectors
    assert sectors is not None
    rcc, mux = Rcc(), DmaMux()
    power = ReadyBits(0x58024800, always={0x04: 1 << 13, 0x18: 1 << 13})  # voltages are there at once
    dma1 = Dma(0x40020000, {0: 11, 1: 12})
    flash = Flash(sectors.sizes)
    peripherals: list[Peripheral] = [
        rcc, power, flash, dma1, mux,
        Peripheral(0x58000400), Peripheral(0x58020C00), Peripheral(0x58021000),  # SYSCFG, ports D and E
        Timer2(0x40000000, _TIM2_HZ),
        BackupDomain(0x58004000, power, 0x00),
        IndependentWatchdog(0x58004800),
        Usart3(0x40004800, wire, rcc.apb1_hz, dma1, 1),
        Sai(microphone, rcc, dma1, mux, 0),
    ]  # fmt: skip
    return Chip(CortexM(board.clock_hz), peripherals, flash, _FLASH)
