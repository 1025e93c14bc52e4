"""The serial line of STM32F4 and STM32H7: two USARTs with other registers, and one behaviour as far as the ports use it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import ClassVar

from tinyclap_edge.device.emulator.board_wires import SerialWire
from tinyclap_edge.device.emulator.peripheral import Peripheral
from tinyclap_edge.device.emulator.stm32 import Dma


class ReceiveLine:
    """The receiving half of a USART: bytes of the wire into a DMA stream, and a flag when the line goes quiet behind them."""

    def __init__(self, wire: SerialWire, dma: Dma, stream: int, source: int) -> None:
        self._wire, self._dma, self._stream, self._source = wire, dma, stream, source
        self.idle_at: float | None = None
        self.lost = 0

    def due_s(self) -> float | None:
        """When a byte is complete, or the line has been quiet for the time of one."""
        times = [t for t in (self._wire.due_s(), self.idle_at) if t is not None]
        return min(times, default=None)

    def advance(self, now_s: float) -> bool:
        """Takes what is complete; whether the line has just gone quiet."""
        while (byte := self._wire.take(now_s)) is not None:
            if self._dma.enabled(self._stream, self._source):
                self._dma.push(self._stream, bytes([byte]))
            else:
                self.lost += 1
            self.idle_at = now_s + self._wire.byte_s
        if self.idle_at is None or now_s < self.idle_at:
            return False
        self.idle_at = None
        return True


class TransmitLine:
    """The sending half of a USART: one byte in the shift register, one waiting; whoever looks at TXE waits until it is set."""

    def __init__(self, wire: SerialWire) -> None:
        self._wire, self._free_at = wire, 0.0

    def send(self, byte: int, now_s: float) -> None:
        """A byte into the data register."""
        self._free_at = max(self._free_at, now_s) + self._wire.byte_s
        self._wire.put(bytes([byte]))

    @property
    def ready_s(self) -> float:
        """When the data register is empty."""
        return self._free_at - self._wire.byte_s


class Usart(Peripheral, ABC):
    """A chip's derives from it, and says where its registers are and how the flag of a quiet line is forgotten.

    clock_hz: of the bus that BRR divides.
    """

    IN_SILENCE = True
    IDLE, TC_TXE = 1 << 4, 3 << 6  # IDLE: in CR1 the enable, in STATUS the flag
    LINE: ClassVar[int]
    STATUS: ClassVar[int]
    CR1: ClassVar[int]
    BRR: ClassVar[int]
    RECEIVED: ClassVar[int]
    SEND: ClassVar[int]
    UE: ClassVar[int]  # bit of CR1: on

    def __init__(self, base: int, wire: SerialWire, clock_hz: Callable[[], float], dma: Dma, stream: int) -> None:
        super().__init__(base)
        self._clock_hz = clock_hz
        self._in = ReceiveLine(wire, dma, stream, base + self.RECEIVED)
        self._out = TransmitLine(wire)

    def baud(self) -> float:
        """As BRR has it."""
        return self._clock_hz() / max(self.registers.get(self.BRR, 0), 1)

    def on_read(self, offset: int) -> int:
        if offset != self.STATUS:
            return super().on_read(offset)
        self.board.pause(self._out.ready_s)
        return super().on_read(offset) | self.TC_TXE

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.SEND and self.registers.get(self.CR1, 0) & self.UE:
            self._out.send(value & 0xFF, self.board.now_s)
        elif offset not in (self.STATUS, self.SEND):
            super().on_write(offset, value)

    def forget_quiet(self) -> None:
        """The flag is cleared."""
        self.registers[self.STATUS] = 0
        self.board.set_line(self.LINE, False)

    def due_s(self) -> float | None:
        return self._in.due_s()

    def advance(self) -> None:
        if self._in.advance(self.board.now_s):
            self.registers[self.STATUS] = self.IDLE
            self.board.set_line(self.LINE, bool(self.registers.get(self.CR1, 0) & self.IDLE))
