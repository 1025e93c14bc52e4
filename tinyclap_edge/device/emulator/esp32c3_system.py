"""Models of an ESP32-C3's clocks, watchdogs, reset cause, system timer and UART0, as far as the port uses them. ESP32-C3 TRM."""

from __future__ import annotations

from typing import ClassVar

from tinyclap_edge.device.emulator.board_wires import SerialWire
from tinyclap_edge.device.emulator.esp32c3_rom import BootRom
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.device.emulator.uart_fifo import FifoUart

UART_SOURCE, SYSTIMER_SOURCE, DMA_SOURCE = 21, 37, 44
XTAL_HZ = 40_000_000
_TIMER_HZ = 16_000_000
_KEY = 0x50D83AA1
_TOP = 1 << 31


class Analog(Peripheral):
    """The PLL's calibration: done when it runs with the registers of 480 MHz."""

    ANA_CONF0 = 0x40
    _OF_480_MHZ: ClassVar = {4: 0x6B, 2: 0x50, 3: 8, 6: 0x63}

    def __init__(self, rom: BootRom) -> None:
        super().__init__(0x6000E000)
        self._rom = rom

    def on_read(self, offset: int) -> int:
        word = super().on_read(offset)
        if offset == self.ANA_CONF0 and word & 1 << 3 and not word & 1 << 2:
            word |= (1 << 24) * all(self._rom.analog.get(k) == v for k, v in self._OF_480_MHZ.items())
        return word


class System(Peripheral):
    """SYSTEM: clocks of peripherals, and the core's."""

    RESETS: ClassVar = {0x10: 0xF9C1E06F, 0x14: 0x200, 0x58: 1}

    def __init__(self) -> None:
        super().__init__(0x600C0000)

    def clocked(self, word: int, bit: int) -> bool:
        """Whether a peripheral has a clock and is out of reset. word: 0 or 1."""
        enabled, held = (self.registers.get(at + 4 * word, 0) >> bit & 1 for at in (0x10, 0x18))
        return bool(enabled and not held)


class LowPower(Peripheral):
    """RTC_CNTL: reset cause, what is kept, and the watchdogs that the ROM starts."""

    RESET_STATE, STORE0, WDTCONFIG0, SWD_CONF = 0x38, 0x50, 0x90, 0xAC
    HOLDS: ClassVar = frozenset([STORE0])
    _CAUSES: ClassVar = {ResetCause.POWER: 1, ResetCause.PIN: 1, ResetCause.SOFTWARE: 3, ResetCause.WATCHDOG: 7}
    _BOOT_S = 9.0  # what the ROM's watchdog leaves an image

    def __init__(self) -> None:
        super().__init__(0x60008000)
        self._since_s = 0.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.registers[self.RESET_STATE] = self._CAUSES[cause]
        self.registers[self.WDTCONFIG0] = 1 << 12
        self._since_s = self.board.now_s

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.WDTCONFIG0 and self.registers.get(0xA8, 0) != _KEY:
            return
        if offset == self.SWD_CONF and self.registers.get(0xB0, 0) != 0x8F1D312A:
            return
        super().on_write(offset, value)

    def due_s(self) -> float | None:
        guarded = self.registers[self.WDTCONFIG0] or not self.registers.get(self.SWD_CONF, 0) & _TOP
        return self._since_s + self._BOOT_S if guarded else None

    def advance(self) -> None:
        self.board.reset(ResetCause.WATCHDOG)


class TimerGroup(Peripheral):
    """TIMG0: its watchdog, with one stage that resets the system."""

    CONFIG0, CONFIG1, CONFIG2, FEED, PROTECT = 0x48, 0x4C, 0x50, 0x60, 0x64

    def __init__(self) -> None:
        super().__init__(0x6001F000)
        self._fed_s = 0.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.registers[self.CONFIG0] = 1 << 14
        self._fed_s = self.board.now_s

    def on_write(self, offset: int, value: int) -> None:
        if offset != self.PROTECT and self.registers.get(self.PROTECT, 0) != _KEY:
            return
        super().on_write(offset, value)
        self._fed_s = self.board.now_s if offset in (self.FEED, self.CONFIG0) else self._fed_s

    def due_s(self) -> float | None:
        config = self.registers[self.CONFIG0]
        if config & 1 << 14:
            return self._fed_s + 9.0  # the ROM's, until the image takes it over
        if not config & _TOP or config >> 29 & 3 != 3:
            return None
        clock = XTAL_HZ if config & 1 << 21 else 2 * XTAL_HZ
        return self._fed_s + self.registers.get(self.CONFIG2, 0) * (self.registers.get(self.CONFIG1, 0) >> 16) / clock

    def advance(self) -> None:
        self.board.reset(ResetCause.WATCHDOG)


