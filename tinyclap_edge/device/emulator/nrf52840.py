"""nRF52840: the models behind a virtual board of it. nRF52840 Product Specification v1.7; names are the specification's."""

from __future__ import annotations

from tinyclap_edge.boards import Board
from tinyclap_edge.device.emulator.board_wires import Microphone, SerialWire
from tinyclap_edge.device.emulator.chips import Chip
from tinyclap_edge.device.emulator.cortex_m import CortexM
from tinyclap_edge.device.emulator.flash_array import FlashArray
from tinyclap_edge.device.emulator.nrf52840_sound import I2s, Pdm
from tinyclap_edge.device.emulator.nrf52840_system import ClockAndPower, NrfPeripheral, Timer0, Watchdog
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause


class Uarte(NrfPeripheral):
    """UARTE0: EasyDMA both ways. A byte that comes while no buffer is open waits in the FIFO of six."""

    STARTRX, STARTTX = 0x000, 0x008
    ENDRX, ENDTX, RXSTARTED = 0x110, 0x120, 0x14C
    SHORTS, ENABLE, BAUDRATE = 0x200, 0x500, 0x524
    RXD_PTR, RXD_MAXCNT, RXD_AMOUNT, TXD_PTR, TXD_MAXCNT = 0x534, 0x538, 0x53C, 0x544, 0x548
    LINE = 2
    IN_SILENCE = True
    FIFO = 6

    def __init__(self, wire: SerialWire) -> None:
        super().__init__(0x40002000)
        self._wire = wire

    def reset(self, cause: ResetCause) -> None:
        """Off."""
        super().reset(cause)
        self._fifo = bytearray()
        self._open: tuple[int, int] | None = None  # the buffer that is being filled: address, bytes left
        self._sent_at: float | None = None
        self.lost = 0

    def task(self, offset: int) -> None:
        if offset == self.STARTRX:
            self._open = (self.registers.get(self.RXD_PTR, 0), self.registers.get(self.RXD_MAXCNT, 0))
            self.event(self.RXSTARTED)
            self._fill()
        elif offset == self.STARTTX and self.registers.get(self.ENABLE, 0) == 8:
            count = self.registers.get(self.TXD_MAXCNT, 0)
            self._wire.put(self.board.read_memory(self.registers.get(self.TXD_PTR, 0), count))
            self._sent_at = self.board.now_s + count * self._wire.byte_s

    def on_read(self, offset: int) -> int:
        if offset == self.ENDTX and self._sent_at is not None:  # whoever looks waits
            self.board.pause(self._sent_at)
            if self.board.now_s >= self._sent_at:
                self._sent_at = None
                self.event(self.ENDTX)
        return super().on_read(offset)

    def due_s(self) -> float | None:
        return self._wire.due_s()

    def advance(self) -> None:
        while (byte := self._wire.take(self.board.now_s)) is not None:
            if len(self._fifo) < self.FIFO:
                self._fifo.append(byte)
            else:
                self.lost += 1
        self._fill()

    def _fill(self) -> None:
        """Bytes of the FIFO into the buffer, while neither event of the byte before is still unseen."""
        while (
            self._fifo
            and self._open
            and not self.registers.get(self.ENDRX, 0)
            and not self.registers.get(self.RXSTARTED, 0)
        ):
            address, left = self._open
            self.board.write_memory(address, bytes([self._fifo.pop(0)]))
            self._open = (address + 1, left - 1) if left > 1 else None
            if self._open is None:
                self.event(self.ENDRX)
                if self.registers.get(self.SHORTS, 0) & 1 << 5:
                    self.task(self.STARTRX)

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset in (self.ENDRX, self.RXSTARTED, self.RXD_PTR):
            self._fill()


class Nvmc(NrfPeripheral):
    """The flash controller: CONFIG allows words to be written or pages to be erased."""

    READY, CONFIG, ERASEPAGE = 0x400, 0x504, 0x508

    def __init__(self, sectors: tuple[int, ...]) -> None:
        super().__init__(0x4001E000)
        self.cells = FlashArray(0, sectors, 4, lambda size: 85e-3, 41e-6)

    def on_read(self, offset: int) -> int:
        return 1 if offset == self.READY else super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.ERASEPAGE and self.registers.get(self.CONFIG, 0) == 2:
            self.cells.erase(self.cells.sector_of(value))

    def store(self, address: int, size: int, value: int) -> bool:
        """A store into flash: programs a word where CONFIG allows it, else it is a bus fault."""
        if self.registers.get(self.CONFIG, 0) != 1 or size != 4:
            return False
        self.cells.program(address, value.to_bytes(4, "little"))
        return True


def make_chip(board: Board, wire: SerialWire, microphone: Microphone) -> Chip:
    """The chip with what is wired to it."""
    sectors = board.flash.sectors
    assert sectors is not None
    flash = Nvmc(sectors.sizes)
    peripherals: list[Peripheral] = [
        ClockAndPower(), Uarte(wire), Timer0(), Watchdog(), Pdm(microphone), I2s(microphone), flash,
        Peripheral(0x50000000, 0x1000),  # port P0
    ]  # fmt: skip
    return Chip(CortexM(board.clock_hz), peripherals, flash, 0)
