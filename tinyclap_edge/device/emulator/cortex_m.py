"""A Cortex-M core around unicorn's: what the engine itself has no model of.

Reset from a vector table, interrupts (NVIC), sleep (WFI), the cycle counter (DWT), reset on request (AIRCR). Handlers do not
nest. A handler's stack frame is written as the core writes it, so that the stack's high-water mark is the chip's; the
interrupted registers themselves are kept and put back by the engine. Arm DDI 0403E (ARMv7-M), B1.5 and B3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyclap_edge.device.emulator.peripheral import Peripheral, ResetCause

_EXCEPTION_RETURNS = 0xFFFFFFE0  # a branch to an address from here on ends a handler
_WFI = b"\x30\xbf"
_FIRST_INTERRUPT = 16  # vectors before it are the core's own exceptions
_FRAME_WORDS, _FPU_FRAME_WORDS = 8, 26
_IT_BITS = 0x0600FC00  # of xPSR: inside an if-then block

# Offsets in the system control space, 0xE000E000.
_ISER, _ICER, _IPR = 0x100, 0x180, 0x400
_VTOR, _AIRCR, _DEMCR = 0xD08, 0xD0C, 0xDFC
_VECTKEY, _SYSRESETREQ, _TRCENA = 0x05FA, 1 << 2, 1 << 24
_SET_WORDS = 8  # of ISER: 240 interrupts


class SystemControl(Peripheral):
    """NVIC, SCB, MPU and cache maintenance: enables and priorities matter here, the rest is kept and read back."""

    def __init__(self) -> None:
        super().__init__(0xE000E000, 0x1000)

    def on_read(self, offset: int) -> int:
        if _ICER <= offset < _ICER + 4 * _SET_WORDS:
            return self.registers.get(offset - _ICER + _ISER, 0)
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if _ISER <= offset < _ISER + 4 * _SET_WORDS:
            value |= self.registers.get(offset, 0)
        elif _ICER <= offset < _ICER + 4 * _SET_WORDS:
            offset = offset - _ICER + _ISER
            value = self.registers.get(offset, 0) & ~value
        elif offset == _AIRCR and value >> 16 == _VECTKEY and value & _SYSRESETREQ:
            self.board.reset(ResetCause.SOFTWARE)
        super().on_write(offset, value)

    def enabled(self, line: int) -> bool:
        """Whether the interrupt of a line is enabled."""
        return bool(self.registers.get(_ISER + line // 32 * 4, 0) >> line % 32 & 1)

    def priority(self, line: int) -> int:
        """Its priority: the lower, the earlier."""
        return self.read(_IPR + line, 1)

    @property
    def vectors(self) -> int:
        """VTOR."""
        return self.registers.get(_VTOR, 0)

    @property
    def tracing(self) -> bool:
        """Whether DWT runs at all (DEMCR.TRCENA)."""
        return bool(self.registers.get(_DEMCR, 0) & _TRCENA)


class CycleCounter(Peripheral):
    """DWT: CYCCNT from the board's time. It moves in steps of what the machine executes at once."""

    CTRL, CYCCNT = 0, 4

    def __init__(self, control: SystemControl, clock_hz: int) -> None:
        super().__init__(0xE0001000, 0x1000)
        self._control, self._clock_hz, self._zero = control, clock_hz, 0

    def _running(self) -> int:
        return int(self.board.now_s * self._clock_hz)

    def on_read(self, offset: int) -> int:
        if offset == self.CYCCNT and self._control.tracing and self.registers.get(self.CTRL, 0) & 1:
            return (self._running() - self._zero) & 0xFFFFFFFF
        return super().on_read(offset)

    def on_write(self, offset: int, value: int) -> None:
        if offset == self.CYCCNT:
            self._zero = self._running() - value
        super().on_write(offset, value)


class CortexM:
    """The core. fpu: whether a handler's frame holds floating-point registers; cycle_counter: a Cortex-M0+ has none."""

    def __init__(self, clock_hz: int, fpu: bool = True, cycle_counter: bool = True) -> None:
        self.control = SystemControl()
        self.peripherals: Sequence[Peripheral] = (
            [self.control, CycleCounter(self.control, clock_hz)] if cycle_counter else [self.control]
        )
        self.lines: set[int] = set()
        self._frame_words = _FPU_FRAME_WORDS if fpu else _FRAME_WORDS
        self._interrupted: Any = None  # the engine's context while a handler runs

    def attach(self, engine: Any) -> None:
        """The engine of the machine."""
        from unicorn import arm_const

        self._engine, self._names = engine, arm_const
        self._cold = engine.context_save()

    def begin(self, vectors: int) -> None:
        """Stack pointer and entry from the vector table; everything else as at power-up."""
        self._engine.context_restore(self._cold)
        self._interrupted = None
        self.lines.clear()
        stack, entry = (int.from_bytes(self._engine.mem_read(vectors + at, 4), "little") for at in (0, 4))
        self._write("SP", stack)
        self._write("LR", 0xFFFFFFFF)
        self._write("PC", entry | 1)
        self.control.registers[_VTOR] = vectors

    def _read(self, name: str) -> int:
        return int(self._engine.reg_read(getattr(self._names, "UC_ARM_REG_" + name)))

    def _write(self, name: str, value: int) -> None:
        self._engine.reg_write(getattr(self._names, "UC_ARM_REG_" + name), value & 0xFFFFFFFF)

    @property
    def program_counter(self) -> int:
        """Where the engine goes on."""
        return self._read("PC") | 1

    def asleep(self) -> bool:
        """Whether the instruction before the program counter is WFI."""
        return bytes(self._engine.mem_read(self._read("PC") - 2, 2)) == _WFI

    def pending(self) -> bool:
        """Whether an enabled interrupt waits; it wakes the core even while PRIMASK keeps it from being taken."""
        return any(self.control.enabled(line) for line in self.lines)

    def held_back(self) -> bool:
        """Whether an interrupt waits for PRIMASK, or for the end of an if-then block."""
        return self._interrupted is None and self.pending()

    def deliver(self) -> bool:
        """Enter the handler of the most urgent interrupt, unless interrupts are off or another handler runs."""
        if not self.lines or self._interrupted is not None or self._read("PRIMASK") & 1:
            return False
        waiting = [line for line in self.lines if self.control.enabled(line)]
        status = self._read("XPSR")
        if not waiting or status & _IT_BITS:
            return False
        line = min(waiting, key=lambda n: (self.control.priority(n), n))
        self._interrupted = self._engine.context_save()
        registers = [self._read(name) for name in ("R0", "R1", "R2", "R3", "R12", "LR", "PC")]
        frame = [*registers, status, *[0] * (self._frame_words - _FRAME_WORDS)]
        stack = (self._read("SP") - 4 * self._frame_words) & ~7
        self._engine.mem_write(stack, b"".join(word.to_bytes(4, "little") for word in frame))
        vector = self.control.vectors + 4 * (_FIRST_INTERRUPT + line)
        self._write("SP", stack)
        self._write("LR", 0xFFFFFFE9 if self._frame_words == _FPU_FRAME_WORDS else 0xFFFFFFF9)
        self._write("PC", int.from_bytes(self._engine.mem_read(vector, 4), "little") | 1)
        return True

    def returned(self) -> bool:
        """Whether the handler has branched to its return address; puts the interrupted program back."""
        if self._interrupted is None or self._read("PC") < _EXCEPTION_RETURNS:
            return False
        self._engine.context_restore(self._interrupted)
        self._interrupted = None
        return True
