"""Models of an RP2040's clocks, resets, timer, watchdog and UART0, as far as the port uses them. RP2040 datasheet, chapter 2 and 4."""

from __future__ import annotations

from typing import ClassVar

from tinyclap_edge.device.emulator.board_wires import SerialWire
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.device.emulator.uart_fifo import FifoUart

TIMER_LINE, DMA_LINE, UART_LINE = 0, 11, 20
_XOSC_HZ = 12_000_000
_RING_HZ = 6_500_000  # the oscillator that a reset starts with
_READY = 1 << 31


class Resets(Peripheral):
    """A block is ready when it is not held in reset."""

    RESETS: ClassVar = {0x0: 0x01FFFFFF}

    def __init__(self) -> None:
        super().__init__(0x4000C000)

    def on_read(self, offset: int) -> int:
        return ~self.registers[0] & 0x01FFFFFF if offset == 0x8 else super().on_read(offset)


class Crystal(Peripheral):
    """XOSC: stable once it is enabled."""

    def __init__(self) -> None:
        super().__init__(0x40024000)

    @property
    def runs(self) -> bool:
        """Whether CTRL.ENABLE holds its key, for a crystal of 1 to 15 MHz."""
        return self.registers.get(0, 0) == 0xFABAA0

    def on_read(self, offset: int) -> int:
        return _READY * self.runs if offset == 0x4 else super().on_read(offset)


class Pll(Peripheral):
    """PLL_SYS: locked when it is powered and its oscillator is within its limits."""

    RESETS: ClassVar = {0x0: 1, 0x4: 0x2D, 0xC: 0x77000}

    def __init__(self, crystal: Crystal) -> None:
        super().__init__(0x40028000)
        self._crystal = crystal

    @property
    def _vco_hz(self) -> float:
        return _XOSC_HZ / max(1, self.registers[0] & 0x3F) * self.registers.get(0x8, 0)

    @property
    def locked(self) -> bool:
        """CS.LOCK."""
        powered = not self.registers[0x4] & (1 << 0 | 1 << 5)
        return powered and self._crystal.runs and 750e6 <= self._vco_hz <= 1600e6

    @property
    def hz(self) -> float:
        """Behind both dividers; 0 when it gives nothing."""
        dividers = self.registers[0xC]
        by = (dividers >> 16 & 7) * (dividers >> 12 & 7)
        return self._vco_hz / by if self.locked and by and not self.registers[0x4] & 1 << 3 else 0.0

    def on_read(self, offset: int) -> int:
        word = super().on_read(offset)
        return word | _READY * self.locked if offset == 0 else word


class Clocks(Peripheral):
    """CLK_REF, CLK_SYS and CLK_PERI."""

    def __init__(self, crystal: Crystal, pll: Pll) -> None:
        super().__init__(0x40008000)
        self._crystal, self._pll = crystal, pll

    @property
    def system_hz(self) -> float:
        """What the core and the PIO run at."""
        if self.registers.get(0x3C, 0) & 1:
            return self._pll.hz
        return _XOSC_HZ if self.registers.get(0x30, 0) & 3 == 2 and self._crystal.runs else _RING_HZ

    @property
    def peripheral_hz(self) -> float:
        """What the UART runs at; 0 while it is switched off."""
        return self.system_hz if self.registers.get(0x48, 0) & 1 << 11 else 0.0

    def on_read(self, offset: int) -> int:
        if offset == 0x38:
            return 1 << (self.registers.get(0x30, 0) & 3)
        if offset == 0x44:
            return 1 << (self.registers.get(0x3C, 0) & 1)
        return super().on_read(offset)


class ChipReset(Peripheral):
    """VREG_AND_CHIP_RESET: what the last reset of the whole chip was."""

    def __init__(self) -> None:
        super().__init__(0x40064000)

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.registers[0x8] = {ResetCause.POWER: 1 << 8, ResetCause.PIN: 1 << 16}.get(cause, 0)


