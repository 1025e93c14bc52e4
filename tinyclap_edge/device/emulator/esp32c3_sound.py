"""Models of an ESP32-C3's I2S receiver with a microphone, and of the GDMA channel that empties it. ESP32-C3 TRM, chapters 2, 28."""

from __future__ import annotations

import numpy as np

from tinyclap_edge.device.emulator.board_wires import Microphone
from tinyclap_edge.device.emulator.esp32c3_system import DMA_SOURCE, XTAL_HZ, System
from tinyclap_edge.device.emulator.pdm import OVERSAMPLING, Modulator
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.errors import DeviceError

_RATE_ERROR = 0.01
_SRAM = 0x3FC00000  # the upper bits of a descriptor's address
_OWNER, _END = 1 << 31, 1 << 30


class I2s(Peripheral):
    """The receiver: what its registers make of the crystal, and of a slot. Two slots of 16 bits, both taken, have no gap: every
    clock brings a bit of a PDM microphone."""

    _FORMS = ((32, 32, 1), (16, 16, 3))  # bits of a slot and of half a frame, slots that are taken
    CONF, CONF1, CLKM, TX_CLKM, DIV, TDM, EOF_NUM = 0x20, 0x28, 0x30, 0x34, 0x38, 0x50, 0x64

    def __init__(self, system: System, rate_hz: int) -> None:
        super().__init__(0x6002D000)
        self._system, self._wanted_hz, self.sample_s = system, rate_hz, 0.0

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self.sample_s = 0.0
        self._pdm = Modulator()

    def sample_bytes(self) -> int:
        """That go to DMA."""
        return OVERSAMPLING // 8 if self.registers.get(self.TDM, 0) & 0xFFFF == 3 else 2

    def said(self, samples: np.ndarray) -> bytes:
        """(n,) int16 of sound as DMA takes them."""
        return (
            self._pdm.octets(samples, half_words=True) if self.sample_bytes() > 2 else samples.astype("<i2").tobytes()
        )

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.CONF:
            self.sample_s = self._sample_s(value) if value & 1 << 2 else 0.0
            value &= ~(1 << 8)  # RX_UPDATE is taken at once
        super().on_write(offset, value)

    def _sample_s(self, conf: int) -> float:
        """Seconds between samples; DeviceError where a word of the FIFO is not one sample of the left slot."""
        conf1, tdm = self.registers.get(self.CONF1, 0), self.registers.get(self.TDM, 0)
        kept, slot, half = ((conf1 >> at & mask) + 1 for at, mask in ((13, 31), (24, 31), (18, 63)))
        slots = (tdm >> 16 & 15) + 1
        philips, master = conf1 & 1 << 29, not conf & 1 << 3
        form = conf & 0x180000 == 1 << 19 and philips and master and (kept, slots) == (16, 2)
        if not form or (slot, half, tdm & 0xFFFF) not in self._FORMS or not self._system.clocked(0, 21):
            raise DeviceError(
                "the I2S receiver keeps neither 16 of 32 bits of the left of two slots nor every bit of 16"
            )
        clock = self.registers.get(self.CLKM, 0)
        if clock >> 27 & 3 or not clock & 1 << 26 or not self.registers.get(self.TX_CLKM, 0) & 1 << 29:
            raise DeviceError("the I2S receiver has no clock of the crystal")
        rate = XTAL_HZ / ((clock & 0xFF) + self._fraction()) / ((conf1 >> 7 & 63) + 1) / OVERSAMPLING
        if abs(rate / self._wanted_hz - 1) > _RATE_ERROR:
            raise DeviceError(f"the I2S receiver takes {rate:.0f} samples a second where {self._wanted_hz} are wanted")
        return 1 / rate

    def _fraction(self) -> float:
        """b/a of the divider, from the four fields that the TRM makes of it."""
        word = self.registers.get(self.DIV, 0)
        z, y, x, above_half = word & 0x1FF, word >> 9 & 0x1FF, word >> 18 & 0x1FF, word >> 27 & 1
        if not z:
            return 0.0
        a = z * (x + 1) + y
        return 1 - z / a if above_half else z / a


class Gdma(Peripheral):
    """Receive channel 0: descriptors, filled and given back one after another."""

    RAW, ENABLE, CLEAR, CONF1, LINK, EOF_ADDRESS, SOURCE = 0x0, 0x8, 0xC, 0x74, 0x80, 0x88, 0xA0
    _SUC_EOF = 1 << 1

    def __init__(self, i2s: I2s, system: System, microphone: Microphone) -> None:
        super().__init__(0x6003F000)
        self._i2s, self._system, self._microphone = i2s, system, microphone
        self._descriptor = 0  # that is being filled; 0: the channel stands still
        self._since_s: float | None = None  # when the one before it had its last sample
        self._stood_still = False

    def reset(self, cause: ResetCause) -> None:
        super().reset(cause)
        self._descriptor, self._since_s = 0, None

    def on_write(self, offset: int, value: int) -> None:
        super().on_write(offset, value)
        if offset == self.LINK and value & 1 << 22:
            if self.registers.get(self.SOURCE, 0) != 3 or not self._system.clocked(1, 6):
                raise DeviceError("the GDMA channel does not listen to I2S, or has no clock")
            self._descriptor, self._since_s = _SRAM | value & 0xFFFFF, None
        elif offset == self.CLEAR:
            self.registers[self.RAW] = self.registers.get(self.RAW, 0) & ~value
        self._signal()

    def _word(self, address: int) -> int:
        return int.from_bytes(self.board.read_memory(address, 4), "little")

    def _signal(self) -> None:
        self.board.set_line(
            DMA_SOURCE, bool(self.registers.get(self.RAW, 0) & self.registers.get(self.ENABLE, 0) & self._SUC_EOF)
        )

    def due_s(self) -> float | None:
        if not self._descriptor or not self._i2s.sample_s:
            return None
        if self._since_s is None:
            self._since_s = self.board.now_s
        if not self._microphone.ready():
            self._stood_still = True
            return None
        return self._since_s + (self._word(self._descriptor) & 0xFFF) // self._i2s.sample_bytes() * self._i2s.sample_s

    def advance(self) -> None:
        while (due := self.due_s()) is not None and due <= self.board.now_s:
            at = self._descriptor
            control, buffer, following = (self._word(at + 4 * i) for i in range(3))
            count = control & 0xFFF
            if control & _OWNER == 0 and self.registers.get(self.CONF1, 0) & 1 << 12:
                self._descriptor = 0
                return
            if count != self._i2s.registers.get(self._i2s.EOF_NUM, 0) & 0xFFF or buffer % 4:
                raise DeviceError("a descriptor of the GDMA is not one buffer of the sound")
            samples = self._microphone.samples(count // self._i2s.sample_bytes())
            if samples is None:
                return
            self.board.write_memory(buffer, self._i2s.said(samples))
            self.board.write_memory(at, (count | count << 12 | _END).to_bytes(4, "little"))
            self.registers[self.EOF_ADDRESS] = at
            self._since_s = self.board.now_s if self._stood_still else due
            self._stood_still, self._descriptor = False, following
            self.registers[self.RAW] = self.registers.get(self.RAW, 0) | self._SUC_EOF
            self._signal()
