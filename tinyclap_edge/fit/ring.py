"""The ring of sound: as many samples as may come while the encoder lets none in.

Sound becomes rows between two rows of an encoder that takes them one by one, and only before and after one over whole maps
(firmware/app/tce_app_encoder.c). What is the longest in between is played here, with the instructions of each call: the last
row of a window lets all those fire that look behind its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyclap_export.codegen.firing import play
from tinyclap_export.codegen.lower import lower
from tinyclap_export.codegen.stages import make_program
from tinyclap_export.codegen.stream import plan_stream
from tinyclap_export.graph import Graph

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import DoesNotFit
from tinyclap_edge.fit.instruction_model import Machine, calls_of, machine_of, predict
from tinyclap_edge.fit.pace import Pace, frontend_instructions, label_instructions, pace_of
from tinyclap_edge.fit.plan import LAYERS, Plan, plan_graph
from tinyclap_edge.fit.plan_stream import CONTINUOUS, plan_stream_of
from tinyclap_edge.frontend.spec import FrontendSpec

LEAST_SAMPLES = 4096  # 256 ms at 16 kHz: of any firmware, since a host's requests take their time too
MOST_SAMPLES = 1 << 17
MARGIN = 1.25  # of the time: what the model, the console and interrupts add


@dataclass(frozen=True)
class Ring:
    """samples: a power of two. stretch_s: the longest that no sound is let in, by the slow end of the board's pace."""

    samples: int
    stretch_s: float

    def too_long(self, board: str) -> str:
        """What an encoder does to the board that no firmware can have; empty otherwise."""
        if self.samples <= MOST_SAMPLES:
            return ""
        return f"the encoder keeps {board} busy for {self.stretch_s:.1f} s at a stretch: no ring of sound lasts as long"


def ring_for(graph: Graph, board: Board, spec: FrontendSpec, labels: int, r: int, continuous: bool = False) -> Ring:
    """The ring of an encoder's firmware. graph: the int8 graph that is generated.

    DoesNotFit (5) for an encoder that keeps the sound out for longer than any ring lasts.
    """
    isa = machine_of(board).isa
    plan = plan_stream_of(graph, isa, 1) if continuous else plan_graph(graph, isa)
    ring = ring_of_plan(plan, board, spec, labels, r)
    if too_long := ring.too_long(board.name):
        raise DoesNotFit(too_long, f"`tinyclap-edge fit --board {board.name}` finds students that keep up")
    return ring


def ring_of_plan(plan: Plan, board: Board, spec: FrontendSpec, labels: int, r: int) -> Ring:
    """The same of a plan; where nothing lasts as long, `too_long` says so."""
    machine = machine_of(board)
    busy = longest_stretch(plan, machine) + label_instructions(machine, labels, r)
    return ring_of(busy + frontend_instructions(machine, spec.n_fft, spec.mel_bins), pace_of(board), spec)


def ring_of(instructions: float, pace: Pace, spec: FrontendSpec) -> Ring:
    """The ring behind which so many instructions run at a stretch: what comes meanwhile, a frame and a hop."""
    stretch_s = instructions * pace.high / pace.clock_hz
    wanted = spec.window_samples + spec.hop_samples + MARGIN * stretch_s * spec.sample_rate_hz
    samples = LEAST_SAMPLES
    while samples < wanted:
        samples *= 2
    return Ring(samples, stretch_s)


def longest_stretch(plan: Plan, machine: Machine) -> float:
    """Instructions of the encoder between two looks at the sound, at most."""
    if plan.schedule == LAYERS:
        return sum(predict(plan, machine).values())
    steps = lower(plan.graph, machine.isa)
    program = plan_stream(plan.graph, steps).program if plan.schedule == CONTINUOUS else make_program(plan.graph, steps)
    trace = play(program)
    tasks = sorted(program.tasks, key=lambda t: t.number)
    calls = dict(zip((t.number for t in tasks), calls_of(plan, machine.isa), strict=False))
    times = [
        (time, machine.of(calls[task.number]) / calls[task.number].count)
        for task in tasks
        for time in trace.calls[task.number]
    ]
    longest = spent = 0.0
    pushes = iter([*trace.pushes, trace.end + 1])
    following = next(pushes)
    for time, instructions in sorted(times):
        while time > following:
            longest, spent, following = max(longest, spent), 0.0, next(pushes)
        spent += instructions
    return float(max(longest, spent))
