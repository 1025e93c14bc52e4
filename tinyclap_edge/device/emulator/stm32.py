"""Models of peripherals that STM32F4 and STM32H7 share: DMA streams, TIM2, the independent watchdog, a backup register.

Names of registers and bits are the reference manuals' (RM0090, RM0433).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause

_LSI_HZ = 32_000


class Dma(Peripheral):
    """Eight streams. lines: the interrupt of each stream, by number. A stream's source pushes data through `push`."""

    LISR, HISR, LIFCR, HIFCR, STREAMS, STREAM_BYTES = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x18
    CR, NDTR, PAR, M0AR, M1AR = 0x00, 0x04, 0x08, 0x0C, 0x10
    EN, CIRC, DBM, CT = 1 << 0, 1 << 8, 1 << 18, 1 << 19
    TRANSFER_ERROR, HALF, COMPLETE = 1 << 3, 1 << 4, 1 << 5  # flags; their enables are one bit lower in CR

    def __init__(self, base: int, lines: Mapping[int, int]) -> None:
        super().__init__(base)
        self._lines = lines
        self._reload = [0] * 8

    def reset(self, cause: ResetCause) -> None:
        """All streams off."""
        super().reset(cause)
        self._flags = [0] * 8

    def _at(self, stream: int, register: int) -> int:
        return self.STREAMS + self.STREAM_BYTES * stream + register

    def _get(self, stream: int, register: int) -> int:
        return self.registers.get(self._at(stream, register), 0)

    def on_read(self, offset: int) -> int:
        if offset in (self.LISR, self.HISR):
            first = 0 if offset == self.LISR else 4
            return sum(self._flags[first + i] << i // 2 * 16 + i % 2 * 6 for i in range(4))
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset in (self.LIFCR, self.HIFCR):
            first = 0 if offset == self.LIFCR else 4
            for i in range(4):
                self._flags[first + i] &= ~(value >> i // 2 * 16 + i % 2 * 6)
                self._interrupt(first + i)
            return
        super().on_write(offset, value)
        stream, register = divmod(offset - self.STREAMS, self.STREAM_BYTES)
        if register == self.CR and value & self.EN:
            self._reload[stream] = self._get(stream, self.NDTR)

    def enabled(self, stream: int, source: int) -> bool:
        """Whether a stream runs and reads from the register at `source`."""
        return bool(self._get(stream, self.CR) & self.EN) and self._get(stream, self.PAR) == source

    def items(self, stream: int) -> int:
        """Items of a whole transfer."""
        return self._reload[stream]

    def push(self, stream: int, data: bytes) -> None:
        """Data from the stream's source, whole items; not more than are left of the transfer."""
        control = self._get(stream, self.CR)
        item = 1 << (control >> 13 & 3)  # MSIZE
        second = bool(control & self.DBM and control & self.CT)
        left, whole = self._get(stream, self.NDTR), self._reload[stream]
        start = self._get(stream, self.M1AR if second else self.M0AR)
        self.board.write_memory(start + (whole - left) * item, data)
        before, left = left, left - len(data) // item
        if before > whole // 2 >= left:
            self._flags[stream] |= self.HALF
        if left == 0:
            self._flags[stream] |= self.COMPLETE
            left = whole
            if control & self.DBM:
                control ^= self.CT
            elif not control & self.CIRC:
                control &= ~self.EN
        self.registers[self._at(stream, self.CR)] = control
        self.registers[self._at(stream, self.NDTR)] = left
        self._interrupt(stream)

    def _interrupt(self, stream: int) -> None:
        enables = self._get(stream, self.CR) << 1 & (self.TRANSFER_ERROR | self.HALF | self.COMPLETE)
        if stream in self._lines:
            self.board.set_line(self._lines[stream], bool(self._flags[stream] & enables))


class Timer2(Peripheral):
    """A 32-bit counter with one compare channel; hz: its input clock."""

    CR1, DIER, SR, EGR, CNT, PSC, ARR, CCR1 = 0x00, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C, 0x34
    CC1 = 1 << 1
    LINE = 28

    def __init__(self, base: int, hz: int) -> None:
        super().__init__(base)
        self._hz = hz

    def reset(self, cause: ResetCause) -> None:
        """Stopped at 0."""
        super().reset(cause)
        self._begun: float | None = None
        self._prescaler = 0
        self._alarm: float | None = None

    def _tick_s(self) -> float:
        return (self._prescaler + 1) / self._hz

    def count(self) -> int:
        """CNT now."""
        if self._begun is None:
            return 0
        return int((self.board.now_s - self._begun) / self._tick_s() + 1e-6) & 0xFFFFFFFF

    def on_read(self, offset: int) -> int:
        return self.count() if offset == self.CNT else super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.SR:
            value &= self.registers.get(self.SR, 0)  # written with 0 to clear
        super().on_write(offset, value)
        if offset == self.EGR:
            self._prescaler = self.registers.get(self.PSC, 0)
        elif offset == self.CR1:
            self._begun = self.board.now_s if value & 1 else None
        elif offset == self.CCR1:
            ahead = (value - self.count()) & 0xFFFFFFFF
            self._alarm = self.board.now_s + ahead * self._tick_s()
        self._interrupt()

    def due_s(self) -> float | None:
        return self._alarm if self.registers.get(self.DIER, 0) & self.CC1 else None

    def advance(self) -> None:
        self._alarm = None
        self.registers[self.SR] = self.registers.get(self.SR, 0) | self.CC1
        self._interrupt()

    def _interrupt(self) -> None:
        self.board.set_line(self.LINE, bool(self.registers.get(self.SR, 0) & self.registers.get(self.DIER, 0)))


class IndependentWatchdog(Peripheral):
    """IWDG: once started it only stops by a reset."""

    KR, PR, RLR, SR = 0x00, 0x04, 0x08, 0x0C
    RESETS: ClassVar[Mapping[int, int]] = {RLR: 0xFFF}

    def reset(self, cause: ResetCause) -> None:
        """Off, and locked."""
        super().reset(cause)
        self._open = False
        self._deadline: float | None = None

    @property
    def timeout_s(self) -> float:
        """What PR and RLR amount to."""
        return (self.registers[self.RLR] + 1) * (4 << min(self.registers.get(self.PR, 0), 6)) / _LSI_HZ

    @property
    def running(self) -> bool:
        """Whether it was started."""
        return self._deadline is not None

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.KR:
            self._open = value == 0x5555
            if value == 0xCCCC or (value == 0xAAAA and self.running):
                self._deadline = self.board.now_s + self.timeout_s
        elif offset in (self.PR, self.RLR) and self._open:
            super().on_write(offset, value)

    def due_s(self) -> float | None:
        return self._deadline

    def advance(self) -> None:
        self.board.reset(ResetCause.WATCHDOG)


class BackupDomain(Peripheral):
    """RTC with its backup registers: written only while PWR has opened the domain, kept until the power goes."""

    BKP0R = 0x50
    HOLDS: ClassVar[frozenset[int]] = frozenset({BKP0R})

    def __init__(self, base: int, power: Peripheral, control: int) -> None:
        super().__init__(base)
        self._power, self._control = power, control

    def on_write(self, offset: int, value: int) -> None:
        if self._power.registers.get(self._control, 0) & 1 << 8:  # DBP
            super().on_write(offset, value)
