"""nRF52840: how its peripherals are built (tasks, events, interrupts), its clocks, timer, watchdog and causes of resets."""

from __future__ import annotations

from typing import ClassVar

from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause

_INTENSET, _INTENCLR = 0x304, 0x308


class NrfPeripheral(Peripheral):
    """Events that are registers, interrupts by an event's place: event 0x100 + 4 n has bit n of INTENSET."""

    LINE: ClassVar[int] = -1

    def __init__(self, base: int) -> None:
        super().__init__(base, 0x1000)

    def on_read(self, offset: int) -> int:
        return super().on_read(_INTENSET if offset == _INTENCLR else offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset < 0x100:
            if value:
                self.task(offset)
            return
        enabled = self.registers.get(_INTENSET, 0)
        if offset == _INTENSET:
            value |= enabled
        elif offset == _INTENCLR:
            offset, value = _INTENSET, enabled & ~value
        super().on_write(offset, value)
        self._interrupt()

    def task(self, offset: int) -> None:
        """A task is started."""

    def event(self, offset: int) -> None:
        """An event happens."""
        self.registers[offset] = 1
        self._interrupt()

    def _interrupt(self) -> None:
        if self.LINE < 0:
            return
        enabled = self.registers.get(_INTENSET, 0)
        events = (n for n in range(32) if enabled >> n & 1)
        self.board.set_line(self.LINE, any(self.registers.get(0x100 + 4 * n, 0) for n in events))


class ClockAndPower(NrfPeripheral):
    """CLOCK and POWER: the crystal starts at once; RESETREAS gathers causes until somebody clears them."""

    HFCLKSTART, HFCLKSTARTED, RESETREAS = 0x000, 0x100, 0x400
    HOLDS: ClassVar[frozenset[int]] = frozenset({RESETREAS})
    CAUSES: ClassVar[dict[ResetCause, int]] = {
        ResetCause.POWER: 0, ResetCause.PIN: 1, ResetCause.WATCHDOG: 2, ResetCause.SOFTWARE: 4,
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__(0x40000000)

    def reset(self, cause: ResetCause) -> None:
        """The bit of this cause beside the others."""
        super().reset(cause)
        self.registers[self.RESETREAS] = self.registers.get(self.RESETREAS, 0) | self.CAUSES[cause]

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.RESETREAS:
            value = self.registers.get(offset, 0) & ~value
        super().on_write(offset, value)

    def task(self, offset: int) -> None:
        if offset == self.HFCLKSTART:
            self.event(self.HFCLKSTARTED)


class Timer0(NrfPeripheral):
    """TIMER0 in 32 bits: 16 MHz through its prescaler, one capture and one compare register."""

    START, CLEAR, CAPTURE0, COMPARE1, BITMODE, PRESCALER, CC0, CC1 = (
        0x000, 0x00C, 0x040, 0x144, 0x508, 0x510, 0x540, 0x544,
    )  # fmt: skip
    LINE = 8

    def __init__(self) -> None:
        super().__init__(0x40008000)

    def reset(self, cause: ResetCause) -> None:
        """Stopped at 0."""
        super().reset(cause)
        self._begun: float | None = None
        self._alarm: float | None = None

    def _tick_s(self) -> float:
        return float((1 << self.registers.get(self.PRESCALER, 0)) / 16e6)

    def count(self) -> int:
        """The counter now."""
        if self._begun is None:
            return 0
        return int((self.board.now_s - self._begun) / self._tick_s() + 1e-6) & 0xFFFFFFFF

    def task(self, offset: int) -> None:
        if offset in (self.START, self.CLEAR) and self.registers.get(self.BITMODE, 0) == 3:
            self._begun = self.board.now_s
        elif offset == self.CAPTURE0:
            self.registers[self.CC0] = self.count()

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.CC1:
            self._alarm = self.board.now_s + ((value - self.count()) & 0xFFFFFFFF) * self._tick_s()

    def due_s(self) -> float | None:
        return self._alarm

    def advance(self) -> None:
        self._alarm = None
        self.event(self.COMPARE1)


class Watchdog(NrfPeripheral):
    """WDT: once started it only stops by a reset."""

    START, CRV, RREN, RR0, FEED = 0x000, 0x504, 0x508, 0x600, 0x6E524635

    def __init__(self) -> None:
        super().__init__(0x40010000)

    def reset(self, cause: ResetCause) -> None:
        """Off."""
        super().reset(cause)
        self._deadline: float | None = None

    @property
    def timeout_s(self) -> float:
        """What CRV amounts to."""
        return (self.registers.get(self.CRV, 0xFFFFFFFF) + 1) / 32768

    @property
    def running(self) -> bool:
        """Whether it was started."""
        return self._deadline is not None

    def task(self, offset: int) -> None:
        if offset == self.START and not self.running:
            self._deadline = self.board.now_s + self.timeout_s

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.RR0:
            if self.running and value == self.FEED and self.registers.get(self.RREN, 0) & 1:
                self._deadline = self.board.now_s + self.timeout_s
        elif not self.running or offset < 0x100:
            super().on_write(offset, value)

    def due_s(self) -> float | None:
        return self._deadline

    def advance(self) -> None:
        self.board.reset(ResetCause.WATCHDOG)