class Watchdog(Peripheral):
    """WATCHDOG: falls by two a microsecond (erratum RP2040-E1), resets what the PSM's WDSEL names."""

    CTRL, LOAD, REASON, TICK = 0x0, 0x4, 0x8, 0x2C
    RESETS: ClassVar = {CTRL: 0x07000000, TICK: 0x200}
    HOLDS: ClassVar = frozenset([REASON, *range(0xC, 0x2C, 4)])

    def __init__(self, power_states: Peripheral) -> None:
        super().__init__(0x40058000)
        self._power_states, self._loaded_s = power_states, 0.0

    @property
    def ticks(self) -> bool:
        """Whether the timer gets its microseconds: twelve cycles of the crystal each."""
        return self.registers.get(self.TICK, 0) & 0x3FF == 0x200 | 12

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.LOAD or (offset == self.CTRL and value & 1 << 30):
            self._loaded_s = self.board.now_s

    def due_s(self) -> float | None:
        if not self.registers.get(self.CTRL, 0) & 1 << 30 or not self._power_states.registers.get(0x8, 0):
            return None
        return self._loaded_s + (self.registers.get(self.LOAD, 0) & 0xFFFFFF) / 2e6

    def advance(self) -> None:
        due = self.due_s()
        if due is not None and due <= self.board.now_s:
            self.registers[self.REASON] = 1
            self.registers[self.CTRL] = 0
            self.board.reset(ResetCause.WATCHDOG)


class Timer(Peripheral):
    """TIMER: microseconds and the first alarm."""

    ALARM0, ARMED, RAWL, INTR, INTE = 0x10, 0x20, 0x28, 0x34, 0x38

    def __init__(self, watchdog: Watchdog) -> None:
        super().__init__(0x40054000)
        self._watchdog, self._alarm_s = watchdog, -1.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self._alarm_s = -1.0

    def _microseconds(self) -> int:
        return int(self.board.now_s * 1e6 + 1e-3) if self._watchdog.ticks else 0

    def on_read(self, offset: int) -> int:
        return self._microseconds() & 0xFFFFFFFF if offset == self.RAWL else super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.ALARM0:
            self._alarm_s = (self._microseconds() + (value - self._microseconds() & 0xFFFFFFFF)) / 1e6
        if offset == self.INTR:
            value = self.registers.get(offset, 0) & ~value
        super().on_write(offset, value)
        self._signal()

    def _signal(self) -> None:
        asserted = self.registers.get(self.INTR, 0) & self.registers.get(self.INTE, 0) & 1
        self.board.set_line(TIMER_LINE, bool(asserted))

    def due_s(self) -> float | None:
        return self._alarm_s if self._alarm_s >= 0 else None

    def advance(self) -> None:
        if 0 <= self._alarm_s <= self.board.now_s:
            self._alarm_s = -1.0
            self.registers[self.INTR] = self.registers.get(self.INTR, 0) | 1
            self._signal()


class Uart(FifoUart):
    """UART0, a PL011: interrupts at half a FIFO, and 32 bits after the last byte of less."""

    DR, FR, IBRD, FBRD, CR, ENABLES, MASKED = 0x0, 0x18, 0x24, 0x28, 0x30, 0x38, 0x40
    _RX, _RX_TIMEOUT = 1 << 4, 1 << 6
    LINE, QUIET_BYTES = UART_LINE, 3.2

    def __init__(self, wire: SerialWire, clocks: Clocks) -> None:
        super().__init__(0x40034000, wire, 32)
        self._clocks = clocks

    def on_read(self, offset: int) -> int:
        if offset == self.DR:
            return self.pop()
        if offset == self.FR:
            self.fifo.await_room()
            unsent = self.fifo.unsent()
            return (1 << 4) * (not self.fifo.received) | (1 << 5) * (unsent >= 32) | (1 << 3) * (unsent > 0)
        if offset == self.MASKED:
            return self.pending() & self.registers.get(self.ENABLES, 0)
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.DR and self.registers.get(self.CR, 0) & 0x101 == 0x101:
            self.fifo.send(value & 0xFF)
        elif offset == self.CR and value & 1:
            divider = self.registers.get(self.IBRD, 0) + self.registers.get(self.FBRD, 0) / 64
            self.fifo.check_rate(self._clocks.peripheral_hz / 16 / divider if divider else 0.0)
        if offset != self.DR:
            self.signal()

    def pending(self) -> int:
        return self._RX * (len(self.fifo.received) >= 16) | self._RX_TIMEOUT * self.late()
