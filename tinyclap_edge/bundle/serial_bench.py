"""`bench --target serial`: what a window costs on a real board, each stage timed by the board itself.

As MLPerf Tiny demands: a stage runs for at least 10 seconds and 10 times on each of several windows, and the median of the
windows counts. Cycles are the core's own (DWT, mcycle); where it counts none, microseconds are all there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np

from tinyclap_edge.bundle.bench_stream import PER_HOP, stream_of_hops
from tinyclap_edge.bundle.continuous import run_stream
from tinyclap_edge.bundle.golden import Stages, parity_windows
from tinyclap_edge.bundle.run import compare
from tinyclap_edge.bundle.serial_stream import replay_stream
from tinyclap_edge.bundle.serial_target import SerialReady, is_emulated, send_window
from tinyclap_edge.device.build import BuildResult
from tinyclap_edge.device.link import Device
from tinyclap_edge.device.measurements import Measurement, write_measurement
from tinyclap_edge.device.replay import Replay, Stage, Ticks
from tinyclap_edge.errors import DeviceError

MIN_SECONDS, MIN_RUNS = 10.0, 10
TIMES = 4096  # asked for at once; the board ends a request after 0.4 s
STAGES = {"frontend": Stage.FRONTEND, "encoder": Stage.ENCODER, "labels": Stage.SCORES}


@dataclass(frozen=True)
class StageTime:
    """A stage's time in the median window. cycles: 0 where the core counts none."""

    cycles: float
    seconds: float
    runs: int  # in that window
    least_s: float  # of the windows' means
    most_s: float


def bench_serial(
    ready: SerialReady,
    windows: int,
    min_seconds: float = MIN_SECONDS,
    built: BuildResult | None = None,
    counted: dict[str, Any] | None = None,
    advance: Callable[[int], None] = lambda steps: None,
) -> dict[str, Any]:
    """Bytes compared, stages timed. NumbersDiffer (6) where a byte differs from the integer reference.

    windows: of the parity windows; advance: called once a stage and window. built: the image that is on the board, for
    its sizes; counted: of `bench` on the emulator, for instructions by layer.
    """
    bundle = ready.bundle
    pipeline = bundle.pipeline()
    if bundle.stream:
        pcm = stream_of_hops(bundle, windows)
        wanted = run_stream(pipeline, pcm, bundle.hop_frames)
    else:
        pcm = parity_windows(windows, bundle.spec)
        wanted = pipeline.run(pcm)
    found: dict[str, list[Ticks]] = {name: [] for name in STAGES}
    embeddings, scores = [], []
    with ready.session() as (device, link, replay):
        for _ in replay_stream(bundle, replay, pcm) if bundle.stream else ():
            replay.run(Stage.SCORES)
            embeddings.append(replay.embedding())
            scores.append(replay.scores())
        for window in range(windows):  # of a stream, the rows of its last hop are read again: their cost is the same
            if not bundle.stream:
                send_window(replay, pcm[window])
            for name, stage in STAGES.items():
                found[name].append(time_stage(replay, stage, min_seconds))
                advance(1)
            if not bundle.stream:
                embeddings.append(replay.embedding())
                scores.append(replay.scores())
        stack = link.status().stack_bytes
    compare(Stages(np.stack(embeddings), np.stack(scores)), wanted, f"{bundle.board.name} on {ready.port}")
    rows = bundle.hop_frames if bundle.stream else bundle.spec.frames
    times = {name: _median(ticks, rows if name == "frontend" else 1) for name, ticks in found.items()}
    data = _facts(ready, device, times, len(embeddings), stack, wanted.digest())
    if bundle.stream:
        data["per"] = PER_HOP
    if built is not None:
        data |= {
            "flash_bytes": built.flash_bytes,
            "bytes_by_region": built.bytes_by_region,
            "toolchain": built.toolchain,
        }
    if counted is not None:
        data |= {name: counted[name] for name in ("instructions", "instructions_per_mac", "layers") if name in counted}
    return data


def time_stage(replay: Replay, stage: Stage, min_seconds: float) -> Ticks:
    """A stage again and again, until it has run for so long and MIN_RUNS times; all its runs together."""
    cycles = microseconds = times = 0
    counted = True
    while microseconds < min_seconds * 1e6 or times < MIN_RUNS:
        ticks = replay.run(stage, TIMES)
        if ticks.times == TIMES and not ticks.microseconds:
            raise DeviceError("the board's clock stands still", "its port has no timer running: flash it again")
        cycles, microseconds, times = cycles + ticks.cycles, microseconds + ticks.microseconds, times + ticks.times
        counted &= ticks.cycles > 0
    return Ticks(cycles if counted else 0, microseconds, times)


def _median(ticks: list[Ticks], times_a_window: int) -> StageTime:
    """Of the windows' means, the middle one (the lower of two). times_a_window: log-mel rows of a window, or 1."""
    means = [t.microseconds / 1e6 / t.times * times_a_window for t in ticks]
    middle = ticks[means.index(median_low(means))]
    return StageTime(
        middle.cycles / middle.times * times_a_window, median_low(means), middle.times, min(means), max(means)
    )


def _facts(
    ready: SerialReady, device: Device, times: dict[str, StageTime], windows: int, stack: int, digest: str
) -> dict[str, Any]:
    bundle = ready.bundle
    board = bundle.board
    cycles = {name: round(t.cycles) for name, t in times.items()}
    seconds = {name: t.seconds for name, t in times.items()}
    total_s = sum(seconds.values())
    data: dict[str, Any] = {
        "board": board.name,
        "encoder": bundle.manifest["encoder"]["id"],
        "student": bundle.manifest["encoder"]["student"],
        "macs": bundle.manifest["encoder"]["macs"],
        "target": "serial",
        "engine": "emulated board" if is_emulated(ready.port) else "board",
        "port": ready.port,
        "firmware": device.version,
        "emulated": is_emulated(ready.port),
        "parity": {"windows": windows, "digest": digest, "identical": True},
        "memory": bundle.manifest["memory"],
        "seconds": {**seconds, "total": total_s},
        "runs": {name: t.runs for name, t in times.items()},
        "spread_s": {name: [t.least_s, t.most_s] for name, t in times.items()},
        "arena_bytes": device.arena_bytes,
        "static_bytes": device.static_bytes,
    }
    if not data["emulated"]:
        data["energy_mj"] = round(total_s * board.power.active_mw_per_mhz * board.clock_hz / 1e6, 3)
        data["energy_source"] = board.power.source
    if stack:
        data["stack_bytes"] = stack
    if all(cycles.values()):
        data["cycles"] = {**cycles, "total": sum(cycles.values())}
        data["clock_hz"] = round(sum(cycles.values()) / total_s)
    return data


def keep_measurement(ready: SerialReady, data: dict[str, Any], directory: Path | None = None) -> Path | None:
    """Store what `fit` reads for this board; None where the port is a pty, the core counts no cycles, or nobody counted the
    instructions."""
    if data["emulated"] or "cycles" not in data or "instructions" not in data:
        return None
    encoder = (ready.bundle.folder / "encoder.tflite").read_bytes()
    measurement = Measurement.make(
        data["board"], data["cycles"]["total"], data["instructions"]["total"], data["clock_hz"], hashlib.sha256(encoder).hexdigest()
    )  # fmt: skip
    return write_measurement(measurement, directory)
