"""How fast a board's core works: cycles an instruction, estimated or measured, and the instructions of what is no layer."""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_edge.boards import Board
from tinyclap_edge.device.measurements import read_measurement
from tinyclap_edge.fit.instruction_model import Machine

ESTIMATED = "estimated"


@dataclass(frozen=True)
class Pace:
    """How fast a board's core executes. kind: "estimated" from published figures, or "measured" on such a board."""

    cycles_per_instruction: float
    low: float
    high: float
    clock_hz: int
    source: str
    kind: str

    @property
    def seconds(self) -> float:
        """Of one instruction, typically."""
        return self.cycles_per_instruction / self.clock_hz


@dataclass(frozen=True)
class Estimate:
    """A time: predicted instructions times a factor, with the factor's source. kind: whether that was estimated or measured."""

    typical_s: float
    low_s: float
    high_s: float
    cycles_per_instruction: float
    clock_hz: int
    source: str
    kind: str = ESTIMATED


def pace_of(board: Board) -> Pace:
    """The board's own measurement where `bench --target serial` has left one, else the published figures of its core.

    CorruptFile (7) for a file that holds no measurement.
    """
    found = read_measurement(board.name)
    if found is None:
        t = board.time
        return Pace(t.cycles_per_instruction, t.low, t.high, board.clock_hz, t.source, ESTIMATED)
    ratio = found.cycles_per_instruction
    source = (
        f"measured on {found.date}: {found.cycles:,} cycles for {found.instructions:,} instructions of encoder "
        f"{found.encoder_sha256[:8]}"
    )
    return Pace(ratio, ratio, ratio, found.clock_hz, source, found.provenance)


def estimate(pace: Pace, instructions: int) -> Estimate:
    """Time of so many instructions."""
    typical, low, high = (
        instructions * cycles / pace.clock_hz for cycles in (pace.cycles_per_instruction, pace.low, pace.high)
    )
    return Estimate(typical, low, high, pace.cycles_per_instruction, pace.clock_hz, pace.source, pace.kind)


def frontend_instructions(machine: Machine, n_fft: int, mels: int) -> float:
    """Instructions of one log-mel row."""
    return machine.frontend[str(n_fft)] + machine.frontend["mel"] * mels


def label_instructions(machine: Machine, labels: int, r: int) -> float:
    """Instructions of scoring one embedding."""
    costs = machine.labels
    return costs["call"] + costs["label"] * labels + costs["entry"] * r + costs["product"] * labels * r
