"""`bench`: what one window, or one hop of a continuous encoder, costs on a target, and whether it gives the reference's bytes.

On an emulator: executed instructions by layer of the window that takes the median number of them, bytes by region
from the linked image, stack by paint, and an estimated time with the factor that made it. Nothing here is a
wall-clock time.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median_low
from typing import Any

import numpy as np

from tinyclap_edge.boards import Board
from tinyclap_edge.bundle.bench_stream import PER_HOP, run_hops, stream_of_hops
from tinyclap_edge.bundle.continuous import run_stream
from tinyclap_edge.bundle.drift import step
from tinyclap_edge.bundle.encoder import dequantized
from tinyclap_edge.bundle.gating import saving
from tinyclap_edge.bundle.golden import Stages, parity_windows
from tinyclap_edge.bundle.run import Ready, compare
from tinyclap_edge.device.run_result import Instructions, RunResult
from tinyclap_edge.device.targets import emulator_target, stream_of_windows


def bench(ready: Ready, windows: int) -> dict[str, Any]:
    """Run golden windows; of a continuous encoder, so many hops. Raises NumbersDiffer (6) when a byte differs from the
    integer reference."""
    bundle = ready.bundle
    pipeline, hop = bundle.pipeline(), None
    if bundle.stream:
        pcm = stream_of_hops(bundle, windows)
        wanted = run_stream(pipeline, pcm, bundle.hop_frames)
        found, runs, hop = run_hops(ready, pcm, windows)
    else:
        pcm = parity_windows(windows, bundle.spec)
        wanted = pipeline.run(pcm)
        found, runs = _run(ready, pcm)
    run = runs[0] if runs else None
    compare(found, wanted, f"{bundle.board.name} on {ready.target}")
    before, after = (dequantized(pipeline.encoder, e) for e in (wanted.embeddings, found.embeddings))
    drift = [d for d in bundle.manifest["drift"] if d["source"] != "int8"]
    drift.append(step("int8", f"C on {ready.target}", before, after, identical=True).to_dict())
    data: dict[str, Any] = {
        "board": bundle.board.name,
        "encoder": bundle.manifest["encoder"]["id"],
        "student": bundle.manifest["encoder"]["student"],
        "macs": bundle.manifest["encoder"]["macs"],
        "target": ready.target,
        "engine": run.engine if run else "numpy",
        "parity": {"windows": len(found.embeddings), "digest": found.digest(), "identical": True},
        "drift": drift,
        "memory": bundle.manifest["memory"],
    }
    if bundle.stream:
        data["per"] = PER_HOP
    stack = max((r.stack_bytes for r in runs), default=0)
    if stack:
        data["stack_bytes"] = stack
    if ready.built is not None:
        data["flash_bytes"] = ready.built.flash_bytes
        data["bytes_by_region"] = ready.built.bytes_by_region
        data["toolchain"] = ready.built.toolchain
    counted = [r.instructions for r in runs if r.instructions is not None]
    if hop:
        data |= _cost(bundle.board, bundle.manifest, hop, bundle.hop_frames / bundle.spec.frames)
        total = data["instructions"]["total"]
        data["spread"] = {"windows": 1, "least": total, "most": total}
    elif counted:
        start = _start(ready)
        counted = [replace(c, labels=c.labels - start) for c in counted]
        data |= _cost(bundle.board, bundle.manifest, _median(counted))
        totals = [c.logmel + c.encoder + c.labels for c in counted]
        data["spread"] = {"windows": len(counted), "least": min(totals), "most": max(totals)}
        if bundle.gate:
            data["gate"] = saving(bundle, bundle.gate, counted[0], _behind_gate(ready, pcm[0]))
    return data


def _run(ready: Ready, pcm: np.ndarray) -> tuple[Stages, list[RunResult]]:
    """Windows one by one where their instructions are counted, else all in one run."""
    counts = ready.target == "emulator" and ready.count and ready.engine != "qemu"
    if not counts or not ready.bundle.board.emulator.unicorn:
        found, run = ready.run_windows(pcm)
        return found, [] if run is None else [run]
    done = [ready.run_windows(window[None]) for window in pcm]
    stages = Stages(*(np.concatenate([getattr(s, name) for s, _ in done]) for name in ("embeddings", "scores")))
    return stages, [run for _, run in done if run is not None]


def _start(ready: Ready) -> int:
    """Instructions of the labels' code at start, where the pack is checked: those of a run without sound."""
    silent, _ = stream_of_windows(np.empty((0, ready.bundle.spec.window_total_samples), np.int16), ready.bundle.spec)
    assert ready.image is not None
    run = emulator_target(ready.bundle.board, ready.engine).run(ready.image, silent)
    return run.instructions.labels if run.instructions is not None else 0


def _behind_gate(ready: Ready, window: np.ndarray) -> Instructions:
    """Of the first window again, as one of a stream: behind the power gate."""
    pcm, _ = stream_of_windows(window[None], ready.bundle.spec)
    assert ready.image is not None
    run = emulator_target(ready.bundle.board, ready.engine).run(ready.image, pcm, ready.bundle.spec.frames)
    assert run.instructions is not None
    return run.instructions


def _median(counted: list[Instructions]) -> Instructions:
    """That of the window in the middle (the lower of two), whole: its parts make its total."""
    totals = [c.logmel + c.encoder + c.labels for c in counted]
    return counted[totals.index(median_low(totals))]


def _cost(board: Board, manifest: dict[str, Any], counted: Instructions, share: float = 1.0) -> dict[str, Any]:
    """counted: of one window, which had as many frames as the front end takes, or of a hop, which has a share of them."""
    per = {"frontend": counted.logmel, "encoder": counted.encoder, "labels": counted.labels}
    total = sum(per.values())
    layers = [
        {
            "name": layer["name"],
            "function": layer["function"],
            "kind": layer["kind"],
            "macs": layer["macs"],
            "const_bytes": layer.get("weight_bytes", 0),
            "instructions": counted.layers.get(layer["function"], 0),
        }
        for layer in manifest["layers"]
    ]
    typical, low, high = board.estimate_seconds(total)
    power = board.power
    return {
        "instructions": {"total": total, **per, "schedule": counted.schedule},
        "instructions_per_mac": round(per["encoder"] / max(1, manifest["encoder"]["macs"] * share), 3),
        "layers": layers,
        "estimate": {
            "typical_s": round(typical, 5),
            "low_s": round(low, 5),
            "high_s": round(high, 5),
            "cycles_per_instruction": board.time.cycles_per_instruction,
            "clock_hz": board.clock_hz,
            "source": board.time.source,
            "energy_mj": round(typical * power.active_mw_per_mhz * board.clock_hz / 1e6, 3),
            "energy_source": power.source,
        },
    }
