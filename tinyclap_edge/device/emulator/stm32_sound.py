"""Receivers of sound on STM32F4 and STM32H7: what SPI and SAI have in common, and the forms in which sound comes to them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from tinyclap_edge.device.emulator.board_wires import Microphone
from tinyclap_edge.device.emulator.pdm import Modulator
from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause
from tinyclap_edge.device.emulator.stm32 import Dma


class FrameReceiver(Peripheral, ABC):
    """A receiver of sound that feeds a double-buffered DMA stream, a buffer at a time; a chip's SPI or SAI derives from it."""

    def __init__(self, base: int, microphone: Microphone, dma: Dma, stream: int, source: int) -> None:
        super().__init__(base)
        self.microphone, self._dma, self._stream, self._source = microphone, dma, stream, source

    def reset(self, cause: ResetCause) -> None:
        """Off."""
        super().reset(cause)
        self._next: float | None = None
        self.pdm = Modulator()  # of the microphone, should it be one of that kind

    @abstractmethod
    def rate_hz(self) -> float:
        """Samples of sound a second as the registers have it."""

    @abstractmethod
    def items(self) -> int:
        """Items of a sample that go to DMA."""

    @abstractmethod
    def said(self, samples: np.ndarray) -> bytes:
        """What (n,) int16 of sound are on the wire, as DMA takes it."""

    @abstractmethod
    def listening(self) -> bool:
        """Whether the registers have it running."""

    def _half_samples(self) -> int:
        return self._dma.items(self._stream) // self.items()

    def begin(self) -> None:
        """The first frame begins now, if the receiver is on."""
        if self._next is None and self.listening() and self._dma.enabled(self._stream, self._source):
            self.microphone.begin(self._half_samples())
            self._next = self.board.now_s + self._half_samples() / self.rate_hz()

    def due_s(self) -> float | None:
        if self._next is None:
            return None
        self._next = self.microphone.due_s(self._next, self.board.now_s)
        return self._next if self.microphone.ready() else None

    def advance(self) -> None:
        count = self._half_samples()
        samples = self.microphone.samples(count)
        if samples is None or self._next is None:
            return
        self._next += count / self.rate_hz()
        if not self._dma.enabled(self._stream, self._source):
            return
        self._dma.push(self._stream, self.said(samples))


def i2s_frames(samples: np.ndarray, half_words: int) -> bytes:
    """A sample in the first of so many half words of each frame: nobody drives the others."""
    frames = np.full((len(samples), half_words), 0xAA55, "<u2")
    frames[:, 0] = samples.astype("<i2").view("<u2")
    return frames.tobytes()
