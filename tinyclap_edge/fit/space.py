"""The space that `fit` searches, as arrays, and its cost by the closed forms: hundreds of thousands of configurations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.errors import UsageError
from tinyclap_edge.fit.closed_forms import Nets, Sums, walk
from tinyclap_edge.fit.configuration import (
    REFERENCE_HOP_MS,
    REFERENCE_MELS,
    REFERENCE_R,
    REFERENCE_RATE_HZ,
    REFERENCE_WINDOW_S,
    Configuration,
    least_rows,
    make_frontend,
)
from tinyclap_edge.fit.cost import Use
from tinyclap_edge.fit.firmware_sizes import pack_bytes, static_data_bytes, table_bytes
from tinyclap_edge.fit.instruction_model import Machine
from tinyclap_edge.fit.pace import frontend_instructions, label_instructions
from tinyclap_edge.fit.rank import PROXY, Capacity
from tinyclap_edge.frontend.spec import FrontendSpec
from tinyclap_edge.students.phinet_config import PhiNetConfig

ALPHAS = (0.15, 0.2, 0.25, 0.3, 0.334, 0.4, 0.5, 0.584, 0.667, 0.75, 0.875, 1.0, 1.167, 1.334, 1.5, 1.75, 2.0, 2.5, 3.0)
BETAS = (0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
T0S = (2.0, 3.0, 4.0, 5.0, 6.0)
DEPTHS = (4, 5, 6, 7, 8, 9)
DIVISORS = (1, 4, 8)
PLAIN = (False, False)  # ReLU6, no squeeze-excite: row by row all through
KINDS = (PLAIN, (False, True), (True, False), (True, True))  # squeeze-excite, hard-swish


@dataclass(frozen=True)
class Axes:
    """Values of each axis. windows_s are those asked for; the rest of the front end may be relaxed."""

    windows_s: tuple[float, ...] = (1.28, REFERENCE_WINDOW_S, 5.12)
    rates_hz: tuple[int, ...] = (REFERENCE_RATE_HZ, 8000)
    mels: tuple[int, ...] = (REFERENCE_MELS, 40, 32)
    hops_ms: tuple[float, ...] = (REFERENCE_HOP_MS, 10.0, 32.0)
    rs: tuple[int, ...] = (REFERENCE_R, 128, 32)
    kinds: tuple[tuple[bool, bool], ...] = KINDS


@dataclass
class Found:
    """Configurations of one front end and r, their capacity and their cost; arrays of one length. arena_bytes and
    flash_bytes are lower bounds, instructions are of one hop."""

    frontend: FrontendSpec
    r: int
    window_s: float
    hop_s: float
    static_bytes: int
    nets: list[tuple[Nets, slice]] = field(default_factory=list)
    params: np.ndarray = field(default_factory=lambda: np.zeros(0))
    macs: np.ndarray = field(default_factory=lambda: np.zeros(0))
    arena_bytes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    flash_bytes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    latency_instructions: np.ndarray = field(default_factory=lambda: np.zeros(0))
    hop_instructions: np.ndarray = field(default_factory=lambda: np.zeros(0))
    capacity: np.ndarray = field(default_factory=lambda: np.zeros(0))  # by whatever order was asked for

    def __len__(self) -> int:
        return len(self.params)

    def configuration(self, index: int) -> Configuration:
        """One of them as data."""
        for nets, where in self.nets:
            if where.start <= index < where.stop:
                i = index - where.start
                net = PhiNetConfig(
                    alpha=float(nets.alpha[i]), beta=float(nets.beta[i]), t0=float(nets.t0[i]), N=nets.N, se=nets.se,
                    hswish=nets.hswish, divisor=int(nets.divisor[i]), padding="same",
                )  # fmt: skip
                return Configuration(net, self.frontend, self.r)
        raise IndexError(index)


@dataclass(frozen=True)
class Corner:
    """A part of the space: one front end, one r, some kinds of network."""

    frontend: FrontendSpec
    window_s: float
    r: int
    kinds: tuple[tuple[bool, bool], ...]


def corners(axes: Axes, board: Board, most_hop_s: float = 0.0) -> list[Corner]:
    """The corners that the board's audio can feed. The reference front end (the first of each axis) comes with every kind
    of network behind every window; the other front ends and r, which give up or add what no proxy counts, with plain
    networks behind the one window nearest to the reference's."""
    windows = [w for w in axes.windows_s if w >= most_hop_s - 1e-9]
    if not windows:
        return []
    near = min(windows, key=lambda w: abs(w - REFERENCE_WINDOW_S))
    plain = tuple(kind for kind in axes.kinds if kind == PLAIN) or axes.kinds[:1]
    reference = (axes.rates_hz[0], axes.mels[0], axes.hops_ms[0])
    wanted = [(*reference, w, axes.rs[0], axes.kinds) for w in (near, *(w for w in windows if w != near))]
    wanted += [(*reference, near, r, axes.kinds) for r in axes.rs[1:]]
    others = [f for f in itertools.product(axes.rates_hz, axes.mels, axes.hops_ms) if f != reference]
    wanted += [(*f, near, axes.rs[0], plain) for f in others]
    found = []
    for rate, mels, hop, window, r, kinds in wanted:
        if rate <= board.audio.rate_hz:
            try:
                found.append(Corner(make_frontend(rate, mels, hop, window), window, r, kinds))
            except UsageError:  # filters without a bin of the FFT, more rows than there may be
                continue
    return found


