"""A PIO state machine of the RP2040, and a microphone on its pins: the driver's program is run, not trusted.

Only the instructions that a receiver of I2S needs are known: JMP, IN, MOV (as a no-operation), SET. RP2040 datasheet 3.2, 3.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from tinyclap_edge.errors import DeviceError

_SLOT_BITS = 24  # of a microphone such as an INMP441: 24 bits in a slot of 32


@dataclass
class I2sMicrophone:
    """Gives one sample in every left slot, highest bit first, one period of the clock behind the word select."""

    sample: int  # int16; the microphone's 24 bits are this and eight lower ones
    data: int = 0
    _word_select: int = 0
    _clock: int = 0
    _sent: int = _SLOT_BITS

    def step(self, clock: int, word_select: int) -> None:
        """The levels of BCK and WS have been set."""
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
    """One state machine with two side-set pins: bit 0 is BCK, bit 1 is WS. `pushed` collects what IN pushes by itself."""

    program: Sequence[int]
    wrap: tuple[int, int]  # bottom, top
    threshold: int  # bits of an automatic push
    shift_right: bool = False
    pc: int = 0
    x: int = 0
    pushed: list[int] = field(default_factory=list)
    _shifted: int = 0
    _count: int = 0

    def step(self, microphone: I2sMicrophone) -> None:
        """One cycle."""
        word = self.program[self.pc]
        side, delay, argument = word >> 11 & 3, word >> 8 & 7, word & 0x1F
        microphone.step(side & 1, side >> 1)
        following = self.wrap[0] if self.pc == self.wrap[1] else self.pc + 1
        operation, field_ = word >> 13, word >> 5 & 7
        if operation == 0 and field_ in (0, 2):
            taken = field_ == 0 or self.x != 0
            self.x = (self.x - 1) & 0xFFFFFFFF if field_ == 2 else self.x
            following = argument if taken else following
        elif operation == 2 and field_ == 0 and argument == 1:
            self._shift_in(microphone.data)
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
