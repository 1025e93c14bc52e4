"""nRF52840: its two receivers of sound, which fill buffer after buffer by EasyDMA. Names are the specification's (6.10, 6.15)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from tinyclap_edge.device.emulator.board_wires import Microphone
from tinyclap_edge.device.emulator.nrf52840_system import NrfPeripheral
from tinyclap_edge.device.emulator.peripheral import ResetCause


class SoundReceiver(NrfPeripheral, ABC):
    """The address of a buffer is taken over when it begins, and an event says so."""

    START: ClassVar[int] = 0x000
    BEGUN: ClassVar[int]  # the event when a buffer begins
    POINTER: ClassVar[int]
    MAXCNT: ClassVar[int]

    def __init__(self, base: int, microphone: Microphone) -> None:
        super().__init__(base)
        self.microphone = microphone

    def reset(self, cause: ResetCause) -> None:
        """Off."""
        super().reset(cause)
        self._filling: tuple[int, int] | None = None
        self._next = 0.0

    @abstractmethod
    def rate_hz(self) -> float:
        """Samples a second as the registers have it."""

    @abstractmethod
    def listens(self) -> bool:
        """Whether START starts it: the registers have it as a microphone's driver wants it."""

    @abstractmethod
    def said(self, samples: np.ndarray) -> bytes:
        """(n,) int16 of sound as they are stored."""

    def ended(self) -> None:
        """A buffer is full."""

    def task(self, offset: int) -> None:
        if offset == self.START and self.listens():
            self._next = self.board.now_s
            self.microphone.begin(self.registers.get(self.MAXCNT, 0))
            self._begin()

    def _begin(self) -> None:
        self._filling = (self.registers.get(self.POINTER, 0), self.registers.get(self.MAXCNT, 0))
        self._next += self._filling[1] / self.rate_hz()
        self.event(self.BEGUN)

    def due_s(self) -> float | None:
        if self._filling is None:
            return None
        self._next = self.microphone.due_s(self._next, self.board.now_s)
        return self._next if self.microphone.ready() else None

    def advance(self) -> None:
        assert self._filling is not None
        address, count = self._filling
        samples = self.microphone.samples(count)
        if samples is not None:
            self.board.write_memory(address, self.said(samples))
            self.ended()
            self._begin()


class Pdm(SoundReceiver):
    """PDM: the chip makes samples of the bits, so the model has none."""

    BEGUN, END = 0x100, 0x108  # STARTED
    ENABLE, PDMCLKCTRL, MODE, RATIO, POINTER, MAXCNT = 0x500, 0x504, 0x508, 0x520, 0x560, 0x564
    CLOCKS: ClassVar[dict[int, float]] = {
        0x08000000: 1.0e6, 0x08400000: 32e6 / 31, 0x08800000: 32e6 / 30,
        0x09800000: 32e6 / 26, 0x0A000000: 1.28e6, 0x0A800000: 32e6 / 24,
    }  # fmt: skip
    LINE = 29

    def __init__(self, microphone: Microphone) -> None:
        super().__init__(0x4001D000, microphone)

    def rate_hz(self) -> float:
        return self.CLOCKS[self.registers.get(self.PDMCLKCTRL, 0x08400000)] / (
            80 if self.registers.get(self.RATIO) else 64
        )

    def listens(self) -> bool:
        return bool(self.registers.get(self.ENABLE) and self.registers.get(self.MODE, 0) & 1)

    def said(self, samples: np.ndarray) -> bytes:
        return samples.astype("<i2").tobytes()

    def ended(self) -> None:
        self.event(self.END)


class I2s(SoundReceiver):
    """I2S as a master that receives the left of two slots of 24 bits; other forms are not modelled."""

    BEGUN = 0x104  # RXPTRUPD
    ENABLE, MODE, RXEN, TXEN, MCKEN, MCKFREQ, RATIO, SWIDTH, ALIGN, FORMAT, CHANNELS = range(0x500, 0x52C, 4)
    POINTER, MAXCNT = 0x538, 0x550
    SCK, LRCK, SDIN = 0x564, 0x568, 0x56C
    RESETS: ClassVar[dict[int, int]] = {
        TXEN: 1, MCKEN: 1, MCKFREQ: 0x20000000, RATIO: 6, SWIDTH: 1,
        **dict.fromkeys(range(0x560, 0x574, 4), 0xFFFFFFFF),  # pins: not connected
    }  # fmt: skip
    MCK_DIVIDERS: ClassVar[dict[int, int]] = {
        0x20000000: 8, 0x18000000: 10, 0x16000000: 11, 0x11000000: 15, 0x10000000: 16, 0x0C000000: 21, 0x0B000000: 23,
        0x08800000: 30, 0x08400000: 31, 0x08000000: 32, 0x06000000: 42, 0x04100000: 63, 0x020C0000: 125,
    }  # fmt: skip
    RATIOS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
    LINE = 37
    _LEFT_OF_24_BITS: ClassVar[dict[int, int]] = {
        ENABLE: 1, MODE: 0, RXEN: 1, TXEN: 0, MCKEN: 1, SWIDTH: 2, ALIGN: 0, FORMAT: 0, CHANNELS: 1,
    }  # fmt: skip

    def __init__(self, microphone: Microphone) -> None:
        super().__init__(0x40025000, microphone)

    def rate_hz(self) -> float:
        divider = self.MCK_DIVIDERS[self.registers[self.MCKFREQ]]
        return 32e6 / divider / self.RATIOS[self.registers[self.RATIO]]

    def listens(self) -> bool:
        wired = all(self.registers[pin] < 48 for pin in (self.SCK, self.LRCK, self.SDIN))
        whole = self.RATIOS[self.registers[self.RATIO]] % 48 == 0  # clocks of a frame divide what MCK gives
        return wired and whole and all(self.registers.get(at, 0) == v for at, v in self._LEFT_OF_24_BITS.items())

    def said(self, samples: np.ndarray) -> bytes:
        """24 bits with their sign in a word; the microphone has eight bits below what the sound says."""
        return (samples.astype("<i4") << 8 | 0x5A).tobytes()