def evaluate(corner: Corner, machine: Machine, use: Use, capacity: Capacity = PROXY) -> Found:
    """Every network of one corner whose depth the window allows."""
    spec, r, window_s = corner.frontend, corner.r, corner.window_s
    hop_rows = max(1, round(use.hop_of(window_s) * spec.sample_rate_hz / spec.hop_samples))
    static = static_data_bytes(spec, r, machine.static_bytes)
    found = Found(spec, r, window_s, hop_rows * spec.hop_samples / spec.sample_rate_hz, static)
    alpha, beta, t0, divisor = (v.ravel() for v in np.meshgrid(ALPHAS, BETAS, T0S, DIVISORS, indexing="ij"))
    size = len(alpha)
    row = frontend_instructions(machine, spec.n_fft, spec.mel_bins)
    labels = label_instructions(machine, use.labels, r)
    sums: list[Sums] = []
    at = 0
    for n, (se, hswish) in itertools.product(DEPTHS, corner.kinds):
        if least_rows(PhiNetConfig(N=n, padding="same")) > spec.frames:
            continue
        nets = Nets(n, se, hswish, alpha, beta, t0, divisor.astype(np.int64), np.full(size, spec.frames),
                    np.full(size, spec.mel_bins), np.full(size, r))  # fmt: skip
        sums.append(walk(nets, machine))
        found.nets.append((nets, slice(at, at + size)))
        at += size
    if not sums:
        return found
    found.params, found.macs, const, arena, encoder = (
        np.concatenate([getattr(s, name) for s in sums])
        for name in ("params", "macs", "const_bytes", "arena_bytes", "encoder_instructions")
    )
    found.capacity = capacity.score(
        {
            "params": found.params, "macs": found.macs, "frames": spec.frames,
            **{name: np.repeat([getattr(nets, name) for nets, _ in found.nets], size) for name in ("N", "se", "hswish")},
        }
    )  # fmt: skip
    found.arena_bytes = np.ceil(arena / 16) * 16
    found.flash_bytes = const + table_bytes(spec) + pack_bytes(use.labels, r) + least_code_bytes(machine, spec)
    share = hop_rows / spec.frames if use.continuous else 1.0
    found.latency_instructions = row + encoder * share + labels
    found.hop_instructions = row * hop_rows + encoder * share + labels
    return found


def least_code_bytes(machine: Machine, spec: FrontendSpec) -> int:
    """Code that no firmware of a searched network is without: the application and the two kernels of every block."""
    base, kernels = machine.code["base"], machine.code["kernels"]
    return int(base.get(str(spec.n_fft), min(base.values()))) + kernels["tce_conv1x1_s8"] + kernels["tce_depthwise_s8"]
