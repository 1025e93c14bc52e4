"""A PIO state machine of the RP2040, and a microphone on its pins: the driver's program is run, not trusted.

Only the instructions that a receiver of I2S or PDM needs are known: JMP, IN, MOV (as a no-operation), SET. RP2040 datasheet
3.2, 3.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tinyclap_edge.errors import DeviceError

_SLOT_BITS = 24  # of a microphone such as an INMP441: 24 bits in a slot of 32


class PinMicrophone(Protocol):
    """What hangs on the state machine's pins."""

    data: int  # the level of its data pin

    def step(self, clocks: int) -> None:
        """The levels of the clock pins have been set: bit 0 is the clock, bit 1 the word select where there is one."""


@dataclass
class PdmMicrophone:
    """Gives the next bit while its clock is low, and lets go of the line while that is high: its L/R pin is at ground."""

    bits: Sequence[int]
    data: int = 0
    _clock: int = 1
    _said: int = 0

    def step(self, clocks: int) -> None:
        clock = clocks & 1
        if self._clock and not clock:
            self.data = self.bits[self._said % len(self.bits)]
            self._said += 1
        elif clock and self._clock:
            self.data = 1 - self.data  # nobody drives the line: whoever reads it now hears anything
        self._clock = clock


@dataclass
class I2sMicrophone:
    """Gives one sample in every left slot, highest bit first, one period of the clock behind the word select."""

    sample: int  # int16; the microphone's 24 bits are this and eight lower ones
    data: int = 0
    _word_select: int = 0
    _clock: int = 0
    _sent: int = _SLOT_BITS

    def step(self, clocks: int) -> None:
        clock, word_select = clocks & 1, clocks >> 1
        if clock and not self._clock:
            if word_select != self._word_select:
                self._sent = 0
            self._word_select = word_select
        elif self._clock and not clock:
            bits = (self.sample & 0xFFFF) << 8 | 0x5A
            left = not self._word_select and self._sent < _SLOT_BITS
            self.data = bits >> _SLOT_BITS - 1 - self._sent & 1 if left else 0
            self._sent += 1
        self._clock = clock


@dataclass
class StateMachine:
    """One state machine whose side-set pins are a microphone's clocks. `pushed` collects what IN pushes by itself."""

    program: Sequence[int]
    wrap: tuple[int, int]  # bottom, top
    threshold: int  # bits of an automatic push
    shift_right: bool = False
    clocks: int = 2  # pins of the side-set
    pc: int = 0
    x: int = 0
    pushed: list[int] = field(default_factory=list)
    _shifted: int = 0
    _count: int = 0

    def step(self, microphone: PinMicrophone) -> None:
        """One cycle. IN reads the level that was there before this cycle's side-set: pins come through two flip-flops."""
        word = self.program[self.pc]
        side, delay, argument = word >> 13 - self.clocks & 3, word >> 8 & (1 << 5 - self.clocks) - 1, word & 0x1F
        before = microphone.data
        microphone.step(side & (1 << self.clocks) - 1)
        following = self.wrap[0] if self.pc == self.wrap[1] else self.pc + 1
        operation, field_ = word >> 13, word >> 5 & 7
        if operation == 0 and field_ in (0, 2):
            taken = field_ == 0 or self.x != 0
            self.x = (self.x - 1) & 0xFFFFFFFF if field_ == 2 else self.x
            following = argument if taken else following
        elif operation == 2 and field_ == 0 and argument == 1:
            self._shift_in(before)
        elif operation == 7 and field_ == 1:
            self.x = argument
        elif word & 0xE0FF != 0xA042 or delay:
            raise DeviceError(f"the PIO program has an instruction that this model lacks: 0x{word:04X}")
        self.pc = following

    def _shift_in(self, bit: int) -> None:
        self._shifted = self._shifted >> 1 | bit << 31 if self.shift_right else (self._shifted << 1 | bit) & 0xFFFFFFFF
        self._count += 1
        if self._count == self.threshold:
            self.pushed.append(self._shifted)
            self._shifted = self._count = 0


def cycles_a_sample(machine: StateMachine, samples: Sequence[int] = (0x1234, -2, 0x7FFF, -0x8000)) -> int:
    """The cycles between two pushes of a program that hears exactly what the microphone says; DeviceError for another one."""
    limit, at = 100_000, []
    microphone = I2sMicrophone(samples[0])
    heard: list[int] = []
    for cycle in range(limit):
        machine.step(microphone)
        if len(machine.pushed) > len(heard):
            heard.append(machine.pushed[-1])
            at.append(cycle)
            if len(heard) > len(samples):
                break
            microphone.sample = samples[len(heard) % len(samples)]
    gaps = {b - a for a, b in itertools.pairwise(at[1:])}
    # the first push may be part of a slot that began before the clock ran
    if [word & 0xFFFF for word in heard[1:]] != [s & 0xFFFF for s in [*samples[1:], samples[0]]] or len(gaps) != 1:
        raise DeviceError("the PIO program does not hear what an I2S microphone on its pins says")
    return gaps.pop()


def cycles_a_push(machine: StateMachine) -> int:
    """The cycles between two pushes of a program that hears exactly the bits of a PDM microphone; DeviceError for another one."""
    bits = [0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1]  # of a length that no word has
    microphone, at, heard = PdmMicrophone(bits), [], 0
    for cycle in range(10_000):
        machine.step(microphone)
        if len(machine.pushed) > heard:
            heard = len(machine.pushed)
            at.append(cycle)
            if heard > 8:
                break
    said = [bits[i % len(bits)] for i in range(machine.threshold * heard)]
    words = [int("".join(map(str, said[i : i + machine.threshold])), 2) for i in range(0, len(said), machine.threshold)]
    gaps = {b - a for a, b in itertools.pairwise(at)}
    if not heard or machine.pushed != words or len(gaps) != 1:
        raise DeviceError("the PIO program does not hear the bits that a PDM microphone on its pins says")
    return gaps.pop()