class SystemTimer(Peripheral):
    """SYSTIMER: 16 MHz, read by asking for it; one target."""

    CONF, OP, TARGET_HI, TARGET_LO, TARGET_CONF, HI, LO, LOAD = 0x0, 0x4, 0x1C, 0x20, 0x34, 0x40, 0x44, 0x50
    INT_ENA, INT_RAW, INT_CLR = 0x64, 0x68, 0x6C

    def __init__(self) -> None:
        super().__init__(0x60023000)
        self._at_s = -1.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self._at_s = -1.0

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.OP and value & 1 << 30:
            ticks = int(self.board.now_s * _TIMER_HZ + 1e-3) if self.registers.get(self.CONF, 0) & 1 << 30 else 0
            self.registers |= {self.HI: ticks >> 32, self.LO: ticks & 0xFFFFFFFF, self.OP: 1 << 29}
        elif offset == self.INT_CLR:
            self.registers[self.INT_RAW] = self.registers.get(self.INT_RAW, 0) & ~value
        elif offset == self.CONF:
            armed = value & 1 << 24 and self.registers.get(self.LOAD, 0)
            target = self.registers.get(self.TARGET_HI, 0) << 32 | self.registers.get(self.TARGET_LO, 0)
            self._at_s = target / _TIMER_HZ if armed else -1.0
        self._signal()

    def _signal(self) -> None:
        raised = self.registers.get(self.INT_RAW, 0) & self.registers.get(self.INT_ENA, 0) & 1
        self.board.set_line(SYSTIMER_SOURCE, bool(raised))

    def due_s(self) -> float | None:
        return self._at_s if self._at_s >= 0 else None

    def advance(self) -> None:
        self._at_s = -1.0
        self.registers[self.INT_RAW] = self.registers.get(self.INT_RAW, 0) | 1
        self._signal()


class Uart(FifoUart):
    """UART0: interrupts above a threshold of its FIFO, and the time of a byte after the last one of fewer."""

    FIFO, ENABLES, INT_CLR, CLKDIV, STATUS = 0x0, 0xC, 0x10, 0x14, 0x1C
    CONF1, CLK_CONF, ID = 0x24, 0x78, 0x80
    _FULL, _TIMEOUT = 1 << 0, 1 << 8
    LINE, QUIET_BYTES = UART_SOURCE, 1.0

    def __init__(self, wire: SerialWire, system: System) -> None:
        super().__init__(0x60000000, wire, 128)
        self._system = system

    def on_read(self, offset: int) -> int:
        if offset == self.FIFO:
            return self.pop()
        if offset == self.STATUS:
            self.fifo.await_room()
            return len(self.fifo.received) | self.fifo.unsent() << 16
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.ID:  # REG_UPDATE is taken at once
            self._check()
            return
        super().on_write(offset, value)
        if offset == self.FIFO:
            self.fifo.send(value & 0xFF)
        else:
            self.signal()

    def _check(self) -> None:
        clock, divider = self.registers.get(self.CLK_CONF, 0), self.registers.get(self.CLKDIV, 0)
        source = XTAL_HZ if clock >> 20 & 3 == 3 else 2 * XTAL_HZ
        running = clock & 0x3400000 == 0x3400000 and self._system.clocked(0, 2)
        by = ((divider & 0xFFF) + (divider >> 20 & 15) / 16) * ((clock >> 12 & 0xFF) + 1)
        self.fifo.check_rate(source / by if running and by else 0.0)

    def pending(self) -> int:
        conf = self.registers.get(self.CONF1, 0)
        full, timeout = len(self.fifo.received) > (conf & 0x1FF), conf & 1 << 21 and self.late()
        return self._FULL * full | self._TIMEOUT * bool(timeout)
