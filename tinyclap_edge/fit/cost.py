"""What a configuration costs on a board: RAM by region, flash, instructions, and from them an estimated time and energy.

RAM and flash are those of the whole firmware: arena, stack, audio and log-mel buffers; weights, tables, label pack, code.
Memory is planned exactly; instructions come from the calibrated model; time and energy are estimates and say so, until
`bench --target serial` has measured the board: then its own cycles an instruction are taken, and the time says that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tinyclap_edge.boards import Board
from tinyclap_edge.device.bare_ports import has_port
from tinyclap_edge.device.label_flash import label_flash
from tinyclap_edge.device.memory_plan import CODE_ESTIMATE_BYTES, DEFAULT_STACK_BYTES, StaticRam, place
from tinyclap_edge.device.registry_project import built_by_registry
from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.configuration import Configuration
from tinyclap_edge.fit.firmware_sizes import FlashParts, dma_bytes, flash_parts, static_data_bytes
from tinyclap_edge.fit.instruction_model import Machine, Port, machine_of, port_of, predict
from tinyclap_edge.fit.pace import Estimate, estimate, frontend_instructions, label_instructions, pace_of
from tinyclap_edge.fit.plan import Plan, plan_configuration
from tinyclap_edge.fit.plan_stream import plan_continuous
from tinyclap_edge.fit.ring import LEAST_SAMPLES, Ring, ring_of_plan
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.phinet_cost import phinet_cost

ALIGN = 16  # of sections
DEFAULT_LABELS = 16
DEFAULT_HOP_S = 1.28
CODE = "code and constants"  # what a region holds


@dataclass(frozen=True)
class Use:
    """How the firmware is used. hop_s: seconds between two embeddings, None for DEFAULT_HOP_S or one window where that is
    shorter; labels: rows of the label pack."""

    hop_s: float | None = None
    labels: int = DEFAULT_LABELS
    continuous: bool = False

    def hop_of(self, window_s: float) -> float:
        """Seconds between two embeddings of windows of this length."""
        return min(DEFAULT_HOP_S, window_s) if self.hop_s is None else self.hop_s

    def hop_rows(self, configuration: Configuration) -> int:
        """Log-mel rows between two embeddings; UsageError for a hop outside one row .. one window."""
        spec = configuration.frontend
        hop_s = self.hop_of(configuration.window_s)
        rows = round(hop_s * spec.sample_rate_hz / spec.hop_samples)
        if not 1 <= rows <= spec.frames:
            raise UsageError(
                f"a hop of {hop_s:g} s is outside {configuration.hop_ms / 1e3:g}..{configuration.window_s:g} s",
                "a hop is at least one row of the log-mel and at most one window",
            )
        return rows


@dataclass(frozen=True)
class Region:
    """Bytes of one region of the board."""

    name: str
    kind: str
    used: int
    size: int
    holds: tuple[str, ...]

    @property
    def over(self) -> int:
        """Bytes too many; 0 where it fits."""
        return max(0, self.used - self.size)

    @property
    def share(self) -> float:
        return self.used / self.size


@dataclass(frozen=True)
class Cost:
    """Everything that `fit` knows of a configuration on a board. instructions: of one hop, by part."""

    configuration: Configuration
    board: str
    schedule: str
    why: str
    params: int
    macs: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int
    ring: Ring  # of sound
    flash: FlashParts
    regions: tuple[Region, ...]
    instructions: dict[str, int]
    latency: Estimate  # from the last sample to the scores
    hop: Estimate  # all work of one hop
    hop_s: float
    energy_mj: float | None  # of one hop; None where the board has no meaningful figure
    notes: tuple[str, ...]

    @property
    def ram_bytes(self) -> int:
        """All RAM: arena, stack, static data."""
        return sum(r.used for r in self.regions if r.kind == "ram")

    @property
    def flash_bytes(self) -> int:
        """What a flash tool writes: all but the label slots."""
        return self.flash.total

    @property
    def load(self) -> float:
        """Share of the time between two embeddings that the core works."""
        return self.hop.typical_s / self.hop_s

    @property
    def over(self) -> Region | None:
        """The region that is over-full by the most bytes."""
        worst = max(self.regions, key=lambda r: r.over)
        return worst if worst.over else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        spec = self.configuration.frontend
        return {
            "configuration": self.configuration.text(), "arch": self.configuration.net.arch(), "r": self.configuration.r,
            "frontend": spec.to_dict(), "window_s": self.configuration.window_s, "board": self.board,
            "schedule": self.schedule, "why": self.why, "params": self.params, "macs": self.macs,
            "ram_bytes": self.ram_bytes, "arena_bytes": self.arena_bytes, "static_bytes": self.static_bytes,
            "stack_bytes": self.stack_bytes, "ring_samples": self.ring.samples, "flash_bytes": self.flash_bytes, "flash": asdict(self.flash),
            "regions": [{**asdict(r), "over": r.over} for r in self.regions], "instructions": self.instructions,
            "latency": asdict(self.latency), "hop": asdict(self.hop), "hop_s": self.hop_s, "load": round(self.load, 4),
            "energy_mj": self.energy_mj, "notes": list(self.notes),
        }  # fmt: skip


def cost_of(configuration: Configuration, board: Board, use: Use | None = None, plan: Plan | None = None) -> Cost:
    """The cost of a configuration. plan: of a trained student, whose dead channels are gone; made here otherwise.

    Memory that a board does not have is told by `over`, not raised; ExportError (5) for what cannot be planned at all.
    """
    use = use or Use()
    machine = machine_of(board)
    hop_rows = use.hop_rows(configuration)
    if plan is None:
        planned = plan_continuous(configuration, machine.isa, hop_rows) if use.continuous else None
        plan = planned or plan_configuration(configuration, machine.isa)
    spec = configuration.frontend
    port = port_of(board)
    ring = ring_of_plan(plan, board, spec, use.labels, configuration.r)
    static = static_ram(board, spec, configuration.r, ring.samples)
    flash = flash_parts(plan, spec, configuration.r, use.labels, machine.code, port_bytes=port.code_bytes)
    regions = regions_of(board, plan.arena_bytes, static, port.ram_code_bytes, flash)
    row = frontend_instructions(machine, spec.n_fft, spec.mel_bins)
    encoder = round(sum(predict(plan, machine).values()))
    labels = round(label_instructions(machine, use.labels, configuration.r))
    instructions = {"frontend": round(row * hop_rows), "encoder": encoder, "labels": labels}
    network = phinet_cost(configuration.net, (1, spec.frames, spec.mel_bins), configuration.r)
    pace = pace_of(board)
    hop = estimate(pace, sum(instructions.values()))
    milliwatts = board.power.active_mw_per_mhz * board.clock_hz / 1e6
    return Cost(
        configuration, board.name, plan.schedule, plan.why, network.params, plan.macs, plan.arena_bytes,
        static.data_bytes + static.dma_bytes, DEFAULT_STACK_BYTES, ring, flash, regions, instructions, estimate(pace, round(row) + encoder + labels), hop,
        hop_rows * spec.hop_samples / spec.sample_rate_hz, round(hop.typical_s * milliwatts, 4) if milliwatts else None,
        _notes(board, machine, port),
    )  # fmt: skip


def static_ram(board: Board, spec: FrontendSpec, r: int, ring_samples: int = LEAST_SAMPLES) -> StaticRam:
    """RAM of the application beside arena and stack, on this board behind this front end: as it will be linked."""
    port = port_of(board)
    data = static_data_bytes(spec, r, port.static_bytes or machine_of(board).static_bytes)
    data += 2 * (ring_samples - LEAST_SAMPLES)  # the shortest ring is in what was calibrated
    return StaticRam(data, dma_bytes(spec, port.dma_bytes))


def regions_of(
    board: Board, arena_bytes: int, static: StaticRam, ram_code: int, flash: FlashParts
) -> tuple[Region, ...]:
    """What lies in each region, as device/memory_plan.py places it for a firmware; what is over-full is told by its bytes."""
    homes = place(board, arena_bytes, DEFAULT_STACK_BYTES, static)
    parts: dict[str, list[tuple[str, int]]] = {board.flash.name: [(CODE, flash.total)]}
    slots = label_flash(board, flash.weights + flash.label_pack + CODE_ESTIMATE_BYTES)
    if slots is not None:  # where a board keeps the labels that are sent to it; without room it keeps none
        region = next(r for r in board.regions if r.name == slots.region)
        behind = slots.end == region.end
        size = slots.size_bytes if behind else slots.end - region.address
        parts.setdefault(slots.region, []).append(("label slots" if behind else "vectors, label slots", size))
    held = (
        (homes.arena.name, "arena", -(-arena_bytes // ALIGN) * ALIGN), (homes.data.name, "stack", DEFAULT_STACK_BYTES),
        (homes.data.name, "audio, log-mel, scores", static.data_bytes), (homes.dma.name, "buffers of DMA", static.dma_bytes),
        *((r.name, "code that runs in RAM", ram_code) for r in board.regions_for("ram_code")[:1] if ram_code),
    )  # fmt: skip
    for name, what, size in held:
        parts.setdefault(name, []).append((what, size))
    return tuple(
        Region(r.name, r.kind, sum(size for _, size in parts[r.name]), r.size_bytes, tuple(n for n, _ in parts[r.name]))
        for r in board.regions if r.name in parts
    )  # fmt: skip


def _notes(board: Board, machine: Machine, port: Port) -> tuple[str, ...]:
    notes = [f"instructions: {machine.source}"]
    if machine.name != board.core and not board.emulated:
        notes.append(f"no emulator here counts on {board.core}: {machine.name} stands for it, an order of magnitude")
    if has_port(board) and not port.static_bytes:
        notes.append("the chip's own drivers are not counted: `make calibrate` has not seen them yet")
    if built_by_registry(board):
        notes.append(f"what {board.platformio.framework} itself takes of RAM and flash is not counted")
    return tuple(notes)
