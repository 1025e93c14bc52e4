"""Models of an RP2040's PIO0 with a microphone, and of the DMA that empties its FIFO. RP2040 datasheet 2.5, 3.

When the state machine is enabled its program is run with a microphone that says what is known (rp2040_pio.py): with one clock
pin a PDM one, with two an I2S one. From then on sound comes at the rate that the program and its clock divider give, a buffer at
a time.
"""

from __future__ import annotations

import numpy as np

from tinyclap_edge.device.emulator.board_wires import Microphone
from tinyclap_edge.device.emulator.pdm import OVERSAMPLING, Modulator
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.device.emulator.rp2040_pio import StateMachine, cycles_a_push, cycles_a_sample
from tinyclap_edge.device.emulator.rp2040_system import DMA_LINE, Clocks
from tinyclap_edge.errors import DeviceError

_CHANNELS = 12
_TREQ_PIO0_RX0, _TREQ_ALWAYS = 4, 0x3F
_RATE_ERROR = 0.01


class Pio(Peripheral):
    """PIO0, its first state machine."""

    CTRL, RXF0, PROGRAM, CLKDIV, EXECCTRL, SHIFTCTRL, INSTR, PINCTRL = 0x0, 0x20, 0x48, 0xC8, 0xCC, 0xD0, 0xD8, 0xDC

    def __init__(self, clocks: Clocks, rate_hz: int) -> None:
        super().__init__(0x50200000)
        self._clocks, self._wanted_hz, self.sample_s = clocks, rate_hz, 0.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.sample_s = 0.0
        self._pdm = Modulator()

    def halfwords(self) -> int:
        """Pushed a sample: one, or 64 bits of PDM."""
        return OVERSAMPLING // 16 if self._clocks_of_side_set() == 1 else 1

    def said(self, samples: np.ndarray) -> bytes:
        """(n,) int16 of sound as they are pushed."""
        return self._pdm.octets(samples, half_words=True) if self.halfwords() > 1 else samples.astype("<i2").tobytes()

    def _clocks_of_side_set(self) -> int:
        return self.registers.get(self.PINCTRL, 0) >> 29

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.CTRL:
            self.sample_s = self._sample_s() if value & 1 else 0.0

    def _sample_s(self) -> float:
        """Seconds between two samples that the program pushes; DeviceError where they are not the microphone's."""
        execution, shift = self.registers.get(self.EXECCTRL, 0), self.registers.get(self.SHIFTCTRL, 0)
        words = [self.registers.get(self.PROGRAM + 4 * i, 0) for i in range(32)]
        wrap = (execution >> 7 & 0x1F, execution >> 12 & 0x1F)
        threshold = shift >> 20 & 0x1F or 32
        if not shift & 1 << 16:
            raise DeviceError("the PIO program pushes nothing: AUTOPUSH is off")
        machine = StateMachine(words, wrap, threshold, bool(shift & 1 << 18), self._clocks_of_side_set())
        cycles = self.halfwords() * (cycles_a_push(machine) if self.halfwords() > 1 else cycles_a_sample(machine))
        divider = (self.registers.get(self.CLKDIV, 0) >> 8) / 256
        rate = self._clocks.system_hz / divider / cycles if divider else 0.0
        if abs(rate / self._wanted_hz - 1) > _RATE_ERROR:
            raise DeviceError(f"the PIO program takes {rate:.0f} samples a second where {self._wanted_hz} are wanted")
        return 1 / rate


