"""Running an exported bundle on PCM, on any target, with one shape of result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tinyclap_export.codegen import generate
from tinyclap_export.passes import optimise

from tinyclap_edge.audio import padded, window_starts
from tinyclap_edge.bundle.gating import keep_shut
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.build import BuildResult, build
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.device.targets import emulator_target, run_windows, stream_of_windows
from tinyclap_edge.errors import NumbersDiffer, UsageError

TARGETS = ("python", "host", "emulator")


@dataclass(frozen=True)
class Ready:
    """A bundle made ready to run on a target: compiled where it must be."""

    bundle: Bundle
    target: str
    image: Path | None
    built: BuildResult | None
    engine: str | None
    count: bool

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        """Every window of a stream, hop after hop, behind the power gate where there is one.

        pcm: (n,) int16, at least one window long.
        """
        hop = self.bundle.hop_frames
        if self.target == "python":
            spec = self.bundle.spec
            starts = window_starts(pcm.size, spec, hop)
            windows = np.stack([pcm[s : s + spec.window_total_samples] for s in starts])
            return keep_shut(self.bundle, self.bundle.pipeline().run(windows)), None
        return _stages(self._machine(pcm, hop))

    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        """Independent windows (n, window_total_samples) int16: each through the encoder, whatever a gate would say."""
        if self.target == "python":
            return self.bundle.pipeline().run(windows), None
        if self.target == "host":
            assert self.image is not None
            pcm, hop = stream_of_windows(windows, self.bundle.spec)
            return _stages(HostTarget().run(self.image, pcm, hop))
        assert self.image is not None
        target = emulator_target(self.bundle.board, self.engine, self.count)
        return _stages(run_windows(target, self.image, windows, self.bundle.spec))

    def _machine(self, pcm: np.ndarray, hop: int) -> RunResult:
        assert self.image is not None
        if self.target == "host":
            return HostTarget().run(self.image, pcm, hop)
        return emulator_target(self.bundle.board, self.engine, self.count).run(self.image, pcm, hop)


def prepare(
    bundle: Bundle,
    target: str,
    work: Path,
    engine: str | None = None,
    count: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> Ready:
    """Compile what the target needs. `work`: where the host program goes. UsageError for a board without emulator."""
    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}", f"one of {', '.join(TARGETS)}")
    if target == "python":
        return Ready(bundle, target, None, None, None, False)
    if target == "host":
        return Ready(bundle, target, _host_program(bundle, work), None, None, False)
    emulator_target(bundle.board, engine, count)  # says early that no emulator runs this board
    built = build(bundle.firmware, on_line=on_line, semihosting=True)
    return Ready(bundle, target, built.elf, built, engine, count)


def _host_program(bundle: Bundle, work: Path) -> Path:
    """The firmware of a bundle for this PC: its encoder generated again, with the portable kernels."""
    graph, _ = optimise(bundle.pipeline().encoder)
    encoder = generate(graph, work / "host-encoder", isa="portable", schedule="auto")
    return HostTarget().build(bundle.firmware, work / "host-app", encoder.directory)


def prepare_pcm(bundle: Bundle, pcm: np.ndarray) -> np.ndarray:
    """A recording with silence appended so that its end is heard."""
    return padded(pcm, bundle.spec, bundle.hop_frames)


def compare(found: Stages, wanted: Stages, where: str) -> None:
    """Bytes, not tolerances: NumbersDiffer (6) names the first stage and window that differ."""
    stages = [
        ("log-mel", found.logmel_q8, wanted.logmel_q8),
        ("network input", found.inputs, wanted.inputs),
        ("embedding", found.embeddings, wanted.embeddings),
        ("scores", found.scores, wanted.scores),
    ]
    for stage, a, b in stages:
        if a is None or b is None or np.array_equal(a, b):
            continue
        if a.shape != b.shape:
            raise NumbersDiffer(f"{where}: the {stage} has shape {a.shape}, the reference {b.shape}")
        window = int(np.flatnonzero((a != b).reshape(len(a), -1).any(1))[0])
        count = int(np.count_nonzero(a[window] != b[window]))
        raise NumbersDiffer(
            f"{where}: the {stage} of window {window} differs from the integer reference in {count} values",
            "export again; if it stays, report it with the bundle: this is a bug of ours",
        )


def _stages(result: RunResult) -> tuple[Stages, RunResult]:
    embeddings = np.stack([w.embedding for w in result.windows])
    return Stages(embeddings, np.stack([w.scores for w in result.windows])), result
