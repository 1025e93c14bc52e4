"""Running an exported bundle on PCM, on any target, with one shape of result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tinyclap_export.codegen import generate
from tinyclap_export.passes import optimise

from tinyclap_edge.audio import padded, window_starts
from tinyclap_edge.bundle.continuous import run_stream
from tinyclap_edge.bundle.gating import keep_shut
from tinyclap_edge.bundle.golden import Stages
from tinyclap_edge.bundle.pipeline import IntegerPipeline
from tinyclap_edge.bundle.read import Bundle
from tinyclap_edge.device.build import BuildResult, build
from tinyclap_edge.device.host_target import HostTarget
from tinyclap_edge.device.run_result import RunResult
from tinyclap_edge.device.targets import Target, emulator_target, run_windows, stream_of_windows
from tinyclap_edge.errors import NumbersDiffer, UsageError


@dataclass(frozen=True)
class Choice:
    """How a target is to be prepared. engine: which emulator; count: instructions; port, baud: of a serial board."""

    engine: str | None = None
    count: bool = True
    on_line: Callable[[str], None] | None = None
    port: str = ""
    baud: int = 0  # 0: the board's


@dataclass(frozen=True)
class Ready(ABC):
    """A bundle made ready to run on a target: compiled where it must be."""

    bundle: Bundle
    target: str
    image: Path | None = None
    built: BuildResult | None = None
    engine: str | None = None
    count: bool = False

    @abstractmethod
    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        """Every window of a stream, hop after hop, behind the power gate where there is one; of a continuous encoder, the
        embeddings.

        pcm: (n,) int16, at least Bundle.span_samples long.
        """

    @abstractmethod
    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        """Independent windows (n, window_total_samples) int16: each through the encoder, whatever a gate would say.

        A continuous encoder has none: it is asked by `run`.
        """


class WindowsReady(Ready):
    """A target that knows windows only: a stream is cut into them."""

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        windows = _windows(self.bundle, pcm)
        stages, result = self.run_windows(windows)
        return keep_shut(self.bundle, stages, windows), result


class PythonReady(WindowsReady):
    """The integer reference."""

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        if self.bundle.stream:
            return run_stream(self.bundle.pipeline(), pcm, self.bundle.hop_frames), None
        return super().run(pcm)

    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        return self.bundle.pipeline().run(windows), None


class HostReady(Ready):
    """The C, compiled for this PC."""

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        assert self.image is not None
        return _stages(HostTarget().run(self.image, pcm, self.bundle.hop_frames))

    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        assert self.image is not None
        pcm, hop = stream_of_windows(windows, self.bundle.spec)
        return _stages(HostTarget().run(self.image, pcm, hop))


class EmulatorReady(Ready):
    """The board's image, in unicorn or QEMU."""

    def run(self, pcm: np.ndarray) -> tuple[Stages, RunResult | None]:
        assert self.image is not None
        return _stages(self._target().run(self.image, pcm, self.bundle.hop_frames))

    def run_windows(self, windows: np.ndarray) -> tuple[Stages, RunResult | None]:
        assert self.image is not None
        return _stages(run_windows(self._target(), self.image, windows, self.bundle.spec))

    def _target(self) -> Target:
        return emulator_target(self.bundle.board, self.engine, self.count)


def _python(bundle: Bundle, work: Path, choice: Choice) -> Ready:
    return PythonReady(bundle, "python")


def _host(bundle: Bundle, work: Path, choice: Choice) -> Ready:
    """The encoder is generated again, with the portable kernels: this PC has no others."""
    graph, _ = optimise(bundle.pipeline().encoder)
    encoder = generate(graph, work / "host-encoder", isa="portable", schedule=bundle.schedule)
    program = HostTarget().build(bundle.firmware, work / "host-app", encoder.directory)
    return HostReady(bundle, "host", program)


def _emulator(bundle: Bundle, work: Path, choice: Choice) -> Ready:
    emulator_target(bundle.board, choice.engine, choice.count)  # says early that no emulator runs this board
    built = build(bundle.firmware, on_line=choice.on_line, semihosting=True)
    return EmulatorReady(bundle, "emulator", built.elf, built, choice.engine, choice.count)


def _serial(bundle: Bundle, work: Path, choice: Choice) -> Ready:
    from tinyclap_edge.bundle.serial_target import SerialReady

    return SerialReady(
        bundle, "serial", engine="serial", port=choice.port, baud=choice.baud or bundle.board.serial.baud
    )


# Where a bundle runs: the integer reference, the C on this PC, the image in an emulator, a board on a port.
TARGETS: dict[str, Callable[[Bundle, Path, Choice], Ready]] = {
    "python": _python,
    "host": _host,
    "emulator": _emulator,
    "serial": _serial,
}


def prepare(
    bundle: Bundle,
    target: str,
    work: Path,
    engine: str | None = None,
    count: bool = True,
    on_line: Callable[[str], None] | None = None,
    port: str = "",
    baud: int = 0,
) -> Ready:
    """Compile what the target needs. `work`: where the host program goes. UsageError for a board without emulator, or an
    unknown target."""
    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}", f"one of {', '.join(TARGETS)}")
    return TARGETS[target](bundle, work, Choice(engine, count, on_line, port, baud))


def prepare_pcm(bundle: Bundle, pcm: np.ndarray) -> np.ndarray:
    """A recording with silence appended so that its end is heard."""
    return padded(pcm, bundle.spec, bundle.hop_frames, bundle.span_samples)


def python_stages(bundle: Bundle, pipeline: IntegerPipeline, pcm: np.ndarray) -> Stages:
    """A stream through the integer reference, without a gate. pcm: from `prepare_pcm`."""
    if bundle.stream:
        return run_stream(pipeline, pcm, bundle.hop_frames)
    return pipeline.run(_windows(bundle, pcm))


def _windows(bundle: Bundle, pcm: np.ndarray) -> np.ndarray:
    length = bundle.spec.window_total_samples
    return np.stack([pcm[s : s + length] for s in window_starts(pcm.size, bundle.spec, bundle.hop_frames)])


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
        what = "row" if a.ndim == 2 and stage in ("log-mel", "network input") else "window"
        raise NumbersDiffer(
            f"{where}: the {stage} of {what} {window} differs from the integer reference in {count} values",
            "export again; if it stays, report it with the bundle: this is a bug of ours",
        )


def _stages(result: RunResult) -> tuple[Stages, RunResult]:
    embeddings = np.stack([w.embedding for w in result.windows])
    return Stages(embeddings, np.stack([w.scores for w in result.windows])), result
