"""A UART with FIFOs: the two of them between its registers and the board's wire, and its interrupts, in the board's time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import ClassVar

from tinyclap_edge.device.emulator.board_wires import SerialWire
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause, Surroundings
from tinyclap_edge.errors import DeviceError

_RATE_ERROR = 0.02  # beyond it a receiver takes the wrong bits


class UartFifo:
    """depth: bytes of each direction. What comes into a full one is lost, as in the chips."""

    def __init__(self, wire: SerialWire, depth: int) -> None:
        self.wire, self.depth = wire, depth
        self.received: deque[int] = deque()
        self.last_s = 0.0  # when the newest byte came
        self.lost = 0
        self._sent_s = 0.0  # when the last byte that was given has left
        self.board: Surroundings

    def clear(self) -> None:
        """As a reset does."""
        self.received.clear()
        self._sent_s = 0.0

    def take_in(self) -> None:
        """Every byte that is complete by now."""
        while (byte := self.wire.take(self.board.now_s)) is not None:
            self.last_s = self.board.now_s
            if len(self.received) < self.depth:
                self.received.append(byte)
            else:
                self.lost += 1

    def pop(self) -> int:
        """The oldest byte received; 0 from an empty FIFO."""
        return self.received.popleft() if self.received else 0

    def send(self, byte: int) -> None:
        """A byte leaves behind those before it; one too many is lost."""
        if self.unsent() >= self.depth:
            self.lost += 1
            return
        self._sent_s = max(self._sent_s, self.board.now_s) + self.wire.byte_s
        self.wire.put(bytes([byte]))

    def unsent(self) -> int:
        """Bytes that have not left yet."""
        left = self._sent_s - self.board.now_s
        return max(0, int(-(-left // self.wire.byte_s)))

    def await_room(self) -> None:
        """The core looks at a full FIFO: let the time of one byte pass."""
        if self.unsent() >= self.depth - 1:
            self.board.spend(self.wire.byte_s)

    def await_end(self) -> None:
        """The core looks whether all has left: let it leave."""
        if self._sent_s > self.board.now_s:
            self.board.spend(self._sent_s - self.board.now_s)

    def check_rate(self, baud: float) -> None:
        """DeviceError when the registers ask for another rate than the line's: nobody would understand the other."""
        wanted = 10 / self.wire.byte_s
        if abs(baud / wanted - 1) > _RATE_ERROR:
            raise DeviceError(
                f"the firmware's serial line runs at {baud:.0f} baud, the board's at {wanted:.0f}",
                "clock and divider of the UART driver do not belong together",
            )


class FifoUart(Peripheral, ABC):
    """Interrupts when enough bytes wait, and some time after the last one of fewer; a chip's UART derives from it."""

    IN_SILENCE = True
    ENABLES: ClassVar[int]  # offset of the register that lets interrupts through
    LINE: ClassVar[int]
    QUIET_BYTES: ClassVar[float]  # the time of so many bytes behind the last one

    def __init__(self, base: int, wire: SerialWire, depth: int) -> None:
        super().__init__(base)
        self.fifo, self._signalled = UartFifo(wire, depth), 0

    @abstractmethod
    def pending(self) -> int:
        """Causes of interrupts that stand now, as bits of ENABLES."""

    def reset(self, cause: ResetCause) -> None:
        """Both FIFOs are empty."""
        super().reset(cause)
        self.fifo.board, self._signalled = self.board, 0
        self.fifo.clear()

    def pop(self) -> int:
        """The core reads a byte."""
        byte = self.fifo.pop()
        if not self.pending():  # no line rises here: the engine would repeat the load
            self.signal()
        return byte

    def late(self) -> bool:
        """Whether bytes wait, and the line has been quiet behind them."""
        return bool(self.fifo.received) and self.board.now_s >= self._quiet_s()

    def _quiet_s(self) -> float:
        return self.fifo.last_s + self.QUIET_BYTES * self.fifo.wire.byte_s

    def signal(self) -> None:
        """The interrupt's line as the causes have it."""
        self._signalled = self.pending()
        self.board.set_line(self.LINE, bool(self._signalled & self.registers.get(self.ENABLES, 0)))

    def due_s(self) -> float | None:
        dues = [due for due in [self.fifo.wire.due_s()] if due is not None]
        if self.fifo.received and not self._signalled:
            dues.append(self._quiet_s())
        return min(dues, default=None)

    def advance(self) -> None:
        self.fifo.take_in()
        self.signal()