class Dma(Peripheral):
    """Channels that move as soon as they are triggered, or as the PIO gives samples."""

    INTR, INTE0, INTS0, TRIGGER = 0x400, 0x404, 0x40C, 0x430

    def __init__(self, pio: Pio, microphone: Microphone) -> None:
        super().__init__(0x50000000, 0x1000)
        self._pio, self._microphone = pio, microphone
        self._listening: int | None = None  # the channel that takes samples
        self._since_s: float | None = (
            None  # when the channel before it had its last sample; None: nothing has been heard
        )
        self._stood_still = False

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self._listening = self._since_s = None

    def on_read(self, offset: int) -> int:
        if offset == self.INTS0:
            return self.registers.get(self.INTR, 0) & self.registers.get(self.INTE0, 0)
        word = super().on_read(offset)
        if offset < 0x40 * _CHANNELS and offset % 0x40 == 0xC:
            word |= (1 << 24) * (self._listening == offset // 0x40)
        return word

    def on_write(self, offset: int, value: int) -> None:
        if offset in (self.INTR, self.INTS0):
            self.registers[self.INTR] = self.registers.get(self.INTR, 0) & ~value
        elif offset == self.TRIGGER:
            for channel in range(_CHANNELS):
                if value >> channel & 1:
                    self._trigger(channel)
        elif offset < 0x40 * _CHANNELS and offset % 0x40 in (0xC, 0x10):  # CTRL_TRIG and its alias without a trigger
            self.registers[offset // 0x40 * 0x40 + 0xC] = value
            if offset % 0x40 == 0xC:
                self._trigger(offset // 0x40)
        elif offset < 0x40 * _CHANNELS and offset % 0x40 > 0x10:
            raise DeviceError(f"the DMA's register 0x{offset:03X} is an alias that this model lacks")
        else:
            super().on_write(offset, value)
        self._signal()

    def _channel(self, channel: int) -> tuple[int, int, int, int]:
        """read_addr, write_addr, trans_count, ctrl."""
        read, write, count, ctrl = (self.registers.get(0x40 * channel + at, 0) for at in (0, 4, 8, 12))
        return read, write, count, ctrl

    def _trigger(self, channel: int) -> None:
        read, write, count, ctrl = self._channel(channel)
        request, size = ctrl >> 15 & 0x3F, 1 << (ctrl >> 2 & 3)
        if not ctrl & 1:
            return
        if request == _TREQ_PIO0_RX0:
            if read != self._pio.base + self._pio.RXF0 or size != 2 or not ctrl & 1 << 5 or ctrl & 1 << 4:
                raise DeviceError(f"DMA channel {channel} does not take 16-bit samples from the PIO's FIFO")
            self._listening = channel
        elif request == _TREQ_ALWAYS and size == 4:
            for _ in range(count):
                word = int.from_bytes(self.board.read_memory(read, 4), "little")
                if self.base <= write < self.base + self.size:
                    self.registers[write - self.base] = word
                else:
                    self.board.write_memory(write, word.to_bytes(4, "little"))
            self._complete(channel)
        else:
            raise DeviceError(f"DMA channel {channel} asks for something that this model lacks: CTRL 0x{ctrl:08X}")

    def _complete(self, channel: int) -> None:
        ctrl = self._channel(channel)[3]
        if not ctrl & 1 << 21:
            self.registers[self.INTR] = self.registers.get(self.INTR, 0) | 1 << channel
        if ctrl >> 11 & 15 != channel:
            self._trigger(ctrl >> 11 & 15)

    def _signal(self) -> None:
        self.board.set_line(DMA_LINE, bool(self.on_read(self.INTS0)))

    def due_s(self) -> float | None:
        if self._listening is None or not self._pio.sample_s:
            return None
        if self._since_s is None:
            self._since_s = self.board.now_s
        if not self._microphone.ready():
            self._stood_still = True
            return None
        return self._since_s + self._channel(self._listening)[2] // self._pio.halfwords() * self._pio.sample_s

    def advance(self) -> None:
        while (due := self.due_s()) is not None and due <= self.board.now_s and self._listening is not None:
            channel = self._listening
            _, write, count, _ = self._channel(channel)
            samples = self._microphone.samples(count // self._pio.halfwords())
            if samples is None:
                return
            self.board.write_memory(write, self._pio.said(samples))
            self.registers[0x40 * channel + 4] = write + 2 * count
            self._since_s = self.board.now_s if self._stood_still else due
            self._listening, self._stood_still = None, False
            self._complete(channel)
            self._signal()
